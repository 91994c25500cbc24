"""Where an order stands, from what tools and people did."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ucp_server.chipp.order import CANCELED, CONFIRMED, CREATED, FULFILLED, MANUAL_REVIEW, render, status_of
from ucp_server.domain.order import Adjustment, FulfillmentEvent, Order, Quantity
from ucp_server.domain.quote import QuotedLine, Total
from ucp_server.domain.tools import RunState, ToolRun

AT = datetime(2026, 11, 21, 10, 4, tzinfo=UTC)
STATES: tuple[RunState, ...] = ("waiting", "failing", "done", "failed")


def line(line_id: str) -> QuotedLine:
    return QuotedLine(
        line_id=line_id, item_id="audit", title="Audit", unit_price_minor=1, quantity=2, totals=()
    )


def order(*runs: tuple[str, RunState], lines: tuple[str, ...] = ("a",), **more: object) -> Order:
    given: dict[str, object] = {
        "id": "01890a5d-ac96-774b-bcce-b302099a8057",
        "merchant_id": "shop",
        "platform_id": "app",
        "version": 1,
        "currency": "EUR",
        "lines": tuple(line(line_id) for line_id in lines),
        "totals": (Total(type="total", amount_minor=2),),
        "permalink_token": "t",
        "placed_at": AT,
        "payment": "captured",
        "runs": tuple(
            ToolRun(id=str(n), line_id=line_id, tool_id=f"tool_{n}", state=state)
            for n, (line_id, state) in enumerate(runs)
        ),
        **more,
    }
    return Order(**given)


def away(type_: str, line_id: str, quantity: int = 2) -> FulfillmentEvent:
    lines = (Quantity(line_id=line_id, quantity=quantity),)
    return FulfillmentEvent(id="e", type=type_, occurred_at=AT, lines=lines)


def taken(line_id: str) -> Adjustment:
    lines = (Quantity(line_id=line_id, quantity=2),)
    return Adjustment(id="x", type="cancellation", occurred_at=AT, status="completed", lines=lines)


@pytest.mark.parametrize(
    ("given", "status"),
    [
        (order(), "confirmed"),
        (order(("a", "waiting")), "created"),
        (order(("a", "failing")), "confirmed"),
        (order(("a", "failed")), "confirmed"),
        (order(("a", "done")), "fulfilled"),
        (order(("a", "done"), ("a", "failed")), "fulfilled"),
        (order(("a", "done"), ("a", "waiting")), "created"),
        (order(("a", "done"), lines=("a", "b")), "confirmed"),
        (order(("a", "done"), ("b", "failed"), lines=("a", "b")), "confirmed"),
        (order(("a", "done"), lines=("a", "b"), events=(away("shipped", "b"),)), "shipped"),
        (order(("a", "done"), lines=("a", "b"), events=(away("delivered", "b"),)), "fulfilled"),
        (order(events=(away("shipped", "a", 1),)), "confirmed"),
        (order(events=(away("shipped", "a"), away("delivered", "a", 1))), "shipped"),
        (order(events=(away("shipped", "a"), away("delivered", "a"))), "fulfilled"),
        (order(adjustments=(taken("a"),)), "canceled"),
        (order(("a", "done"), lines=("a", "b"), adjustments=(taken("b"),)), "fulfilled"),
        (order(("a", "done"), payment="payment_failed"), "manual_review"),
        (order(payment="payment_failed", adjustments=(taken("a"),)), "canceled"),
    ],
)
def test_the_six_statuses(given: Order, status: str) -> None:
    assert status_of(given) == status


@given(st.lists(st.tuples(st.sampled_from("ab"), st.sampled_from(STATES)), max_size=6))
def test_only_tools_that_did_their_work_fulfil(runs: list[tuple[str, RunState]]) -> None:
    status = status_of(order(*runs, lines=("a", "b")))
    assert status not in {CANCELED, MANUAL_REVIEW}
    served = {line_id for line_id, state in runs if state == "done"}
    if any(state == "waiting" for _, state in runs):
        assert status == CREATED
    else:
        assert status == (FULFILLED if served == {"a", "b"} else CONFIRMED)


def test_results_are_those_of_tools_that_were_tried() -> None:
    shown = render(order(("a", "done"), ("a", "failing"), ("a", "waiting")))
    assert shown["fulfillment_result"] == [
        {"toolName": "tool_0", "success": True, "output": ""},
        {"toolName": "tool_1", "success": False, "output": ""},
    ]
    assert shown["created_at"] == "2026-11-21T10:04:00.000Z"
