"""What callers prove themselves with, by the hash of their secret; the secret itself is nowhere."""

import hashlib
from datetime import datetime
from enum import StrEnum
from typing import Final
from uuid import UUID

import msgspec

from ucp_server.store.database import Read, Tx


class CredentialKind(StrEnum):
    """Who proves itself by a credential; ``platform_id`` is that one's id."""

    PLATFORM = "api_key"
    AGENT = "agent"
    MERCHANT = "merchant"
    APP = "app"
    BACKEND = "backend"


# The tenant of credentials that are shown before anybody knows the merchant: those of agents, and
# those of merchants themselves. No merchant can have this name.
NETWORK: Final = "@network"


class Credential(msgspec.Struct, frozen=True, kw_only=True):
    """One credential as it may be listed."""

    id: str
    kind: CredentialKind
    platform_id: str
    label: str
    created_at: datetime
    revoked_at: datetime | None


class NewCredential(msgspec.Struct, frozen=True, kw_only=True):
    id: UUID
    kind: CredentialKind
    platform_id: str
    secret_hash: bytes
    label: str = ""


def secret_hash(secret: str) -> bytes:
    """What is stored of a secret. It is random and long, so that a plain hash is as good as a slow one."""
    return hashlib.sha256(secret.encode("utf-8", "surrogateescape")).digest()


INSERT_CREDENTIAL: Final = """
    INSERT INTO credentials (merchant_id, id, platform_id, kind, secret_hash, label)
    VALUES ($1, $2, $3, $4, $5, $6)
    ON CONFLICT (merchant_id, kind, secret_hash) DO NOTHING
"""


async def insert_credential(tx: Tx, merchant_id: str, new: NewCredential) -> None:
    """Add a credential; a secret that is there already stays as it is, revoked if it was."""
    await tx.execute(
        INSERT_CREDENTIAL, merchant_id, new.id, new.platform_id, new.kind, new.secret_hash, new.label
    )


LOAD_PRINCIPAL: Final = """
    SELECT platform_id FROM credentials
    WHERE merchant_id = $1 AND kind = $2 AND secret_hash = $3 AND revoked_at IS NULL
"""


async def load_principal(
    db: Read, *, merchant_id: str, kind: CredentialKind, secret_hash: bytes
) -> str | None:
    """Whose secret this is; None for one that is unknown, revoked or of another kind.

    ``merchant_id`` is `NETWORK` for agents and for merchants: of those the answer is the merchant.
    """
    found = await db.fetchval(LOAD_PRINCIPAL, merchant_id, kind, secret_hash)
    return None if found is None else str(found)


LOAD_CREDENTIALS: Final = """
    SELECT id, kind, platform_id, label, created_at, revoked_at FROM credentials
    WHERE merchant_id = $1 ORDER BY id
"""


async def load_credentials(db: Read, *, merchant_id: str) -> list[Credential]:
    """All credentials of a tenant, oldest first."""
    rows = await db.fetch(LOAD_CREDENTIALS, merchant_id)
    return [
        Credential(
            id=str(row["id"]),
            kind=CredentialKind(row["kind"]),
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
    """False where there is no such credential, or it was revoked before."""
    return await tx.execute(REVOKE_CREDENTIAL, merchant_id, id_) == 1
