"""Carts that become checkouts."""

import asyncio
from uuid import uuid4

from conformance.buying import buyer, total
from conformance.filling import CART, cart_with_buyer, checkout_of, converted, filled, held
from conformance.platform import OTHER
from conformance.registry import SINCE_APRIL, check, expect, lacking
from conformance.shop import Shop

SECTION = "cart#Cart-to-Checkout Conversion"


@check(SECTION, releases=SINCE_APRIL)
async def cart_becomes_a_checkout(shop: Shop) -> None:
    """A checkout made of a cart has its lines, in their quantities, and its sum."""
    cart = await filled(shop, quantity=2)
    reply = await converted(shop, cart)
    expect(reply.succeeded, f"answered {reply.status}")
    checkout = reply.document()
    expect(held(checkout) == held(cart), f"the cart holds {held(cart)}, the checkout {held(checkout)}")
    sums = [
        row["amount"] for each in (cart, checkout) for row in each["totals"] if row["type"] == "subtotal"
    ]
    expect(len(set(sums)) == 1, f"subtotals are {sums}")


@check(SECTION, releases=SINCE_APRIL)
async def cart_wins_over_the_body(shop: Shop) -> None:
    """Lines and a buyer that stand beside the cart's id are ignored."""
    cart = await filled(shop, quantity=2, buyer=buyer())
    second = shop.inputs.second_item or shop.inputs.item
    reply = await converted(shop, cart, line_items=[{"item": {"id": second}, "quantity": 5}], buyer=buyer())
    expect(reply.succeeded, f"answered {reply.status}")
    checkout = reply.document()
    expect(held(checkout) == held(cart), f"the cart holds {held(cart)}, the checkout {held(checkout)}")
    emails = [(each.get("buyer") or {}).get("email") for each in (cart, checkout)]
    expect(emails[0] == emails[1], f"buyers are {emails}")


@check(SECTION, releases=SINCE_APRIL)
async def buyer_and_codes_come_along(shop: Shop) -> None:
    """The buyer and the discount codes of a cart are those of the checkout made of it."""
    cart = await shop.scene(cart_with_buyer)
    checkout = await checkout_of(shop, cart)
    emails = [(each.get("buyer") or {}).get("email") for each in (cart, checkout)]
    expect(emails[0] == emails[1], f"buyers are {emails}")
    codes = [(each.get("discounts") or {}).get("codes") or [] for each in (cart, checkout)]
    expect(codes[0] == codes[1], f"codes are {codes}")
    plain = total(await checkout_of(shop, await filled(shop)))
    if codes[0]:
        expect(total(checkout) < plain, f"with a code {total(checkout)}, without {plain}")


@check(SECTION, releases=SINCE_APRIL)
async def cart_has_one_open_checkout(shop: Shop) -> None:
    """While the checkout of a cart is open, converting the cart again answers with that one."""
    cart = await filled(shop)
    first, second = await checkout_of(shop, cart), await checkout_of(shop, cart)
    expect(first["id"] == second["id"], "there are two checkouts")


@check(SECTION, releases=SINCE_APRIL)
async def twins_make_one_checkout(shop: Shop) -> None:
    """Conversions of one cart at the same moment make one checkout."""
    cart = await filled(shop)
    replies = await asyncio.gather(*(converted(shop, cart) for _ in range(4)))
    made = {reply.document()["id"] for reply in replies if reply.succeeded}
    expect(len(made) == 1, f"there are {len(made)} checkouts")


@check(SECTION, releases=SINCE_APRIL)
async def canceled_checkout_makes_room(shop: Shop) -> None:
    """After its checkout was canceled, a cart makes a new one."""
    cart = await filled(shop)
    first = await checkout_of(shop, cart)
    if not (await shop.cancel(first["id"])).succeeded:
        lacking("a checkout that can be canceled")
    second = await checkout_of(shop, cart)
    expect(second["id"] != first["id"], "the canceled checkout came back")
    expect(second["status"] != "canceled", "the new checkout is canceled")


@check(SECTION, releases=SINCE_APRIL)
async def unknown_cart_makes_no_checkout(shop: Shop) -> None:
    """A cart that nobody has makes no checkout."""
    shop.need_capability(CART)
    lines = [{"item": {"id": shop.inputs.item}, "quantity": 1}]
    reply = await converted(shop, {"id": str(uuid4())}, line_items=lines)
    expect(reply.status < 500, f"answered {reply.status}")
    expect(not reply.succeeded, f"answered {reply.status}")


@check(SECTION, releases=SINCE_APRIL)
async def foreign_cart_makes_no_checkout(shop: Shop) -> None:
    """Another platform's cart makes no checkout."""
    reply = await converted(shop, await filled(shop), who=OTHER)
    expect(reply.status < 500, f"answered {reply.status}")
    expect(not reply.succeeded, f"answered {reply.status}")
