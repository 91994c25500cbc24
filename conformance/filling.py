"""What an agent sends to fill a cart, and the scenes that checks of carts look at."""

from typing import Any

from conformance import forms
from conformance.buying import buyer
from conformance.platform import MAIN
from conformance.registry import Wire, lacking
from conformance.shop import Shop
from conformance.wire import Exchange

CART = "cart"


def lines(shop: Shop, quantity: int = 1, item: str = "") -> Wire:
    """The body of a cart with one line of the named item."""
    wanted = item or shop.inputs.item or lacking("an item to put into a cart (--item)")
    return {"line_items": [{"item": {"id": wanted}, "quantity": quantity}]}


def held(cart: Wire) -> list[tuple[str, int]]:
    """What lies in a cart or a checkout: ids and quantities."""
    return [(line["item"]["id"], line["quantity"]) for line in cart["line_items"]]


async def filled(shop: Shop, *, who: str = MAIN, quantity: int = 1, **members: Any) -> Wire:
    """A cart of one item."""
    shop.need_capability(CART)
    reply = await shop.create_cart(lines(shop, quantity) | members, who=who)
    if not reply.succeeded:
        lacking(f"a cart (create answered {reply.status})")
    return reply.document()


async def refilled(shop: Shop, cart: Wire, **members: Any) -> Wire:
    """The cart after it was replaced by its own lines and ``members``."""
    reply = await shop.update_cart(cart["id"], forms.update_cart(shop.release, cart, **members))
    if not reply.succeeded:
        lacking(f"an updated cart (update answered {reply.status})")
    return reply.document()


async def converted(shop: Shop, cart: Wire, *, who: str = MAIN, **members: Any) -> Exchange:
    """The answer to a create that names the cart; what stands beside it should not count."""
    return await shop.create({"line_items": [], "cart_id": cart["id"], **members}, who=who)


async def checkout_of(shop: Shop, cart: Wire) -> Wire:
    reply = await converted(shop, cart)
    if not reply.succeeded:
        lacking(f"a checkout made of a cart (create answered {reply.status})")
    return reply.document()


async def plain_cart(shop: Shop) -> Wire:
    return await filled(shop, quantity=2)


async def cart_with_buyer(shop: Shop) -> Wire:
    """A cart with somebody who fills it, and with a code where there is one."""
    codes = [shop.inputs.discount_code] if shop.inputs.discount_code else []
    return await filled(shop, buyer=buyer(), discounts={"codes": codes})
