"""What pays, as 2026-08-25 has it: exactly one instrument, and a payment may take its time."""

from typing import Any

from conformance.buying import payment, ready, resend, success_token
from conformance.registry import SINCE_AUGUST, Wire, check, expect, lacking
from conformance.shop import Shop

SECTION = "overview#Instrument Cardinality"


def _errors(checkout: Wire) -> list[Wire]:
    return [each for each in checkout.get("messages") or [] if each.get("type") == "error"]


async def _pays_nothing(shop: Shop, count: int) -> None:
    token = success_token(shop)
    checkout = await ready(shop)
    body = payment(shop, checkout, token)
    paid: list[Any] = body["payment"]["instruments"]
    body["payment"]["instruments"] = [each | {"id": f"i{n}"} for n in range(count) for each in paid]
    reply = await shop.complete(checkout["id"], body)
    expect(reply.status < 500, f"answered {reply.status}")
    if reply.status < 400:
        codes = [each.get("code") for each in _errors(reply.document())]
        expect("payment_failed" in codes, f"codes are {codes}", reply)
    later = (await shop.get(checkout["id"])).document()
    expect(later.get("status") != "completed", "the checkout is completed", reply)


@check(SECTION, releases=SINCE_AUGUST)
async def two_instruments_pay_nothing(shop: Shop) -> None:
    """Two instruments, where split payments are not agreed on, are payment_failed; nothing is sold."""
    await _pays_nothing(shop, 2)


@check(SECTION, releases=SINCE_AUGUST)
async def no_instrument_pays_nothing(shop: Shop) -> None:
    """A list of instruments without one sells nothing."""
    await _pays_nothing(shop, 0)


async def _in_progress(shop: Shop) -> Wire:
    """A checkout whose payment takes its time, as its complete showed it."""
    token = shop.inputs.pending_token or lacking("a token that takes its time (--pending-token)")
    checkout = await ready(shop)
    reply = await shop.complete(checkout["id"], payment(shop, checkout, token))
    document = reply.document()
    if document.get("status") != "complete_in_progress":
        lacking(f"a complete in progress (the status is {document.get('status')})")
    return document


@check("checkout#Complete Checkout", releases=SINCE_AUGUST)
async def progress_has_no_order_yet(shop: Shop) -> None:
    """While a complete is in progress there is no order."""
    document = await _in_progress(shop)
    expect("order" not in document, f"the order is {document.get('order')}")


@check("checkout#Accepted completion", releases=SINCE_AUGUST)
async def progress_cannot_be_changed(shop: Shop) -> None:
    """An update meanwhile is answered 200 with the checkout as it is and a recoverable error."""
    document = await _in_progress(shop)
    body = resend(document)
    body["line_items"][0]["quantity"] += 1
    reply = await shop.update(document["id"], body)
    expect(reply.status == 200 and reply.succeeded, f"answered {reply.status}")
    severities = {each.get("severity") for each in _errors(reply.document())}
    expect("recoverable" in severities, f"severities are {severities}")
    for told in (reply.document(), (await shop.get(document["id"])).document()):
        expect(told.get("line_items") == document["line_items"], "the lines changed", reply)
