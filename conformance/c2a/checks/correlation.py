"""correlationId: an order sent twice is one order."""

import asyncio

from conformance.c2a.checks.callers import C2A
from conformance.c2a.tenant import OTHER_PREFIX, Tenant, code_of, correlation
from conformance.registry import check, expect
from conformance.wire import Exchange

SECTION = "submit-checkout page, correlationId"


def number_of(reply: Exchange) -> object:
    return reply.document()["trackingNumber"]


@check(SECTION, releases=C2A)
async def the_same_order_again_is_the_first(tenant: Tenant) -> None:
    """The same order under the same correlationId has the same tracking number."""
    body = await tenant.checkout(correlationId=correlation())
    first = await tenant.accepted(body)
    again = await tenant.submit(body)
    expect(again.succeeded, f"answered {again.status}")
    expect(number_of(again) == number_of(first), "the tracking numbers differ")


@check(SECTION, releases=C2A)
async def the_same_order_under_the_other_prefix_is_the_first(tenant: Tenant) -> None:
    """The prefix makes no other order of it."""
    body = await tenant.checkout(correlationId=correlation())
    first = await tenant.accepted(body)
    again = await tenant.submit(body, prefix=OTHER_PREFIX)
    expect(number_of(again) == number_of(first), "the tracking numbers differ")


@check(SECTION, releases=C2A)
async def another_order_under_it_is_409(tenant: Tenant) -> None:
    """Another order under a used correlationId is refused with 409 and takes nothing in."""
    body = await tenant.checkout(correlationId=correlation())
    await tenant.accepted(body)
    items = [{**body["order"]["items"][0], "quantity": 2}]
    reply = await tenant.submit(body | {"order": body["order"] | {"items": items}})
    expect(reply.status == 409, f"answered {reply.status}")
    document = reply.document()
    expect(document["trackingNumber"] is None, "it has a tracking number")
    expect(document["followUpInstructions"]["canFollowUp"] is False, "it can be followed up")


@check(SECTION, releases=C2A)
async def a_finished_order_is_told_as_it_ended(tenant: Tenant) -> None:
    """The same order after its end is not ordered again."""
    body = await tenant.checkout(correlationId=correlation())
    first = await tenant.accepted(body)
    ended = await tenant.waited(first)
    again = await tenant.submit(body)
    expect(number_of(again) == number_of(first), "the tracking numbers differ")
    expect(code_of(again) == code_of(ended), f"the code is {code_of(again)}")


@check(SECTION, releases=C2A)
async def twins_are_one_order(tenant: Tenant) -> None:
    """The same order several times at the same moment has one tracking number."""
    body = await tenant.checkout(correlationId=correlation())
    replies = await asyncio.gather(*(tenant.submit(body) for _ in range(5)))
    numbers = {number_of(reply) for reply in replies if reply.succeeded}
    expect(len(numbers) == 1, f"{len(numbers)} tracking numbers")
    rest = {reply.status for reply in replies if not reply.succeeded}
    expect(rest <= {409, 503}, f"the others were answered {sorted(rest)}")


@check(SECTION, releases=C2A)
async def orders_without_it_are_orders_each(tenant: Tenant) -> None:
    """Without a correlationId every request is an order of its own."""
    body = await tenant.checkout()
    first, second = await tenant.accepted(body), await tenant.accepted(body)
    expect(number_of(first) != number_of(second), "both have the same tracking number")
