"""Ways to pay on the wire of the newest release (D/checkout, "Payment"; M:D/overview#Payment Handlers).

A credential leaves the document here, on its way into a `Credential`, and is never rendered.
"""

from collections.abc import Iterable
from typing import Any

import msgspec

from ucp_server.domain.checkout import Instrument
from ucp_server.domain.display import displayable
from ucp_server.domain.errors import InvalidRequest, ProblemRefused
from ucp_server.domain.problems import payment_failed
from ucp_server.ports import Credential
from ucp_server.ucp.addresses import decode_address, render_address

Wire = dict[str, Any]


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


def decode_payment(wire: Any, *, exactly_one: bool = False) -> tuple[Instrument, Credential]:
    """The one instrument that a complete pays with.

    Among several the selected one counts, unless there has to be ``exactly_one``: then others are
    `ProblemRefused` (M:D/overview, "Instrument Cardinality"). Raises `InvalidRequest` where it is not
    clear which, or where it holds nothing to pay with.
    """
    sent = _decode(wire).instruments
    if exactly_one and len(sent) != 1:
        text = "The order is paid with exactly one payment instrument."
        raise ProblemRefused(payment_failed(text, "instruments"))
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
        display=displayable(sent.display),
        billing_address=decode_address(sent.billing_address or {}),
    )


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
