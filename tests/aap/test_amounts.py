"""Amounts on the wire are exact in both directions, whatever places their currency has."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ucp_server.aap.amounts import EXACT_MAX_MINOR, money_of, number_of
from ucp_server.aap.refusals import BadRequest
from ucp_server.domain.money import Money

_minors = st.integers(-EXACT_MAX_MINOR, EXACT_MAX_MINOR)


@given(_minors, st.sampled_from(["GBP", "JPY", "KWD"]))
def test_an_amount_survives_the_wire(minor: int, currency: str) -> None:
    money = Money(minor, currency)
    raw = msgspec.json.encode(number_of(money))
    assert money_of(msgspec.json.decode(raw), currency) == money


@pytest.mark.parametrize(
    ("minor", "currency", "shown"),
    [
        (1850, "GBP", b"18.5"),
        (1800, "GBP", b"18"),
        (1, "GBP", b"0.01"),
        (18, "JPY", b"18"),
        (5, "KWD", b"0.005"),
    ],
)
def test_whole_amounts_are_whole_numbers(minor: int, currency: str, shown: bytes) -> None:
    assert msgspec.json.encode(number_of(Money(minor, currency))) == shown


@pytest.mark.parametrize(
    ("number", "currency"),
    [
        (18.005, "GBP"),
        (18.5, "JPY"),
        (1e300, "GBP"),
        (EXACT_MAX_MINOR, "GBP"),
        (1, "XXX"),
        (1, "nonsense"),
        ("cheap", "GBP"),
        ("nan", "GBP"),
        ("snan", "GBP"),
        ("inf", "GBP"),
        ("1e999999999", "GBP"),
    ],
)
def test_what_is_no_amount_is_refused(number: float | str, currency: str) -> None:
    with pytest.raises(BadRequest):
        money_of(number, currency)
