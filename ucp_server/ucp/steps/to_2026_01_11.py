"""Between 2026-01-23 and 2026-01-11."""

from types import MappingProxyType
from typing import Any, Final

from ucp_server.ucp.steps import Step, objects_in

Wire = dict[str, Any]

# Members of a card instrument that 2026-01-23 moved into ``display``, with their names there.
_DISPLAYED: Final = MappingProxyType(
    {
        "brand": "brand",
        "last_digits": "last_digits",
        "expiry_month": "expiry_month",
        "expiry_year": "expiry_year",
        "rich_text_description": "description",
        "rich_card_art": "card_art",
    }
)


def currency_becomes_a_preference(document: Wire) -> None:
    """Until 2026-01-23 a request named its currency (G/shopping/checkout.create_req.json).

    It was always the business that decided; what is left of it is a hint in ``context``.
    """
    if "currency" in document:
        document["context"] = {"currency": document.pop("currency")}


def payment_data_becomes_the_payment(document: Wire) -> None:
    """2026-01-23 replaced ``payment_data`` in a complete by ``payment.instruments`` (V/openapi.json)."""
    if "payment_data" in document:
        document["payment"] = {"instruments": [document.pop("payment_data")]}


def selection_moves_into_the_instruments(document: Wire) -> None:
    """2026-01-23 replaced ``selected_instrument_id`` by ``selected`` (types/payment_instrument.json)."""
    payment = document.get("payment")
    if not isinstance(payment, dict) or "selected_instrument_id" not in payment:
        return
    chosen = payment.pop("selected_instrument_id")
    for instrument in objects_in(payment, "instruments"):
        instrument["selected"] = instrument.get("id") == chosen


def card_facts_move_into_display(document: Wire) -> None:
    """2026-01-23 gathered what is shown of a card in ``display`` (types/card_payment_instrument.json)."""
    for instrument in objects_in(document.get("payment"), "instruments"):
        shown = {new: instrument.pop(old) for old, new in _DISPLAYED.items() if old in instrument}
        instrument["display"] = shown


def cards_become_flat(document: Wire) -> None:
    """Before 2026-01-23 every instrument was a card that told its brand and last digits.

    What cannot be told like that is left out: the platform knows what it sent.
    """
    payment = document["payment"]
    payment["instruments"] = [card for card in map(_flat, payment.get("instruments", ())) if card]


def _flat(instrument: Wire) -> Wire | None:
    shown = instrument.pop("display", {})
    if instrument["type"] != "card" or not shown.get("brand") or not shown.get("last_digits"):
        return None
    return instrument | {old: shown[new] for old, new in _DISPLAYED.items() if new in shown}


def selection_moves_out_of_the_instruments(document: Wire) -> None:
    """Before 2026-01-23 ``payment`` named the selected instrument (S/shopping/payment.json)."""
    for instrument in objects_in(document["payment"], "instruments"):
        if instrument.pop("selected", False):
            document["payment"]["selected_instrument_id"] = instrument["id"]


REQUESTS: Final[tuple[Step, ...]] = (
    currency_becomes_a_preference,
    payment_data_becomes_the_payment,
    selection_moves_into_the_instruments,
    card_facts_move_into_display,
)
# In this order, so that no id is named as selected whose instrument was left out.
CHECKOUTS: Final[tuple[Step, ...]] = (cards_become_flat, selection_moves_out_of_the_instruments)
ORDERS: Final[tuple[Step, ...]] = ()
