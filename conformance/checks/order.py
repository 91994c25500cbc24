"""Reading an order, which its platform can since 2026-04-08 (order#Get Order)."""

from collections.abc import Callable
from uuid import uuid4

from conformance import signed_arithmetic
from conformance.arithmetic import single
from conformance.buying import Sale, bought, sale
from conformance.hearing import heard
from conformance.platform import OTHER
from conformance.registry import SINCE_APRIL, Wire, check, expect, lacking
from conformance.shapes import violations
from conformance.shop import Shop
from conformance.wire import Client, Exchange

SECTION = "order#Get Order"
RULES: tuple[Callable[[Wire], str], ...] = (
    signed_arithmetic.amounts,
    signed_arithmetic.kinds,
    single,
    signed_arithmetic.sum_of_all,
    signed_arithmetic.line_totals,
)


async def _sold(shop: Shop) -> Sale:
    shop.need_capability("order")
    return await shop.scene(sale)


async def _read(shop: Shop) -> tuple[Sale, Wire]:
    done = await _sold(shop)
    reply = await shop.order(done.order["id"])
    if not reply.succeeded:
        lacking(f"an order that can be read (answered {reply.status})")
    return done, reply.document()


async def shipped(shop: Shop) -> Wire:
    """An order of which everything was shipped, as it is read."""
    shop.need_capability("order")
    secret = shop.inputs.simulation_secret or lacking("a test hook (--simulation-secret)")
    order_id = (await bought(shop)).order["id"]
    hook = f"{shop.inputs.url.rstrip('/')}/testing/simulate-shipping/{order_id}"
    done = await shop.client.send("POST", hook, shop.headers() | {"Simulation-Secret": secret})
    reply = await shop.order(order_id)
    if not (done.succeeded and reply.succeeded):
        lacking(f"a shipped order (shipping answered {done.status}, reading {reply.status})")
    return reply.document()


def _status(quantity: Wire) -> str:
    """What the counts of a line make of it."""
    if quantity["total"] == 0:
        return "removed"
    if quantity["fulfilled"] == quantity["total"]:
        return "fulfilled"
    return "partial" if quantity["fulfilled"] else "processing"


def _nameless(shop: Shop) -> dict[str, str]:
    headers = shop.headers()
    del headers["UCP-Agent"]
    return headers


@check(SECTION, releases=SINCE_APRIL)
async def order_can_be_read(shop: Shop) -> None:
    """The platform that bought reads its order: 200, with the id that it was given."""
    done = await _sold(shop)
    reply = await shop.order(done.order["id"])
    expect(reply.status == 200 and reply.succeeded, f"answered {reply.status}")
    expect(reply.document().get("id") == done.order["id"], f"id is {reply.document().get('id')}")


@check(SECTION, releases=SINCE_APRIL)
async def order_has_the_shape(shop: Shop) -> None:
    """The order has the members and types that its schema demands."""
    _, order = await _read(shop)
    wrong = violations(shop.release, "order_event", order)
    expect(not wrong, wrong)


@check("order#Data Model", releases=SINCE_APRIL)
async def order_holds_what_was_sold(shop: Shop) -> None:
    """The order has the checkout's id, currency, totals and every line in its quantity."""
    done, order = await _read(shop)
    expect(order.get("checkout_id") == done.checkout_id, f"checkout_id is {order.get('checkout_id')}")
    for member in ("currency", "totals"):
        expect(order.get(member) == done.after[member], f"{member} is {order.get(member)}")
    sold = [(line["item"]["id"], line["quantity"]) for line in done.after["line_items"]]
    kept = [(line["item"]["id"], line["quantity"]["total"]) for line in order["line_items"]]
    expect(kept == sold, f"sold {sold}, kept {kept}")


@check("order#Totals", releases=SINCE_APRIL)
async def orders_add_up(shop: Shop) -> None:
    """Sums and signs of an order, read or told, are as those of a checkout."""
    _, order = await _read(shop)
    told = [each.document() for each in shop.platform.deliveries]
    for document in [order, *(each for each in told if each.get("totals"))]:
        for rule in RULES:
            wrong = rule(document)
            expect(not wrong, wrong)


