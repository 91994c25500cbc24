"""The merchant's signing keys: ES256, sealed at rest, changed without an outage (digest 7.1, 7.8).

A new key is published first and signs later, so that whoever keeps our profile for a while knows it
by then; an old one stays published after it signed for the last time.
"""

import time
from typing import Any, Final

import msgspec
from joserfc.jwk import ECKey

from ucp_server.domain.errors import StoreUnavailable
from ucp_server.store.database import Pool, read, statement
from ucp_server.store.seal import Seal
from ucp_server.store.signing_keys import (
    StoredKey,
    delete_key,
    insert_first_key,
    insert_next_key,
    load_keys,
)

Wire = dict[str, Any]

# Twelve times the life that our profile gives itself, and longer than any cache of it should be.
PUBLISHED_BEFORE_S: Final = 3600
# T3:D/signatures#Key Rotation: events that wait for a platform's return are still verified.
PUBLISHED_AFTER_S: Final = 7 * 86400
# How long another process may go on without knowing of a rotation; far below PUBLISHED_BEFORE_S.
KNOWN_FOR_S: Final = 30.0


class _Known(msgspec.Struct, frozen=True):
    published: tuple[Wire, ...]
    signer: ECKey | None
    until_s: float


class SigningKeys:
    """The keys of all merchants, looked up at most every `KNOWN_FOR_S` seconds for each."""

    def __init__(self, pool: Pool, secret: bytes) -> None:
        self._pool = pool
        self._seal = Seal(secret, "signing keys")
        self._known: dict[str, _Known] = {}

    async def published(self, merchant_id: str) -> tuple[Wire, ...]:
        """The public keys (JWK) for the merchant's profile, newest first."""
        return (await self._look(merchant_id)).published

    async def signer(self, merchant_id: str) -> ECKey | None:
        """The key to sign with now, with its ``kid``; None where `ensure` never ran."""
        return (await self._look(merchant_id)).signer

    async def ensure(self, merchant_id: str) -> None:
        """Make the merchant's first key, unless it has one."""
        kid, public_jwk, private_sealed = self._make(merchant_id)
        async with statement(self._pool) as tx:
            await insert_first_key(
                tx, merchant_id=merchant_id, kid=kid, public_jwk=public_jwk, private_sealed=private_sealed
            )

    async def rotate(self, merchant_id: str, signs_in_s: float = PUBLISHED_BEFORE_S) -> str:
        """Publish a new key, which takes over in ``signs_in_s`` seconds; returns its kid."""
        await self.ensure(merchant_id)
        kid, public_jwk, private_sealed = self._make(merchant_id)
        async with statement(self._pool) as tx:
            await insert_next_key(
                tx,
                merchant_id=merchant_id,
                kid=kid,
                public_jwk=public_jwk,
                private_sealed=private_sealed,
                signs_in_s=signs_in_s,
            )
        self._known.pop(merchant_id, None)
        return kid

    async def retire(self, merchant_id: str, kid: str) -> bool:
        """Take a key out at once, as when it leaked; False where there is none of that name."""
        async with statement(self._pool) as tx:
            found = await delete_key(tx, merchant_id=merchant_id, kid=kid)
        self._known.pop(merchant_id, None)
        return found

    async def stored(self, merchant_id: str) -> list[StoredKey]:
        async with read(self._pool) as db:
            return await load_keys(db, merchant_id=merchant_id, retired_for_s=PUBLISHED_AFTER_S)

    def _make(self, merchant_id: str) -> tuple[str, bytes, bytes]:
        key = ECKey.generate_key("P-256")
        kid = key.thumbprint()
        public = {**key.as_dict(private=False), "kid": kid, "use": "sig", "alg": "ES256"}
        sealed = self._seal.close(msgspec.json.encode(key.as_dict(private=True)), _about(merchant_id, kid))
        return kid, msgspec.json.encode(public), sealed

    async def _look(self, merchant_id: str) -> _Known:
        known = self._known.get(merchant_id)
        if known is not None and time.monotonic() < known.until_s:
            return known
        try:
            found = self._opened(merchant_id, await self.stored(merchant_id))
        except StoreUnavailable:
            # What was true half a minute ago is better than no profile and no signature.
            if known is None:
                raise
            return known
        self._known[merchant_id] = found
        return found

    def _opened(self, merchant_id: str, stored: list[StoredKey]) -> _Known:
        signing = next((key for key in stored if key.is_signing), None)
        return _Known(
            published=tuple(msgspec.json.decode(key.public_jwk, type=dict[str, Any]) for key in stored),
            signer=self._open(merchant_id, signing) if signing else None,
            until_s=time.monotonic() + KNOWN_FOR_S,
        )

    def _open(self, merchant_id: str, key: StoredKey) -> ECKey:
        private = msgspec.json.decode(self._seal.open(key.private_sealed, _about(merchant_id, key.kid)))
        return ECKey.import_key({**private, "kid": key.kid})


def _about(merchant_id: str, kid: str) -> str:
    return f"{merchant_id}\n{kid}"
