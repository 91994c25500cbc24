"""A fresh card on the wire: looked at, put into a `Credential`, and seen nowhere else."""

from datetime import datetime, timedelta
from typing import Any, Final

from ucp_server.c2a.refusals import CardInvalid
from ucp_server.ports import Credential

Wire = dict[str, Any]

_SEPARATORS: Final = str.maketrans("", "", " -")
# Where a month ends last.
_LAST_ZONE: Final = timedelta(hours=12)


def decode_card(card: Wire, at: datetime) -> Credential:
    """From a checked ``creditCard`` with all that a fresh card has. Raises `CardInvalid`.

    A card is good to the end of its month, wherever it still is that month. Whether the number is one
    is for the vault to say.
    """
    number = str(card["cardNumber"]).translate(_SEPARATORS)
    year, month = int(card["expireYear"]), int(card["expireMonth"])
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
