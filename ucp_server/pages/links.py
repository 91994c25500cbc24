"""The paths of the pages that links lead to. The token is the key; the id only finds the row."""

from typing import Final
from urllib.parse import parse_qs, urlsplit
from uuid import UUID

CHECKOUT_ROUTE: Final = "/checkout/{page_id}/{token}"
# Below its page: the checkout as data, for the page's own script.
STATE_ROUTE: Final = CHECKOUT_ROUTE + "/state"
CART_ROUTE: Final = "/cart/{page_id}/{token}"
ORDER_ROUTE: Final = "/order/{page_id}/{token}"
RECEIPT_ROUTE: Final = ORDER_ROUTE + "/receipt"
# In the query of a checkout's page.
CAME_BACK: Final = "back"


def checkout_path(checkout_id: str, link_token: str) -> str:
    """Where the buyer takes over a checkout (``continue_url`` without the origin)."""
    return CHECKOUT_ROUTE.format(page_id=UUID(checkout_id).hex, token=link_token)


def back_path(checkout_id: str, link_token: str) -> str:
    """The checkout's page for a buyer who comes back to it from a payment provider's challenge."""
    return f"{checkout_path(checkout_id, link_token)}?{CAME_BACK}=1"


def cart_path(cart_id: str, link_token: str) -> str:
    """Where the buyer sees a cart and goes on to buy (its ``continue_url`` without the origin)."""
    return CART_ROUTE.format(page_id=UUID(cart_id).hex, token=link_token)


def order_path(order_id: str, permalink_token: str) -> str:
    """Where an order is shown (``permalink_url`` without the origin)."""
    return ORDER_ROUTE.format(page_id=UUID(order_id).hex, token=permalink_token)


def receipt_path(order_id: str, permalink_token: str) -> str:
    """Where an order is shown as its buyer keeps it on paper."""
    return RECEIPT_ROUTE.format(page_id=UUID(order_id).hex, token=permalink_token)


def in_language(path: str, code: str) -> str:
    """The path of a page of ours in the language of that code; "" leaves it to the browser's wish."""
    if not code:
        return path
    return f"{path}{'&' if '?' in path else '?'}lang={code}"


def language_in(path: str) -> str:
    """The code that ``in_language`` wrote into a path, "" for none."""
    return parse_qs(urlsplit(path).query).get("lang", [""])[0]


def row_id(page_id: str) -> str | None:
    """The id of the row behind a page, or None when it cannot be one."""
    try:
        return str(UUID(hex=page_id)) if len(page_id) == 32 else None
    except ValueError:
        return None
