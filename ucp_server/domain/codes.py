"""Signed statements of an offer: what they say, and how they are written.

``<prefix><payload>.<signature>``: both in base64url without padding, the signature (Ed25519) over the
payload's bytes. There is one way to write each: whatever differs from it is refused.
"""

import base64
import binascii
from datetime import datetime
from decimal import Decimal
from typing import Final, Literal

import msgspec

from ucp_server.domain.attribution import Commission, CommissionType, Offer
from ucp_server.domain.money import MILLION, Money, decimal_text

# Longer than any offer's names make one; a reader is not to be fed without end.
CODE_CHARACTERS_MAX: Final = 4096
_SIGNATURE_BYTES: Final = 64
_PER_CENT_PPM: Final = MILLION // 100


class CodeCommission(msgspec.Struct, frozen=True, kw_only=True):
    """``value`` is an amount for ``cpa``, per cent otherwise; ``min`` is an amount."""

    type: CommissionType
    value: Decimal
    min: Decimal


class CodePayload(msgspec.Struct, frozen=True, kw_only=True):
    """The members in their order. Amounts are decimals of ``currency``, times seconds of the epoch."""

    version: Literal["1"] = msgspec.field(name="v")
    issuer: str = msgspec.field(name="iss")
    offer_id: str = msgspec.field(name="off")
    merchant_id: str = msgspec.field(name="mer")
    provider: str = msgspec.field(name="pro")
    product: str = msgspec.field(name="prd")
    price: Decimal = msgspec.field(name="prc")
    currency: str = msgspec.field(name="cur")
    commission: CodeCommission = msgspec.field(name="com")
    issued_at_s: int = msgspec.field(name="iat")
    expires_at_s: int = msgspec.field(name="exp")


encode_payload: Final = msgspec.json.Encoder(decimal_format="number").encode
_decode_payload: Final = msgspec.json.Decoder(CodePayload).decode


def payload_of(offer: Offer, issuer: str, *, issued_at: datetime, ttl_s: int) -> CodePayload:
    """What a code of ``issuer`` says of ``offer``."""
    issued_at_s = int(issued_at.timestamp())
    return CodePayload(
        version="1",
        issuer=issuer,
        offer_id=offer.id,
        merchant_id=offer.merchant_id,
        provider=offer.provider,
        product=offer.name,
        price=Decimal(decimal_text(offer.price)),
        currency=offer.price.currency,
        commission=_commission(offer.commission, offer.price.currency),
        issued_at_s=issued_at_s,
        expires_at_s=issued_at_s + ttl_s,
    )


def _commission(commission: Commission, currency: str) -> CodeCommission:
    if commission.type is CommissionType.CPA:
        value = Decimal(decimal_text(Money(commission.amount_minor, currency)))
    else:
        value = Decimal(commission.rate_ppm) / _PER_CENT_PPM
    least = Decimal(decimal_text(Money(commission.min_minor, currency)))
    return CodeCommission(type=commission.type, value=value, min=least)


def join(prefix: str, payload: bytes, signature: bytes) -> str:
    return f"{prefix}{base64url(payload)}.{base64url(signature)}"


class MalformedCode(ValueError):
    """Not written as our codes are."""


def split(prefix: str, text: str) -> tuple[bytes, bytes]:
    """(payload, signature) of a code, of which nothing is proved yet. Raises MalformedCode."""
    if len(text) > CODE_CHARACTERS_MAX or not text.startswith(prefix):
        raise MalformedCode
    payload, dot, signature = text[len(prefix) :].rpartition(".")
    if not dot:
        raise MalformedCode
    parts = _raw(payload), _raw(signature)
    if len(parts[1]) != _SIGNATURE_BYTES:
        raise MalformedCode
    return parts


def read_payload(raw: bytes) -> CodePayload:
    """Raises MalformedCode."""
    try:
        return _decode_payload(raw)
    except (msgspec.MsgspecError, ValueError) as error:
        raise MalformedCode from error


def base64url(raw: bytes) -> str:
    """RFC 4648, section 5, without padding."""
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def _raw(text: str) -> bytes:
    """Raises MalformedCode, also for a second way to write the same bytes."""
    try:
        raw = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError) as error:
        raise MalformedCode from error
    if base64url(raw) != text:
        raise MalformedCode
    return raw
