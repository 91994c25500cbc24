"""Paying, and what holds afterwards."""

from urllib.parse import urlsplit

from conformance.buying import (
    bought,
    buyer,
    created,
    instrument_of,
    payment,
    prepared,
    ready,
    resend,
    sale,
    success_token,
)
from conformance.registry import EVERY, JANUARY, Wire, check, expect, lacking
from conformance.shop import Shop
from conformance.wire import Exchange


async def _later(shop: Shop, checkout_id: str) -> Wire:
    return (await shop.get(checkout_id)).document()


def _not_done(reply: Exchange) -> None:
    """The operation was refused, or answered with a checkout that is not completed."""
    expect(reply.status < 500, f"answered {reply.status}")
    if reply.succeeded:
        document = reply.document()
        expect(document.get("status") != "completed", "the checkout is completed")
        errors = [each for each in document.get("messages") or [] if each.get("type") == "error"]
        expect(errors, "there is no error message")


@check("checkout#Complete Checkout", releases=EVERY)
async def complete_places_the_order(shop: Shop) -> None:
    """Completing a ready checkout answers 200, completed, with an order id."""
    token = success_token(shop)
    checkout = await ready(shop)
    reply = await shop.complete(checkout["id"], payment(shop, checkout, token))
    expect(reply.status == 200, f"answered {reply.status}")
    document = reply.document()
    expect(document.get("status") == "completed", f"the status is {document.get('status')}")
    expect((document.get("order") or {}).get("id"), f"the order is {document.get('order')}")


@check("checkout#Order Confirmation", releases=EVERY)
async def permalink_is_absolute(shop: Shop) -> None:
    """The order's permalink is an absolute URL, https unless on this machine."""
    url = str((await shop.scene(sale)).order.get("permalink_url", ""))
    parts = urlsplit(url)
    expect(parts.netloc, f"it is {url!r}")
    expect(parts.scheme == "https" or shop.is_local(), f"it is {url!r}")


@check("order#Order", releases=EVERY, advice=True)
async def permalink_opens(shop: Shop) -> None:
    """The order's permalink shows a page."""
    url = str((await shop.scene(sale)).order.get("permalink_url", ""))
    reply = await shop.client.send("GET", url, {"Accept": "text/html"})
    expect(reply.status < 400, f"{url} answered {reply.status}")


@check("checkout#Continue URL", releases=EVERY, advice=True)
async def continue_url_opens(shop: Shop) -> None:
    """The continue_url of an open checkout shows a page."""
    url = (await created(shop)).get("continue_url") or lacking("a continue_url")
    reply = await shop.client.send("GET", str(url), {"Accept": "text/html"})
    expect(reply.status < 400, f"{url} answered {reply.status}")


@check("checkout#Get Checkout", releases=EVERY)
async def order_can_be_read_back(shop: Shop) -> None:
    """A completed checkout, read again, shows the same order, or is gone."""
    done = await shop.scene(sale)
    reply = await shop.get(done.checkout_id)
    if reply.status == 404:
        return
    document = reply.document()
    expect(document.get("status") == "completed", f"the status is {document.get('status')}")
    expect(document.get("order") == done.order, f"the order is {document.get('order')}")


@check("checkout#Complete Checkout", releases=EVERY)
async def price_agreed_is_price_paid(shop: Shop) -> None:
    """The completed checkout has the lines and totals that were shown before."""
    done = await shop.scene(sale)
    for member in ("line_items", "totals", "currency"):
        expect(done.after.get(member) == done.before.get(member), f"{member} changed")


@check("checkout#Complete Checkout", releases=EVERY)
async def two_sales_are_two_orders(shop: Shop) -> None:
    """Two purchases have two order ids."""
    first, second = await shop.scene(sale), await bought(shop)
    expect(first.order.get("id") != second.order.get("id"), f"both are {first.order.get('id')}")


@check("checkout#Message Error", releases=EVERY)
async def declined_payment_sells_nothing(shop: Shop) -> None:
    """A declined payment is refused or named by an error; no order comes of it."""
    token = shop.inputs.fail_token or lacking("a token that is declined (--fail-token)")
    checkout = await ready(shop)
    _not_done(await shop.complete(checkout["id"], payment(shop, checkout, token)))
    later = await _later(shop, checkout["id"])
    expect(later.get("status") != "completed", "the checkout is completed")
    expect(not later.get("order"), f"there is an order: {later.get('order')}")


@check("checkout-rest#Status Codes", releases=JANUARY, advice=True)
async def declined_payment_is_402(shop: Shop) -> None:
    """A declined payment is answered 402, as the official suite asks."""
    token = shop.inputs.fail_token or lacking("a token that is declined (--fail-token)")
    checkout = await ready(shop)
    reply = await shop.complete(checkout["id"], payment(shop, checkout, token))
    expect(reply.status == 402, f"answered {reply.status}")


