-- Why: a caller's rate is counted over all processes, not in each of them.

create table rate_windows (
    merchant_id text not null,
    caller text not null,
    opened_at timestamptz not null,
    used bigint not null check (used >= 1),
    primary key (merchant_id, caller)
);
