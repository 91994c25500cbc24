"""Codes: signed statements of an offer. Ed25519 keys, sealed at rest; the time of issue picks the key.

A new key is published first and signs later; an old one is kept for as long as its codes may be
shown. Keys belong to the network, not to a merchant.
"""

import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final, Literal

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from ucp_server.domain.attribution import Offer
from ucp_server.domain.codes import (
    CodePayload,
    MalformedCode,
    base64url,
    encode_payload,
    join,
    payload_of,
    read_payload,
    split,
)
from ucp_server.domain.errors import StoreUnavailable
from ucp_server.store.credentials import NETWORK
from ucp_server.store.database import Pool, read, statement
from ucp_server.store.documents import encode
from ucp_server.store.ids import new_id
from ucp_server.store.seal import Seal
from ucp_server.store.signing_keys import (
    StoredKey,
    delete_key,
    insert_first_key,
    insert_next_key,
    load_keys,
)

# As long as an offer may take to be bought after it was recommended.
CODE_TTL_S: Final = 30 * 86400
# A year of looking back on old codes, after the last of them ended.
KEPT_AFTER_S: Final = 365 * 86400 + CODE_TTL_S
# Whoever keeps our public keys for an hour knows a new one by the time it signs.
PUBLISHED_BEFORE_S: Final = 3600
# The published pages say once a year; a new key is made early enough to be known by then.
_KEY_LIFE: Final = timedelta(days=365, seconds=-PUBLISHED_BEFORE_S)
# How long another process may go on without knowing of a new key; far below PUBLISHED_BEFORE_S.
KNOWN_FOR_S: Final = 30.0
# The clocks of process and database, and the whole seconds in which a code tells its time.
SKEW: Final = timedelta(seconds=60)
# One name for all, so that processes that begin at once agree on one key.
_FIRST: Final = "first"

CodeFault = Literal["malformed", "foreign_issuer", "unknown_key", "bad_signature", "expired"]


@dataclass(frozen=True, slots=True)
class Issuer:
    """``name`` stands in the payload; ``prefix`` is what every code begins with."""

    name: str
    prefix: str


@dataclass(frozen=True, slots=True)
class Code:
    text: str
    payload: CodePayload
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Verified:
    """What a code says, and that we said it."""

    payload: CodePayload


@dataclass(frozen=True, slots=True)
class NotVerified:
    reason: CodeFault


@dataclass(frozen=True, slots=True)
class PublicKey:
    """``pem`` is SubjectPublicKeyInfo; ``retired_at`` is None while no other takes over."""

    kid: str
    pem: str
    signs_from: datetime
    retired_at: datetime | None


class _Jwk(msgspec.Struct, frozen=True, kw_only=True):
    """RFC 8037, section 2."""

    kid: str
    x: str
    kty: str = "OKP"
    crv: str = "Ed25519"
    alg: str = "EdDSA"
    use: str = "sig"


@dataclass(frozen=True, slots=True)
class _Key:
    private: Ed25519PrivateKey
    stored: StoredKey

    @property
    def public(self) -> Ed25519PublicKey:
        return self.private.public_key()

    def may_sign(self, at: datetime, skew: timedelta = timedelta(0)) -> bool:
        until = self.stored.retired_at
        return self.stored.signs_from - skew <= at and (until is None or at < until + skew)


