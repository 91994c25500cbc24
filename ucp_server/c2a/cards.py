"""A fresh card on the wire: looked at, put into a `Credential`, and seen nowhere else."""

from datetime import datetime, timedelta
from typing import Any, Final

from ucp_server.c2a.refusals import CardInvalid
from ucp_server.ports import Credential

Wire = dict[str, Any]

_SEPARATORS: Final = str.maketrans("", "", " -")
# A card number with its check digit (ISO/IEC 7812-1) sums up to a multiple of ten.
_LUHN: Final = 10
# Where a month ends last.
_LAST_ZONE: Final = timedelta(hours=12)


def decode_card(card: Wire, at: datetime) -> Credential:
    """From a checked ``creditCard`` with all that a fresh card has. Raises `CardInvalid`.

    A card is good to the end of its month, wherever it still is that month.
    """
    number = str(card["cardNumber"]).translate(_SEPARATORS)
    year, month = int(card["expireYear"]), int(card["expireMonth"])
    if not _has_check_digit(number):
        raise CardInvalid("This card number has a typing error.")
    here = at - _LAST_ZONE
    if (year, month) < (here.year, here.month):
        raise CardInvalid("This card has expired.")
    return Credential(
        type="card",
        members={
            "number": number,
            "expiry_month": month,
            "expiry_year": year,
            "cvc": card["cvc"],
            "name": card["cardHolderName"],
        },
    )


def _has_check_digit(number: str) -> bool:
    digits = [int(digit) for digit in reversed(number)]
    doubled = [digit * 2 - 9 * (digit > 4) for digit in digits[1::2]]
    return (sum(digits[::2]) + sum(doubled)) % _LUHN == 0
