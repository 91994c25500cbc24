"""Codes on the wire (field.md 8: ``/v1/codes/issue``, ``verify``, ``public-key``)."""

from collections.abc import Sequence
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any, Final

from ucp_server.aap.amounts import plain
from ucp_server.asgi.times import iso8601
from ucp_server.domain.codes import CodeCommission, CodePayload
from ucp_server.engine.codes import Code, CodeFault, NotVerified, PublicKey, Verified

Wire = dict[str, Any]

_FAULTS: Final = MappingProxyType[CodeFault, str](
    {
        "malformed": "Malformed code",
        "foreign_issuer": "Unknown issuer",
        "unknown_key": "Unknown signing key",
        "bad_signature": "Invalid signature",
        "expired": "Code expired",
    }
)


def render_code(code: Code) -> Wire:
    return {
        "aapCode": code.text,
        "payload": _payload(code.payload),
        "expiresAt": iso8601(code.expires_at),
    }


def _payload(payload: CodePayload) -> Wire:
    """The members under the names that they have within the code."""
    return {
        "v": payload.version,
        "iss": payload.issuer,
        "off": payload.offer_id,
        "mer": payload.merchant_id,
        "pro": payload.provider,
        "prd": payload.product,
        "prc": plain(payload.price),
        "cur": payload.currency,
        "com": _commission(payload.commission),
        "iat": payload.issued_at_s,
        "exp": payload.expires_at_s,
    }


def _commission(commission: CodeCommission) -> Wire:
    return {
        "type": commission.type.value,
        "value": plain(commission.value),
        "min": plain(commission.min),
    }


def render_verdict(verdict: Verified | NotVerified) -> Wire:
    if isinstance(verdict, NotVerified):
        return {"valid": False, "error": _FAULTS[verdict.reason]}
    payload = verdict.payload
    return {
        "valid": True,
        "issuer": payload.issuer,
        "offer": {
            "id": payload.offer_id,
            "merchantId": payload.merchant_id,
            "provider": payload.provider,
            "name": payload.product,
            "price": plain(payload.price),
            "currency": payload.currency,
        },
        "commission": _commission(payload.commission),
        "issuedAt": _time(payload.issued_at_s),
        "expiresAt": _time(payload.expires_at_s),
    }


def _time(epoch_s: int) -> str:
    return iso8601(datetime.fromtimestamp(epoch_s, UTC))


def render_public_keys(keys: Sequence[PublicKey], at: datetime) -> Wire:
    """``publicKey`` is the one that signs at ``at``; ``keys`` are all whose codes may still be shown."""
    signing = next((key for key in keys if key.signs_from <= at), keys[-1])
    return {
        "algorithm": "Ed25519",
        "publicKey": signing.pem,
        "format": "PEM",
        "keys": [{"publicKey": key.pem, "signsFrom": iso8601(key.signs_from)} for key in keys],
    }
