"""Taxes: which rule holds for what, and how much that is. Rounded half up, once per line."""

from collections.abc import Sequence
from typing import Final

import msgspec

from ucp_server.domain.money import MILLION, included_share, share

# The tax category of delivery; a rule without a category holds for it too.
DELIVERY: Final = "shipping"


class TaxRule(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """``rate_ppm`` (190,000 is 19 %) for a category at a place; None matches all.

    ``included`` says whether the shop's prices contain this tax; None is the merchant's own mode.
    """

    rate_ppm: int
    country: str
    region: str | None = None
    category: str | None = None
    included: bool | None = None

    def __post_init__(self) -> None:
        if not 0 <= self.rate_ppm <= MILLION:
            raise ValueError(f"a tax of {self.rate_ppm} parts per million")


class Tax(msgspec.Struct, frozen=True):
    """Tax on one amount: added to the bill, or ``is_included`` in the price."""

    minor: int
    is_included: bool


def tax_on(
    minor: int, category: str | None, rules: Sequence[TaxRule], *, prices_include_tax: bool
) -> Tax | None:
    """The tax on ``minor`` by the first rule that matches; None where no rule does."""
    for rule in rules:
        if rule.category is None or rule.category == category:
            included = prices_include_tax if rule.included is None else rule.included
            return Tax((included_share if included else share)(minor, rule.rate_ppm), included)
    return None
