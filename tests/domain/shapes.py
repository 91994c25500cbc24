"""Baskets and rules of every shape, for properties."""

from datetime import UTC, datetime, timedelta

from hypothesis import strategies as st

from ucp_server.domain.catalog import Item
from ucp_server.domain.discounts import DiscountRule
from ucp_server.domain.money import MILLION, Money
from ucp_server.domain.quote import PricedLine
from ucp_server.domain.taxes import TaxRule

AT = datetime(2026, 1, 11, tzinfo=UTC)
CATEGORIES = ("paper", "tea", "voucher")
CLAIMS = ("com.example.club", "org.school.student", "com.example.nothing")
CODES = ("TEN", "Twenty", "five", "SHIP", "NOPE")

# From yen to dinar: 10^12 minor units is more than any order, and leaves room for 500 lines.
prices = st.one_of(st.integers(0, 20_000), st.integers(0, 10**12))
rates = st.one_of(st.sampled_from([0, 70_000, 88_750, 190_000, MILLION]), st.integers(0, MILLION))
moments = st.none() | st.timedeltas(timedelta(days=-2), timedelta(days=2)).map(lambda delta: AT + delta)


def item(number: int, price_minor: int, category: str | None = None, *, ships: bool = True) -> Item:
    return Item(
        id=f"item_{number}",
        title=f"Item {number}",
        price=Money(price_minor, "EUR"),
        category=category,
        tax_category=category,
        ships=ships,
    )


def line(number: int, item_: Item, quantity: int = 1) -> PricedLine:
    return PricedLine(
        line_id=f"li_{number}",
        item=item_,
        quantity=quantity,
        base_minor=item_.price.minor * quantity,
    )


@st.composite
def baskets(draw: st.DrawFn) -> list[PricedLine]:
    size = draw(st.integers(0, 6))
    return [
        line(
            number,
            item(
                number,
                draw(prices),
                draw(st.none() | st.sampled_from(CATEGORIES)),
                ships=draw(st.booleans()),
            ),
            draw(st.integers(1, 20)),
        )
        for number in range(1, size + 1)
    ]


@st.composite
def discount_rules(draw: st.DrawFn) -> DiscountRule:
    kind = draw(st.sampled_from(["rate", "amount", "shipping"]))
    code = draw(st.none() | st.sampled_from(CODES[:-1]))
    return DiscountRule(
        title=draw(st.sampled_from(["Spring", "Welcome", "Thanks"])),
        code=code,
        rate_ppm=draw(rates) if kind == "rate" else None,
        amount_minor=draw(prices) if kind == "amount" else None,
        free_shipping=kind == "shipping",
        item_ids=tuple(draw(st.lists(st.sampled_from(["item_1", "item_2", "item_9"]), max_size=2))),
        categories=tuple(draw(st.lists(st.sampled_from(CATEGORIES), max_size=2))),
        subtotal_min_minor=draw(st.sampled_from([0, 0, 5_000])),
        starts_at=draw(moments),
        ends_at=draw(moments),
        combinable=draw(st.booleans()),
        priority=draw(st.integers(1, 3)),
        buyers_only=draw(st.booleans()),
        claim=None if code else draw(st.none() | st.sampled_from(CLAIMS[:-1])),
    )


tax_rules = st.builds(
    TaxRule,
    rate_ppm=rates,
    country=st.just("DE"),
    category=st.none() | st.sampled_from([*CATEGORIES, "shipping"]),
    included=st.none() | st.booleans(),
)
