"""Who may tell of payments: sources of evidence, each with a secret that it signs with."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from ucp_server.store.database import Read, Tx
from ucp_server.store.violations import violations


@dataclass(frozen=True, slots=True)
class StoredSource:
    """``secret_sealed`` opens with the server secret alone."""

    merchant_id: str
    id: str
    milestones: tuple[str, ...]
    secret_sealed: bytes
    created_at: datetime
    revoked_at: datetime | None


# The handle makes its id unique among all merchants, since whoever shows it names no merchant.
INSERT_SOURCE: Final = """
with named as (
    insert into handles (kind, handle, merchant_id) values ('source', $2, $1)
)
insert into evidence_sources (merchant_id, id, milestones, secret_sealed) values ($1, $2, $3, $4)
"""


async def insert_source(
    tx: Tx, *, merchant_id: str, id_: str, milestones: Sequence[str], secret_sealed: bytes
) -> None:
    """Raises HandleTaken for an id that any merchant's source has or had."""
    with violations():
        await tx.execute(INSERT_SOURCE, merchant_id, id_, list(milestones), secret_sealed)


LOAD_SOURCE: Final = """
select s.merchant_id, s.id, s.milestones, s.secret_sealed, s.created_at, s.revoked_at
from handles h join evidence_sources s on s.merchant_id = h.merchant_id and s.id = h.handle
where h.kind = 'source' and h.handle = $1
"""


async def load_source(db: Read, id_: str) -> StoredSource | None:
    """Whosever it is, also when it was revoked."""
    row = await db.fetchrow(LOAD_SOURCE, id_)
    return None if row is None else _source(*row)


LOAD_SOURCES: Final = """
select merchant_id, id, milestones, secret_sealed, created_at, revoked_at
from evidence_sources where merchant_id = $1 order by created_at, id
"""


async def load_sources(db: Read, merchant_id: str) -> list[StoredSource]:
    """All sources of a merchant, oldest first."""
    return [_source(*row) for row in await db.fetch(LOAD_SOURCES, merchant_id)]


REVOKE_SOURCE: Final = """
update evidence_sources set revoked_at = now()
where merchant_id = $1 and id = $2 and revoked_at is null
"""


async def mark_source_revoked(tx: Tx, *, merchant_id: str, id_: str) -> bool:
    """False where there is no such source, or it was revoked before."""
    return await tx.execute(REVOKE_SOURCE, merchant_id, id_) == 1


def _source(
    merchant_id: str,
    id_: str,
    milestones: list[str],
    secret_sealed: bytes,
    created_at: datetime,
    revoked_at: datetime | None,
) -> StoredSource:
    return StoredSource(merchant_id, id_, tuple(milestones), secret_sealed, created_at, revoked_at)