class Codes:
    """Issues and verifies. Its keys are looked up at most every `KNOWN_FOR_S` seconds."""

    def __init__(self, pool: Pool, secret: bytes, issuer: Issuer) -> None:
        self._pool = pool
        self._seal = Seal(secret, "codes")
        self._issuer = issuer
        self._known: tuple[_Key, ...] = ()
        self._known_until_s = 0.0

    async def issue(self, offer: Offer, at: datetime) -> Code:
        """A code that says what ``offer`` is at ``at``; it ends after `CODE_TTL_S`."""
        key = await self._signer(at)
        payload = payload_of(offer, self._issuer.name, issued_at=at, ttl_s=CODE_TTL_S)
        raw = encode_payload(payload)
        text = join(self._issuer.prefix, raw, key.private.sign(raw))
        return Code(text, payload, at + timedelta(seconds=CODE_TTL_S))

    async def verify(self, text: str, at: datetime) -> Verified | NotVerified:
        """Whether ``text`` is a code of ours that held at ``at``. Nothing in it is believed before."""
        try:
            raw, signature = split(self._issuer.prefix, text)
            payload = read_payload(raw)
        except MalformedCode:
            return NotVerified("malformed")
        if payload.issuer != self._issuer.name:
            return NotVerified("foreign_issuer")
        candidates = await self._keys_of(payload)
        if not candidates:
            return NotVerified("unknown_key")
        if not any(_is_signed(key, signature, raw) for key in candidates):
            return NotVerified("bad_signature")
        if payload.expires_at_s <= at.timestamp():
            return NotVerified("expired")
        return Verified(payload)

    async def public_keys(self) -> tuple[PublicKey, ...]:
        """Of all codes that may still be shown, newest first."""
        if not await self._keys():
            await self._make_first()
        return tuple(
            PublicKey(key.stored.kid, _pem(key.public), key.stored.signs_from, key.stored.retired_at)
            for key in await self._keys()
        )

    async def stored(self) -> list[StoredKey]:
        """The same keys as they stand in the store; makes none."""
        async with read(self._pool) as db:
            return await load_keys(db, merchant_id=NETWORK, retired_for_s=KEPT_AFTER_S)

    async def rotate(self, signs_in_s: float = PUBLISHED_BEFORE_S) -> str:
        """Publish a new key, which takes over in ``signs_in_s`` seconds; returns its name."""
        if not await self._keys():
            await self._make_first()
        kid, public, sealed = self._new_key(new_id())
        async with statement(self._pool) as tx:
            await insert_next_key(
                tx,
                merchant_id=NETWORK,
                kid=kid,
                public_jwk=public,
                private_sealed=sealed,
                signs_in_s=signs_in_s,
            )
        self._forget()
        return kid

    async def keep_fresh(self, at: datetime) -> int:
        """Change the key once a year; returns how many were made. For a job that runs now and then."""
        keys = await self._keys()
        if not keys or at < keys[0].stored.signs_from + _KEY_LIFE:
            return 0
        await self.rotate()
        return 1

    async def retire(self, kid: str) -> bool:
        """Take a key out at once, as when it leaked: its codes hold no more. False for an unknown one."""
        async with statement(self._pool) as tx:
            found = await delete_key(tx, merchant_id=NETWORK, kid=kid)
        self._forget()
        return found

    # --- keys ---

    async def _signer(self, at: datetime) -> _Key:
        found = _newest(await self._keys(), at)
        if found is None:
            await self._make_first()
            found = _newest(await self._keys(), at)
        if found is None:
            raise StoreUnavailable
        return found

    async def _keys_of(self, payload: CodePayload) -> list[_Key]:
        """Those that may have signed then."""
        try:
            issued_at = datetime.fromtimestamp(payload.issued_at_s, UTC)
            return [key for key in await self._keys() if key.may_sign(issued_at, SKEW)]
        except (OverflowError, ValueError, OSError):
            # A time that no clock has shown.
            return []

    async def _make_first(self) -> None:
        # Where the key in use was taken out, the name may be that of one which has ended by now.
        name = new_id() if self._known else _FIRST
        kid, public, sealed = self._new_key(name)
        async with statement(self._pool) as tx:
            await insert_first_key(
                tx, merchant_id=NETWORK, kid=kid, public_jwk=public, private_sealed=sealed
            )
        self._forget()

    def _new_key(self, kid: str) -> tuple[str, bytes, bytes]:
        private = Ed25519PrivateKey.generate()
        public = _Jwk(kid=kid, x=base64url(private.public_key().public_bytes_raw()))
        return kid, encode(public), self._seal.close(private.private_bytes_raw(), _about(kid))

    def _forget(self) -> None:
        self._known_until_s = 0.0

    async def _keys(self) -> tuple[_Key, ...]:
        if time.monotonic() < self._known_until_s:
            return self._known
        try:
            stored = await self.stored()
        except StoreUnavailable:
            # What was true half a minute ago is better than no code and no verdict.
            if not self._known:
                raise
            return self._known
        self._known = tuple(self._opened(key) for key in stored)
        # An empty answer is not kept: whoever makes the first key may be another process.
        self._known_until_s = time.monotonic() + KNOWN_FOR_S if stored else 0.0
        return self._known

    def _opened(self, stored: StoredKey) -> _Key:
        raw = self._seal.open(stored.private_sealed, _about(stored.kid))
        return _Key(Ed25519PrivateKey.from_private_bytes(raw), stored)


def _newest(keys: tuple[_Key, ...], at: datetime) -> _Key | None:
    """The key to sign with at ``at``; they come newest first."""
    signing = (key for key in keys if key.may_sign(at))
    return next(signing, None) or next((key for key in keys if key.may_sign(at, SKEW)), None)


def _is_signed(key: _Key, signature: bytes, raw: bytes) -> bool:
    try:
        key.public.verify(signature, raw)
    except InvalidSignature:
        return False
    return True


def _pem(public: Ed25519PublicKey) -> str:
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    return public.public_bytes(serialization.Encoding.PEM, form).decode()


def _about(kid: str) -> str:
    return f"{NETWORK}\n{kid}"
