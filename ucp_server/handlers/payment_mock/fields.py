"""The fields of a card as a person fills them in."""

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Final, Literal

import msgspec

from ucp_server.handlers.payment_mock.cards import is_card_number
from ucp_server.handlers.payment_mock.tokens import REFUSED_BY_VAULT

FieldName = Literal["number", "expiry", "cvc"]
# Month and year as cards print them, whatever stands between; the year may be written out.
_EXPIRY: Final = re.compile(r"([0-9]{1,2}) ?[/.\-年]? ?(?:20)?([0-9]{2})", re.ASCII)
_GAPS: Final = re.compile(r"[\s\-]+")
# The last digits are on the card for as long as it is valid; none is issued for longer than that.
_YEARS_MAX: Final = 20
_AMEX: Final = ("34", "37")


class Card(msgspec.Struct, frozen=True, kw_only=True):
    """Valid at sight. It lives for one request."""

    number: str
    expiry_month: int
    expiry_year: int

    def __repr__(self) -> str:
        return "Card(••••)"


def read_card(given: Mapping[str, str], now: datetime) -> Card | frozenset[FieldName]:
    """The card, or the fields in which something is wrong. Digits may be of any script."""
    number = _GAPS.sub("", western(given.get("number", "")))
    expiry = _expiry(western(given.get("expiry", "").strip()), now)
    wrong: set[FieldName] = set()
    if not is_card_number(number) or number in REFUSED_BY_VAULT:
        wrong.add("number")
    if not _is_cvc(western(given.get("cvc", "").strip()), number):
        wrong.add("cvc")
    if expiry is None:
        wrong.add("expiry")
    if wrong or expiry is None:
        return frozenset(wrong)
    return Card(number=number, expiry_month=expiry[0], expiry_year=expiry[1])


def western(text: str) -> str:
    """``text`` with the digits 0 to 9 instead of those of other scripts, as phones type them."""
    return "".join(str(int(sign)) if sign.isdecimal() else sign for sign in text)


def _expiry(text: str, now: datetime) -> tuple[int, int] | None:
    """Month and year; a card is valid to the end of its month."""
    found = _EXPIRY.fullmatch(text)
    if found is None:
        return None
    month, year = int(found[1]), 2000 + int(found[2])
    is_valid = (year, month) >= (now.year, now.month) and year <= now.year + _YEARS_MAX
    return (month, year) if 1 <= month <= 12 and is_valid else None


def _is_cvc(text: str, number: str) -> bool:
    length = 4 if number.startswith(_AMEX) else 3
    return len(text) == length and text.isascii() and text.isdigit()
