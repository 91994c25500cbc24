from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conformance import arithmetic, signed_arithmetic
from tests.conformance.test_arithmetic import checkouts, entry, places

RULES = (
    signed_arithmetic.amounts,
    signed_arithmetic.kinds,
    signed_arithmetic.sum_of_all,
    signed_arithmetic.line_totals,
    signed_arithmetic.breakdowns,
    signed_arithmetic.discounts_applied,
    signed_arithmetic.discounts_of_lines,
    arithmetic.single,
    arithmetic.line_subtotals,
    arithmetic.subtotal_of_lines,
    arithmetic.items_discount_of_lines,
    arithmetic.allocations,
    arithmetic.fulfillment_of_options,
)


@st.composite
def signed(draw: st.DrawFn) -> dict[str, Any]:
    """A checkout of April whose sums are right: what is taken off is negative, and nothing is not told."""
    checkout = draw(checkouts())
    checkout["ucp"] = {"version": "2026-04-08"}
    for document in (checkout, *checkout["line_items"]):
        kept = []
        for row in document["totals"]:
            taken_off = row["type"] in arithmetic.TAKEN_OFF
            if row["amount"] or not taken_off:
                kept.append(row | {"amount": -row["amount"] if taken_off else row["amount"]})
        document["totals"] = kept
    applied = checkout["discounts"]["applied"]
    checkout["discounts"]["applied"] = [each for each in applied if each["amount"]]
    subtotal = checkout["totals"][0]
    subtotal["lines"] = [{"display_text": "Goods", "amount": subtotal["amount"]}]
    return checkout


@given(signed())
def test_right_sums_break_no_rule(checkout: dict[str, Any]) -> None:
    assert [rule(checkout) for rule in RULES] == [""] * len(RULES)


@given(signed(), st.data())
def test_a_unit_more_anywhere_breaks_a_rule(checkout: dict[str, Any], data: st.DataObject) -> None:
    where, name = data.draw(st.sampled_from(places(checkout)))
    where[name] += 1
    assert any(rule(checkout) for rule in RULES)


@pytest.mark.parametrize(
    "row",
    [
        entry("discount", 5),
        entry("items_discount", 0),
        entry("tax", -1),
        entry("total", 2**53),
        {"type": "total", "amount": 1.0},
        {"type": "total", "amount": True},
        {"type": "total"},
    ],
)
def test_what_is_no_amount_of_its_kind_is_told(row: dict[str, Any]) -> None:
    assert signed_arithmetic.amounts({"totals": [row]})


def test_a_kind_of_ones_own_needs_a_name() -> None:
    tip = entry("tip", 200)
    assert "tip" in signed_arithmetic.kinds({"totals": [tip]})
    assert not signed_arithmetic.kinds({"totals": [tip | {"display_text": "For the crew"}]})


def test_a_line_without_a_total_is_told() -> None:
    assert "no total" in signed_arithmetic.line_totals({"line_items": [{"id": "l1", "totals": []}]})
