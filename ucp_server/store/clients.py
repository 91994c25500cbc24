"""OAuth clients: the platforms that fetch access tokens, how each proves itself, what it is granted."""

from datetime import datetime
from typing import Final
from uuid import UUID

import msgspec
from asyncpg import Record

from ucp_server.store.database import Read, Tx


class NewClient(msgspec.Struct, frozen=True, kw_only=True):
    """One of ``secret_hash`` and ``jwks`` (a JWK set as JSON, public keys alone) is there.

    ``scopes`` are what it may do in its own name, by the grant ``grant_id``.
    """

    id: UUID
    grant_id: UUID
    platform_id: str
    scopes: tuple[str, ...]
    secret_hash: bytes | None = None
    jwks: bytes | None = None
    label: str = ""


class Client(msgspec.Struct, frozen=True, kw_only=True):
    """A client in use. ``scopes`` are those of the grant in its own name."""

    id: str
    platform_id: str
    scopes: tuple[str, ...]
    secret_hash: bytes | None
    jwks: bytes | None


class ListedClient(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    platform_id: str
    scopes: tuple[str, ...]
    label: str
    created_at: datetime
    revoked_at: datetime | None


INSERT_CLIENT: Final = """
with client as (
    insert into oauth_clients (merchant_id, id, platform_id, secret_hash, jwks, label)
    values ($1, $2, $3, $4, $5, $6)
)
insert into oauth_grants (merchant_id, id, client_id, scopes) values ($1, $7, $2, $8)
"""


async def insert_client(tx: Tx, merchant_id: str, new: NewClient) -> None:
    """Add a client together with what it may do in its own name."""
    await tx.execute(
        INSERT_CLIENT,
        merchant_id,
        new.id,
        new.platform_id,
        new.secret_hash,
        new.jwks,
        new.label,
        new.grant_id,
        list(new.scopes),
    )


LOAD_CLIENT: Final = """
select c.id, c.platform_id, g.scopes, c.secret_hash, c.jwks
from oauth_clients c
join oauth_grants g on g.merchant_id = c.merchant_id and g.client_id = c.id
    and g.subject is null and g.revoked_at is null
where c.merchant_id = $1 and c.id = $2 and c.revoked_at is null
"""


async def load_client(db: Read, *, merchant_id: str, id_: UUID) -> Client | None:
    """None for one that is unknown or revoked."""
    row = await db.fetchrow(LOAD_CLIENT, merchant_id, id_)
    if row is None:
        return None
    return Client(
        id=str(row["id"]),
        platform_id=row["platform_id"],
        scopes=tuple(row["scopes"]),
        secret_hash=row["secret_hash"],
        jwks=row["jwks"],
    )


LOAD_CLIENTS: Final = """
select c.id, c.platform_id, g.scopes, c.label, c.created_at, c.revoked_at
from oauth_clients c
join oauth_grants g on g.merchant_id = c.merchant_id and g.client_id = c.id and g.subject is null
where c.merchant_id = $1 order by c.id
"""


async def load_clients(db: Read, *, merchant_id: str) -> list[ListedClient]:
    """All clients of a merchant, oldest first."""
    return [_listed(row) for row in await db.fetch(LOAD_CLIENTS, merchant_id)]


def _listed(row: Record) -> ListedClient:
    return ListedClient(
        id=str(row["id"]),
        platform_id=row["platform_id"],
        scopes=tuple(row["scopes"]),
        label=row["label"],
        created_at=row["created_at"],
        revoked_at=row["revoked_at"],
    )


REVOKE_CLIENT: Final = """
update oauth_clients set revoked_at = now() where merchant_id = $1 and id = $2 and revoked_at is null
"""


async def mark_client_revoked(tx: Tx, *, merchant_id: str, id_: UUID) -> bool:
    """Its tokens open nothing from now on. False where there is none, or it was revoked before."""
    return await tx.execute(REVOKE_CLIENT, merchant_id, id_) == 1


CLAIM_ASSERTION: Final = """
insert into client_assertions (merchant_id, client_id, jti_hash, expires_at) values ($1, $2, $3, $4)
on conflict (merchant_id, client_id, jti_hash) do nothing
"""


async def claim_assertion(
    tx: Tx, *, merchant_id: str, client_id: UUID, jti_hash: bytes, expires_at: datetime
) -> bool:
    """Use an assertion up; False where it was used before."""
    return await tx.execute(CLAIM_ASSERTION, merchant_id, client_id, jti_hash, expires_at) == 1


DELETE_EXPIRED_ASSERTIONS: Final = """
delete from client_assertions a
using (
    select merchant_id, client_id, jti_hash from client_assertions
    where expires_at < now() order by expires_at limit $1 for update skip locked
) old
where a.merchant_id = old.merchant_id and a.client_id = old.client_id and a.jti_hash = old.jti_hash
"""


async def delete_expired_assertions(tx: Tx, limit: int) -> int:
    return await tx.execute(DELETE_EXPIRED_ASSERTIONS, limit)
