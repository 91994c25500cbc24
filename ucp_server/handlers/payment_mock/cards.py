"""The mock's vault: of each card it keeps the token that the card stands for, and no more.

A file for each reference, linked into place like the books' own; no number is ever written.
"""

import hashlib
from pathlib import Path

from ucp_server.handlers.payment_mock.files import place_of, read_if_there, write_whole
from ucp_server.handlers.payment_mock.tokens import REFUSED_BY_VAULT, TEST_CARDS
from ucp_server.ports import Credential, Declined, Vaulted

# ISO/IEC 7812-1: the shortest numbers in use, and the longest there can be.
_DIGITS_MIN, _DIGITS_MAX = 12, 19
_BRANDS = {"3": "amex", "4": "visa", "5": "mastercard"}


class Cards:
    """Blocking: call it from a thread. stranger: the token of a card that is no known test card."""

    def __init__(self, folder: Path, *, stranger: str) -> None:
        self._folder = folder
        self._stranger = stranger

    def keep(self, card: Credential, key: str) -> Vaulted | Declined:
        """The reference follows from ``key``, so that a repeat gives the same one."""
        number = card.members.get("number")
        if not isinstance(number, str) or not is_card_number(number):
            return Declined("This is no card number.", code="invalid_card")
        if number in REFUSED_BY_VAULT:
            return Declined("This card is not taken.", code="card_declined")
        reference = f"mock_card_{hashlib.sha256(key.encode()).hexdigest()[:24]}"
        write_whole(place_of(self._folder, reference), self.meaning_of(number).encode())
        return Vaulted(reference, display_of(card, number))

    def meaning_of(self, number: str) -> str:
        """The token that a card stands for."""
        return TEST_CARDS.get(number, self._stranger)

    def token_of(self, reference: str) -> str:
        """The token that the card stands for; "" when it is not kept."""
        return (read_if_there(place_of(self._folder, reference)) or b"").decode()

    def forget(self, reference: str) -> None:
        place_of(self._folder, reference).unlink(missing_ok=True)


def is_card_number(text: str) -> bool:
    """Digits of a possible length whose last one fits the others (ISO/IEC 7812-1, annex B).

    The known test cards are cards, though not all of them keep to that.
    """
    if text in TEST_CARDS:
        return True
    if not (text.isascii() and text.isdigit() and _DIGITS_MIN <= len(text) <= _DIGITS_MAX):
        return False
    digits = [int(digit) for digit in reversed(text)]
    doubled = [sum(divmod(2 * digit, 10)) for digit in digits[1::2]]
    return (sum(digits[::2]) + sum(doubled)) % 10 == 0


def display_of(card: Credential, number: str) -> dict[str, str | int]:
    """What may be shown of a card."""
    dates = {name: card.members.get(name) for name in ("expiry_month", "expiry_year")}
    return {
        "brand": _BRANDS.get(number[0], "card"),
        "last_digits": number[-4:],
        **{name: value for name, value in dates.items() if isinstance(value, int)},
    }
