"""A checkout is taken in with 202, or refused with a result that has no number."""

from conformance.c2a.checks.callers import C2A
from conformance.c2a.tenant import PROCESSING, Tenant, code_of, fresh, stored
from conformance.registry import Wire, check, expect, lacking
from conformance.shapes import violations
from conformance.wire import Exchange

SECTION = "submit-checkout page"
REFUSED = "submit-checkout page, 409"
REQUIRED = (
    ("order",),
    ("paymentMethod",),
    ("order", "offerIdentifier"),
    ("order", "items"),
    ("order", "customer"),
    ("order", "customer", "customerUrn"),
    ("paymentMethod", "paymentChannel"),
    ("paymentMethod", "creditCard"),
    ("paymentMethod", "creditCard", "cardNumber"),
    ("paymentMethod", "creditCard", "cvc"),
    ("paymentMethod", "creditCard", "expireYear"),
    ("paymentMethod", "creditCard", "expireMonth"),
    ("paymentMethod", "creditCard", "cardHolderName"),
)


async def taken_in(tenant: Tenant) -> Exchange:
    return await tenant.accepted(await tenant.checkout())


def _no_success(reply: Exchange) -> None:
    """The body of a refusal: no number, nothing to follow."""
    document = reply.document()
    faults = violations("c2a", "checkout_result", document)
    expect(not faults, faults, reply)
    expect(document["trackingNumber"] is None, "it has a tracking number", reply)
    expect(document["followUpInstructions"]["canFollowUp"] is False, "it can be followed up", reply)


@check(SECTION, releases=C2A)
async def an_order_is_taken_in_with_202(tenant: Tenant) -> None:
    """An order that can be had is answered 202 and is being processed."""
    reply = await tenant.submit(await tenant.checkout())
    expect(reply.status == 202, f"answered {reply.status}")
    expect(code_of(reply) == PROCESSING, f"the code is {code_of(reply)}")


@check(SECTION, releases=C2A)
async def the_result_has_its_shape(tenant: Tenant) -> None:
    """A 202 holds a tracking number and follow-up instructions."""
    reply = await tenant.scene(taken_in)
    faults = violations("c2a", "checkout_result", reply.document())
    expect(not faults, faults, reply)
    expect(reply.document()["trackingNumber"] is not None, "it has no tracking number", reply)


@check(SECTION, releases=C2A)
async def counting_begins_at_zero(tenant: Tenant) -> None:
    """At first no look was made, some are left, and there is something to follow."""
    follow_up = (await tenant.scene(taken_in)).document()["followUpInstructions"]
    expect(follow_up["canFollowUp"] is True, "it cannot be followed up")
    expect(follow_up["currentRetryAttempt"] == 0, f"{follow_up['currentRetryAttempt']} looks were made")
    expect(follow_up["remainingRetryCount"] > 0, "no look is left")


@check("submit-checkout page, headers", releases=C2A)
async def location_is_the_status_url(tenant: Tenant) -> None:
    """`Location` and `followUpUrl` are the same absolute URL, and it answers."""
    reply = await tenant.scene(taken_in)
    url = reply.document()["followUpInstructions"]["followUpUrl"]
    expect(reply.headers.get("location") == url, f"Location is {reply.headers.get('location')}", reply)
    seen = await tenant.client.send("GET", url, tenant.headers())
    expect(seen.status == 200, f"it answers {seen.status}", seen)


@check("submit-checkout page, headers", releases=C2A)
async def link_names_the_status(tenant: Tenant) -> None:
    """`Link` leads to the status with rel="status"."""
    reply = await tenant.scene(taken_in)
    url = reply.document()["followUpInstructions"]["followUpUrl"]
    expect(
        reply.headers.get("link") == f'<{url}>; rel="status"', f"it is {reply.headers.get('link')}", reply
    )


@check("submit-checkout page, headers", releases=C2A)
async def retry_after_is_what_the_body_says(tenant: Tenant) -> None:
    """`Retry-After` is retryAfterSeconds."""
    reply = await tenant.scene(taken_in)
    told = str(reply.document()["followUpInstructions"]["retryAfterSeconds"])
    expect(reply.headers.get("retry-after") == told, f"it is {reply.headers.get('retry-after')}", reply)


