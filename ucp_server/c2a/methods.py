"""Stored payment methods on the wire (payment-methods page)."""

from typing import Any

from ucp_server.asgi.times import rfc3339
from ucp_server.c2a.checkout import CREDIT_CARD
from ucp_server.c2a.ids import render_method_urn
from ucp_server.c2a.replies import SUCCESS
from ucp_server.domain.submission import StoredMethod

Wire = dict[str, Any]


def render_method_reply(method: StoredMethod) -> Wire:
    return {"status": SUCCESS, "paymentMethod": render_method(method)}


def render_method_list(methods: list[StoredMethod]) -> Wire:
    return {"status": SUCCESS, "paymentMethods": [render_method(method) for method in methods]}


def render_method(method: StoredMethod) -> Wire:
    """What may be shown of a card: its last digits and when it expires, never its number."""
    display = method.display
    shown = {
        "cardAlias": display.get("description"),
        "brand": display.get("brand"),
        "lastDigits": display.get("last_digits"),
        "expireMonth": _padded(display.get("expiry_month"), 2),
        "expireYear": _padded(display.get("expiry_year"), 4),
    }
    return {
        "storedMethodUrn": render_method_urn(method.id),
        "paymentChannel": CREDIT_CARD,
        "providerIdentifier": method.handler_id,
        **{name: value for name, value in shown.items() if value is not None},
        "isActive": method.state == "active",
        "createdAt": rfc3339(method.created_at),
    }


def _padded(number: str | int | None, digits: int) -> str | None:
    return None if number is None else str(number).zfill(digits)
