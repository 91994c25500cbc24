"""Ids as callers see them: a prefix that says of what, then the row's UUID in 32 hex digits.

Postgres reads those digits as they stand, so an id from a log line finds its row.
"""

import re
from typing import Final
from uuid import UUID

_WIRE_ID: Final = re.compile(r"(chk|ord|cart)_([0-9a-f]{32})", re.ASCII)


def render_checkout_id(checkout_id: str) -> str:
    return "chk_" + UUID(checkout_id).hex


def render_order_id(order_id: str) -> str:
    return "ord_" + UUID(order_id).hex


def render_cart_id(cart_id: str) -> str:
    return "cart_" + UUID(cart_id).hex


def decode_checkout_id(text: str) -> str | None:
    """The row's UUID as text; None for what was never an id of ours."""
    return _decode("chk", text)


def decode_order_id(text: str) -> str | None:
    """The row's UUID as text; None for what was never an id of ours."""
    return _decode("ord", text)


def decode_cart_id(text: str) -> str | None:
    """The row's UUID as text; None for what was never an id of ours."""
    return _decode("cart", text)


def _decode(prefix: str, text: str) -> str | None:
    found = _WIRE_ID.fullmatch(text)
    if found is None or found[1] != prefix:
        return None
    return str(UUID(hex=found[2]))
