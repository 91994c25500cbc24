"""The tiny shop's carts: a checkout without the parts that only a sale has."""

from uuid import uuid4

from tests.conformance.tiny_shop import later, render
from tests.conformance.tiny_shop.state import SERVICE, Checkout, Refusal, Shop, Wire, write

OF_A_SALE = ("status", "payment", "order", "fulfillment")
NOT_FOUND = "There is no such cart."


def extensions(capabilities: list[str], shop: Shop) -> list[str]:
    """What is active in a cart; consents are since August."""
    active = {"discount", "buyer_consent"} if shop.since_august else {"discount"}
    return [each for each in capabilities if each in active]


def shown(cart: Checkout, shop: Shop, origin: str) -> Wire:
    document = later.checkout(render.render(cart, shop, origin), cart, shop)
    active = document["ucp"]["capabilities"]
    active[f"{SERVICE}.cart"] = active.pop(f"{SERVICE}.checkout")
    del document["ucp"]["payment_handlers"]
    for member in OF_A_SALE:
        document.pop(member, None)
    messages = [each for each in document.pop("messages", []) if each["type"] == "warning"]
    if shop.faulty("leaves the currency of carts out"):
        del document["currency"]
    return document | ({"messages": messages} if messages else {})


def fill(body: Wire, owner: str, capabilities: list[str], shop: Shop) -> Checkout:
    cart = Checkout(str(uuid4()), owner, "", extensions(capabilities, shop))
    write(cart, body, shop, replacing=False)
    if shop.faulty("forgets codes of carts"):
        cart.codes = []
    shop.carts[cart.id] = cart
    return cart


def of(cart_id: str, owner: str, shop: Shop) -> Checkout:
    cart = shop.carts.get(cart_id)
    gone = cart is None or (cart.state != "open" and not shop.faulty("keeps canceled carts"))
    if cart is None or gone or (cart.owner != owner and not shop.faulty("shows foreign carts")):
        raise Refusal(404, "not_found", NOT_FOUND)
    return cart


def checkout_of(body: Wire, owner: str, shop: Shop) -> tuple[Checkout | None, Wire]:
    """The open checkout of the cart that a create names, or what a new one is made of."""
    cart_id = str(body["cart_id"])
    try:
        cart = of(cart_id, owner, shop)
    except Refusal:
        if shop.faulty("makes carts up"):
            return None, body
        raise
    held = ("open", "canceled") if shop.faulty("holds on to canceled checkouts") else ("open",)
    for checkout in shop.checkouts.values():
        if checkout.cart_id == cart.id and checkout.state in held:
            if shop.faulty("makes a checkout each time"):
                break
            return checkout, body
    lines = [{"item": {"id": each["item"]}, "quantity": each["quantity"]} for each in cart.lines]
    codes = [] if shop.faulty("leaves codes in the cart") else cart.codes
    ours: Wire = {"line_items": lines, "buyer": cart.buyer, "discounts": {"codes": codes}}
    if shop.faulty("prefers the body to the cart"):
        ours = {**ours, **{name: value for name, value in body.items() if value}}
    if shop.faulty("forgets what was in the cart"):
        ours["line_items"] = [lines[0] | {"quantity": 1}]
    return None, {**body, **ours}
