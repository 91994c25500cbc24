"""Since 2026-04-08 a status of 200 tells what came of a request, and 4xx that it was not understood."""

from uuid import uuid4

from conformance.buying import buyer, created, payment, plain_checkout, ready, resend, success_token
from conformance.registry import SINCE_APRIL, Wire, check, expect, lacking
from conformance.shapes import violations
from conformance.shop import Shop
from conformance.wire import Exchange

SECTION = "checkout-rest#Business Outcomes"


async def _of_nothing(shop: Shop) -> list[Exchange]:
    """Each operation on a checkout that nobody has."""
    known = await shop.scene(plain_checkout)
    strange = str(uuid4())
    return [
        await shop.get(strange),
        await shop.update(strange, resend(known)),
        await shop.complete(strange, payment(shop, known, "any-token-at-all")),
        await shop.cancel(strange),
    ]


async def _not_processed(shop: Shop) -> list[Exchange]:
    """Requests that are no business of a shop: unreadable, of the wrong form, of another key."""
    key = str(uuid4())
    body = resend(await shop.scene(plain_checkout))
    await shop.create(body, key=key)
    lines = [line | {"quantity": 7} for line in body["line_items"]]
    return [
        await shop.send("POST", "/checkout-sessions", b"{", shop.headers()),
        await shop.send("POST", "/checkout-sessions", b'{"line_items": 7}', shop.headers()),
        await shop.create(body | {"line_items": lines}, key=key),
    ]


def _errors(document: Wire) -> list[Wire]:
    return [each for each in document.get("messages") or [] if each.get("type") == "error"]


def _shown(reply: Exchange, codes: set[str]) -> None:
    """The checkout is shown, not completed, with a recoverable error of one of the codes."""
    expect(reply.status == 200, f"answered {reply.status}", reply)
    document = reply.document()
    expect(document.get("line_items"), "the checkout is not shown", reply)
    expect(document.get("status") != "completed", "the checkout is completed", reply)
    fitting = [each for each in _errors(document) if not codes or each.get("code") in codes]
    expect(fitting, f"errors are {_errors(document)}", reply)
    severities = {each.get("severity") for each in fitting}
    expect("unrecoverable" not in severities, "what can be mended is called unrecoverable", reply)


@check(SECTION, releases=SINCE_APRIL)
async def unknown_is_told_with_200(shop: Shop) -> None:
    """What is not there is answered 200, with an envelope of status error and not_found in it."""
    for reply in await _of_nothing(shop):
        expect(reply.status == 200, f"{reply.method} answered {reply.status}", reply)
        expect(reply.tells_an_error, "ucp.status is not error", reply)
        codes = [each.get("code") for each in _errors(reply.document())]
        expect("not_found" in codes, f"codes are {codes}", reply)


@check("overview#Error Handling", releases=SINCE_APRIL)
async def envelope_is_closed(shop: Shop) -> None:
    """The envelope has ucp, messages and perhaps a continue_url, and nothing else."""
    for reply in await _of_nothing(shop):
        wrong = violations(shop.release, "error", reply.document())
        expect(not wrong, wrong, reply)
        version = reply.document()["ucp"]["version"]
        expect(version == shop.release, f"ucp.version is {version!r}", reply)


@check("checkout#Error Handling", releases=SINCE_APRIL, advice=True)
async def nothing_to_mend_is_unrecoverable(shop: Shop) -> None:
    """Where there is no checkout the error is unrecoverable: no update can mend it."""
    for reply in await _of_nothing(shop):
        severities = {each.get("severity") for each in _errors(reply.document())}
        expect(severities == {"unrecoverable"}, f"severities are {severities}", reply)


@check("overview#Transport Bindings", releases=SINCE_APRIL)
async def not_understood_has_the_shape(shop: Shop) -> None:
    """A request that could not be processed is told by code and content, without an envelope."""
    for reply in await _not_processed(shop):
        expect(400 <= reply.status < 500, f"answered {reply.status}", reply)
        wrong = violations(shop.release, "transport_error", reply.document())
        expect(not wrong, wrong, reply)


@check("checkout-rest#Status Codes", releases=SINCE_APRIL)
async def not_understood_has_its_status(shop: Shop) -> None:
    """What cannot be read or is of the wrong form is 400, a key of another request 409."""
    statuses = [reply.status for reply in await _not_processed(shop)]
    expect(statuses == [400, 400, 409], f"answered {statuses}")


@check(SECTION, releases=SINCE_APRIL)
async def declined_payment_is_told_with_200(shop: Shop) -> None:
    """A declined payment is answered 200 with the checkout and the error payment_failed."""
    token = shop.inputs.fail_token or lacking("a token that is declined (--fail-token)")
    checkout = await ready(shop)
    _shown(await shop.complete(checkout["id"], payment(shop, checkout, token)), {"payment_failed"})


@check(SECTION, releases=SINCE_APRIL)
async def unready_checkout_is_shown(shop: Shop) -> None:
    """Completing before everything is chosen is answered 200 with the checkout and what it lacks."""
    shop.need_capability("fulfillment")
    token = success_token(shop)
    checkout = await created(shop, buyer=buyer())
    if checkout.get("status") == "ready_for_complete":
        lacking("an item that needs shipping")
    _shown(await shop.complete(checkout["id"], payment(shop, checkout, token)), set())