@check("checkout#Checkout", releases=EVERY)
async def declined_payment_can_be_tried_again(shop: Shop) -> None:
    """After a decline the same checkout can be paid with another instrument."""
    token = shop.inputs.fail_token or lacking("a token that is declined (--fail-token)")
    paying = success_token(shop)
    checkout = await ready(shop)
    await shop.complete(checkout["id"], payment(shop, checkout, token))
    reply = await shop.complete(checkout["id"], payment(shop, checkout, paying))
    expect(reply.succeeded, f"the second try was answered {reply.status}")
    expect(reply.document().get("status") == "completed", "the second try did not complete")


@check("checkout#Complete Checkout", releases=EVERY)
async def unready_checkout_is_not_sold(shop: Shop) -> None:
    """Completing before destination and option are chosen makes no order."""
    shop.need_capability("fulfillment")
    token = success_token(shop)
    checkout = await created(shop, buyer=buyer())
    if checkout.get("status") == "ready_for_complete":
        lacking("an item that needs shipping")
    _not_done(await shop.complete(checkout["id"], payment(shop, checkout, token)))


@check("overview#Payment Handlers", releases=EVERY)
async def unknown_handler_is_refused(shop: Shop) -> None:
    """An instrument of a handler that the shop does not list pays nothing."""
    token = success_token(shop)
    checkout = await ready(shop)
    body = payment(shop, checkout, token)
    instrument_of(body)["handler_id"] = "com.example.nobody"
    _not_done(await shop.complete(checkout["id"], body))


@check("checkout-rest#Complete Checkout", releases=EVERY)
async def payment_is_required(shop: Shop) -> None:
    """A complete without an instrument, or an instrument without credential, sells nothing."""
    token = success_token(shop)
    checkout = await ready(shop)
    bare = payment(shop, checkout, token)
    del instrument_of(bare)["credential"]
    for body in ({}, bare):
        _not_done(await shop.complete(checkout["id"], body))


@check("overview#Credential Flow & PCI Scope", releases=EVERY)
async def credentials_do_not_come_back(shop: Shop) -> None:
    """The credential of an instrument is in no reply, neither at once nor when read later."""
    done = await shop.scene(sale)
    await shop.get(done.checkout_id)
    looked_for = [shop.canary, success_token(shop)]
    if looked_for[1].encode() in shop.discovery.body:
        # A test token that the shop itself tells everybody.
        looked_for.pop()
    for exchange in shop.client.journal:
        found = [each for each in looked_for if each.encode() in exchange.body]
        expect(not found, "a reply holds it", exchange)


@check("checkout#Guidelines", releases=EVERY)
async def completed_cannot_be_changed(shop: Shop) -> None:
    """Updating a completed checkout is no success and changes nothing."""
    done = await shop.scene(sale)
    body = resend(done.before)
    body["line_items"][0]["quantity"] = 9
    reply = await shop.update(done.checkout_id, body)
    expect(not reply.succeeded, f"answered {reply.status}")
    later = await _later(shop, done.checkout_id)
    expect(later.get("line_items") == done.after["line_items"], "the lines changed")


@check("checkout#Cancel Checkout", releases=EVERY)
async def completed_cannot_be_canceled(shop: Shop) -> None:
    """Canceling a completed checkout is no success, and the order stands."""
    done = await shop.scene(sale)
    reply = await shop.cancel(done.checkout_id)
    expect(not reply.succeeded, f"answered {reply.status}")
    status = (await _later(shop, done.checkout_id)).get("status")
    expect(status == "completed", f"the status is {status}")


@check("checkout#Checkout", releases=EVERY)
async def canceled_cannot_be_completed(shop: Shop) -> None:
    """Completing a canceled checkout is no success and makes no order."""
    token = success_token(shop)
    checkout = await ready(shop)
    await shop.cancel(checkout["id"])
    reply = await shop.complete(checkout["id"], payment(shop, checkout, token))
    expect(not reply.succeeded, f"answered {reply.status}")
    expect(not (await _later(shop, checkout["id"])).get("order"), "there is an order")


@check("checkout#Checkout", releases=EVERY)
async def canceled_cannot_be_changed(shop: Shop) -> None:
    """Updating a canceled checkout is no success."""
    checkout = await prepared(shop)
    await shop.cancel(checkout["id"])
    reply = await shop.update(checkout["id"], resend(checkout))
    expect(not reply.succeeded, f"answered {reply.status}")
