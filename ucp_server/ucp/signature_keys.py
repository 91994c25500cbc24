"""Keys that sign and verify messages: the algorithm follows from the key alone (digest 7.2)."""

from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from types import MappingProxyType
from typing import Any, Final

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, OKPKey

Wire = dict[str, Any]
SigningKey = ECKey | OKPKey

# In base64url: P-384 has the longest ones, 64 characters, and a key may be padded.
COORDINATE_LENGTH_MAX: Final = 128
# Reading a key costs more than verifying with it. 2 kB each; a platform signs with one or two.
KEYS_KEPT_MAX: Final = 1_000


class Algorithm(msgspec.Struct, frozen=True):
    """``jose`` are the names that a JWK may give it, ``http`` that of RFC 9421; ``size`` is in bytes."""

    jose: frozenset[str]
    http: str
    size: int
    digest: hashes.HashAlgorithm | None = None


_ALGORITHMS: Final[Mapping[tuple[str, str], Algorithm]] = MappingProxyType(
    {
        ("EC", "P-256"): Algorithm(frozenset({"ES256"}), "ecdsa-p256-sha256", 64, hashes.SHA256()),
        ("EC", "P-384"): Algorithm(frozenset({"ES384"}), "ecdsa-p384-sha384", 96, hashes.SHA384()),
        # The second name is that of RFC 9864, for the same.
        ("OKP", "Ed25519"): Algorithm(frozenset({"EdDSA", "Ed25519"}), "ed25519", 64),
    }
)


class PublicKey(msgspec.Struct, frozen=True):
    """A key that can be used; ``thumbprint`` is that of RFC 7638."""

    algorithm: Algorithm
    key: ec.EllipticCurvePublicKey | Ed25519PublicKey
    thumbprint: str

    def verifies(self, base: bytes, raw: bytes) -> bool:
        """Whether ``raw`` is this key's signature of ``base``, in the fixed width of RFC 9421 3.3."""
        if len(raw) != self.algorithm.size:
            return False
        try:
            if isinstance(self.key, Ed25519PublicKey):
                self.key.verify(raw, base)
            elif self.algorithm.digest is not None:
                self.key.verify(_der(raw), base, ec.ECDSA(self.algorithm.digest))
            else:
                return False
        except InvalidSignature:
            return False
        return True


def keys_named(keys: Sequence[Wire], keyid: object) -> Iterator[PublicKey | None]:
    """The keys for signatures of this name, None for each that we cannot use.

    ``keys`` are JWKs of which any may be broken: one does not make the set useless.
    """
    for jwk in keys:
        if isinstance(keyid, str) and jwk.get("kid") == keyid and _is_for_signatures(jwk):
            yield _usable(jwk)


def _is_for_signatures(jwk: Wire) -> bool:
    operations = jwk.get("key_ops")
    return jwk.get("use") != "enc" and (not isinstance(operations, list) or "verify" in operations)


def _usable(jwk: Wire) -> PublicKey | None:
    kind = str(jwk.get("kty")), str(jwk.get("crv"))
    algorithm = _ALGORITHMS.get(kind)
    if algorithm is None or ("alg" in jwk and str(jwk["alg"]) not in algorithm.jose):
        return None
    x, y = jwk.get("x"), jwk.get("y", "")
    if not isinstance(x, str) or not isinstance(y, str):
        return None
    # What is read is kept: a profile could fill the memory with keys that are none.
    return _read(*kind, x, y) if max(len(x), len(y)) <= COORDINATE_LENGTH_MAX else None


@lru_cache(maxsize=KEYS_KEPT_MAX)
def _read(kty: str, curve: str, x: str, y: str) -> PublicKey | None:
    try:
        if kty == "OKP":
            key: SigningKey = OKPKey.import_key({"kty": kty, "crv": curve, "x": x})
        else:
            key = ECKey.import_key({"kty": kty, "crv": curve, "x": x, "y": y})
        public = key.public_key
    except (JoseError, ValueError, TypeError):
        return None
    if not isinstance(public, ec.EllipticCurvePublicKey | Ed25519PublicKey):
        return None
    return PublicKey(_ALGORITHMS[kty, curve], public, key.thumbprint())


def signature_of(base: bytes, key: SigningKey) -> bytes:
    """``base`` signed: halves in full width (RFC 9421 3.3.4), and not the DER that libraries make.

    Raises TypeError for a public key, and for one of a kind that does not sign here.
    """
    private = key.private_key
    if isinstance(private, Ed25519PrivateKey):
        return private.sign(base)
    algorithm = _ALGORITHMS.get((key.key_type, key.curve_name))
    if not isinstance(private, ec.EllipticCurvePrivateKey) or algorithm is None or not algorithm.digest:
        raise TypeError("only a private key signs: on P-256, P-384 or Ed25519, no public key")
    halves = decode_dss_signature(private.sign(base, ec.ECDSA(algorithm.digest)))
    return b"".join(half.to_bytes(algorithm.size // 2) for half in halves)


def _der(raw: bytes) -> bytes:
    half = len(raw) // 2
    return encode_dss_signature(int.from_bytes(raw[:half]), int.from_bytes(raw[half:]))
