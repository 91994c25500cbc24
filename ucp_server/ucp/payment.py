"""Ways to pay on the wire of the newest release (D/checkout, "Payment"; M:D/overview#Payment Handlers).

A credential leaves the document here, on its way into a `Credential`, and is never rendered.
"""

import re
from collections.abc import Iterable
from typing import Any, Final

import msgspec

from ucp_server.domain.checkout import Instrument
from ucp_server.domain.errors import InvalidRequest
from ucp_server.ports import Credential
from ucp_server.ucp.addresses import decode_address, render_address

Wire = dict[str, Any]

# The facts of an instrument that may be kept and shown (S/shopping/types/card_payment_instrument.json).
DISPLAYED: Final = (
    "brand",
    "last_digits",
    "expiry_month",
    "expiry_year",
    "description",
    "card_art",
)
# Shown, kept, logged by others: twelve digits in a row are a card number that strayed in here.
_CARD_NUMBER: Final = re.compile(r"(?:\d[ -]?){12}", re.ASCII)
# Four digits may be shown (PCI DSS 3.4.1 allows those and the issuer's first six).
_LAST_DIGITS_MAX: Final = 4


class _InstrumentSent(msgspec.Struct):
    id: str
    handler_id: str
    type: str
    selected: bool = False
    display: dict[str, Any] = {}
    billing_address: dict[str, Any] | None = None
    credential: dict[str, Any] | None = None


class _PaymentSent(msgspec.Struct):
    instruments: tuple[_InstrumentSent, ...] = ()


def decode_instruments(wire: Any) -> tuple[Instrument, ...]:
    """The instruments of a ``payment`` object; empty where it is absent. Credentials are dropped."""
    return tuple(_instrument(sent) for sent in _decode(wire).instruments)


def decode_payment(wire: Any) -> tuple[Instrument, Credential]:
    """The one instrument that a complete pays with (M:D/overview, "Instrument Cardinality").

    Among several the selected one counts. Raises `InvalidRequest` where it is not clear which, or
    where it holds nothing to pay with.
    """
    sent = _decode(wire).instruments
    chosen = sent if len(sent) == 1 else [entry for entry in sent if entry.selected]
    if len(chosen) != 1:
        raise InvalidRequest("Exactly one payment instrument has to be given.")
    if not chosen[0].credential:
        raise InvalidRequest("The payment instrument holds no credential.")
    members = dict(chosen[0].credential)
    type_ = members.pop("type", "")
    return _instrument(chosen[0]), Credential(type=str(type_), members=members)


def _decode(wire: Any) -> _PaymentSent:
    return msgspec.convert(wire, _PaymentSent | None) or _PaymentSent()


def _instrument(sent: _InstrumentSent) -> Instrument:
    return Instrument(
        id=sent.id,
        handler_id=sent.handler_id,
        type=sent.type,
        selected=sent.selected,
        display={
            name: sent.display[name] for name in DISPLAYED if _may_be_shown(sent.display.get(name), name)
        },
        billing_address=decode_address(sent.billing_address or {}),
    )


def _may_be_shown(value: Any, name: str) -> bool:
    if isinstance(value, str):
        return not _CARD_NUMBER.search(value) and (name != "last_digits" or len(value) <= _LAST_DIGITS_MAX)
    return type(value) is int and value < 10_000  # a month or a year


def render_instruments(instruments: Iterable[Instrument]) -> list[Wire]:
    return [_render_instrument(instrument) for instrument in instruments]


def _render_instrument(instrument: Instrument) -> Wire:
    wire: Wire = {"id": instrument.id, "handler_id": instrument.handler_id, "type": instrument.type}
    if instrument.selected:
        wire["selected"] = True
    if instrument.display:
        wire["display"] = dict(instrument.display)
    if instrument.billing_address is not None:
        wire["billing_address"] = render_address(instrument.billing_address)
    return wire
