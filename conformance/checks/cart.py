"""Carts: filled, read, replaced and given up."""

from collections.abc import Callable
from datetime import UTC, datetime
from uuid import uuid4

from conformance import arithmetic, signed_arithmetic
from conformance.buying import buyer, total
from conformance.filling import CART, cart_with_buyer, filled, held, lines, plain_cart, refilled
from conformance.platform import CHECKOUT_ONLY, OTHER
from conformance.registry import SINCE_APRIL, Wire, check, expect, lacking
from conformance.shapes import violations
from conformance.shop import Shop
from conformance.wire import Client, Exchange

NOT_FOUND = "not_found"
RULES: tuple[Callable[[Wire], str], ...] = (
    signed_arithmetic.amounts,
    signed_arithmetic.kinds,
    arithmetic.single,
    signed_arithmetic.sum_of_all,
    signed_arithmetic.line_totals,
    arithmetic.line_subtotals,
    arithmetic.subtotal_of_lines,
)
MALFORMED = (
    b"",
    b"{",
    b"[]",
    b'{"line_items": 7}',
    b'{"line_items": [{"item": "x", "quantity": 1}]}',
    b'{"line_items": [{"item": {"id": "x"}, "quantity": 0}]}',
    b'{"line_items": [{"item": {"id": "x"}, "quantity": -3}]}',
)


def _not_found(shop: Shop, reply: Exchange) -> None:
    expect(reply.status == 200, f"answered {reply.status}", reply)
    wrong = violations(shop.release, "error", reply.document())
    expect(not wrong, wrong, reply)
    codes = [each.get("code") for each in reply.document()["messages"]]
    expect(NOT_FOUND in codes, f"codes are {codes}", reply)


@check("cart-rest#Create Cart", releases=SINCE_APRIL)
async def create_answers_201(shop: Shop) -> None:
    """Filling a cart answers 201, with the lines that were asked for."""
    shop.need_capability(CART)
    reply = await shop.create_cart(lines(shop, quantity=2))
    expect(reply.status == 201, f"answered {reply.status}")
    expect(held(reply.document()) == [(shop.inputs.item, 2)], f"it holds {held(reply.document())}")


@check("cart#Cart Schema Definition", releases=SINCE_APRIL)
async def cart_has_the_shape(shop: Shop) -> None:
    """A cart has the members and types that its schema demands."""
    for cart in (await shop.scene(plain_cart), await shop.scene(cart_with_buyer)):
        wrong = violations(shop.release, "cart", cart)
        expect(not wrong, wrong)


@check("cart#Get Cart", releases=SINCE_APRIL)
async def get_shows_what_create_made(shop: Shop) -> None:
    """Reading a cart shows what filling it made, however often it is read."""
    cart = await filled(shop)
    for _ in range(2):
        reply = await shop.cart(cart["id"])
        expect(reply.succeeded, f"answered {reply.status}")
        for member in ("id", "line_items", "currency", "totals"):
            expect(reply.document().get(member) == cart[member], f"{member} is another")


@check("cart#Update Cart", releases=SINCE_APRIL)
async def lines_are_replaced(shop: Shop) -> None:
    """An update replaces the lines of a cart, also with those of another item."""
    second = shop.inputs.second_item or lacking("a second item (--second-item)")
    cart = await filled(shop)
    replaced = await refilled(shop, cart, **lines(shop, 3, second))
    expect(held(replaced) == [(second, 3)], f"it holds {held(replaced)}")
    later = (await shop.cart(cart["id"])).document()
    expect(held(later) == [(second, 3)], f"read again it holds {held(later)}")


@check("cart#Update Cart", releases=SINCE_APRIL)
async def absent_buyer_is_removed(shop: Shop) -> None:
    """An update without a buyer leaves none in the cart."""
    cart = await filled(shop, buyer=buyer())
    expect((cart.get("buyer") or {}).get("email"), "the cart has no buyer to begin with")
    replaced = await refilled(shop, cart)
    email = (replaced.get("buyer") or {}).get("email")
    expect(not email, f"the buyer is still {email}")


