"""What the platform hears after the order."""

from conformance.buying import bought, created, sale
from conformance.hearing import deliveries, event_id, heard, is_of
from conformance.jws import SignatureFault, header_of, verify
from conformance.platform import OTHER, STUBBORN
from conformance.registry import EVERY, JANUARY, SINCE_APRIL, Wire, check, expect, lacking
from conformance.shapes import violations
from conformance.shop import Shop

SIGNATURE = "request-signature"


def _keys(shop: Shop) -> dict[str, Wire]:
    return {str(each.get("kid")): each for each in shop.profile.get("signing_keys") or []}


@check("order#Guidelines", releases=EVERY)
async def order_is_told(shop: Shop) -> None:
    """An order brings an event to the webhook_url of the platform's profile."""
    shop.need_capability("order")
    done = await shop.scene(sale)
    found = await deliveries(shop, done)
    expect(found, f"nothing in {shop.inputs.event_wait_s:g} s", done.completion)


@check("order#Order Event Webhook", releases=EVERY)
async def event_has_the_shape(shop: Shop) -> None:
    """The event is the order, in January with event_id and created_time, as the schema says."""
    first = await shop.scene(heard)
    wrong = violations(shop.inputs.release, "order_event", first.delivery.document())
    expect(not wrong, wrong, first.sale.completion)


@check("order#Guidelines", releases=EVERY)
async def event_holds_the_whole_order(shop: Shop) -> None:
    """The event carries the order's id, checkout, permalink, every line and the totals."""
    first = await shop.scene(heard)
    event, after = first.delivery.document(), first.sale.after
    expect(event.get("id") == first.sale.order.get("id"), f"id is {event.get('id')}")
    expect(event.get("checkout_id") == after["id"], f"checkout_id is {event.get('checkout_id')}")
    permalink = event.get("permalink_url")
    expect(permalink == first.sale.order.get("permalink_url"), f"permalink_url is {permalink}")
    ordered = [(line["item"]["id"], line["quantity"]) for line in after["line_items"]]
    told = [
        ((each.get("item") or {}).get("id"), (each.get("quantity") or {}).get("total"))
        for each in event.get("line_items") or []
    ]
    expect(told == ordered, f"ordered {ordered}, told {told}")
    expect(event.get("totals") == after["totals"], f"totals are {event.get('totals')}")


@check("order#Expectation", releases=EVERY)
async def event_says_where_it_goes(shop: Shop) -> None:
    """The expectations cover the lines and name the destination that was chosen."""
    shop.need_capability("fulfillment")
    first = await shop.scene(heard)
    event = first.delivery.document()
    expected = (event.get("fulfillment") or {}).get("expectations") or []
    lines = {line["id"] for line in event.get("line_items") or []}
    named = {part.get("id") for each in expected for part in each.get("line_items") or []}
    expect(named == lines, f"lines are {sorted(lines)}, expected are {named}")
    countries = {(each.get("destination") or {}).get("address_country") for each in expected}
    expect(countries == {shop.inputs.country}, f"countries are {countries}")


@check("order#Order Line Item", releases=EVERY)
async def nothing_is_fulfilled_yet(shop: Shop) -> None:
    """Lines of a new order are processing, none of them fulfilled."""
    for line in (await shop.scene(heard)).delivery.document().get("line_items") or []:
        fulfilled = (line.get("quantity") or {}).get("fulfilled")
        expect(fulfilled == 0, f"fulfilled is {fulfilled}")
        expect(line.get("status") == "processing", f"the status is {line.get('status')}")


@check("order#Order Line Item", releases=EVERY)
async def line_status_follows_the_counts(shop: Shop) -> None:
    """In every event a line is fulfilled, partial or processing as its counts say."""
    await shop.scene(heard)
    for delivery in shop.platform.deliveries:
        for line in delivery.document().get("line_items") or []:
            wanted = _status(line.get("quantity") or {}, shop.release)
            expect(line.get("status") == wanted, f"{line.get('quantity')} is {line.get('status')}")


def _status(quantity: Wire, release: str) -> str:
    total, fulfilled = quantity.get("total"), quantity.get("fulfilled", 0)
    if total == 0 and release in SINCE_APRIL:
        return "removed"
    if fulfilled == total:
        return "fulfilled"
    return "partial" if fulfilled else "processing"


@check("order#Webhook Signature Verification", releases=JANUARY)
async def event_is_signed(shop: Shop) -> None:
    """Request-Signature is a detached JWS over the body by the published key that it names."""
    delivery = (await shop.scene(heard)).delivery
    signature = delivery.headers.get(SIGNATURE, "")
    expect(signature, "there is no Request-Signature")
    try:
        verify(signature, delivery.body, _keys(shop))
    except SignatureFault as fault:
        expect(False, str(fault))


