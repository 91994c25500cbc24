"""Looking at checkouts and orders, each by whoever may."""

import hmac

from ucp_server.domain.checkout import Checkout
from ucp_server.domain.errors import CheckoutNotFound, OrderNotFound
from ucp_server.domain.order import Order
from ucp_server.engine.commands import Scope
from ucp_server.engine.faults import fault_point
from ucp_server.engine.setup import Setup
from ucp_server.store.checkouts import (
    StoredCheckout,
    expire_checkout,
    load_checkout,
    load_checkout_of_any,
)
from ucp_server.store.database import read, statement
from ucp_server.store.ids import is_id
from ucp_server.store.orders import load_order


async def read_checkout(setup: Setup, scope: Scope, checkout_id: str) -> Checkout:
    """The checkout as it stands now. Raises CheckoutNotFound, also for somebody else's."""
    if not is_id(checkout_id):
        raise CheckoutNotFound(checkout_id)
    async with read(setup.pool) as db:
        stored = await load_checkout(db, scope.merchant_id, scope.platform_id, checkout_id)
    return await _as_it_stands(setup, stored, checkout_id)


async def read_checkout_of_any(setup: Setup, merchant_id: str, checkout_id: str) -> Checkout:
    """Whichever platform's it is. Raises CheckoutNotFound."""
    if not is_id(checkout_id):
        raise CheckoutNotFound(checkout_id)
    async with read(setup.pool) as db:
        stored = await load_checkout_of_any(db, merchant_id, checkout_id)
    return await _as_it_stands(setup, stored, checkout_id)


async def read_checkout_by_link(setup: Setup, merchant_id: str, checkout_id: str, token: str) -> Checkout:
    """For whoever holds the hand-off link; a wrong token looks like an unknown checkout."""
    checkout = await read_checkout_of_any(setup, merchant_id, checkout_id)
    if not is_same(checkout.link_token, token):
        raise CheckoutNotFound(checkout_id)
    return checkout


async def _as_it_stands(setup: Setup, stored: StoredCheckout | None, checkout_id: str) -> Checkout:
    if stored is None:
        raise CheckoutNotFound(checkout_id)
    if not stored.is_over:
        return stored.checkout
    merchant_id = stored.checkout.merchant_id
    await fault_point("expire.before_commit")
    async with statement(setup.pool) as tx:
        expired = await expire_checkout(tx, merchant_id, checkout_id)
    await fault_point("expire.committed")
    if expired is not None:
        return expired
    # Somebody expired it, or a payment began in its last moment: either way it is settled now.
    async with read(setup.pool) as db:
        stored = await load_checkout_of_any(db, merchant_id, checkout_id)
    if stored is None:
        raise CheckoutNotFound(checkout_id)
    return stored.checkout


async def read_order(setup: Setup, scope: Scope, order_id: str) -> Order:
    """Raises OrderNotFound, also for somebody else's."""
    return await _order(setup, scope.merchant_id, order_id, scope.platform_id)


async def read_order_of_any(setup: Setup, merchant_id: str, order_id: str) -> Order:
    """Whichever platform's it is. Raises OrderNotFound."""
    return await _order(setup, merchant_id, order_id, None)


async def read_order_by_permalink(setup: Setup, merchant_id: str, order_id: str, token: str) -> Order:
    """For whoever holds the permalink; a wrong token looks like an unknown order."""
    order = await read_order_of_any(setup, merchant_id, order_id)
    if not is_same(order.permalink_token, token):
        raise OrderNotFound(order_id)
    return order


async def _order(setup: Setup, merchant_id: str, order_id: str, platform_id: str | None) -> Order:
    if not is_id(order_id):
        raise OrderNotFound(order_id)
    async with read(setup.pool) as db:
        order = await load_order(db, merchant_id, order_id, platform_id=platform_id)
    if order is None:
        raise OrderNotFound(order_id)
    return order


def is_same(ours: str, given: str) -> bool:
    """Whether the token that was given is ours, in a time that tells nothing of it."""
    return hmac.compare_digest(ours.encode(), given.encode(errors="replace"))
