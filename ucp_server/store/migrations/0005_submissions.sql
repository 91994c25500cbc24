-- Why: a checkout that is handed in whole and paid by a worker later, from a method that is kept.

create table bundles (
    merchant_id text not null,
    id text not null check (length(id) between 1 and 255),
    -- group, title, the items that it consists of, when it is offered
    document jsonb not null,
    position integer not null,
    primary key (merchant_id, id)
);

-- What was offered to somebody at these prices, until then.
create table made_offers (
    merchant_id text not null,
    id uuid not null,
    platform_id text not null,
    owner text,
    document jsonb not null,
    expires_at timestamptz not null,
    primary key (merchant_id, id)
);
create index made_offers_expiring on made_offers (expires_at);

create table stored_methods (
    merchant_id text not null,
    id uuid not null,
    -- whose it is, in the merchant's own words
    owner text not null,
    -- under which it was added: the same twice is one method
    key text not null,
    handler_id text not null,
    -- the provider's name of the card, AES-256-GCM under the server secret; null once deleted
    reference_sealed bytea,
    display jsonb not null,
    state text not null check (state in ('active', 'inactive', 'deleted')),
    created_at timestamptz not null,
    primary key (merchant_id, id),
    constraint stored_methods_key unique (merchant_id, owner, key),
    constraint stored_methods_reference check ((reference_sealed is null) = (state = 'deleted'))
);
create index stored_methods_of_owner on stored_methods (merchant_id, owner, id) where state <> 'deleted';

create table submissions (
    merchant_id text not null,
    id uuid not null,
    platform_id text not null,
    tracking text not null,
    -- the caller's own id of its order; the same twice is one submission
    correlation text,
    fingerprint bytea not null,
    checkout_id uuid not null,
    owner text not null,
    -- what the caller was told last; it follows the checkout, and ends with done or failed
    state text not null check (state in ('processing', 'action_needed', 'done', 'failed')),
    failure text,
    polls bigint not null default 0,
    -- the provider's name of the card, AES-256-GCM under the server secret; null once it is over
    reference_sealed bytea,
    -- with which handler it is paid, and what becomes of the card
    terms jsonb not null,
    -- how often it was begun to pay under a key of its own
    round integer not null default 1,
    created_at timestamptz not null,
    updated_at timestamptz not null,
    primary key (merchant_id, id),
    constraint submissions_tracking unique (merchant_id, tracking),
    constraint submissions_correlation unique (merchant_id, platform_id, correlation),
    constraint submissions_checkout unique (merchant_id, checkout_id),
    constraint submissions_failure check ((failure is not null) = (state = 'failed'))
);
