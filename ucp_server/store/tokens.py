"""Access tokens, by their hash; the token itself is nowhere."""

from typing import Final
from uuid import UUID

import msgspec

from ucp_server.store.database import Read, Tx


class Holder(msgspec.Struct, frozen=True, kw_only=True):
    """Who shows a token, and what it allows. ``subject`` is the buyer it speaks for, None for nobody."""

    client_id: str
    platform_id: str
    subject: str | None
    scopes: frozenset[str]


# Conditional on the client and its grant, so that a revocation just before it leaves no token behind.
INSERT_ACCESS: Final = """
insert into access_tokens (merchant_id, token_hash, client_id, grant_id, scopes, expires_at)
select g.merchant_id, $3, g.client_id, g.id, $4, now() + $5::float8 * interval '1 second'
from oauth_grants g
join oauth_clients c on c.merchant_id = g.merchant_id and c.id = g.client_id and c.revoked_at is null
where g.merchant_id = $1 and g.client_id = $2 and g.subject is null and g.revoked_at is null
    and g.scopes @> $4
"""


async def insert_token(
    tx: Tx,
    *,
    merchant_id: str,
    client_id: UUID,
    token_hash: bytes,
    scopes: tuple[str, ...],
    ttl_s: float,
) -> bool:
    """A token in the client's own name; False where it has no such grant any more."""
    made = await tx.execute(INSERT_ACCESS, merchant_id, client_id, token_hash, list(scopes), ttl_s)
    return made == 1


LOAD_HOLDER: Final = """
select t.client_id, c.platform_id, g.subject, t.scopes
from access_tokens t
join oauth_grants g on g.merchant_id = t.merchant_id and g.id = t.grant_id and g.revoked_at is null
join oauth_clients c on c.merchant_id = t.merchant_id and c.id = t.client_id and c.revoked_at is null
where t.merchant_id = $1 and t.token_hash = $2 and t.expires_at > now()
"""


async def load_holder(db: Read, *, merchant_id: str, token_hash: bytes) -> Holder | None:
    """None for a token that is unknown, revoked, over, or of another merchant."""
    row = await db.fetchrow(LOAD_HOLDER, merchant_id, token_hash)
    if row is None:
        return None
    return Holder(
        client_id=str(row["client_id"]),
        platform_id=row["platform_id"],
        subject=row["subject"],
        scopes=frozenset(row["scopes"]),
    )


DELETE_ACCESS: Final = """
delete from access_tokens where merchant_id = $1 and token_hash = $2 and client_id = $3
"""


async def delete_token(tx: Tx, *, merchant_id: str, client_id: UUID, token_hash: bytes) -> bool:
    """Revoke a token of this client; False where it has no such one."""
    return await tx.execute(DELETE_ACCESS, merchant_id, token_hash, client_id) == 1


DELETE_EXPIRED_ACCESS: Final = """
delete from access_tokens t
using (
    select merchant_id, token_hash from access_tokens
    where expires_at < now() order by expires_at limit $1 for update skip locked
) old
where t.merchant_id = old.merchant_id and t.token_hash = old.token_hash
"""


async def delete_expired_tokens(tx: Tx, limit: int) -> int:
    return await tx.execute(DELETE_EXPIRED_ACCESS, limit)
