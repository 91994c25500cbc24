"""What stands on a bill: the names of its rows, and what it was paid with."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from ucp_server.domain.checkout import Instrument
from ucp_server.domain.quote import Total
from ucp_server.languages.language import Language, message

_ROWS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "subtotal": message("Subtotal"),
        "items_discount": message("Discounts on items"),
        "discount": message("Discount"),
        "fulfillment": message("Delivery"),
        "tax": message("Tax"),
        "fee": message("Fee"),
        "total": message("Total"),
    }
)
_INSTRUMENTS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "card": message("Card"),
        "account": message("Account"),
        "wallet": message("Wallet"),
        "bank_transfer": message("Bank transfer"),
    }
)


def row_label(row: Total, language: Language) -> str:
    """The shop's own words for it, such as a discount's title, where it has any."""
    return row.text or language.text(_ROWS[row.type])


def paid_with(instrument: Instrument | None, language: Language) -> str:
    """``Visa •••• 4242``, or what kind of payment it was; "" where nobody knows any more."""
    if instrument is None:
        return ""
    shown = instrument.display
    brand, digits = str(shown.get("brand", "")), str(shown.get("last_digits", ""))
    kind = language.text(_INSTRUMENTS.get(instrument.type, instrument.type.replace("_", " ").capitalize()))
    if digits:
        name = brand.capitalize() if brand.islower() else brand
        return f"{name or kind} •••• {digits}"
    return str(shown.get("description", "")) or brand or kind