@check(SECTION, releases=C2A)
async def what_is_required_is_required(tenant: Tenant) -> None:
    """An order that lacks a required member is refused with a 4xx other than 409."""
    whole = await tenant.checkout()
    for path in REQUIRED:
        reply = await tenant.submit(_without(whole, path))
        expect(400 <= reply.status < 500 and reply.status != 409, f"without {path[-1]}: {reply.status}")


def _without(document: Wire, path: tuple[str, ...]) -> Wire:
    first, *rest = path
    if not rest:
        return {name: value for name, value in document.items() if name != first}
    return document | {first: _without(document[first], tuple(rest))}


@check("submit-checkout page, useStoredMethod", releases=C2A)
async def a_stored_method_needs_its_urn(tenant: Tenant) -> None:
    """A stored method without its URN is refused."""
    payment = {"paymentChannel": "CreditCard", "useStoredMethod": True, "creditCard": {}}
    reply = await tenant.submit({"order": await tenant.order(), "paymentMethod": payment})
    expect(400 <= reply.status < 500, f"answered {reply.status}")


@check("submit-checkout page, useStoredMethod", releases=C2A)
async def a_stored_method_is_taken(tenant: Tenant) -> None:
    """A stored method pays without number and code, on whichever level it is named."""
    urn = await tenant.method()
    card = {"storedMethodUrn": urn}
    for payment in (
        stored(urn),
        {"paymentChannel": "CreditCard", "useStoredMethod": True, "creditCard": card},
        {"paymentChannel": "CreditCard", "creditCard": card | {"useStoredMethod": True}},
    ):
        reply = await tenant.submit({"order": await tenant.order(), "paymentMethod": payment})
        expect(reply.status == 202, f"answered {reply.status}")


@check(REFUSED, releases=C2A)
async def a_bad_stored_method_is_409(tenant: Tenant) -> None:
    """A stored-method URN of nobody is refused with 409 and a result without a number."""
    body = {"order": await tenant.order(), "paymentMethod": stored("pm.00.9.1")}
    reply = await tenant.submit(body)
    expect(reply.status == 409, f"answered {reply.status}")
    _no_success(reply)


@check(REFUSED, releases=C2A)
async def an_item_that_was_not_offered_is_refused(tenant: Tenant) -> None:
    """An item that is not in the offer is ORDERED_ITEM_NOT_FOUND."""
    items = [{"itemIdentifier": "conformance-nothing"}]
    reply = await tenant.submit(await tenant.checkout(items=items))
    expect(code_of(reply) == "ORDERED_ITEM_NOT_FOUND", f"the code is {code_of(reply)}")
    _no_success(reply)


@check(REFUSED, releases=C2A)
async def an_offer_of_nobody_is_refused(tenant: Tenant) -> None:
    """An offer identifier that was never given out takes nothing in."""
    reply = await tenant.submit(await tenant.checkout(offerIdentifier="of_conformance"))
    expect(400 <= reply.status < 500, f"answered {reply.status}")
    _no_success(reply)


@check("payment-methods page, codes", releases=C2A)
async def a_card_that_cannot_be_kept_is_refused_at_once(tenant: Tenant) -> None:
    """A card that the vault does not take is refused before 202, since nobody could charge it later."""
    number = tenant.inputs.refused_card or lacking("--refused-card")
    reply = await tenant.submit(await tenant.checkout(number))
    expect(400 <= reply.status < 500, f"answered {reply.status}")
    _no_success(reply)


@check("submit-checkout page, cardNumber", releases=C2A)
async def a_card_is_never_repeated(tenant: Tenant) -> None:
    """No answer repeats a card number, whatever is wrong with the order."""
    number = tenant.inputs.good_card or lacking("--good-card")
    whole = await tenant.checkout()
    card = fresh(number)
    for payment in (
        {"paymentChannel": number, "creditCard": card},
        {"paymentChannel": "CreditCard", "creditCard": card | {"cvc": number}},
        {"paymentChannel": "CreditCard", "creditCard": card | {"cardNumber": f"{number}x"}},
        {"paymentChannel": "CreditCard", "providerIdentifier": number, "creditCard": card},
    ):
        reply = await tenant.submit(whole | {"paymentMethod": payment})
        expect(not reply.succeeded, f"answered {reply.status}")
        expect(number.encode() not in reply.body, "the answer holds the card number")