@check("order#Fulfillment Events", releases=SINCE_APRIL)
async def shipment_can_be_read(shop: Shop) -> None:
    """A shipped order has an event that names its lines, with the time at which it was shipped."""
    order = await shop.scene(shipped)
    events = [each for each in order["fulfillment"].get("events") or [] if each["type"] == "shipped"]
    expect(events, "there is no event of type shipped")
    lines = {line["id"] for line in order["line_items"]}
    named = {part["id"] for each in events for part in each["line_items"]}
    expect(named == lines, f"lines are {sorted(lines)}, shipped are {sorted(named)}")


@check("order#Order Line Item", releases=SINCE_APRIL)
async def shipment_is_counted(shop: Shop) -> None:
    """What was shipped is counted in its lines, whose statuses follow from the counts."""
    order = await shop.scene(shipped)
    events = order["fulfillment"].get("events") or []
    for line in order["line_items"]:
        parts = [
            part["quantity"]
            for each in events
            if each["type"] == "shipped"
            for part in each["line_items"]
            if part["id"] == line["id"]
        ]
        counted = line["quantity"]["fulfilled"]
        expect(counted == sum(parts), f"{line['id']}: shipped {sum(parts)}, counted {counted}")
        wanted = _status(line["quantity"])
        expect(line["status"] == wanted, f"{line['id']} is {line['status']}, its counts make {wanted}")


@check("order#Order Event Webhook", releases=SINCE_APRIL)
async def order_read_is_order_told(shop: Shop) -> None:
    """The newest event holds the same order that reading shows."""
    await shop.scene(heard)
    _, order = await _read(shop)
    found = await shop.platform.delivered(lambda each: each.document() == order, shop.inputs.event_wait_s)
    expect(found, "no event holds what reading shows")


@check("order#Authorization", releases=SINCE_APRIL)
async def foreign_order_answers_like_unknown(shop: Shop) -> None:
    """Another platform's order is answered like one that nobody has."""
    ours = str((await _sold(shop)).order["id"])
    nobodys = "".join(reversed(ours))
    foreign = await shop.order(ours, who=OTHER)
    unknown = await shop.order(nobodys, who=OTHER)
    expect(not foreign.succeeded, f"answered {foreign.status}", foreign)
    expect(foreign.status == unknown.status, f"{foreign.status}, unknown {unknown.status}", foreign)
    said = foreign.body.replace(ours.encode(), nobodys.encode())
    expect(said == unknown.body, "the bodies tell them apart", foreign)


@check("order#Error Responses", releases=SINCE_APRIL)
async def unknown_order_is_told_with_200(shop: Shop) -> None:
    """An order that nobody has is answered 200, with an envelope of status error: not_found."""
    shop.need_capability("order")
    for strange in (str(uuid4()), "no-such-order"):
        reply = await shop.order(strange)
        expect(reply.status == 200, f"answered {reply.status}", reply)
        wrong = violations(shop.release, "error", reply.document())
        expect(not wrong, wrong, reply)
        codes = [each.get("code") for each in reply.document()["messages"]]
        expect("not_found" in codes, f"codes are {codes}", reply)


@check("order#Authorization", releases=SINCE_APRIL)
async def nobody_is_not_shown_an_order(shop: Shop) -> None:
    """Whoever does not say who they are is not shown an order."""
    done = await _sold(shop)
    reply = await shop.send("GET", f"/orders/{done.order['id']}", None, _nameless(shop))
    _hidden(reply)


@check("order#Authorization", releases=SINCE_APRIL)
async def name_alone_is_no_proof(shop: Shop) -> None:
    """Whoever names the platform without its credential is not shown its order."""
    if not shop.inputs.headers:
        lacking("the platform's credential (--header)")
    done = await _sold(shop)
    url = f"{shop.endpoint}/orders/{done.order['id']}"
    async with Client(insecure=shop.inputs.insecure, extra_headers={}) as stranger:
        reply = await stranger.send("GET", url, shop.headers())
    _hidden(reply)


def _hidden(reply: Exchange) -> None:
    expect(not reply.succeeded, f"answered {reply.status}", reply)
    expect(reply.status < 500, f"answered {reply.status}", reply)
    expect(b"line_items" not in reply.body, "the order is in the answer", reply)
