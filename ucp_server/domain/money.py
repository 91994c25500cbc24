"""Amounts of money: whole minor units, never floats.

Inside a quote every amount is an ``int`` named ``*_minor`` in the quote's one currency; where an
amount travels alone (a price, a payment) it is a `Money`, which carries its currency.
"""

from collections.abc import Sequence
from typing import Final

import iso4217
import msgspec

# The largest integer that every JSON reader keeps exactly: 2^53 - 1 (UCP overview, "Integer range").
AMOUNT_MAX: Final = 2**53 - 1

# A hundred per cent in the unit of rates: New York City's 8.875 % is 88,750 parts per million.
MILLION: Final = 1_000_000


class AmountOutOfRangeError(ArithmeticError):
    """An amount left ± (2^53 - 1) minor units."""


class Money(msgspec.Struct, frozen=True):
    """``minor`` units of ``currency`` (ISO 4217, upper case): ``Money(1490, "EUR")`` is 14.90 EUR."""

    minor: int
    currency: str

    def __post_init__(self) -> None:
        checked(self.minor)


def checked(minor: int) -> int:
    """Return ``minor`` unchanged; raise `AmountOutOfRangeError` beyond the range of the protocols."""
    if not -AMOUNT_MAX <= minor <= AMOUNT_MAX:
        raise AmountOutOfRangeError(f"{minor} is beyond ±(2^53 - 1) minor units")
    return minor


def exponent(currency: str) -> int:
    """Decimal places of ``currency``: 2 for EUR, 0 for JPY, 3 for KWD. Raises `KeyError` if unknown."""
    found = _EXPONENTS.get(currency)
    if found is None:
        raise KeyError(f"{currency!r} is not an ISO 4217 currency")
    return found


def allocate(total_minor: int, weights: Sequence[int]) -> tuple[int, ...]:
    """Split ``total_minor`` in proportion to ``weights``; the parts always sum to the whole.

    Largest remainder, earlier parts first on a tie. Weights are not negative; when all are zero
    the split is even. An empty ``weights`` is an error unless there is nothing to split.
    """
    if not weights:
        if total_minor:
            raise ValueError("nothing to allocate an amount to")
        return ()
    whole = sum(weights)
    if whole == 0:
        weights, whole = [1] * len(weights), len(weights)
    sign = -1 if total_minor < 0 else 1
    size = abs(total_minor)
    parts = [size * weight // whole for weight in weights]
    by_remainder = sorted(range(len(weights)), key=lambda i: (-(size * weights[i] % whole), i))
    for i in by_remainder[: size - sum(parts)]:
        parts[i] += 1
    return tuple(sign * part for part in parts)


def share(minor: int, rate_ppm: int) -> int:
    """``rate_ppm`` parts per million of ``minor``, rounded half away from zero."""
    sign = -1 if (minor < 0) != (rate_ppm < 0) else 1
    return sign * ((abs(minor * rate_ppm) * 2 + MILLION) // (2 * MILLION))


def included_share(gross_minor: int, rate_ppm: int) -> int:
    """The tax that a gross amount already contains at ``rate_ppm``, rounded half up."""
    whole = MILLION + rate_ppm
    return (gross_minor * rate_ppm * 2 + whole) // (2 * whole)


def reduced(minor: int, rate_ppm: int) -> int:
    """What is left of ``minor`` after ``rate_ppm`` is taken off: whole units, the rest cut off."""
    return minor * (MILLION - rate_ppm) // MILLION


def decimal_text(money: Money) -> str:
    """``Money(1490, "EUR")`` as ``"14.90"``; ``Money(1490, "JPY")`` as ``"1490"``."""
    places = exponent(money.currency)
    sign = "-" if money.minor < 0 else ""
    digits = str(abs(money.minor)).rjust(places + 1, "0")
    if not places:
        return sign + digits
    return f"{sign}{digits[:-places]}.{digits[-places:]}"


# ISO 4217 gives no exponent to funds codes and metals; nothing is sold in them.
_EXPONENTS: Final[dict[str, int]] = {
    currency.code: currency.exponent for currency in iso4217.Currency if currency.exponent is not None
}
