"""One purchase, told step by step: something is found, put into a cart, paid, and followed."""

import asyncio
from collections.abc import Callable
from typing import Final

import msgspec

from ucp_server.agent import browsing, speech
from ucp_server.agent.hosting import Hosting
from ucp_server.agent.listening import Listening
from ucp_server.agent.shop import Shop, ShopError, Wire, read_json
from ucp_server.agent.signatures import is_the_shop_s
from ucp_server.agent.speech import Offer
from ucp_server.agent.telling import Say, tell_bill
from ucp_server.agent.wallet import stage

_EVENT_WAIT_S: Final = 10.0
_PAYMENT_WAIT_S: Final = 60.0
_BUYER_WAIT_S: Final = 1_800.0  # a person, who may have to look for a card
_POLL_S: Final = 2.0
_UPDATES_MAX: Final = 3  # an address, an option, and one more for a shop that asks twice

BUYER: Final = {"first_name": "Ada", "last_name": "Agent", "email": "ada.agent@example.com"}
ADDRESS: Final = {
    "id": "home",
    "street_address": "Invalidenstraße 117",
    "address_locality": "Berlin",
    "postal_code": "10115",
    "address_country": "DE",
}


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """What to buy, and how: ``wait_s`` is for the buyer when the shop asks for one.

    With a ``query`` the catalog is asked, and ``item_id`` does not count. ``release`` is the one to
    speak; without it that of the shop's first profile.
    """

    item_id: str
    token: str
    query: str | None = None
    quantity: int = 1
    code: str | None = None
    wait_s: float = 0.0
    release: str | None = None


async def purchase(
    shop: Shop, plan: Plan, say: Say, listening: Listening | None, hosting: Hosting | None = None
) -> Wire:
    """Buy and return the last checkout; raises `ShopError` with the reason when the shop says no.

    With ``hosting`` the buyer finishes the order on the shop's page, within the agent's own.
    """
    offer = await shop.discover(plan.release)
    if listening is not None:
        listening.release = offer.release
    say("discover", f"UCP {offer.release} at {offer.endpoint}")
    say("", f"can: {', '.join(name.rsplit('.', 1)[-1] for name in offer.capabilities)}")
    say("", f"takes: {', '.join(offer.handlers) or 'nothing that an agent can use'}")
    checkout = await _begin(shop, offer, plan, say)
    _check_release(offer, checkout)
    say("create", f"{checkout['id']} is {checkout['status']}")
    tell_bill(checkout, say)
    checkout = await _fill(shop, offer, plan, checkout, say)
    if hosting is not None and listening is not None:
        checkout = await _frame(shop, offer, plan, checkout, say, (listening.origin, hosting))
    elif checkout["status"] != "requires_escalation":
        checkout = await _complete(shop, offer, plan, checkout, say)
    if checkout["status"] == "requires_escalation":
        return await _hand_over(shop, offer, plan, checkout, say)
    if checkout["status"] != "completed":
        raise ShopError("The order was not placed: " + (speech.errors(checkout) or checkout["status"]))
    _tell_order(checkout, say)
    if listening is not None:
        await _follow(offer, listening, say)
    if offer.has("order") and offer.has("cart"):
        await _look_at_order(shop, offer, checkout["order"]["id"], say)
    return checkout


async def _begin(shop: Shop, offer: Offer, plan: Plan, say: Say) -> Wire:
    """A checkout of what was wanted, by way of a cart where the shop has carts."""
    item_id = plan.item_id
    if plan.query is not None:
        item_id = await browsing.find(shop, offer, plan.query, ADDRESS["address_country"], say)
    lines = [{"item": {"id": item_id}, "quantity": plan.quantity}]
    if not offer.has("cart"):
        return await shop.create(offer, speech.create(offer.release, lines, BUYER, "EUR"))
    cart = await shop.fill(offer, speech.cart(lines, BUYER, ADDRESS["address_country"], plan.code))
    _check_release(offer, cart)
    say("cart", f"{cart['id']}, an estimate so far")
    tell_bill(cart, say)
    return await shop.create(offer, speech.of_cart(cart))


def _check_release(offer: Offer, checkout: Wire) -> None:
    """A shop answers in the release of our profile; one that was lent to us may be of another."""
    answered = checkout.get("ucp", {}).get("version", offer.release)
    if answered != offer.release:
        raise ShopError(f"The profile is one of {answered}, not of {offer.release}: name that release.")


async def _fill(shop: Shop, offer: Offer, plan: Plan, checkout: Wire, say: Say) -> Wire:
    """Give the shop what it asks for: where to send it, how, and a discount code if there is one."""
    for _ in range(_UPDATES_MAX):
        fulfillment, said = next_fulfillment(offer.release, checkout)
        discounts = None if plan.code is None else {"codes": [plan.code]}
        if fulfillment is None and (discounts is None or "discounts" in checkout):
            break
        body = speech.update(offer.release, checkout, BUYER)
        if fulfillment is not None or "fulfillment" in checkout:
            body["fulfillment"] = fulfillment or checkout["fulfillment"]
        if discounts is not None:
            body["discounts"] = discounts
        checkout = await shop.update(offer, checkout["id"], body)
        say("update", f"{said or 'discount code ' + str(plan.code)}: {checkout['status']}")
        tell_bill(checkout, say)
    return checkout


