"""What pieces are worth when they leave an order: sums that hold, however they leave."""

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from ucp_server.domain.order import Adjustment, Order, Quantity
from ucp_server.domain.quote import QuotedLine, Total
from ucp_server.domain.refunds import line_worths, worth_of

AT = datetime(2026, 1, 1, tzinfo=UTC)


def line(number: int, price: int, quantity: int, off: int, tax: int) -> QuotedLine:
    base = price * quantity
    return QuotedLine(
        line_id=f"li_{number}",
        item_id=f"item_{number}",
        title="Item",
        unit_price_minor=price,
        quantity=quantity,
        totals=(
            Total(type="subtotal", amount_minor=base),
            Total(type="items_discount", amount_minor=-off),
            Total(type="total", amount_minor=base - off),
        ),
        tax_minor=tax,
    )


@st.composite
def orders(draw: st.DrawFn) -> Order:
    lines = []
    for number in range(draw(st.integers(1, 4))):
        price, quantity = draw(st.integers(0, 10_000)), draw(st.integers(1, 7))
        off = draw(st.integers(0, price * quantity))
        lines.append(line(number, price, quantity, off, draw(st.integers(0, 500))))
    goods = sum(one.totals[-1].amount_minor for one in lines)
    off = draw(st.integers(0, goods))
    delivery, tax = draw(st.integers(0, 1500)), sum(one.tax_minor for one in lines)
    is_included = draw(st.booleans())
    rows = [
        Total(type="subtotal", amount_minor=sum(one.totals[0].amount_minor for one in lines)),
        Total(type="items_discount", amount_minor=sum(one.totals[1].amount_minor for one in lines)),
        Total(type="discount", amount_minor=-off),
        Total(type="fulfillment", amount_minor=delivery),
        Total(type="tax", amount_minor=0 if is_included else tax),
    ]
    rows.append(Total(type="total", amount_minor=sum(row.amount_minor for row in rows)))
    return Order(
        id="1",
        merchant_id="shop",
        platform_id="p",
        version=1,
        currency="EUR",
        lines=tuple(lines),
        totals=tuple(rows),
        permalink_token="t",
        placed_at=AT,
        payment="captured",
        included_tax_minor=max(tax, 1) if is_included else 0,
    )


def canceled(order: Order, taken: tuple[Quantity, ...], amount: int) -> Order:
    adjustment = Adjustment(
        id="a", type="cancellation", occurred_at=AT, status="completed", lines=taken, amount_minor=amount
    )
    return replace(order, adjustments=(*order.adjustments, adjustment))


@given(orders(), st.randoms(use_true_random=False))
def test_canceled_piece_by_piece_all_that_was_paid_comes_back(order: Order, random: object) -> None:
    pieces = [one.line_id for one in order.lines for _ in range(one.quantity)]
    random.shuffle(pieces)
    paid_back = 0
    for line_id in pieces:
        taken = (Quantity(line_id=line_id, quantity=1),)
        amount = worth_of(order, taken)
        assert amount >= 0
        paid_back += amount
        order = canceled(order, taken, amount)
    assert paid_back == order.total_minor


@given(orders())
def test_lines_are_worth_the_bill_without_its_delivery(order: Order) -> None:
    of = {row.type: row.amount_minor for row in order.totals}
    assert sum(line_worths(order).values()) == of["total"] - of["fulfillment"]


@given(orders(), st.integers(0, 100_000))
def test_no_more_comes_back_than_is_left(order: Order, earlier: int) -> None:
    refunded = min(earlier, order.total_minor)
    refund = Adjustment(id="r", type="refund", occurred_at=AT, status="completed", amount_minor=refunded)
    order = replace(order, adjustments=(refund,))
    first = order.lines[0]
    taken = (Quantity(line_id=first.line_id, quantity=first.quantity),)
    assert worth_of(order, taken) <= order.total_minor - refunded
