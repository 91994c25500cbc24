"""Sources of evidence: who may tell of payments, and the secret that each signs with."""

import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from ucp_server.store.database import Pool, read, statement
from ucp_server.store.evidence_sources import (
    StoredSource,
    insert_source,
    load_source,
    load_sources,
    mark_source_revoked,
)
from ucp_server.store.seal import Seal

_ID: Final = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")
SECRET_BYTES: Final = 32  # as long as the hash that it keys


@dataclass(frozen=True, slots=True)
class Source:
    """``secret`` keys the source's signatures; ``milestones`` it may tell of beside payments."""

    merchant_id: str
    id: str
    milestones: tuple[str, ...]
    secret: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class ListedSource:
    id: str
    milestones: tuple[str, ...]
    created_at: datetime
    revoked_at: datetime | None


class Sources:
    """The sources of all merchants. Their secrets are sealed under the server secret."""

    def __init__(self, pool: Pool, secret: bytes) -> None:
        self._pool = pool
        self._seal = Seal(secret, "evidence sources")

    async def register(
        self, merchant_id: str, id_: str, *, milestones: Sequence[str] = (), secret: str | None = None
    ) -> Source:
        """Add a source (``id_``: lower-case letters, digits, ``-``, ``_``; at most 64).

        ``secret`` is made unless given. Raises ValueError for another form of id, HandleTaken for one
        that any merchant's source has or had.
        """
        if _ID.fullmatch(id_) is None:
            raise ValueError(f"{id_!r} is not a name for a source: a-z, 0-9, - and _, at most 64 of them")
        secret = secret or secrets.token_urlsafe(SECRET_BYTES)
        sealed = self._seal.close(secret.encode(), _about(merchant_id, id_))
        async with statement(self._pool) as tx:
            await insert_source(
                tx, merchant_id=merchant_id, id_=id_, milestones=milestones, secret_sealed=sealed
            )
        return Source(merchant_id, id_, tuple(milestones), secret)

    async def find(self, id_: str) -> Source | None:
        """Whose source it is, with its secret; None for one that is unknown or revoked."""
        async with read(self._pool) as db:
            stored = await load_source(db, id_)
        return None if stored is None or stored.revoked_at is not None else self._opened(stored)

    async def listed(self, merchant_id: str) -> tuple[ListedSource, ...]:
        """Oldest first."""
        async with read(self._pool) as db:
            found = await load_sources(db, merchant_id)
        return tuple(ListedSource(one.id, one.milestones, one.created_at, one.revoked_at) for one in found)

    async def revoke(self, merchant_id: str, id_: str) -> bool:
        """At once; False where there is no such source, or it was revoked before."""
        async with statement(self._pool) as tx:
            return await mark_source_revoked(tx, merchant_id=merchant_id, id_=id_)

    def _opened(self, stored: StoredSource) -> Source:
        secret = self._seal.open(stored.secret_sealed, _about(stored.merchant_id, stored.id))
        return Source(stored.merchant_id, stored.id, stored.milestones, secret.decode())


def _about(merchant_id: str, id_: str) -> str:
    return f"{merchant_id}\n{id_}"
