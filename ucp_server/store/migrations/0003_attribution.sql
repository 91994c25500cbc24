-- Why: sales that somebody recommended: what was searched, what was recommended, what came of it.
-- The ledger is append-only; what stands in it is the fold of its entries.

create table offers (
    merchant_id text not null,
    id text not null check (length(id) between 1 and 255),
    item_id text not null,
    vertical text not null,
    provider text not null,
    -- numbers, booleans and short texts by name
    criteria jsonb not null default '{}',
    commission jsonb not null,
    active boolean not null default true,
    search tsvector not null,
    primary key (merchant_id, id)
);
create index offers_vertical on offers (vertical, merchant_id, id) where active;
create index offers_search on offers using gin (search);

-- Searches belong to the network's own tenant.
create table search_sessions (
    merchant_id text not null,
    id uuid not null,
    agent_id text not null,
    state text not null,
    revision bigint not null check (revision >= 1),
    document jsonb not null,
    expires_at timestamptz not null,
    primary key (merchant_id, id)
);
-- what led to nothing is removed
create index search_sessions_unused on search_sessions (expires_at) where state = 'created';

create table recommendations (
    merchant_id text not null,
    id uuid not null,
    session_id uuid not null,
    agent_id text not null,
    document jsonb not null,
    checkout_id uuid,
    followed bigint not null default 0,
    primary key (merchant_id, id)
);
-- a session or a link names no merchant
create index recommendations_of_session on recommendations (session_id);
create index recommendations_by_id on recommendations (id);
create unique index recommendations_of_checkout on recommendations (merchant_id, checkout_id)
    where checkout_id is not null;

create table evidence_sources (
    merchant_id text not null,
    id text not null check (id ~ '^[a-z0-9][a-z0-9_-]{0,63}$'),
    -- what it may tell of beside payments
    milestones text[] not null default '{}',
    secret_sealed bytea not null, -- AES-256-GCM under the server secret
    created_at timestamptz not null default now(),
    revoked_at timestamptz,
    primary key (merchant_id, id)
);

alter table handles drop constraint handles_kind_check;
alter table handles add constraint handles_kind_check check (kind in ('app', 'offer', 'tenant', 'source'));

create table ledger (
    merchant_id text not null,
    id uuid not null,
    conversion_id uuid not null,
    sequence bigint not null check (sequence >= 1),
    -- null for what belongs to no conversion
    session_id uuid,
    source text not null,
    -- the source's own id of what it tells; the same twice is one entry
    event_id text not null check (length(event_id) between 1 and 255),
    document jsonb not null,
    recorded_at timestamptz not null,
    primary key (merchant_id, id),
    constraint ledger_order unique (merchant_id, conversion_id, sequence),
    constraint ledger_event unique (merchant_id, source, event_id)
);
-- one search, one sale
create unique index ledger_conversion on ledger (merchant_id, session_id)
    where sequence = 1 and session_id is not null;
create index ledger_of_session on ledger (session_id) where session_id is not null;
