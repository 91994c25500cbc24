"""Amounts on the wire: numbers in whole units of their currency, 18.5 for 18 pounds and 50 pence.

Inside they are minor units. A number with more places than its currency has is refused, not rounded.
"""

from decimal import Decimal, DecimalException
from typing import Final

from ucp_server.aap.refusals import BadRequest
from ucp_server.domain.money import Money, decimal_text, exponent

# Below this a double has room for every place of every currency; no sale comes near it.
EXACT_MAX_MINOR: Final = 10**13


def number_of(money: Money) -> int | float:
    """``Money(1850, "GBP")`` as 18.5, ``Money(1800, "GBP")`` as 18."""
    return plain(Decimal(decimal_text(money)))


def plain(exact: Decimal) -> int | float:
    """An integer where it is whole, else the shortest float that names the same amount."""
    return int(exact) if exact == exact.to_integral_value() else float(exact)


def money_of(number: float | str, currency: str) -> Money:
    """Raises `BadRequest` for what is no amount of ``currency``."""
    try:
        minor = Decimal(str(number)).scaleb(exponent(currency))
        if minor != minor.to_integral_value() or abs(minor) > EXACT_MAX_MINOR:
            raise BadRequest(f"This is no amount of {currency}.")
    except (DecimalException, KeyError) as error:
        raise BadRequest("This is no amount of any currency known here.") from error
    return Money(int(minor), currency)
