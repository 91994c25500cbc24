-- Why: baskets that buyers come back to before they buy. A row that is gone is a cart that was
-- canceled or is over its time: nothing of it needs to be known afterwards.

create table carts (
    merchant_id text not null,
    id uuid not null,
    platform_id text not null,
    revision bigint not null check (revision >= 1),
    expires_at timestamptz not null,
    -- the last checkout that was made of it; while that one is not over there is no other
    checkout_id uuid,
    document jsonb not null,
    constraint carts_pkey primary key (merchant_id, id)
);
create index carts_expiring on carts (expires_at);
