"""HTTP message signatures (RFC 9421) as UCP has them: T3:D/signatures, digest 7.2 to 7.4.

The algorithm follows from the key's curve and is named nowhere; the body is bound by its SHA-256
(RFC 9530) over the bytes as they travel.
"""

import base64
import hashlib
from collections.abc import Iterable, Mapping, Sequence
from itertools import islice
from types import MappingProxyType
from typing import Any, Final, Literal, cast, get_args
from urllib.parse import urlsplit

import http_sf
import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature
from joserfc.errors import JoseError
from joserfc.jwk import ECKey

Wire = dict[str, Any]
Covered = list[tuple[object, Mapping[str, object]]]
Parameters = Mapping[str, object]

# From the least that can be said against a message to the most.
SignatureFault = Literal[
    "signature_missing", "key_not_found", "algorithm_unsupported", "signature_invalid", "digest_mismatch"
]

# A message has one signature, or two where a gateway adds its own; each costs a verification.
SIGNATURES_MAX: Final = 4
# Clocks that are kept by NTP differ by less than a second; those that are not, by minutes.
CLOCK_SKEW_S: Final = 300

_LABEL: Final = "sig1"
_FAULTS: Final = get_args(SignatureFault)
_DEFAULT_PORTS: Final = MappingProxyType({"http": ":80", "https": ":443"})
_ALWAYS: Final = frozenset({"@method", "@authority", "@path"})
# Covered wherever they are sent (M:D/signatures, the coverage gate).
_BINDING: Final = frozenset({"ucp-agent", "idempotency-key"})
_OF_A_BODY: Final = frozenset({"content-digest", "content-type"})


class _Curve(msgspec.Struct, frozen=True):
    """``size`` is the length in bytes of each half of a signature."""

    alg: str
    digest: hashes.HashAlgorithm
    size: int


_CURVES: Final[Mapping[str, _Curve]] = MappingProxyType(
    {
        "P-256": _Curve("ES256", hashes.SHA256(), 32),
        "P-384": _Curve("ES384", hashes.SHA384(), 48),
    }
)


class SignatureRefused(Exception):
    """No signature of a message holds; ``code`` is the protocol's word for the reason (digest 6.2)."""

    def __init__(self, code: SignatureFault) -> None:
        super().__init__(code)
        self.code = code


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """A request as it is on the wire: the absolute URL, header names in lower case, the body's bytes."""

    method: str
    url: str
    headers: Mapping[str, str]
    body: bytes

    def values(self) -> dict[str, str]:
        """What a signature can cover, by name (RFC 9421 2). Raises ValueError where the URL is none."""
        parts = urlsplit(self.url)
        host = parts.netloc.rpartition("@")[2].lower()
        values = {
            "@method": self.method,
            "@authority": host.removesuffix(_DEFAULT_PORTS.get(parts.scheme, "")),
            "@path": parts.path or "/",
        }
        if parts.query:
            values["@query"] = f"?{parts.query}"
        return values | {name: text.strip() for name, text in self.headers.items()}

    def to_cover(self) -> frozenset[str]:
        """What a signature has to cover, so that nothing that matters can be exchanged (digest 7.3)."""
        names = _ALWAYS | (_BINDING & self.headers.keys())
        if urlsplit(self.url).query:
            names |= {"@query"}
        return names | _OF_A_BODY if self.body else names


def content_digest(body: bytes) -> str:
    """The value of ``Content-Digest``."""
    return f"sha-256=:{base64.b64encode(hashlib.sha256(body).digest()).decode()}:"


def sign(request: Request, key: ECKey, created_s: int) -> dict[str, str]:
    """The headers to send with ``request``, by name; every header that it has already is covered.

    ``key`` is private, on P-256 or P-384, and has a kid; ``created_s`` is a Unix time. Raises
    ValueError where the URL is none.
    """
    added = {"content-digest": content_digest(request.body)} if request.body else {}
    complete = msgspec.structs.replace(request, headers={**request.headers, **added})
    values = complete.values()
    covered: Covered = [(name, {}) for name in values]
    parameters = {"created": created_s, "keyid": key.kid}
    signature = _signature(_base(values, covered, parameters), key)
    return {
        **added,
        "signature-input": f"{_LABEL}={_said(covered, parameters)}",
        "signature": http_sf.ser({_LABEL: (signature, {})}),
    }


def verify(request: Request, keys: Sequence[Wire], now_s: float) -> str:
    """The kid of the key that signed ``request``, one of ``keys`` (JWKs, of which any may be broken).

    One signature that holds is enough. Raises `SignatureRefused` with the most that can be said
    against the others, and ValueError where the URL is none.
    """
    signatures = _dictionary(request.headers.get("signature"))
    refused = SignatureRefused("signature_missing")
    for label, member in islice(
        _dictionary(request.headers.get("signature-input")).items(), SIGNATURES_MAX
    ):
        try:
            return _verify_one(request, member, signatures.get(label), keys, now_s)
        except SignatureRefused as error:
            refused = max(refused, error, key=lambda fault: _FAULTS.index(fault.code))
    raise refused


