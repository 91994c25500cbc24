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
    problems_of,
    promises,
    removed,
    returned,
    shipped,
)
from ucp_server.domain.quote import QuotedLine, Total
from ucp_server.domain.tools import ToolRun

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


# --- what a buyer has to be told ---


def told(whole: Order) -> list[tuple[str, str | None]]:
    return [(problem.code, problem.where) for problem in problems_of(whole)]


def repaid(amount_minor: int, status: str = "completed") -> Adjustment:
    return replace(adjustment("refund", 1, status, amount_minor), lines=())


def test_of_an_order_that_goes_well_nothing_is_told() -> None:
    for payment in ("authorised", "captured", "refunded"):
        assert told(replace(order(event("failed_attempt", 1), repaid(5)), payment=payment)) == []


def test_money_that_did_not_come_is_told_as_long_as_anything_is_wanted() -> None:
    unpaid = replace(order(repaid(500, "failed")), payment="payment_failed")
    assert told(unpaid) == [("payment_failed", None)]
    gone = [replace(adjustment("cancellation", 3), lines=(Quantity(line_id=i, quantity=3),)) for i in LINES]
    assert told(replace(order(*gone), payment="payment_failed")) == []


@pytest.mark.parametrize(
    ("money", "places"),
    [
        ([repaid(500, "failed")], [0]),
        ([repaid(500, "pending")], []),
        ([repaid(500), repaid(500, "failed")], [1]),
        ([repaid(500, "failed"), repaid(500)], []),
        ([repaid(500, "failed"), repaid(500, "pending")], []),
        ([repaid(500, "failed"), repaid(499)], [0]),
        ([repaid(500, "failed"), repaid(500, "failed"), repaid(500)], [1]),
        ([repaid(500, "failed"), repaid(300, "failed"), repaid(800)], []),
        ([adjustment("cancellation", 1, "failed", 500)], [0]),
        ([adjustment("return", 1, "failed")], []),
        ([repaid(500, "failed"), adjustment("cancellation", 1, "completed", 500)], [0]),
    ],
)
def test_a_refund_that_failed_is_told_until_another_made_up_for_it(
    money: list[Adjustment], places: list[int]
) -> None:
    assert told(order(*money)) == [("refund_failed", f"adjustments[{place}]") for place in places]


def test_what_is_owed_is_named_in_the_money_of_the_order() -> None:
    (owed,) = problems_of(order(repaid(1990, "failed")))
    assert "19.90 EUR" in owed.text


@pytest.mark.parametrize(
    ("states", "happened", "is_told"),
    [
        (["failed"], [], True),
        (["failed", "failed"], [], True),
        (["failed", "done"], [], False),
        (["waiting"], [], False),
        (["failing"], [], False),
        (["done"], [], False),
        (["failed"], [event("delivered", 1, "li_2")], True),
        (["failed"], [event("delivered", 3, "li_2")], False),
        (["failed"], [event("delivered", 3, "li_1")], True),
    ],
)
def test_what_no_tool_could_fulfil_is_told_until_a_person_has_fulfilled_it(
    states: list[str], happened: list[FulfillmentEvent], is_told: bool
) -> None:
    runs = tuple(ToolRun(id=str(n), line_id="li_2", tool_id="t", state=s) for n, s in enumerate(states))
    assert told(replace(order(*happened), runs=runs)) == [("fulfillment_delayed", "lines[1]")] * is_told