@check("order#Webhook Signature Verification", releases=JANUARY)
async def payload_is_signed_unencoded(shop: Shop) -> None:
    """As RFC 7797 has it, the header says b64 false and lists it as critical."""
    signature = (await shop.scene(heard)).delivery.headers.get(SIGNATURE, "")
    try:
        header = header_of(signature)
    except SignatureFault as fault:
        lacking(f"a readable signature ({fault})")
    expect(header.get("b64") is False, f"b64 is {header.get('b64')}")
    expect("b64" in (header.get("crit") or []), f"crit is {header.get('crit')}")


@check("order#Webhook URL Configuration", releases=EVERY)
async def event_is_json(shop: Shop) -> None:
    """The event comes as application/json."""
    kind = (await shop.scene(heard)).delivery.headers.get("content-type", "nothing")
    expect(kind.partition(";")[0].strip() == "application/json", f"it came as {kind}")


@check("overview#Credential Flow & PCI Scope", releases=EVERY)
async def credentials_are_not_told(shop: Shop) -> None:
    """No event holds the credential that paid."""
    await shop.scene(heard)
    told = [each for each in shop.platform.deliveries if shop.canary.encode() in each.body]
    expect(not told, "an event holds it")


@check("order#Guidelines", releases=EVERY)
async def events_reach_their_own_platform(shop: Shop) -> None:
    """The event of one platform's order reaches its webhook and nobody else's."""
    shop.need_capability("order")
    done = await bought(shop, who=OTHER)
    found = await deliveries(shop, done, OTHER)
    expect(found, f"nothing in {shop.inputs.event_wait_s:g} s", done.completion)
    strays = [
        each.receiver
        for each in shop.platform.deliveries
        if each.receiver != OTHER and is_of(each, done.order.get("id"))
    ]
    expect(not strays, f"it also reached {strays}", done.completion)


@check("order#Guidelines", releases=EVERY)
async def nothing_is_told_without_an_order(shop: Shop) -> None:
    """Checkouts that were canceled or never completed bring no event."""
    shop.need_capability("order")
    checkout_id = str((await created(shop))["id"])
    await shop.cancel(checkout_id)
    # When the event of a later order is there, an event of this checkout would be there as well.
    await deliveries(shop, await bought(shop))
    told = [each for each in shop.platform.deliveries if checkout_id.encode() in each.body]
    expect(not told, "a canceled checkout brought an event")


@check("order#Guidelines", releases=EVERY)
async def refused_event_is_sent_again(shop: Shop) -> None:
    """An event answered 503 comes again, with the same id and the same body."""
    shop.need_capability("order")
    if not shop.inputs.retry_wait_s:
        lacking("the time that a retry takes (--retry-wait)")
    done = await bought(shop, who=STUBBORN)
    tries = await shop.platform.delivered(
        lambda each: each.receiver == STUBBORN and is_of(each, done.order.get("id")),
        shop.inputs.retry_wait_s,
        count=2,
    )
    expect(len(tries) >= 2, f"{len(tries)} tries in {shop.inputs.retry_wait_s:g} s")
    ids = {event_id(each) for each in tries}
    expect(len(ids) == 1, f"event ids are {ids}")
    expect(len({each.body for each in tries}) == 1, "the bodies differ")


@check("order#Fulfillment Events", releases=EVERY)
async def shipment_is_told(shop: Shop) -> None:
    """A shipment brings the whole order again, under a new event id, with the event in it."""
    secret = shop.inputs.simulation_secret or lacking("a test hook (--simulation-secret)")
    first = await shop.scene(heard)
    order_id = first.sale.order["id"]
    hook = f"{shop.inputs.url.rstrip('/')}/testing/simulate-shipping/{order_id}"
    reply = await shop.client.send("POST", hook, shop.headers() | {"Simulation-Secret": secret})
    expect(reply.succeeded, f"the test hook answered {reply.status}")
    found = await shop.platform.delivered(
        lambda each: is_of(each, order_id) and b'"shipped"' in each.body,
        shop.inputs.event_wait_s,
    )
    expect(found, f"nothing in {shop.inputs.event_wait_s:g} s")
    event, before = found[0].document(), first.delivery.document()
    expect(event_id(found[0]) != event_id(first.delivery), "the event id is the first one's")
    expect(len(event["line_items"]) == len(before["line_items"]), "lines are missing")
    kinds = [each.get("type") for each in (event.get("fulfillment") or {}).get("events") or []]
    expect("shipped" in kinds, f"fulfillment events are {kinds}")