def next_fulfillment(release: str, checkout: Wire) -> tuple[Wire | None, str]:
    """The next thing the first method lacks: an address, then the cheapest option."""
    methods = checkout.get("fulfillment", {}).get("methods") or []
    if not methods:
        return None, ""
    method = methods[0]
    groups = method.get("groups") or []
    open_groups = [g for g in groups if g.get("options") and not g.get("selected_option_id")]
    if method.get("selected_destination_id") and not open_groups:
        return None, ""
    wanted: Wire = {"id": method["id"], "type": "shipping", "line_item_ids": method["line_item_ids"]}
    home = speech.destination(release, ADDRESS)
    wanted |= {"destinations": [home], "selected_destination_id": ADDRESS["id"]}
    if not open_groups:
        return {"methods": [wanted]}, f"send it to {ADDRESS['address_locality']}"
    chosen = {group["id"]: min(group["options"], key=_price) for group in open_groups}
    wanted["groups"] = [{"id": key, "selected_option_id": o["id"]} for key, o in chosen.items()]
    return {"methods": [wanted]}, "by " + ", ".join(o["title"] for o in chosen.values())


def _price(option: Wire) -> int:
    return next((t["amount"] for t in option.get("totals", ()) if t["type"] == "total"), 0)


async def _complete(shop: Shop, offer: Offer, plan: Plan, checkout: Wire, say: Say) -> Wire:
    """The checkout after an attempt to pay, whatever became of it."""
    handlers = speech.handlers(offer.release, checkout)
    if not handlers:
        raise ShopError("The shop offers no way to pay for this cart.")
    handler = next((h for h in handlers if "mock" in h), handlers[0])
    body = speech.complete(offer.release, handler, plan.token)
    done = await shop.complete(offer, checkout["id"], body)
    say("complete", f"paid with {handler}: {done['status']}")
    if done["status"] == "complete_in_progress":
        done = await _until(
            shop, offer, done, _PAYMENT_WAIT_S, lambda c: c["status"] != "complete_in_progress"
        )
        say("", f"after a while: {done['status']}")
    return done


async def _frame(
    shop: Shop, offer: Offer, plan: Plan, checkout: Wire, say: Say, at: tuple[str, Hosting]
) -> Wire:
    """The checkout once the buyer is done with the shop's page, or gave up."""
    shown = stage(offer, checkout, plan.token, ADDRESS)
    if shown is None:
        raise ShopError("This shop does not let its checkout be framed.")
    origin, hosting = at
    say("frame", f"open {origin}{hosting.path}")
    if not await hosting.show(shown, plan.wait_s or _BUYER_WAIT_S):
        raise ShopError("The buyer did not finish the order in time.")
    return await shop.get(offer, checkout["id"])


async def _hand_over(shop: Shop, offer: Offer, plan: Plan, checkout: Wire, say: Say) -> Wire:
    say("hand over", f"the buyer has to act: {speech.errors(checkout)}")
    say("", f"open {checkout['continue_url']}")
    if plan.wait_s <= 0:
        return checkout
    done = await _until(
        shop, offer, checkout, plan.wait_s, lambda c: c["status"] in ("completed", "canceled")
    )
    say("", f"the checkout is {done['status']}")
    if done["status"] == "completed":
        _tell_order(done, say)
    return done


async def _until(
    shop: Shop, offer: Offer, checkout: Wire, wait_s: float, done: Callable[[Wire], bool]
) -> Wire:
    deadline = asyncio.get_running_loop().time() + wait_s
    while not done(checkout) and asyncio.get_running_loop().time() < deadline:
        await asyncio.sleep(_POLL_S)
        checkout = await shop.get(offer, checkout["id"])
    return checkout


def _tell_order(checkout: Wire, say: Say) -> None:
    order = checkout["order"]
    say("order", f"{order['id']}, to be seen at {order['permalink_url']}")


async def _follow(offer: Offer, listening: Listening, say: Say) -> None:
    event = await listening.event(_EVENT_WAIT_S)
    if event is None:
        say("event", f"none came within {_EVENT_WAIT_S:.0f} s")
        return
    order = read_json(event.body)
    about = f"order {order.get('id')}" if isinstance(order, dict) else "something that is no order"
    verdict = "its signature is the shop's" if is_the_shop_s(offer, event) else "NOT signed by the shop"
    say("event", f"{about} arrived; {verdict}")


async def _look_at_order(shop: Shop, offer: Offer, order_id: str, say: Say) -> None:
    """The order as the shop has it; one that does not show it has sold it all the same."""
    try:
        order = await shop.order(offer, order_id)
    except ShopError as error:
        say("look up", error.text)
        return
    for line in order["line_items"]:
        say("look up", f"{line['quantity']['total']} × {line['item']['title']}: {line['status']}")
    for expected in order["fulfillment"].get("expectations", ()):
        say("", f"{expected['method_type']}: {expected.get('description', 'on its way')}")
