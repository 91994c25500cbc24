-- Why: apps that sell a merchant's items under an address of their own, and tools that fulfil them.

create table apps (
    merchant_id text not null,
    id uuid not null,
    name text not null,
    description text not null default '',
    -- which of the merchant's payment handlers takes the money of its sales
    handler_id text not null default '',
    webhook_url text not null default '',
    primary key (merchant_id, id)
);

-- What the events of an app are signed with; beside the apps, which come anew with the shop's tables.
create table app_webhook_secrets (
    merchant_id text not null,
    app_id uuid not null,
    sealed bytea not null, -- AES-256-GCM under the server secret
    created_at timestamptz not null default now(),
    primary key (merchant_id, app_id)
);

create table app_products (
    merchant_id text not null,
    app_id uuid not null,
    id uuid not null,
    item_id text not null,
    sku text not null default '',
    fulfillment text not null check (fulfillment in ('automatic', 'manual')),
    tools text[] not null default '{}',
    active boolean not null default true,
    primary key (merchant_id, app_id, id)
);

create table tools (
    merchant_id text not null,
    id text not null,
    url text not null,
    timeout_s integer not null default 10 check (timeout_s between 1 and 15),
    primary key (merchant_id, id)
);
