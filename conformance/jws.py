"""Detached JWS (RFC 7797) verified from first principles, with the keys of a profile."""

import base64
import binascii
from collections.abc import Mapping

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

from conformance.registry import Wire

CURVES: dict[str, tuple[str, ec.EllipticCurve, hashes.HashAlgorithm, int]] = {
    "ES256": ("P-256", ec.SECP256R1(), hashes.SHA256(), 32),
    "ES384": ("P-384", ec.SECP384R1(), hashes.SHA384(), 48),
}


class SignatureFault(Exception):
    """The signature does not hold, and why."""


def header_of(signature: str) -> Wire:
    """The protected header of a detached signature `header..signature`."""
    parts = signature.split(".")
    if len(parts) != 3 or parts[1]:
        raise SignatureFault("it is not of the form header..signature")
    try:
        return msgspec.json.decode(_decoded(parts[0]), type=dict)
    except msgspec.MsgspecError as error:
        raise SignatureFault("its header is not a JSON object") from error


def verify(signature: str, body: bytes, keys: Mapping[str, Wire]) -> None:
    """Raise SignatureFault unless one of `keys`, by its kid, signed exactly this body."""
    header = header_of(signature)
    kid = str(header.get("kid"))
    if kid not in keys:
        raise SignatureFault(f"the profile has no key {kid!r}")
    algorithm = str(header.get("alg"))
    if algorithm not in CURVES:
        raise SignatureFault(f"{algorithm} is no algorithm known here")
    protected, _, raw_signature = signature.partition("..")
    payload = body if header.get("b64") is False else _encoded(body)
    _, _, digest, size = CURVES[algorithm]
    raw = _decoded(raw_signature)
    if len(raw) != 2 * size:
        raise SignatureFault(f"the signature has {len(raw)} bytes")
    pair = (int.from_bytes(raw[:size], "big"), int.from_bytes(raw[size:], "big"))
    try:
        _public(keys[kid], algorithm).verify(
            encode_dss_signature(*pair), protected.encode() + b"." + payload, ec.ECDSA(digest)
        )
    except InvalidSignature as error:
        raise SignatureFault(f"key {kid} did not sign this body") from error


def _public(key: Wire, algorithm: str) -> ec.EllipticCurvePublicKey:
    name, curve, _, _ = CURVES[algorithm]
    if key.get("kty") != "EC" or key.get("crv") != name:
        raise SignatureFault(f"key {key.get('kid')} is not for {algorithm}")
    x, y = (int.from_bytes(_decoded(str(key.get(each, ""))), "big") for each in ("x", "y"))
    try:
        return ec.EllipticCurvePublicNumbers(x, y, curve).public_key()
    except ValueError as error:
        raise SignatureFault(f"key {key.get('kid')} is not a point on its curve") from error


def _decoded(text: str) -> bytes:
    try:
        return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except (binascii.Error, ValueError) as error:
        raise SignatureFault("it is not base64url") from error


def _encoded(raw: bytes) -> bytes:
    return base64.urlsafe_b64encode(raw).rstrip(b"=")
