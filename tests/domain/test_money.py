from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ucp_server.domain.money import (
    AMOUNT_MAX,
    MILLION,
    AmountOutOfRangeError,
    Money,
    allocate,
    checked,
    decimal_text,
    exponent,
    included_share,
    reduced,
    share,
)

amounts = st.integers(-AMOUNT_MAX, AMOUNT_MAX)
rates = st.integers(0, MILLION)
weights = st.lists(st.integers(0, 10**12), min_size=1, max_size=20)


@given(amounts, weights)
def test_allocated_parts_sum_to_the_whole_and_carry_its_sign(total: int, parts_of: list[int]) -> None:
    parts = allocate(total, parts_of)
    assert sum(parts) == total
    assert all(part * total >= 0 for part in parts)


@given(amounts, weights)
def test_an_allocated_part_is_less_than_one_unit_off_its_share(total: int, parts_of: list[int]) -> None:
    if whole := sum(parts_of):
        for part, weight in zip(allocate(total, parts_of), parts_of, strict=True):
            assert abs(part - Fraction(total * weight, whole)) < 1


@given(weights, st.data())
def test_nobody_bears_more_than_the_own_weight(parts_of: list[int], data: st.DataObject) -> None:
    total = data.draw(st.integers(0, sum(parts_of)))
    assert all(part <= weight for part, weight in zip(allocate(total, parts_of), parts_of, strict=True))


@given(st.integers(0, 1000), st.integers(1, 20))
def test_without_weights_the_split_is_even(total: int, count: int) -> None:
    parts = allocate(total, [0] * count)
    assert max(parts) - min(parts) <= 1
    assert list(parts) == sorted(parts, reverse=True)


def test_nothing_can_be_allocated_to_nobody_but_nothing() -> None:
    assert allocate(0, []) == ()
    with pytest.raises(ValueError, match="nothing to allocate"):
        allocate(1, [])


@given(amounts, rates)
def test_a_share_is_rounded_half_away_from_zero(minor: int, rate_ppm: int) -> None:
    exact = Fraction(minor * rate_ppm, MILLION)
    rounded = share(minor, rate_ppm)
    assert abs(rounded - exact) <= Fraction(1, 2)
    if abs(rounded - exact) == Fraction(1, 2):
        assert abs(rounded) > abs(exact)
    assert share(-minor, rate_ppm) == -rounded


@given(st.integers(0, AMOUNT_MAX), rates)
def test_included_tax_is_what_the_net_amount_would_be_charged(gross: int, rate_ppm: int) -> None:
    tax = included_share(gross, rate_ppm)
    assert 0 <= tax <= gross
    exact = Fraction(gross * rate_ppm, MILLION + rate_ppm)
    assert abs(tax - exact) <= Fraction(1, 2)


@pytest.mark.parametrize(
    ("gross", "rate_ppm", "tax"),
    [(11_900, 190_000, 1_900), (1_490, 190_000, 238), (107, 70_000, 7), (100, 0, 0), (3, 1_000_000, 2)],
)
def test_included_tax_of_known_prices(gross: int, rate_ppm: int, tax: int) -> None:
    assert included_share(gross, rate_ppm) == tax


@given(st.integers(0, AMOUNT_MAX), rates)
def test_a_reduced_price_is_cut_off_to_whole_units(minor: int, rate_ppm: int) -> None:
    left = reduced(minor, rate_ppm)
    assert left <= Fraction(minor * (MILLION - rate_ppm), MILLION) < left + 1


@given(amounts)
def test_amounts_within_the_range_of_the_protocols_pass(minor: int) -> None:
    assert checked(minor) == minor
    assert Money(minor, "EUR").minor == minor


@pytest.mark.parametrize("minor", [AMOUNT_MAX + 1, -AMOUNT_MAX - 1, 10**30])
def test_amounts_beyond_it_do_not(minor: int) -> None:
    with pytest.raises(AmountOutOfRangeError):
        checked(minor)
    with pytest.raises(AmountOutOfRangeError):
        Money(minor, "EUR")


@pytest.mark.parametrize(
    ("currency", "places"), [("EUR", 2), ("USD", 2), ("JPY", 0), ("KWD", 3), ("CLF", 4), ("ISK", 0)]
)
def test_every_currency_has_its_decimals(currency: str, places: int) -> None:
    assert exponent(currency) == places


@pytest.mark.parametrize("currency", ["", "eur", "XXX", "XAU", "ABC"])
def test_what_is_no_money_has_none(currency: str) -> None:
    with pytest.raises(KeyError):
        exponent(currency)


@pytest.mark.parametrize(
    ("money", "text"),
    [
        (Money(1490, "EUR"), "14.90"),
        (Money(5, "EUR"), "0.05"),
        (Money(0, "EUR"), "0.00"),
        (Money(-5, "EUR"), "-0.05"),
        (Money(-1490, "EUR"), "-14.90"),
        (Money(1490, "JPY"), "1490"),
        (Money(-1490, "JPY"), "-1490"),
        (Money(1490, "KWD"), "1.490"),
        (Money(7, "KWD"), "0.007"),
    ],
)
def test_decimal_text(money: Money, text: str) -> None:
    assert decimal_text(money) == text
