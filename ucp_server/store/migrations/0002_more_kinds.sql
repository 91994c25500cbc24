-- Why: more protocols. Jobs of new kinds, credentials of new kinds, and one place that tells which
-- merchant a handle of the wire belongs to.

alter table outbox drop constraint outbox_kind_check;
alter table outbox add constraint outbox_kind_check check (
    kind in ('webhook', 'mail', 'capture', 'void', 'refund', 'release', 'confirm',
             'tool', 'submit', 'evidence')
);

alter table credentials drop constraint credentials_kind_check;
alter table credentials add constraint credentials_kind_check check (
    -- of a UCP platform; of an agent in the network; of the merchant itself; of an app; of a tenant's backend
    kind in ('api_key', 'agent', 'merchant', 'app', 'backend')
);

-- Handles that callers name before anybody knows the merchant. The one table that no merchant leads.
create table handles (
    kind text not null check (kind in ('app', 'offer', 'tenant')),
    handle text not null check (length(handle) between 1 and 255),
    merchant_id text not null,
    primary key (kind, handle)
);
create index handles_of_merchant on handles (merchant_id);
