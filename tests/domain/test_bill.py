import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.domain.shapes import (
    AT,
    CODES,
    baskets,
    discount_rules,
    item,
    line,
    prices,
    tax_rules,
)
from tests.domain.sums import wrong_sums
from ucp_server.domain.bill import Bill, Delivery, make_bill
from ucp_server.domain.checkout import Line
from ucp_server.domain.discounts import Acquaintance, DiscountRule, apply_discounts
from ucp_server.domain.money import AMOUNT_MAX, AmountOutOfRangeError
from ucp_server.domain.quote import PricedLine
from ucp_server.domain.taxes import Tax, TaxRule, tax_on


def billed(
    priced: list[PricedLine],
    rules: list[DiscountRule],
    codes: list[str],
    taxes: list[TaxRule],
    *,
    included: bool,
    delivery_minor: int | None,
) -> tuple[Bill, int]:
    """The bill of a basket, and what its discounts took off."""
    discounted = apply_discounts(priced, rules, codes, buyer=Acquaintance.CUSTOMER, at=AT)

    def tax(minor: int, category: str | None) -> Tax | None:
        return tax_on(minor, category, taxes, prices_include_tax=included)

    line_taxes = {
        each.line_id: found
        for each in priced
        if (found := tax(discounted.net_minor[each.line_id], each.item.tax_category)) is not None
    }
    deliveries = []
    if delivery_minor is not None:
        deliveries = [
            Delivery(title="Post", price_minor=delivery_minor, tax=tax(delivery_minor, "shipping"))
        ]
    lines = [Line(id=each.line_id, item_id=each.item.id, quantity=each.quantity) for each in priced]
    bill = make_bill(lines, priced, discounted, line_taxes=line_taxes, deliveries=deliveries)
    assert wrong_sums(bill.lines, bill.totals, discounted.applied) == []
    return bill, sum(discount.amount_minor for discount in discounted.applied)


@given(
    baskets(),
    st.lists(discount_rules(), max_size=5),
    st.lists(st.sampled_from(CODES), max_size=4),
    st.lists(tax_rules, max_size=3),
    st.booleans(),
    st.none() | prices,
)
def test_every_sum_holds_in_every_bill(
    priced: list[PricedLine],
    rules: list[DiscountRule],
    codes: list[str],
    taxes: list[TaxRule],
    included: bool,
    delivery_minor: int | None,
) -> None:
    bill, taken = billed(priced, rules, codes, taxes, included=included, delivery_minor=delivery_minor)
    by_type = {row.type: row.amount_minor for row in bill.totals}
    goods = sum(each.base_minor for each in priced)
    assert by_type["total"] == goods - taken + (delivery_minor or 0) + by_type.get("tax", 0)
    assert by_type["total"] >= 0
    assert 0 <= bill.included_tax_minor <= by_type["total"]
    assert ("fulfillment" in by_type) is (delivery_minor is not None)


@given(baskets(), prices)
def test_where_prices_include_tax_the_bill_has_no_row_for_it(
    priced: list[PricedLine], delivery_minor: int
) -> None:
    taxes = [TaxRule(rate_ppm=190_000, country="DE")]
    bill, _ = billed(priced, [], [], taxes, included=True, delivery_minor=delivery_minor)
    assert all(row.type != "tax" for row in bill.totals)
    goods = sum(each.tax_minor for each in bill.lines)
    assert bill.included_tax_minor >= goods


@pytest.mark.parametrize(
    ("included", "rows", "contained"),
    [
        (True, [("subtotal", 2380), ("discount", -238), ("fulfillment", 595), ("total", 2737)], 437),
        (
            False,
            [
                ("subtotal", 2380),
                ("discount", -238),
                ("fulfillment", 595),
                ("tax", 520),
                ("total", 2737 + 520),
            ],
            0,
        ),
    ],
)
def test_a_bill_by_hand(included: bool, rows: list[tuple[str, int]], contained: int) -> None:
    bill, _ = billed(
        [line(1, item(1, 1190), 2)],
        [DiscountRule(title="Ten", code="TEN", rate_ppm=100_000)],
        ["TEN"],
        [TaxRule(rate_ppm=190_000, country="DE")],
        included=included,
        delivery_minor=595,
    )
    assert [(row.type, row.amount_minor) for row in bill.totals] == rows
    assert bill.included_tax_minor == contained


def test_rows_name_what_they_are_for() -> None:
    bill, _ = billed(
        [line(1, item(1, 1000))],
        [DiscountRule(title="Spring", rate_ppm=100_000), DiscountRule(title="Thanks", amount_minor=50)],
        [],
        [],
        included=False,
        delivery_minor=0,
    )
    assert [(row.type, row.text) for row in bill.totals] == [
        ("subtotal", None),
        ("discount", "Spring, Thanks"),
        ("fulfillment", "Post"),
        ("total", None),
    ]


def test_a_line_that_is_no_longer_sold_keeps_its_place_at_nothing() -> None:
    discounted = apply_discounts([], [], [], buyer=Acquaintance.NAMELESS, at=AT)
    lines = [Line(id="li_7", item_id="gone", quantity=2)]
    bill = make_bill(lines, [], discounted, line_taxes={}, deliveries=[])
    (quoted,) = bill.lines
    assert (quoted.line_id, quoted.title, quoted.unit_price_minor, quoted.quantity) == (
        "li_7",
        "gone",
        0,
        2,
    )
    assert wrong_sums(bill.lines, bill.totals, ()) == []


def test_a_bill_beyond_the_range_of_the_protocols_is_refused() -> None:
    with pytest.raises(AmountOutOfRangeError):
        billed(
            [line(1, item(1, AMOUNT_MAX)), line(2, item(2, 1))],
            [],
            [],
            [],
            included=False,
            delivery_minor=None,
        )
