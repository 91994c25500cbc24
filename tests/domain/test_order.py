from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from ucp_server.domain.errors import AdjustmentRefused
from ucp_server.domain.order import (
    Adjustment,
    Expectation,
    FulfillmentEvent,
    Order,
    Quantity,
    line_counts,
    promises,
    removed,
    returned,
    shipped,
)
from ucp_server.domain.quote import QuotedLine, Total

AT = datetime(2026, 1, 11, tzinfo=UTC)
LINES = ("li_1", "li_2", "li_3")


def order(*happened: FulfillmentEvent | Adjustment, quantity: int = 3) -> Order:
    return Order(
        id="order",
        merchant_id="shop",
        platform_id="agent",
        version=1,
        currency="EUR",
        lines=tuple(
            QuotedLine(
                line_id=line_id,
                item_id="tea",
                title="Tea",
                unit_price_minor=500,
                quantity=quantity,
                totals=(Total(type="total", amount_minor=500 * quantity),),
            )
            for line_id in LINES
        ),
        totals=(Total(type="total", amount_minor=1500 * quantity),),
        permalink_token="token",
        placed_at=AT,
        payment="captured",
        events=tuple(one for one in happened if isinstance(one, FulfillmentEvent)),
        adjustments=tuple(one for one in happened if isinstance(one, Adjustment)),
    )


def event(type_: str, quantity: int, line_id: str = "li_1") -> FulfillmentEvent:
    return FulfillmentEvent(
        id=f"{type_}_{quantity}",
        type=type_,
        occurred_at=AT,
        lines=(Quantity(line_id=line_id, quantity=quantity),),
    )


def adjustment(type_: str, quantity: int, status: str = "completed", amount_minor: int = 0) -> Adjustment:
    return Adjustment(
        id=f"{type_}_{quantity}",
        type=type_,
        occurred_at=AT,
        status=status,
        lines=(Quantity(line_id="li_1", quantity=quantity),),
        amount_minor=amount_minor,
    )


@pytest.mark.parametrize(
    ("happened", "counts", "state"),
    [
        ([], (3, 3, 0), "processing"),
        ([event("processing", 3)], (3, 3, 0), "processing"),
        ([event("shipped", 1)], (3, 3, 1), "partial"),
        ([event("shipped", 1), event("shipped", 2)], (3, 3, 3), "fulfilled"),
        ([event("shipped", 3), event("delivered", 3)], (3, 3, 3), "fulfilled"),
        ([event("delivered", 3)], (3, 3, 3), "fulfilled"),
        ([event("failed_attempt", 3)], (3, 3, 0), "processing"),
        ([adjustment("cancellation", 1)], (3, 2, 0), "processing"),
        ([adjustment("cancellation", 3)], (3, 0, 0), "removed"),
        ([adjustment("cancellation", 3, "failed")], (3, 3, 0), "processing"),
        ([adjustment("cancellation", 1), event("shipped", 2)], (3, 2, 2), "fulfilled"),
        ([event("shipped", 3), adjustment("return", 3)], (3, 3, 3), "fulfilled"),
        ([adjustment("refund", 3)], (3, 3, 0), "processing"),
    ],
)
def test_the_state_of_a_line_follows_from_what_happened(
    happened: list[FulfillmentEvent | Adjustment], counts: tuple[int, int, int], state: str
) -> None:
    count = line_counts(order(*happened))["li_1"]
    assert (count.original, count.total, count.fulfilled) == counts
    assert count.state == state


@given(st.lists(st.tuples(st.sampled_from(LINES), st.integers(1, 3)), max_size=9))
def test_no_line_is_more_fulfilled_than_it_is_wanted(shipments: list[tuple[str, int]]) -> None:
    whole = order(*(event("shipped", quantity, line_id) for line_id, quantity in shipments))
    counts = line_counts(whole)
    assert set(counts) == set(LINES)
    for count in counts.values():
        assert 0 <= count.fulfilled <= count.total <= count.original


def test_what_left_what_went_and_what_came_back_are_counted_apart() -> None:
    whole = order(
        event("shipped", 2),
        event("delivered", 1),
        adjustment("cancellation", 1),
        adjustment("return", 1),
        adjustment("return", 2, "failed"),
    )
    assert shipped(whole)["li_1"] == 2
    assert removed(whole)["li_1"] == 1
    assert returned(whole)["li_1"] == 1


def promised(*parcels: dict[str, int]) -> tuple[Expectation, ...]:
    return tuple(
        Expectation(
            id=f"exp_{place}",
            method_type="shipping",
            lines=tuple(Quantity(line_id=line_id, quantity=n) for line_id, n in parcel.items()),
        )
        for place, parcel in enumerate(parcels)
    )


def pieces(expectations: tuple[Expectation, ...]) -> list[dict[str, int]]:
    return [{part.line_id: part.quantity for part in parcel.lines} for parcel in expectations]


@pytest.mark.parametrize(
    ("canceled", "left"),
    [
        (0, [{"li_1": 2, "li_2": 1}, {"li_1": 1}]),
        (1, [{"li_1": 2, "li_2": 1}]),
        (2, [{"li_1": 1, "li_2": 1}]),
        (3, [{"li_2": 1}]),
    ],
)
def test_what_was_canceled_is_promised_no_more(canceled: int, left: list[dict[str, int]]) -> None:
    parcels = promised({"li_1": 2, "li_2": 1}, {"li_1": 1})
    happened = [adjustment("cancellation", canceled)] if canceled else []
    happened += [adjustment("cancellation", 1, "failed"), adjustment("return", 1), event("shipped", 1)]
    assert pieces(promises(replace(order(*happened), expectations=parcels))) == left


def test_a_refund_counts_unless_it_failed() -> None:
    whole = order(
        adjustment("refund", 1, "pending", 500),
        adjustment("return", 1, "completed", 300),
        adjustment("refund", 1, "failed", 900),
    )
    assert whole.refunded_minor == 800
    assert whole.total_minor == 4500


def test_a_line_that_is_not_there_cannot_be_adjusted() -> None:
    assert order().line("li_2").line_id == "li_2"
    with pytest.raises(AdjustmentRefused, match="li_9"):
        order().line("li_9")
