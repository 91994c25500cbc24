import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.domain.shapes import prices, rates
from ucp_server.domain.taxes import Tax, TaxRule, tax_on

FOOD = TaxRule(rate_ppm=70_000, country="DE", category="food")
ALL = TaxRule(rate_ppm=190_000, country="DE")
NEW_YORK = TaxRule(rate_ppm=88_750, country="US", region="NY", included=False)


@pytest.mark.parametrize(
    ("minor", "category", "rules", "included", "tax"),
    [
        (11_900, None, [FOOD, ALL], True, Tax(1_900, is_included=True)),
        (10_700, "food", [FOOD, ALL], True, Tax(700, is_included=True)),
        (10_000, "books", [FOOD, ALL], False, Tax(1_900, is_included=False)),
        (10_000, "books", [FOOD], False, None),
        (10_000, None, [], True, None),
        (10_000, None, [NEW_YORK], True, Tax(888, is_included=False)),
        (0, None, [ALL], False, Tax(0, is_included=False)),
    ],
)
def test_the_first_rule_that_matches_taxes(
    minor: int, category: str | None, rules: list[TaxRule], included: bool, tax: Tax | None
) -> None:
    assert tax_on(minor, category, rules, prices_include_tax=included) == tax


@given(prices, rates, st.booleans())
def test_a_tax_is_never_negative_and_never_more_than_the_whole(
    minor: int, rate: int, included: bool
) -> None:
    tax = tax_on(minor, None, [TaxRule(rate_ppm=rate, country="DE")], prices_include_tax=included)
    assert tax is not None
    assert 0 <= tax.minor <= minor
    assert tax.is_included is included


@pytest.mark.parametrize("rate", [-1, 1_000_001])
def test_a_tax_is_between_nothing_and_the_whole(rate: int) -> None:
    with pytest.raises(ValueError, match="parts per million"):
        TaxRule(rate_ppm=rate, country="DE")