@check("cart#Cancel Cart", releases=SINCE_APRIL)
async def cancel_shows_the_last_state(shop: Shop) -> None:
    """Canceling answers 200, with the cart as it was."""
    cart = await filled(shop, quantity=2)
    reply = await shop.cancel_cart(cart["id"])
    expect(reply.status == 200 and reply.succeeded, f"answered {reply.status}")
    document = reply.document()
    for member in ("id", "line_items", "totals"):
        expect(document.get(member) == cart[member], f"{member} is {document.get(member)}")


@check("cart#Cancel Cart", releases=SINCE_APRIL)
async def canceled_cart_is_gone(shop: Shop) -> None:
    """A canceled cart can neither be read nor changed: not_found."""
    cart = await filled(shop)
    await shop.cancel_cart(cart["id"])
    _not_found(shop, await shop.cart(cart["id"]))
    body = lines(shop) | {"id": cart["id"]}
    _not_found(shop, await shop.update_cart(cart["id"], body))


@check("cart-rest#Get Cart", releases=SINCE_APRIL)
async def unknown_cart_is_told_with_200(shop: Shop) -> None:
    """A cart that nobody has is answered 200, with an envelope of status error: not_found."""
    shop.need_capability(CART)
    for strange in (str(uuid4()), "no-such-cart"):
        _not_found(shop, await shop.cart(strange))
        _not_found(shop, await shop.cancel_cart(strange))


@check("overview#Identity Binding", releases=SINCE_APRIL, advice=True)
async def foreign_cart_answers_like_unknown(shop: Shop) -> None:
    """Another platform's cart is answered like one that nobody has, and stays as it was."""
    cart = await filled(shop)
    ours, nobodys = str(cart["id"]), "".join(reversed(str(cart["id"])))
    for ask in (shop.cart, shop.cancel_cart):
        foreign, unknown = await ask(ours, who=OTHER), await ask(nobodys, who=OTHER)
        expect(not foreign.succeeded, f"answered {foreign.status}", foreign)
        expect(foreign.status == unknown.status, f"{foreign.status}, unknown {unknown.status}", foreign)
        said = foreign.body.replace(ours.encode(), nobodys.encode())
        expect(said == unknown.body, "the bodies tell them apart", foreign)
    changed = await shop.update_cart(ours, lines(shop, 8) | {"id": ours}, who=OTHER)
    expect(not changed.succeeded, f"answered {changed.status}", changed)
    expect(held((await shop.cart(ours)).document()) == held(cart), "it was changed")


@check("signatures#Idempotency", releases=SINCE_APRIL)
async def create_replays(shop: Shop) -> None:
    """The same create under the same key is the same cart, byte for byte."""
    shop.need_capability(CART)
    key, body = str(uuid4()), lines(shop)
    first, second = await shop.create_cart(body, key=key), await shop.create_cart(body, key=key)
    expect(first.succeeded and second.status == first.status, f"{first.status}, then {second.status}")
    expect(second.body == first.body, "the second answer is another")


@check("signatures#Idempotency", releases=SINCE_APRIL)
async def other_create_conflicts(shop: Shop) -> None:
    """Another cart under the key of the first is a conflict: 409."""
    shop.need_capability(CART)
    key = str(uuid4())
    await shop.create_cart(lines(shop), key=key)
    reply = await shop.create_cart(lines(shop, quantity=2), key=key)
    expect(reply.status == 409, f"answered {reply.status}")


