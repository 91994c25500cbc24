"""The keys that a merchant signs with: published, in use, retired. Times are the database's."""

from datetime import datetime
from typing import Final

import msgspec

from ucp_server.store.database import Read, Tx


class StoredKey(msgspec.Struct, frozen=True, kw_only=True):
    """``public_jwk`` is JSON; ``private_sealed`` opens with the server secret alone.

    It signs from ``signs_from`` until ``retired_at``; ``is_signing`` says so for now.
    """

    kid: str
    public_jwk: bytes
    private_sealed: bytes
    signs_from: datetime
    retired_at: datetime | None
    is_signing: bool


# Where a merchant has a key that signs or will, nothing is inserted; nor where a twin, which gave it
# the same name, is just inserting one.
INSERT_FIRST_KEY: Final = """
    INSERT INTO signing_keys (merchant_id, kid, public_jwk, private_sealed, signs_from)
    SELECT $1, $2, $3, $4, now()
    WHERE NOT EXISTS (SELECT FROM signing_keys WHERE merchant_id = $1 AND retired_at IS NULL)
    ON CONFLICT (merchant_id, kid) DO NOTHING
"""


async def insert_first_key(
    tx: Tx, *, merchant_id: str, kid: str, public_jwk: bytes, private_sealed: bytes
) -> bool:
    """False where the merchant has one already."""
    return await tx.execute(INSERT_FIRST_KEY, merchant_id, kid, public_jwk, private_sealed) == 1


# One statement, so that there is never a time without a key that signs: the former ones end when
# the new one begins.
INSERT_NEXT_KEY: Final = """
    WITH ended AS (
        UPDATE signing_keys SET retired_at = now() + make_interval(secs => $5)
        WHERE merchant_id = $1 AND retired_at IS NULL
    )
    INSERT INTO signing_keys (merchant_id, kid, public_jwk, private_sealed, signs_from)
    VALUES ($1, $2, $3, $4, now() + make_interval(secs => $5))
"""


async def insert_next_key(
    tx: Tx, *, merchant_id: str, kid: str, public_jwk: bytes, private_sealed: bytes, signs_in_s: float
) -> None:
    """Publish a key that takes over in ``signs_in_s`` seconds."""
    await tx.execute(INSERT_NEXT_KEY, merchant_id, kid, public_jwk, private_sealed, signs_in_s)


LOAD_KEYS: Final = """
    SELECT kid, public_jwk, private_sealed, signs_from, retired_at,
        signs_from <= now() AND (retired_at IS NULL OR retired_at > now()) AS is_signing
    FROM signing_keys
    WHERE merchant_id = $1 AND (retired_at IS NULL OR retired_at > now() - make_interval(secs => $2))
    ORDER BY signs_from DESC, kid
"""


async def load_keys(db: Read, *, merchant_id: str, retired_for_s: float) -> list[StoredKey]:
    """Keys in use, to come, or retired for less than ``retired_for_s`` seconds; newest first."""
    rows = await db.fetch(LOAD_KEYS, merchant_id, retired_for_s)
    return [
        StoredKey(
            kid=row["kid"],
            public_jwk=row["public_jwk"],
            private_sealed=row["private_sealed"],
            signs_from=row["signs_from"],
            retired_at=row["retired_at"],
            is_signing=row["is_signing"],
        )
        for row in rows
    ]


DELETE_KEY: Final = "DELETE FROM signing_keys WHERE merchant_id = $1 AND kid = $2"


async def delete_key(tx: Tx, *, merchant_id: str, kid: str) -> bool:
    """Forget a key at once; False where there is none of that name."""
    return await tx.execute(DELETE_KEY, merchant_id, kid) == 1