def _verify_one(
    request: Request, member: tuple[Any, Parameters], signature: Any, keys: Sequence[Wire], now_s: float
) -> str:
    covered, parameters = member
    raw = signature[0] if signature is not None else None
    if not isinstance(covered, list) or not isinstance(raw, bytes):
        raise SignatureRefused("signature_missing")
    values = request.values()
    _check_coverage(request, covered, values)
    _check_time(parameters, now_s)
    # A tag says that a signature is made for something else than UCP (digest 7.4).
    if "tag" in parameters:
        raise SignatureRefused("signature_missing")
    kid, key = _key(keys, parameters.get("keyid"))
    if "content-digest" in values and not _is_digest(values["content-digest"], request.body):
        raise SignatureRefused("digest_mismatch")
    _check_signature(_base(values, covered, parameters), raw, key)
    return kid


def _check_coverage(request: Request, covered: Covered, values: Mapping[str, str]) -> None:
    """Parts of fields and fields of other messages, which parameters name, are not UCP's."""
    names = [name for name, parameters in covered if type(name) is str and not parameters]
    whole = len(names) == len(covered) == len(set(names))
    if not whole or not request.to_cover() <= set(names) <= values.keys():
        raise SignatureRefused("signature_invalid")


def _check_time(parameters: Parameters, now_s: float) -> None:
    """Both times are optional, and whole numbers."""
    created, expires = parameters.get("created", 0), parameters.get("expires", int(now_s))
    if not isinstance(created, int) or not isinstance(expires, int):
        raise SignatureRefused("signature_invalid")
    if created > now_s + CLOCK_SKEW_S or expires < now_s - CLOCK_SKEW_S:
        raise SignatureRefused("signature_invalid")


def _key(keys: Iterable[Wire], keyid: object) -> tuple[str, ECKey]:
    """The first key of this name that can be used; others do not make the set useless."""
    refused = SignatureRefused("key_not_found")
    for jwk in keys:
        if not isinstance(keyid, str) or jwk.get("kid") != keyid or not _is_for_signatures(jwk):
            continue
        refused = SignatureRefused("algorithm_unsupported")
        curve = _CURVES.get(str(jwk.get("crv")))
        if curve is None or jwk.get("alg", curve.alg) != curve.alg:
            continue
        try:
            return keyid, ECKey.import_key({name: jwk[name] for name in ("kty", "crv", "x", "y")})
        except (JoseError, ValueError, KeyError, TypeError):
            continue
    raise refused


def _is_for_signatures(jwk: Wire) -> bool:
    operations = jwk.get("key_ops")
    return jwk.get("use") != "enc" and (not isinstance(operations, list) or "verify" in operations)


def _is_digest(header: str, body: bytes) -> bool:
    said = _dictionary(header).get("sha-256")
    return said is not None and said[0] == hashlib.sha256(body).digest()


def _dictionary(header: str | None) -> Mapping[str, tuple[Any, Parameters]]:
    """A structured field (RFC 9651), empty where it is missing or none."""
    try:
        parsed = http_sf.parse((header or "").encode(), tltype="dictionary")
    except ValueError:
        return {}
    return cast("Mapping[str, tuple[Any, Parameters]]", parsed)


def _base(values: Mapping[str, str], covered: Covered, parameters: Parameters) -> bytes:
    """The bytes that are signed (RFC 9421 2.5)."""
    lines = [f'"{name}": {values[str(name)]}' for name, _ in covered]
    return "\n".join((*lines, f'"@signature-params": {_said(covered, parameters)}')).encode()


def _said(covered: Covered, parameters: Parameters) -> str:
    """What is covered and how, as it is written down in ``Signature-Input`` and signed."""
    member: Any = (covered, parameters)
    return http_sf.ser({_LABEL: member}).removeprefix(f"{_LABEL}=")


def _signature(base: bytes, key: ECKey) -> bytes:
    """Both halves in full width, as RFC 9421 3.3.4 has it, and not the DER that libraries make."""
    curve = _CURVES[key.curve_name]
    if key.private_key is None:
        raise TypeError("a public key does not sign")
    halves = decode_dss_signature(key.private_key.sign(base, ec.ECDSA(curve.digest)))
    return b"".join(half.to_bytes(curve.size) for half in halves)


def _check_signature(base: bytes, raw: bytes, key: ECKey) -> None:
    curve = _CURVES[key.curve_name]
    if len(raw) != 2 * curve.size:
        raise SignatureRefused("signature_invalid")
    r, s = int.from_bytes(raw[: curve.size]), int.from_bytes(raw[curve.size :])
    try:
        key.public_key.verify(encode_dss_signature(r, s), base, ec.ECDSA(curve.digest))
    except InvalidSignature:
        raise SignatureRefused("signature_invalid") from None