@check("cart#Entities", releases=SINCE_APRIL)
async def price_is_not_believed(shop: Shop) -> None:
    """What a request says of prices, totals and currency does not count."""
    wanted = await filled(shop)
    told: Wire = lines(shop)
    told["line_items"][0]["item"] |= {"price": 1, "title": "Nearly free"}
    claimed: Wire = {"totals": [{"type": "total", "amount": 1}], "currency": "XTS"}
    cart = await filled(shop, **told, **claimed)
    for member in ("totals", "currency"):
        expect(cart[member] == wanted[member], f"{member} is {cart[member]}")
    expect(cart["line_items"][0]["item"] == wanted["line_items"][0]["item"], "the item is another")


@check("cart#Total", releases=SINCE_APRIL)
async def carts_add_up(shop: Shop) -> None:
    """Sums and signs of a cart are as those of a checkout."""
    for cart in (await shop.scene(plain_cart), await shop.scene(cart_with_buyer)):
        for rule in RULES:
            wrong = rule(cart)
            expect(not wrong, wrong)


@check("discount#Operations", releases=SINCE_APRIL)
async def code_makes_a_cart_cheaper(shop: Shop) -> None:
    """A good code is listed as applied in a cart and makes its total smaller."""
    shop.need_capability("discount")
    code = shop.inputs.discount_code or lacking("a discount code (--discount-code)")
    usual, cheaper = await filled(shop), await filled(shop, discounts={"codes": [code]})
    applied = [str(each.get("code")).lower() for each in (cheaper.get("discounts") or {})["applied"]]
    expect(code.lower() in applied, f"applied: {applied}")
    expect(total(cheaper) < total(usual), f"{total(usual)} became {total(cheaper)}")


@check("cart#Create Cart", releases=SINCE_APRIL)
async def nothing_unknown_is_priced(shop: Shop) -> None:
    """What nobody sells makes no cart, or lies in it with a message that says so."""
    shop.need_capability(CART)
    reply = await shop.create_cart(lines(shop, item=f"nobody-sells-{uuid4().hex}"))
    expect(reply.status < 500, f"answered {reply.status}")
    if reply.succeeded:
        document = reply.document()
        expect(document.get("messages"), f"it was taken in silence: {held(document)}")
        expect(total(document) == 0, f"it costs {total(document)}")


@check("cart-rest#Create Cart", releases=SINCE_APRIL)
async def malformed_cart_is_refused(shop: Shop) -> None:
    """Carts that are no JSON, or JSON of the wrong form, are answered 4xx."""
    shop.need_capability(CART)
    for raw in MALFORMED:
        reply = await shop.send("POST", "/carts", raw, shop.headers())
        expect(400 <= reply.status < 500, f"{raw!r} was answered {reply.status}", reply)


@check("cart#Guidelines", releases=SINCE_APRIL, advice=True)
async def continue_url_opens(shop: Shop) -> None:
    """A cart hands over to a page of the shop that opens without a login or a header of ours."""
    url = str((await shop.scene(plain_cart)).get("continue_url") or "")
    expect(url.startswith(("http://", "https://")), f"continue_url is {url!r}")
    async with Client(insecure=shop.inputs.insecure, extra_headers={}) as browser:
        reply = await browser.send("GET", url)
    expect(reply.status < 400, f"answered {reply.status}", reply)


@check("cart#Guidelines", releases=SINCE_APRIL)
async def expiry_lies_ahead(shop: Shop) -> None:
    """Where a cart says when it expires, that is still to come."""
    told = (await filled(shop)).get("expires_at") or lacking("carts that say when they expire")
    expect(datetime.fromisoformat(told) > datetime.now(UTC), f"expires_at is {told}")


@check("overview#Error Codes", releases=SINCE_APRIL)
async def cart_needs_its_capability(shop: Shop) -> None:
    """A platform that does not have the capability gets no cart."""
    shop.need_capability(CART)
    reply = await shop.create_cart(lines(shop), who=CHECKOUT_ONLY)
    expect(reply.status < 500, f"answered {reply.status}")
    expect(not reply.succeeded, f"answered {reply.status}")
