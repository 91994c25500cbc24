"""Taxes: which rule holds for what, and how much that is. Rounded half up, once per line."""

from collections.abc import Sequence
from typing import Final

import msgspec

from ucp_server.domain.money import included_share, share

# The tax category of delivery; a rule without a category holds for it too.
SHIPPING: Final = "shipping"


class TaxRule(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """``rate_ppm`` (190,000 is 19 %) for a category at a place; None matches all.

    ``included`` says whether the shop's prices contain this tax; None is the merchant's own mode.
    """

    rate_ppm: int
    country: str
    region: str | None = None
    category: str | None = None
    included: bool | None = None


class Tax(msgspec.Struct, frozen=True):
    """Tax on one amount: ``added`` to the bill, or ``contained`` in it already. One of them is 0."""

    added: int = 0
    contained: int = 0


NO_TAX: Final = Tax()


def tax_on(
    minor: int, category: str | None, rules: Sequence[TaxRule], *, prices_include_tax: bool
) -> Tax | None:
    """The tax on ``minor`` by the first rule that matches; None where no rule does."""
    rule = next((rule for rule in rules if rule.category in (None, category)), None)
    if rule is None:
        return None
    contained = prices_include_tax if rule.included is None else rule.included
    if contained:
        return Tax(contained=included_share(minor, rule.rate_ppm))
    return Tax(added=share(minor, rule.rate_ppm))
