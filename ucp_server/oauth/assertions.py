"""``private_key_jwt``: a client proves itself by a token that it signed (RFC 7523 2.2, 3)."""

from datetime import UTC, datetime
from typing import Final

import msgspec
from joserfc import jws
from joserfc.errors import JoseError, UnsupportedAlgorithmError
from joserfc.jwa import JWSAlgModel
from joserfc.jwk import ECKey, KeySet, OKPKey
from joserfc.jws import JWSRegistry

from ucp_server.oauth.refusals import ClientRefused

TYPE: Final = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"

# The algorithm follows from the key and is never taken from the wire.
_BY_CURVE: Final = {"P-256": ["ES256"], "P-384": ["ES384"], "Ed25519": ["EdDSA", "Ed25519"]}
ALGORITHMS: Final = tuple(sorted(name for names in _BY_CURVE.values() for name in names))

# What common libraries set at the most. The id of an assertion is remembered until its end.
LIFETIME_MAX_S: Final = 3600
# Clocks of two that never spoke about them.
LEEWAY_S: Final = 60
# A key for now, one for later and one that is going; a dozen is more than anybody needs.
KEYS_MAX: Final = 12


class Claims(msgspec.Struct, frozen=True, kw_only=True):
    """Times are seconds of the epoch."""

    iss: str
    sub: str
    aud: str | list[str]
    exp: int | float
    jti: str
    nbf: int | float | None = None
    iat: int | float | None = None

    @property
    def expires_at(self) -> datetime:
        """When it is over by every clock, that of the store too, so that its id may be forgotten."""
        return datetime.fromtimestamp(self.exp + 2 * LEEWAY_S, UTC)


class _OfKey(JWSRegistry):
    """The algorithms of one key. EdDSA is among them without joserfc's warning.

    RFC 9864 gave it the name Ed25519; most clients write the old one still.
    """

    def get_alg(self, name: str) -> JWSAlgModel:
        if name not in (self.allowed or ()):
            raise UnsupportedAlgorithmError
        return self.algorithms[name]


_read_claims = msgspec.json.Decoder(Claims)


def client_named(assertion: str) -> str:
    """The client that an assertion says to be of, not proven yet. Raises `ClientRefused`."""
    return _claims(_parsed(assertion).payload or b"").sub


def verify(
    assertion: str, jwks: bytes, *, client_id: str, audiences: frozenset[str], now: datetime
) -> Claims:
    """What ``client_id`` signed with one of ``jwks``. Raises `ClientRefused`.

    Whether it was used before is for the caller to find out.
    """
    key = _key(jwks, _parsed(assertion).headers().get("kid"))
    try:
        registry = _OfKey(algorithms=_BY_CURVE[key.curve_name], strict_check_header=False)
        verified = jws.deserialize_compact(assertion, key, registry=registry)
    except (JoseError, ValueError) as error:
        raise ClientRefused from error
    claims = _claims(verified.payload or b"")
    sound = claims.iss == claims.sub == client_id and _is_for_us(claims.aud, audiences)
    if not sound or not claims.jti or not _is_current(claims, now.timestamp()):
        raise ClientRefused
    return claims


def _parsed(assertion: str) -> jws.CompactSignature:
    try:
        return jws.extract_compact(assertion.encode())
    except (JoseError, ValueError) as error:
        raise ClientRefused from error


def _claims(payload: bytes) -> Claims:
    try:
        return _read_claims.decode(payload)
    except msgspec.MsgspecError as error:
        raise ClientRefused from error


def _is_for_us(aud: str | list[str], audiences: frozenset[str]) -> bool:
    """One audience: what is also for another server could be shown to us by that one."""
    named = [aud] if isinstance(aud, str) else aud
    return len(named) == 1 and named[0] in audiences


def _is_current(claims: Claims, now_s: float) -> bool:
    if not now_s - LEEWAY_S < claims.exp <= now_s + LIFETIME_MAX_S + LEEWAY_S:
        return False
    return all(begin is None or begin <= now_s + LEEWAY_S for begin in (claims.nbf, claims.iat))


def _key(jwks: bytes, kid: object) -> ECKey | OKPKey:
    """The key of that name; without a name the only one that there is."""
    keys = read_keys(jwks)
    named = [key for key in keys if kid is None or key.kid == kid]
    if len(named) != 1:
        raise ClientRefused
    return named[0]


def read_keys(jwks: bytes) -> list[ECKey | OKPKey]:
    """The keys of a JWK set. Raises ValueError, with a sentence, for what cannot be used."""
    try:
        document = msgspec.json.decode(jwks, type=dict[str, list[dict[str, str | list[str]]]])
        listed = KeySet.import_key_set({"keys": document["keys"]}).keys
        keys = [key for key in listed if isinstance(key, ECKey | OKPKey) and key.public_key]
    except (msgspec.MsgspecError, KeyError, JoseError, ValueError) as error:
        raise ValueError("this is no JWK set of EC and Ed25519 keys") from error
    if len(keys) < len(listed) or any(key.curve_name not in _BY_CURVE for key in keys):
        raise ValueError(f"keys are of {', '.join(_BY_CURVE)}")
    if any(key.is_private for key in keys):
        raise ValueError("these are private keys: hand over the public ones alone")
    if not 0 < len(keys) <= KEYS_MAX:
        raise ValueError(f"1 to {KEYS_MAX} keys can be there")
    return keys
