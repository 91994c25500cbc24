"""What was said so far: rules that hold for every reply look at all of them."""

import contextlib

from conformance.buying import (
    discounted_checkout,
    escalated_checkout,
    plain_checkout,
    ready_checkout,
    sale,
)
from conformance.registry import Broken, Lacking, Wire, lacking
from conformance.shop import Shop
from conformance.wire import Exchange


async def _make_scenes(shop: Shop) -> None:
    """A run of one group alone has said little; the scenes bring each kind of reply."""
    for build in (plain_checkout, ready_checkout, discounted_checkout, escalated_checkout):
        with contextlib.suppress(Lacking):
            await shop.scene(build)
    with contextlib.suppress(Lacking):
        await shop.scene(sale)


async def replies_seen(shop: Shop) -> list[Exchange]:
    """Every exchange with the endpoint."""
    await _make_scenes(shop)
    found = [each for each in shop.client.journal if each.url.startswith(shop.endpoint)]
    return found or lacking("a reply to look at")


async def checkouts_seen(shop: Shop) -> list[tuple[Exchange, Wire]]:
    """Every checkout in a success, with the exchange that brought it."""
    found = []
    for exchange in await replies_seen(shop):
        if not exchange.succeeded or "/checkout-sessions" not in exchange.url:
            continue
        with contextlib.suppress(Broken):
            document = exchange.document()
            if isinstance(document.get("line_items"), list):
                found.append((exchange, document))
    return found or lacking("a checkout to look at")
