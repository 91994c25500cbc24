"""What an app says of itself to anybody: its agent card, and what it sells."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from ucp_server.chipp.checkout import amount
from ucp_server.domain.catalog import Item
from ucp_server.store.apps import App, AppProduct

Wire = dict[str, Any]

VERSION: Final = "1.0.0"
# Prices are asked again by whoever buys; a reader may keep what it saw for a minute.
FRESH_S: Final = 60
# The page has no paging: more than that is no list that an agent reads in one go.
PRODUCTS_MAX: Final = 500

_HOW: Final = "Send an API key of this application: Authorization: Bearer acp_..."


def render_agent(app: App, base: str) -> Wire:
    """``base`` is the app's address, without a slash at the end."""
    return {
        "name": app.name,
        "description": app.description,
        "url": base,
        "version": VERSION,
        "capabilities": {"products": True, "checkout": True},
        "endpoints": {"products": f"{base}/products", "checkout": f"{base}/checkout_sessions"},
        "authentication": {"type": "bearer", "description": _HOW},
    }


def render_products(products: Sequence[AppProduct], items: Mapping[str, Item]) -> Wire:
    """Those whose item the merchant still sells."""
    return {
        "data": [
            _product(product, items[product.item_id]) for product in products if product.item_id in items
        ]
    }


def _product(product: AppProduct, item: Item) -> Wire:
    return {
        "id": product.id,
        "name": item.title,
        "description": item.description or "",
        "sku": product.sku,
        "price": amount(item.price.minor, item.price.currency),
        "fulfillment_type": product.fulfillment,
    }
