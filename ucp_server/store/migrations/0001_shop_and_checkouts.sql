-- Why: the first schema. merchant_id leads every key, so that merchants can be moved apart; ids are
-- UUIDv7 made by us; the constraints here, not the code, decide who wins.

-- --- what a shop sells -------------------------------------------------------------------------

create table items (
    merchant_id text not null,
    id text not null check (length(id) between 1 and 255),
    title text not null,
    price_minor bigint not null check (price_minor between 0 and 9007199254740991),
    currency text not null check (length(currency) = 3),
    detail jsonb not null default '{}',
    primary key (merchant_id, id)
);

create table inventory (
    merchant_id text not null,
    item_id text not null,
    on_hand bigint not null check (on_hand >= 0),
    reserved bigint not null default 0 check (reserved >= 0),
    sold bigint not null default 0 check (sold >= 0),
    primary key (merchant_id, item_id),
    constraint inventory_reserved_on_hand check (reserved <= on_hand)
);

create table customers (
    merchant_id text not null,
    id text not null,
    name text not null default '',
    email text not null,
    primary key (merchant_id, id)
);
-- e-mail addresses are compared without regard to case; one customer each
create unique index customers_email on customers (merchant_id, lower(email));

-- customer_id is a customer's, or stands for an e-mail address: callers' buyers are remembered too.
create table addresses (
    merchant_id text not null,
    customer_id text not null,
    id text not null,
    -- the same address twice is one address: its content decides
    content_hash bytea not null,
    address jsonb not null,
    -- the place in the merchant's own table; null for what a buyer told
    position integer,
    created_at timestamptz not null default now(),
    primary key (merchant_id, customer_id, id),
    constraint addresses_content unique (merchant_id, customer_id, content_hash)
);

-- small tables of rules; a rule is read whole, so it is one document
create table shop_rules (
    merchant_id text not null,
    kind text not null check (
        kind in ('category', 'discount', 'promotion', 'shipping_rate', 'tax', 'pickup_location')
    ),
    id text not null,
    rule jsonb not null,
    primary key (merchant_id, kind, id)
);

-- pictures that came with the shop's tables, by their path there
create table pictures (
    merchant_id text not null,
    path text not null check (length(path) between 1 and 255),
    media_type text not null,
    content bytea not null check (length(content) <= 1048576),
    primary key (merchant_id, path)
);

-- --- platforms ---------------------------------------------------------------------------------

create table credentials (
    merchant_id text not null,
    id uuid not null,
    platform_id text not null,
    kind text not null check (kind in ('api_key')),
    secret_hash bytea not null,
    label text not null default '',
    created_at timestamptz not null default now(),
    revoked_at timestamptz,
    primary key (merchant_id, id)
);
create unique index credentials_secret on credentials (merchant_id, kind, secret_hash);

create table signing_keys (
    merchant_id text not null,
    kid text not null,
    public_jwk jsonb not null,
    private_sealed bytea not null, -- AES-256-GCM under the server secret
    created_at timestamptz not null default now(),
    signs_from timestamptz not null, -- published first, used later: caches must see it
    retired_at timestamptz,
    primary key (merchant_id, kid)
);

-- --- checkouts ---------------------------------------------------------------------------------

-- Partitioned by the time inside the UUIDv7; the key holds nothing unique beside the id.
create table checkouts (
    merchant_id text not null,
    id uuid not null,
    platform_id text not null,
    state text not null check (state in ('open', 'completing', 'completed', 'canceled', 'expired')),
    revision bigint not null check (revision >= 1),
    expires_at timestamptz not null,
    document jsonb not null,
    primary key (merchant_id, id)
) partition by range (id);
create table checkouts_default partition of checkouts default;
create index checkouts_expiring on checkouts (expires_at) where state = 'open';

-- A claim binds a key to one execution. The row outlives its reply by 28 days.
create table claims (
    merchant_id text not null,
    platform_id text not null,
    operation text not null,
    key text not null check (length(key) between 1 and 255),
    fingerprint bytea not null,
    checkout_id uuid not null,
    -- null while the request runs
    replied_at timestamptz,
    created_at timestamptz not null default now(),
    constraint claims_pkey primary key (merchant_id, platform_id, operation, key)
) partition by hash (merchant_id, platform_id, operation, key);
create table claims_0 partition of claims for values with (modulus 4, remainder 0);
create table claims_1 partition of claims for values with (modulus 4, remainder 1);
create table claims_2 partition of claims for values with (modulus 4, remainder 2);
create table claims_3 partition of claims for values with (modulus 4, remainder 3);
create index claims_created on claims (created_at);

