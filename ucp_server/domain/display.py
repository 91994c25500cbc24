"""What may be kept and shown of a way to pay."""

import re
from collections.abc import Mapping
from typing import Final

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


def displayable(facts: Mapping[str, object]) -> dict[str, str | int]:
    """Those of ``facts`` that are on the list and hold no card number; the others are dropped."""
    return {
        name: value
        for name in DISPLAYED
        if isinstance(value := facts.get(name), str | int) and _may_be_shown(value, name)
    }


def _may_be_shown(value: str | int, name: str) -> bool:
    if isinstance(value, str):
        return not _CARD_NUMBER.search(value) and (name != "last_digits" or len(value) <= _LAST_DIGITS_MAX)
    return type(value) is int and value < 10_000  # a month or a year
