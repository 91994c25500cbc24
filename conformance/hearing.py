"""What the platform heard of a sale: the scene that the checks of events look at."""

import msgspec

from conformance.buying import Sale, sale
from conformance.platform import MAIN, Delivery
from conformance.registry import lacking
from conformance.shop import Shop


class Heard(msgspec.Struct, frozen=True):
    """A sale and the event that told the platform of it."""

    sale: Sale
    delivery: Delivery


def event_id(delivery: Delivery) -> str:
    """In the body in January, in a header since."""
    return str(delivery.document().get("event_id") or delivery.headers.get("webhook-id"))


def is_of(delivery: Delivery, order_id: object) -> bool:
    return bool(order_id) and str(order_id).encode() in delivery.body


async def deliveries(shop: Shop, done: Sale, receiver: str = MAIN) -> list[Delivery]:
    """What the receiver was told of the sale; empty when nothing came in time."""
    return await shop.platform.delivered(
        lambda each: each.receiver == receiver and is_of(each, done.order.get("id")),
        shop.inputs.event_wait_s,
    )


async def heard(shop: Shop) -> Heard:
    """A sale of which the platform heard."""
    shop.need_capability("order")
    done = await shop.scene(sale)
    found = await deliveries(shop, done)
    if not found:
        lacking("an order event")
    return Heard(done, found[0])