-- Reply bytes, exactly as sent. Partitions are dropped after 48 hours, never deleted from.
create table replies (
    merchant_id text not null,
    platform_id text not null,
    operation text not null,
    key text not null,
    replied_at timestamptz not null,
    reply bytea not null,
    primary key (merchant_id, platform_id, operation, key, replied_at)
) partition by range (replied_at);
create table replies_default partition of replies default;

-- --- payment -----------------------------------------------------------------------------------

create table attempts (
    merchant_id text not null,
    id uuid not null,
    checkout_id uuid not null,
    platform_id text not null,
    handler_id text not null,
    -- the provider's idempotency key, made by us before anything is sent
    psp_key text not null,
    -- the idempotency key at a stock kept elsewhere; a new one whenever the attempt is opened again
    hold_id uuid not null,
    amount_minor bigint not null check (amount_minor between 0 and 9007199254740991),
    currency text not null,
    -- created: nothing sent yet; sent: the provider may have it; unknown: it did not say;
    -- authorised/captured: money is held or taken; action_needed: the buyer is at a challenge;
    -- released: never sent, the identical request may go on with it; declined/voided: final
    state text not null check (
        state in ('created', 'sent', 'unknown', 'authorised', 'captured', 'declined', 'released',
                  'voided', 'action_needed')
    ),
    reference text,
    captured_minor bigint not null default 0,
    refunded_minor bigint not null default 0,
    -- the claim of the complete that opened it, null when it had no key
    operation text,
    key text,
    -- which binding answers, under which terms; see engine/commands.py, Rendering
    binding text not null,
    terms bytea not null,
    refusing_problems text[] not null default '{}',
    -- until then its holder is believed to be alive, or a look-up is pointless; then resume takes it
    lease_until timestamptz,
    -- rises with every new holder, so that an old one can no longer decide

    epoch bigint not null default 1,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    primary key (merchant_id, id),
    constraint attempts_psp_key unique (merchant_id, psp_key),
    constraint attempts_captured_amount check (captured_minor <= amount_minor),
    constraint attempts_refunded_captured check (refunded_minor between 0 and captured_minor)
);
create index attempts_of_checkout on attempts (merchant_id, checkout_id);
-- one attempt at a time may move money for a checkout
create unique index attempts_one_open on attempts (merchant_id, checkout_id)
    where state in ('created', 'sent', 'unknown');
create index attempts_resumable on attempts (lease_until)
    where state in ('created', 'sent', 'unknown', 'action_needed');

create table reservations (
    merchant_id text not null,
    attempt_id uuid not null,
    item_id text not null,
    quantity bigint not null check (quantity > 0),
    primary key (merchant_id, attempt_id, item_id)
);

-- --- orders ------------------------------------------------------------------------------------

-- id is the id of the checkout: a second order for it cannot exist.
create table orders (
    merchant_id text not null,
    id uuid not null,
    platform_id text not null,
    version bigint not null check (version >= 1),
    document jsonb not null,
    placed_at timestamptz not null,
    primary key (merchant_id, id)
) partition by range (id);
create table orders_default partition of orders default;
-- what a merchant has to look at: sold, but the money could not be taken
create index orders_unpaid on orders (merchant_id, placed_at) where document ->> 'payment' = 'payment_failed';

-- --- outbox ------------------------------------------------------------------------------------

create table outbox (
    merchant_id text not null,
    id uuid not null,
    kind text not null check (
        kind in ('webhook', 'mail', 'capture', 'void', 'refund', 'release', 'confirm')
    ),
    -- jobs of one stream are done in the order of sequence, one at a time
    stream text not null,
    sequence bigint not null,
    payload jsonb not null,
    subscriber jsonb,
    rendered bytea, -- what is sent, made once
    -- paused: the subscriber wants no more for now, its stream waits; parked: given up, others go on
    state text not null default 'pending' check (state in ('pending', 'done', 'paused', 'parked')),
    tries integer not null default 0,
    next_at timestamptz not null default now(),
    last_error text,
    created_at timestamptz not null default now(),
    -- when its tries began: at its queueing, or when the merchant sent it again
    since timestamptz not null default now(),
    done_at timestamptz,
    primary key (merchant_id, id),
    constraint outbox_stream_order unique (merchant_id, stream, sequence)
);
create index outbox_due on outbox (next_at, id) where state = 'pending';
create index outbox_waiting on outbox (merchant_id, created_at) where state in ('paused', 'parked');
create index outbox_done on outbox (done_at) where state = 'done';
