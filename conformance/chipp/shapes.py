"""The members of each document, exactly: more or fewer break a client that reads them by name."""

import re
from typing import Final
from uuid import UUID

from conformance.registry import Wire, expect
from conformance.wire import Exchange

SESSION: Final = frozenset(
    [
        "id",
        "status",
        "line_items",
        "subtotal",
        "total",
        "buyer",
        "shipping_address",
        "payment",
        "expires_at",
        "created_at",
        "updated_at",
    ]
)
LINE: Final = frozenset(["productId", "productName", "sku", "quantity", "unitPriceCents", "totalCents"])
BUYER: Final = frozenset({"name", "email", "phone"})
ADDRESS: Final = frozenset({"line1", "line2", "city", "state", "postal_code", "country"})
ORDER: Final = frozenset({"id", "status", "fulfillment_result", "created_at"})
RESULT: Final = frozenset({"toolName", "success", "output"})
EVENT: Final = frozenset(
    [
        "event",
        "order_id",
        "checkout_session_id",
        "application_id",
        "status",
        "fulfillment_result",
        "total",
        "created_at",
    ]
)
PRODUCT: Final = frozenset({"id", "name", "description", "sku", "price", "fulfillment_type"})

SESSION_STATUSES: Final = frozenset(
    {"not_ready_for_payment", "ready_for_payment", "in_progress", "completed", "canceled"}
)
ORDER_STATUSES: Final = frozenset(
    {"created", "manual_review", "confirmed", "fulfilled", "shipped", "canceled"}
)
_MOMENT: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", re.ASCII)


def data_of(reply: Exchange) -> Wire:
    """What a success wraps."""
    document = reply.document()
    expect(set(document) == {"data"}, f"the members are {sorted(document)}, not data alone", reply)
    data = document["data"]
    expect(isinstance(data, dict), "data is no object", reply)
    return dict(data)


def error_of(reply: Exchange) -> str:
    """The one sentence of an error."""
    document = reply.document()
    expect(set(document) == {"error"}, f"the members are {sorted(document)}, not error alone", reply)
    expect(isinstance(document["error"], str) and document["error"], "error is no sentence", reply)
    return str(document["error"])


def members(what: Wire, wanted: frozenset[str], name: str, reply: Exchange | None = None) -> None:
    missing, more = sorted(wanted - set(what)), sorted(set(what) - wanted)
    expect(not missing, f"{name} lacks {', '.join(missing)}", reply)
    expect(not more, f"{name} has {', '.join(more)}, too", reply)


def is_id(value: object) -> bool:
    try:
        return isinstance(value, str) and bool(UUID(value))
    except ValueError:
        return False


def is_moment(value: object) -> bool:
    return isinstance(value, str) and bool(_MOMENT.fullmatch(value))


def is_money(value: object) -> bool:
    return (
        isinstance(value, dict)
        and set(value) == {"amount", "currency"}
        and type(value["amount"]) is int
        and bool(re.fullmatch(r"[a-z]{3}", str(value["currency"])))
    )


def check_session(session: Wire, reply: Exchange | None = None) -> None:
    members(session, SESSION, "the session", reply)
    expect(is_id(session["id"]), "the id is no UUID", reply)
    expect(session["status"] in SESSION_STATUSES, f"there is no status {session['status']!r}", reply)
    expect(session["line_items"], "there are no lines", reply)
    for line in session["line_items"]:
        members(line, LINE, "a line", reply)
        expect(
            line["totalCents"] == line["quantity"] * line["unitPriceCents"], "a line's sum is off", reply
        )
    for name in ("subtotal", "total"):
        expect(is_money(session[name]), f"{name} is no amount with a lower-case currency", reply)
    whole = sum(line["totalCents"] for line in session["line_items"])
    expect(session["subtotal"]["amount"] == whole, "the subtotal is not the sum of the lines", reply)
    for name, wanted in (("buyer", BUYER), ("shipping_address", ADDRESS)):
        if session[name] is not None:
            members(session[name], wanted, name, reply)
    if session["payment"] is not None:
        members(session["payment"], frozenset({"payment_intent_id"}), "payment", reply)
    for name in ("expires_at", "created_at", "updated_at"):
        expect(is_moment(session[name]), f"{name} has no milliseconds in UTC", reply)


def check_order(order: Wire, reply: Exchange | None = None) -> None:
    members(order, ORDER, "the order", reply)
    expect(is_id(order["id"]), "the order's id is no UUID", reply)
    expect(order["status"] in ORDER_STATUSES, f"there is no status {order['status']!r}", reply)
    expect(is_moment(order["created_at"]), "the order's created_at has no milliseconds in UTC", reply)
    for result in order["fulfillment_result"] or ():
        members(result, RESULT, "a result", reply)
