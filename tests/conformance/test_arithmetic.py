from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from conformance import arithmetic

RULES = (
    arithmetic.amounts,
    arithmetic.kinds,
    arithmetic.single,
    arithmetic.sum_of_all,
    arithmetic.line_subtotals,
    arithmetic.line_totals,
    arithmetic.subtotal_of_lines,
    arithmetic.items_discount_of_lines,
    arithmetic.discounts_applied,
    arithmetic.allocations,
    arithmetic.fulfillment_of_options,
)
amounts = st.integers(min_value=0, max_value=10**9)


def entry(kind: str, amount: int) -> dict[str, Any]:
    return {"type": kind, "amount": amount}


@st.composite
def checkouts(draw: st.DrawFn) -> dict[str, Any]:
    """A checkout whose sums are right."""
    lines, off = [], []
    for number, price in enumerate(draw(st.lists(amounts, min_size=1, max_size=4))):
        quantity = draw(st.integers(min_value=1, max_value=99))
        subtotal = price * quantity
        off.append(draw(st.integers(min_value=0, max_value=subtotal)))
        totals = [
            entry("subtotal", subtotal),
            entry("items_discount", off[-1]),
            entry("total", subtotal - off[-1]),
        ]
        lines.append(
            {
                "id": f"line-{number}",
                "item": {"price": price},
                "quantity": quantity,
                "totals": totals,
            }
        )
    subtotal = sum(each["totals"][0]["amount"] for each in lines)
    flat = draw(st.integers(min_value=0, max_value=subtotal - sum(off)))
    shipping, tax, fee = draw(amounts), draw(amounts), draw(amounts)
    option = {"id": "standard", "totals": [entry("total", shipping)]}
    group = {"options": [option], "selected_option_id": "standard"}
    parts = [{"path": "$.line_items", "amount": sum(off)}]
    return {
        "line_items": lines,
        "fulfillment": {"methods": [{"groups": [group]}]},
        "discounts": {
            "applied": [
                {"title": "Spring", "amount": sum(off), "allocations": parts},
                {"title": "Flat", "amount": flat},
            ]
        },
        "totals": [
            entry("subtotal", subtotal),
            entry("items_discount", sum(off)),
            entry("discount", flat),
            entry("fulfillment", shipping),
            entry("tax", tax),
            entry("fee", fee),
            entry("total", subtotal - sum(off) - flat + shipping + tax + fee),
        ],
    }


def places(value: object) -> list[tuple[dict[str, Any], str]]:
    """Every place of the document where an amount stands."""
    found: list[tuple[dict[str, Any], str]] = []
    if isinstance(value, dict):
        found += [(value, name) for name in ("amount", "price") if name in value]
        for inner in value.values():
            found += places(inner)
    elif isinstance(value, list):
        for inner in value:
            found += places(inner)
    return found


@given(checkouts())
def test_right_sums_break_no_rule(checkout: dict[str, Any]) -> None:
    assert [rule(checkout) for rule in RULES] == [""] * len(RULES)


@given(checkouts(), st.data())
def test_a_unit_more_anywhere_breaks_a_rule(checkout: dict[str, Any], data: st.DataObject) -> None:
    where, name = data.draw(st.sampled_from(places(checkout)))
    where[name] += 1
    assert any(rule(checkout) for rule in RULES)


@given(checkouts(), st.sampled_from([-1, 1.0, "7", None, True]))
def test_what_is_no_amount_is_told(checkout: dict[str, Any], odd: object) -> None:
    checkout["totals"][0]["amount"] = odd
    assert arithmetic.amounts(checkout)
