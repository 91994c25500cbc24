-- Why: platforms that prove themselves by access tokens (OAuth 2.0). A client is granted something,
-- for itself or for a buyer, and every token is drawn on one grant.

create table oauth_clients (
    merchant_id text not null,
    id uuid not null,
    -- the profile URL of the platform that it is of
    platform_id text not null,
    -- it proves itself by a secret, of which the SHA-256 is here, or by its keys, which are a JWK set
    secret_hash bytea,
    jwks jsonb,
    label text not null default '',
    created_at timestamptz not null default now(),
    revoked_at timestamptz,
    primary key (merchant_id, id),
    constraint oauth_clients_proof check ((secret_hash is null) <> (jwks is null))
);

create table oauth_grants (
    merchant_id text not null,
    id uuid not null,
    client_id uuid not null,
    -- the buyer in whose name the client acts; null where it acts in its own
    subject text,
    scopes text[] not null,
    created_at timestamptz not null default now(),
    revoked_at timestamptz,
    primary key (merchant_id, id)
);
create index oauth_grants_of_client on oauth_grants (merchant_id, client_id);
-- in its own name a client has one
create unique index oauth_grants_own on oauth_grants (merchant_id, client_id) where subject is null;

-- A row that is gone is a token that was revoked or is over.
create table access_tokens (
    merchant_id text not null,
    token_hash bytea not null,
    client_id uuid not null,
    grant_id uuid not null,
    -- those of the grant, or fewer
    scopes text[] not null,
    expires_at timestamptz not null,
    primary key (merchant_id, token_hash)
);
create index access_tokens_expiring on access_tokens (expires_at);

-- What a client has proven itself by once, until it would be too old anyway.
create table client_assertions (
    merchant_id text not null,
    client_id uuid not null,
    -- SHA-256 of its id, which may be any text
    jti_hash bytea not null,
    expires_at timestamptz not null,
    primary key (merchant_id, client_id, jti_hash)
);
create index client_assertions_expiring on client_assertions (expires_at);
