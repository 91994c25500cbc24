"""API keys of platforms, by the hash of their secret; the secret itself is nowhere."""

from datetime import datetime
from typing import Final
from uuid import UUID

import msgspec

from ucp_server.store.database import Read, Tx


class Credential(msgspec.Struct, frozen=True, kw_only=True):
    """One API key as it may be listed."""

    id: str
    platform_id: str
    label: str
    created_at: datetime
    revoked_at: datetime | None


INSERT_CREDENTIAL: Final = """
    INSERT INTO credentials (merchant_id, id, platform_id, kind, secret_hash, label)
    VALUES ($1, $2, $3, 'api_key', $4, $5)
"""


async def insert_credential(
    tx: Tx, *, merchant_id: str, id_: UUID, platform_id: str, secret_hash: bytes, label: str
) -> None:
    await tx.execute(INSERT_CREDENTIAL, merchant_id, id_, platform_id, secret_hash, label)


LOAD_PLATFORM: Final = """
    SELECT platform_id FROM credentials
    WHERE merchant_id = $1 AND kind = 'api_key' AND secret_hash = $2 AND revoked_at IS NULL
"""


async def load_platform(db: Read, *, merchant_id: str, secret_hash: bytes) -> str | None:
    """The platform that a secret belongs to; None for one that is unknown or revoked."""
    row = await db.fetchrow(LOAD_PLATFORM, merchant_id, secret_hash)
    return None if row is None else str(row["platform_id"])


LOAD_CREDENTIALS: Final = """
    SELECT id, platform_id, label, created_at, revoked_at FROM credentials
    WHERE merchant_id = $1 ORDER BY id
"""


async def load_credentials(db: Read, *, merchant_id: str) -> list[Credential]:
    """All API keys of a merchant, oldest first."""
    rows = await db.fetch(LOAD_CREDENTIALS, merchant_id)
    return [
        Credential(
            id=str(row["id"]),
            platform_id=row["platform_id"],
            label=row["label"],
            created_at=row["created_at"],
            revoked_at=row["revoked_at"],
        )
        for row in rows
    ]


REVOKE_CREDENTIAL: Final = """
    UPDATE credentials SET revoked_at = now()
    WHERE merchant_id = $1 AND id = $2 AND revoked_at IS NULL
"""


async def mark_revoked(tx: Tx, *, merchant_id: str, id_: UUID) -> bool:
    """False where there is no such key, or it was revoked before."""
    return await tx.execute(REVOKE_CREDENTIAL, merchant_id, id_) == 1
