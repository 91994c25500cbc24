"""What an agent sends on its way to an order, and the ready-made scenes that checks look at.

A scene is built once for all the checks that only look. Where the shop does not play along, the
scene is *lacking*: the checks that wait for it are skipped and the check that owns the obligation
reports the fault.
"""

from typing import Any
from uuid import uuid4

import msgspec

from conformance import forms
from conformance.platform import MAIN
from conformance.registry import Wire, lacking
from conformance.shop import Shop
from conformance.wire import Exchange

TERMINAL = frozenset({"completed", "canceled"})


def buyer() -> Wire:
    """Somebody whom no shop knows, so that no stored address gets in the way."""
    return {
        "first_name": "Robin",
        "last_name": "Tester",
        "email": f"robin.{uuid4().hex[:12]}@example.com",
        "phone_number": "+16505550100",
    }


def address(shop: Shop) -> Wire:
    return {
        "street_address": "12 Harbour Lane",
        "address_locality": "Springfield",
        "address_region": shop.inputs.region,
        "postal_code": shop.inputs.postal_code,
        "address_country": shop.inputs.country,
    }


def basket(shop: Shop, quantity: int = 1, item: str = "", **members: Any) -> Wire:
    """The body of a create for one line of the named item."""
    wanted = item or shop.inputs.item
    if not wanted:
        lacking("an item to buy (--item)")
    lines = [{"item": {"id": wanted}, "quantity": quantity}]
    return forms.create(shop.release, lines, shop.inputs.currency, **members)


def resend(checkout: Wire, **members: Any) -> Wire:
    """The body of an update that keeps everything the platform may write; `members` replace."""
    body = forms.update(str(checkout["ucp"]["version"]), checkout)
    if checkout.get("buyer"):
        body["buyer"] = checkout["buyer"]
    if methods(checkout):
        body["fulfillment"] = {"methods": [_sent_again(each) for each in methods(checkout)]}
    codes = (checkout.get("discounts") or {}).get("codes")
    if codes:
        body["discounts"] = {"codes": codes}
    return body | members


def methods(checkout: Wire) -> list[Wire]:
    return (checkout.get("fulfillment") or {}).get("methods") or []


def groups(checkout: Wire) -> list[Wire]:
    return [group for method in methods(checkout) for group in method.get("groups") or []]


def options(checkout: Wire) -> list[Wire]:
    return [option for group in groups(checkout) for option in group.get("options") or []]


def amount(totals: list[Wire], kind: str) -> int:
    """The sum of the entries of a kind; 0 where there is none."""
    return sum(int(entry.get("amount", 0)) for entry in totals if entry.get("type") == kind)


def total(checkout: Wire) -> int:
    return amount(checkout.get("totals") or [], "total")


def _sent_again(method: Wire) -> Wire:
    kept = ("id", "type", "line_item_ids", "selected_destination_id")
    body = {name: method[name] for name in kept if method.get(name) is not None}
    if method.get("destinations"):
        body["destinations"] = method["destinations"]
    if method.get("groups"):
        body["groups"] = [
            {name: group[name] for name in ("id", "selected_option_id") if group.get(name)}
            for group in method["groups"]
        ]
    return body


async def created(shop: Shop, *, who: str = MAIN, **members: Any) -> Wire:
    """A checkout of one item."""
    reply = await shop.create(basket(shop, **members), who=who)
    if not reply.succeeded:
        lacking(f"a checkout (create answered {reply.status})")
    return reply.document()


async def changed(shop: Shop, checkout: Wire, *, who: str = MAIN, **members: Any) -> Wire:
    """The checkout after an update that keeps what it had and changes `members`."""
    reply = await shop.update(checkout["id"], resend(checkout, **members), who=who)
    if not reply.succeeded:
        lacking(f"an updated checkout (update answered {reply.status})")
    return reply.document()


