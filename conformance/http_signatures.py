"""HTTP message signatures (RFC 9421) of requests that we received, verified with a profile's keys.

Nothing of what a server signs with is used here: the signature base is written from the request.
"""

import base64
import hashlib
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

import http_sf
import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

from conformance.jws import SignatureFault
from conformance.registry import Wire

CURVES: Mapping[str, tuple[ec.EllipticCurve, hashes.HashAlgorithm, int]] = {
    "P-256": (ec.SECP256R1(), hashes.SHA256(), 32),
    "P-384": (ec.SECP384R1(), hashes.SHA384(), 48),
}
DEFAULT_PORTS = {"http": 80, "https": 443}


class Received(msgspec.Struct, frozen=True):
    """A request as it came; header names are lower case, the URL is the one it was sent to."""

    method: str
    url: str
    headers: Mapping[str, str]
    body: bytes


class Signature(msgspec.Struct, frozen=True):
    """One signature of a request: which parts it covers, and what it says of itself."""

    covered: tuple[str, ...]
    parameters: Wire
    said: str
    raw: bytes

    @property
    def key_id(self) -> str:
        return str(self.parameters.get("keyid"))


def signature_of(request: Received) -> Signature:
    """The first signature of the request. Raises SignatureFault where there is none to be read."""
    inputs = _dictionary(request, "signature-input")
    if not inputs:
        raise SignatureFault("there is no Signature-Input")
    label, (covered, parameters) = next(iter(inputs.items()))
    raw = _dictionary(request, "signature").get(label, (None, {}))[0]
    if not isinstance(covered, list) or not isinstance(raw, bytes):
        raise SignatureFault(f"Signature-Input and Signature do not both hold {label!r}")
    # As it was written: a number or a parameter in another spelling would be another base.
    written = request.headers["signature-input"]
    said = written[written.index("(") :] if len(inputs) == 1 else _said(label, covered, parameters)
    names = tuple(str(name) for name, _ in covered)
    return Signature(names, {str(name): value for name, value in parameters.items()}, said, raw)


def verify(request: Received, keys: Mapping[str, Wire]) -> None:
    """Raise SignatureFault unless one of ``keys``, by its kid, signed this request."""
    signature = signature_of(request)
    if signature.key_id not in keys:
        raise SignatureFault(f"the profile has no key {signature.key_id!r}")
    lines = [f'"{name}": {_value(request, name)}' for name in signature.covered]
    base = "\n".join([*lines, f'"@signature-params": {signature.said}'])
    _check(keys[signature.key_id], signature.raw, base.encode())


def check_digest(request: Received) -> None:
    """Raise SignatureFault unless Content-Digest is the SHA-256 of the body (RFC 9530)."""
    told = _dictionary(request, "content-digest").get("sha-256", (None, {}))[0]
    made = hashlib.sha256(request.body).digest()
    if told != made:
        raise SignatureFault(f"Content-Digest is {request.headers.get('content-digest')!r}")


def to_cover(request: Received) -> frozenset[str]:
    """Which parts a signature of the request has to cover (signatures#REST Request Signing)."""
    names = {"@method", "@authority", "@path"}
    names |= {"@query"} if urlsplit(request.url).query else set()
    names |= {"ucp-agent", "idempotency-key"} & request.headers.keys()
    return frozenset(names | ({"content-digest", "content-type"} if request.body else set()))


def _dictionary(request: Received, header: str) -> dict[str, tuple[Any, Wire]]:
    try:
        parsed: Any = http_sf.parse(request.headers.get(header, "").encode(), tltype="dictionary")
    except ValueError as error:
        raise SignatureFault(f"{header} is no structured field: {error}") from error
    return dict(parsed)


def _said(label: str, covered: list[Any], parameters: Mapping[str, Any]) -> str:
    member: Any = (covered, parameters)
    written: str = http_sf.ser({label: member})
    return written.removeprefix(f"{label}=")


def _value(request: Received, name: str) -> str:
    parts = urlsplit(request.url)
    port = "" if parts.port in {None, DEFAULT_PORTS.get(parts.scheme)} else f":{parts.port}"
    derived = {
        "@method": request.method,
        "@authority": f"{(parts.hostname or '').lower()}{port}",
        "@path": parts.path or "/",
        "@query": f"?{parts.query}",
        "@target-uri": request.url,
        "@scheme": parts.scheme,
    }
    value = derived.get(name, request.headers.get(name))
    if value is None:
        raise SignatureFault(f"it covers {name!r}, which the request does not have")
    return value.strip()


def _check(key: Wire, raw: bytes, base: bytes) -> None:
    try:
        if key.get("crv") == "Ed25519":
            ed25519.Ed25519PublicKey.from_public_bytes(_decoded(key, "x")).verify(raw, base)
            return
        curve, digest, size = CURVES[str(key.get("crv"))]
        if len(raw) != 2 * size:
            raise SignatureFault(f"the signature has {len(raw)} bytes")
        x, y, r, s = (
            int.from_bytes(part)
            for part in (_decoded(key, "x"), _decoded(key, "y"), raw[:size], raw[size:])
        )
        public = ec.EllipticCurvePublicNumbers(x, y, curve).public_key()
        public.verify(encode_dss_signature(r, s), base, ec.ECDSA(digest))
    except InvalidSignature as error:
        raise SignatureFault(f"key {key.get('kid')} did not sign this request") from error
    except (KeyError, ValueError) as error:
        raise SignatureFault(f"key {key.get('kid')} is none that can be used: {error!r}") from error


def _decoded(key: Wire, member: str) -> bytes:
    text = str(key[member])
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
