"""Every operation that a platform can ask for, one row each; nothing else lists them.

The routes, the negotiation, the keys and the sequence in `operations` all read here. A release has
those whose capability it publishes (V/rest.openapi.json, digest 1.3).
"""

from enum import StrEnum
from types import MappingProxyType
from typing import Final

import msgspec

from ucp_server.ucp.releases import (
    CART,
    CATALOG_LOOKUP,
    CATALOG_SEARCH,
    CHECKOUT,
    ORDER,
    Release,
)


class Family(StrEnum):
    """What an operation is about, and so who carries it out."""

    CHECKOUT = "checkout"
    CATALOG = "catalog"
    CART = "cart"
    ORDER = "order"


class Operation(msgspec.Struct, frozen=True):
    """``root`` is the capability that both sides need (T3:D/overview#Response Capability Selection).

    ``path`` stands below a release's endpoint. What ``writes`` reads an idempotency key, and needs a
    platform that may change something. One of no release is routed by the mode that has it.
    """

    name: str
    family: Family
    root: str
    method: str
    path: str
    writes: bool = False
    of_releases: bool = True

    @property
    def makes(self) -> bool:
        """Whether what it is about is made by it, so that nothing is named in the path."""
        return self.writes and "{id}" not in self.path


# Those of one path stand together, and what is asked most often comes first.
_ONE: Final = "/checkout-sessions/{id}"
_TABLE: Final = (
    Operation("create_checkout", Family.CHECKOUT, CHECKOUT, "POST", "/checkout-sessions", writes=True),
    Operation("get_checkout", Family.CHECKOUT, CHECKOUT, "GET", _ONE),
    Operation("update_checkout", Family.CHECKOUT, CHECKOUT, "PUT", _ONE, writes=True),
    Operation("complete_checkout", Family.CHECKOUT, CHECKOUT, "POST", f"{_ONE}/complete", writes=True),
    Operation("cancel_checkout", Family.CHECKOUT, CHECKOUT, "POST", f"{_ONE}/cancel", writes=True),
    Operation("search_catalog", Family.CATALOG, CATALOG_SEARCH, "POST", "/catalog/search"),
    Operation("lookup_catalog", Family.CATALOG, CATALOG_LOOKUP, "POST", "/catalog/lookup"),
    Operation("get_product", Family.CATALOG, CATALOG_LOOKUP, "POST", "/catalog/product"),
    Operation("create_cart", Family.CART, CART, "POST", "/carts", writes=True),
    Operation("get_cart", Family.CART, CART, "GET", "/carts/{id}"),
    Operation("update_cart", Family.CART, CART, "PUT", "/carts/{id}", writes=True),
    Operation("cancel_cart", Family.CART, CART, "POST", "/carts/{id}/cancel", writes=True),
    Operation("get_order", Family.ORDER, ORDER, "GET", "/orders/{id}"),
    # No release has it (`suite_orders`).
    Operation("update_order", Family.ORDER, ORDER, "PUT", "/orders/{id}", writes=True, of_releases=False),
)
OPERATIONS: Final = MappingProxyType({row.name: row for row in _TABLE})


def operations_of(release: Release) -> list[Operation]:
    """The operations that ``release`` has, in the table's order.

    In January the order capability stood for events alone.
    """
    published = {capability.name for capability in release.capabilities}
    if not release.serves_orders:
        published.discard(ORDER)
    return [row for row in OPERATIONS.values() if row.of_releases and row.root in published]
