"""Orders on the wire of the newest release (D/order)."""

from typing import Any

from ucp_server.asgi.times import rfc3339
from ucp_server.domain.order import (
    Adjustment,
    Expectation,
    FulfillmentEvent,
    LineCount,
    Order,
    Quantity,
    line_counts,
    problems_of,
    promises,
)
from ucp_server.domain.quote import QuotedLine
from ucp_server.ucp.addresses import render_address
from ucp_server.ucp.checkout import render_line, render_total
from ucp_server.ucp.ids import render_checkout_id, render_order_id
from ucp_server.ucp.messages import render_messages

Wire = dict[str, Any]


def render(order: Order, site: str, permalink_url: str) -> Wire:
    """The whole order in the newest form, without ``ucp``; never a difference to what was before."""
    counts = line_counts(order)
    wire: Wire = {
        "id": render_order_id(order.id),
        "checkout_id": render_checkout_id(order.id),
        "permalink_url": permalink_url,
        "line_items": [_render_line(line, counts[line.line_id], site) for line in order.lines],
        "fulfillment": {
            "expectations": [_render_expectation(entry) for entry in promises(order)],
            "events": [_render_event(event) for event in order.events],
        },
        "adjustments": [_render_adjustment(entry) for entry in order.adjustments],
        "currency": order.currency,
        "totals": [render_total(row) for row in order.totals],
    }
    messages = render_messages(problems_of(order))
    if messages:
        wire["messages"] = messages
    return wire


def _render_line(line: QuotedLine, count: LineCount, site: str) -> Wire:
    wire = render_line(line, site)
    wire["quantity"] = {
        "original": count.original,
        "total": count.total,
        "fulfilled": count.fulfilled,
    }
    wire["status"] = count.state
    return wire


def _quantities(parts: tuple[Quantity, ...]) -> list[Wire]:
    return [{"id": part.line_id, "quantity": part.quantity} for part in parts]


def _render_expectation(expectation: Expectation) -> Wire:
    wire: Wire = {
        "id": expectation.id,
        "line_items": _quantities(expectation.lines),
        "method_type": expectation.method_type,
        "destination": render_address(expectation.address),
    }
    if expectation.description is not None:
        wire["description"] = expectation.description
    if expectation.fulfillable_on is not None:
        wire["fulfillable_on"] = expectation.fulfillable_on
    return wire


def _render_event(event: FulfillmentEvent) -> Wire:
    wire: Wire = {
        "id": event.id,
        "occurred_at": rfc3339(event.occurred_at),
        "type": event.type,
        "line_items": _quantities(event.lines),
    }
    told = {
        "tracking_number": event.tracking_number,
        "tracking_url": event.tracking_url,
        "carrier": event.carrier,
        "description": event.description,
    }
    return wire | {member: text for member, text in told.items() if text is not None}


def _render_adjustment(adjustment: Adjustment) -> Wire:
    """What leaves the order is negative, and so is what the buyer gets back."""
    wire: Wire = {
        "id": adjustment.id,
        "type": adjustment.type,
        "occurred_at": rfc3339(adjustment.occurred_at),
        "status": adjustment.status,
    }
    if adjustment.lines:
        wire["line_items"] = [{"id": part.line_id, "quantity": -part.quantity} for part in adjustment.lines]
    if adjustment.amount_minor:
        wire["totals"] = [{"type": "total", "amount": -adjustment.amount_minor}]
    if adjustment.description is not None:
        wire["description"] = adjustment.description
    return wire