async def addressed(shop: Shop, *, who: str = MAIN, **members: Any) -> Wire:
    """A checkout with a buyer and a selected shipping destination, so that options are offered."""
    method = {"type": "shipping", "destinations": [address(shop)]}
    begun = await created(
        shop, who=who, **{"buyer": buyer(), "fulfillment": {"methods": [method]}, **members}
    )
    if not methods(begun):
        line_ids = [line["id"] for line in begun["line_items"]]
        wanted = {"methods": [{**method, "line_item_ids": line_ids}]}
        begun = await changed(shop, begun, who=who, fulfillment=wanted)
    for chosen in methods(begun):
        destinations = chosen.get("destinations") or []
        if not destinations:
            lacking("a destination that the shop keeps")
        chosen["selected_destination_id"] = destinations[0]["id"]
    return await changed(shop, begun, who=who)


async def prepared(shop: Shop, *, who: str = MAIN, **members: Any) -> Wire:
    """A checkout in which everything is chosen that an agent can choose."""
    if shop.offers("fulfillment"):
        checkout = await addressed(shop, who=who, **members)
        for group in groups(checkout):
            offered = group.get("options") or []
            if not offered:
                lacking("a fulfillment option for the address")
            group["selected_option_id"] = offered[0]["id"]
        return await changed(shop, checkout, who=who)
    return await created(shop, who=who, **{"buyer": buyer(), **members})


async def ready(shop: Shop, *, who: str = MAIN, **members: Any) -> Wire:
    """A checkout that can be completed."""
    checkout = await prepared(shop, who=who, **members)
    if checkout.get("status") != "ready_for_complete":
        said = [each.get("content") for each in checkout.get("messages") or []]
        lacking(f"a checkout that is ready ({checkout.get('status')}: {said})")
    return checkout


def payment(shop: Shop, checkout: Wire, token: str) -> Wire:
    """The body of a complete."""
    offered = forms.handlers(checkout)
    handler = shop.inputs.handler or next((str(each.get("id")) for each in offered), "")
    if not handler:
        lacking("a payment handler for this checkout")
    # The last member is known to nobody: whoever shows it shows credentials.
    credential = {"type": "token", "token": token, "reference": shop.canary}
    return forms.complete(shop.release, forms.card(shop.release, handler, credential))


def instrument_of(body: Wire) -> Wire:
    """The instrument in the body of a complete."""
    if "payment_data" in body:
        found: Wire = body["payment_data"]
    else:
        found = body["payment"]["instruments"][0]
    return found


def success_token(shop: Shop) -> str:
    return shop.inputs.success_token or lacking("a token that pays (--success-token)")


class Sale(msgspec.Struct, frozen=True):
    """A checkout bought: the last look before, the complete that did it, the platform's body."""

    before: Wire
    completion: Exchange
    body: Wire

    @property
    def after(self) -> Wire:
        return self.completion.document()

    @property
    def checkout_id(self) -> str:
        return str(self.before["id"])

    @property
    def order(self) -> Wire:
        return self.after.get("order") or {}


async def bought(shop: Shop, *, who: str = MAIN, key: str | None = None, **members: Any) -> Sale:
    """A checkout that went all the way."""
    token = success_token(shop)
    before = await ready(shop, who=who, **members)
    body = payment(shop, before, token)
    completion = await shop.complete(before["id"], body, who=who, key=key)
    if not completion.succeeded or completion.document().get("status") != "completed":
        lacking(f"a completed checkout (complete answered {completion.status})")
    return Sale(before, completion, body)


async def plain_checkout(shop: Shop) -> Wire:
    return await created(shop)


async def ready_checkout(shop: Shop) -> Wire:
    return await ready(shop)


async def sale(shop: Shop) -> Sale:
    return await bought(shop)


async def discounted_checkout(shop: Shop) -> Wire:
    shop.need_capability("discount")
    if not shop.inputs.discount_code:
        lacking("a discount code (--discount-code)")
    return await created(shop, discounts={"codes": [shop.inputs.discount_code]})


async def escalated_checkout(shop: Shop) -> Wire:
    item = shop.inputs.escalation_item or lacking("an item that escalates (--escalation-item)")
    return await created(shop, line_items=[{"item": {"id": item}, "quantity": 1}])
