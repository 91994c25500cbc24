"""Orders: what a paid session became, in the six statuses of the protocol (field.md 9)."""

from typing import Any, Final

from ucp_server.asgi.times import iso8601
from ucp_server.domain.order import LineCount, Order, handed_over, line_counts

Wire = dict[str, Any]

CREATED: Final = "created"
MANUAL_REVIEW: Final = "manual_review"
CONFIRMED: Final = "confirmed"
FULFILLED: Final = "fulfilled"
SHIPPED: Final = "shipped"
CANCELED: Final = "canceled"


def status_of(order: Order) -> str:
    """Where the order stands.

    A tool that has yet to be tried leaves it ``created``; money that could not be taken wants a
    look by the merchant; a line is fulfilled by any tool that did its work, or by a delivery.
    """
    wanted = {line_id: count for line_id, count in line_counts(order).items() if count.total}
    if not wanted:
        return CANCELED
    if order.payment == "payment_failed":
        return MANUAL_REVIEW
    if any(run.state == "waiting" for run in order.runs):
        return CREATED
    by_hand = _left_to_people(order, wanted)
    if not all(count.state == "fulfilled" for count in by_hand.values()):
        return CONFIRMED
    there = handed_over(order)
    is_there = all(there[line_id] >= count.total for line_id, count in by_hand.items())
    return FULFILLED if is_there else SHIPPED


def _left_to_people(order: Order, wanted: dict[str, LineCount]) -> dict[str, LineCount]:
    served = {run.line_id for run in order.runs if run.state == "done"}
    return {line_id: count for line_id, count in wanted.items() if line_id not in served}


def results_of(order: Order) -> list[Wire] | None:
    """What the tools told so far; None for an order that needs none."""
    if not order.runs:
        return None
    return [
        {"toolName": run.tool_id, "success": run.state == "done", "output": run.output}
        for run in order.runs
        if run.state != "waiting"
    ]


def render(order: Order) -> Wire:
    return {
        "id": order.id,
        "status": status_of(order),
        "fulfillment_result": results_of(order),
        "created_at": iso8601(order.placed_at),
    }
