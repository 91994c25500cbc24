"""A request sent twice is done once."""

import asyncio
from uuid import uuid4

from conformance.buying import basket, created, payment, ready, resend, success_token
from conformance.platform import OTHER
from conformance.registry import EVERY, check, expect, lacking
from conformance.shop import Shop
from conformance.wire import Exchange

SECTION = "checkout-rest#Specific Header Requirements"


def _same(first: Exchange, second: Exchange) -> None:
    if not first.succeeded:
        lacking(f"a success to repeat (answered {first.status})")
    expect(second.status == first.status, f"{first.status} was followed by {second.status}")
    expect(second.body == first.body, "the bodies differ")


@check(SECTION, releases=EVERY)
async def create_replays(shop: Shop) -> None:
    """The same create with the same key brings the same bytes, and no second checkout."""
    key, body = str(uuid4()), basket(shop)
    _same(await shop.create(body, key=key), await shop.create(body, key=key))


@check(SECTION, releases=EVERY)
async def update_replays(shop: Shop) -> None:
    """The same update with the same key brings the same bytes."""
    checkout, key = await created(shop), str(uuid4())
    body = resend(checkout)
    body["line_items"][0]["quantity"] = 2
    first = await shop.update(checkout["id"], body, key=key)
    _same(first, await shop.update(checkout["id"], body, key=key))


@check(SECTION, releases=EVERY)
async def complete_replays(shop: Shop) -> None:
    """The same complete with the same key brings the same bytes: one order, one charge."""
    token = success_token(shop)
    checkout, key = await ready(shop), str(uuid4())
    body = payment(shop, checkout, token)
    first = await shop.complete(checkout["id"], body, key=key)
    _same(first, await shop.complete(checkout["id"], body, key=key))


@check(SECTION, releases=EVERY)
async def cancel_replays(shop: Shop) -> None:
    """The same cancel with the same key brings the same bytes, though it is canceled by now."""
    checkout_id, key = (await created(shop))["id"], str(uuid4())
    first = await shop.cancel(checkout_id, key=key)
    _same(first, await shop.cancel(checkout_id, key=key))


@check(SECTION, releases=EVERY)
async def replay_shows_the_first_answer(shop: Shop) -> None:
    """A create replayed after the checkout changed shows what was answered at first."""
    key, body = str(uuid4()), basket(shop)
    first = await shop.create(body, key=key)
    if not first.succeeded:
        lacking(f"a checkout (create answered {first.status})")
    checkout = first.document()
    changed = resend(checkout)
    changed["line_items"][0]["quantity"] = 6
    await shop.update(checkout["id"], changed)
    await shop.cancel(checkout["id"])
    _same(first, await shop.create(body, key=key))


@check(SECTION, releases=EVERY)
async def other_create_conflicts(shop: Shop) -> None:
    """A key used again with another body is answered 409."""
    key = str(uuid4())
    await shop.create(basket(shop), key=key)
    reply = await shop.create(basket(shop, quantity=2), key=key)
    expect(reply.status == 409, f"answered {reply.status}")


@check(SECTION, releases=EVERY)
async def other_update_conflicts(shop: Shop) -> None:
    """An update with a used key and another body is answered 409 and changes nothing."""
    checkout, key = await created(shop), str(uuid4())
    body = resend(checkout)
    await shop.update(checkout["id"], body, key=key)
    body["line_items"][0]["quantity"] = 7
    reply = await shop.update(checkout["id"], body, key=key)
    expect(reply.status == 409, f"answered {reply.status}")
    quantity = (await shop.get(checkout["id"])).document()["line_items"][0]["quantity"]
    expect(quantity == 1, f"the quantity is now {quantity}")


@check(SECTION, releases=EVERY)
async def other_complete_conflicts(shop: Shop) -> None:
    """A complete with a used key and another token is answered 409, not replayed."""
    token = success_token(shop)
    checkout, key = await ready(shop), str(uuid4())
    await shop.complete(checkout["id"], payment(shop, checkout, token), key=key)
    other = payment(shop, checkout, f"{token}-other")
    reply = await shop.complete(checkout["id"], other, key=key)
    expect(reply.status == 409, f"answered {reply.status}")


@check(SECTION, releases=EVERY)
async def cancel_key_is_bound_to_its_checkout(shop: Shop) -> None:
    """The key of a cancel, used on another checkout, conflicts and cancels nothing."""
    first, second, key = await created(shop), await created(shop), str(uuid4())
    await shop.cancel(first["id"], key=key)
    reply = await shop.cancel(second["id"], key=key)
    expect(reply.status == 409, f"answered {reply.status}")
    status = (await shop.get(second["id"])).document().get("status")
    expect(status != "canceled", "the second checkout is canceled")


@check(SECTION, releases=EVERY)
async def keys_belong_to_a_platform(shop: Shop) -> None:
    """Another platform that happens to use the same key gets an answer of its own."""
    key, body = str(uuid4()), basket(shop)
    first = await shop.create(body, key=key)
    second = await shop.create(body, who=OTHER, key=key)
    if not first.succeeded:
        lacking(f"a checkout (create answered {first.status})")
    expect(second.succeeded, f"answered {second.status}")
    expect(first.document()["id"] != second.document()["id"], "it got the other's checkout")


@check("checkout#Cancel Checkout", releases=EVERY)
async def second_cancel_fails(shop: Shop) -> None:
    """A second cancel under a new key is no success."""
    checkout_id = (await created(shop))["id"]
    await shop.cancel(checkout_id)
    reply = await shop.cancel(checkout_id)
    expect(not reply.succeeded, f"answered {reply.status}")
    expect(reply.status < 500, f"answered {reply.status}")


@check("checkout#Complete Checkout", releases=EVERY)
async def second_complete_fails(shop: Shop) -> None:
    """A second complete under a new key is no success and makes no second order."""
    token = success_token(shop)
    checkout = await ready(shop)
    body = payment(shop, checkout, token)
    first = await shop.complete(checkout["id"], body)
    reply = await shop.complete(checkout["id"], body)
    expect(not reply.succeeded, f"answered {reply.status}")
    expect(reply.status < 500, f"answered {reply.status}")
    later = (await shop.get(checkout["id"])).document()
    expect(later.get("order") == first.document().get("order"), "the order changed")


@check(SECTION, releases=EVERY)
async def twins_make_one_checkout(shop: Shop) -> None:
    """Creates sent at the same moment with one key make one checkout."""
    key, body = str(uuid4()), basket(shop)
    replies = await asyncio.gather(*(shop.create(body, key=key) for _ in range(5)))
    _one_outcome(replies)


@check(SECTION, releases=EVERY)
async def twins_make_one_order(shop: Shop) -> None:
    """Completes sent at the same moment with one key make one order."""
    token = success_token(shop)
    checkout, key = await ready(shop), str(uuid4())
    body = payment(shop, checkout, token)
    replies = await asyncio.gather(*(shop.complete(checkout["id"], body, key=key) for _ in range(5)))
    _one_outcome(replies)


def _one_outcome(replies: list[Exchange]) -> None:
    """Every success says the same; a twin may also be told to come back (409 or 503)."""
    done = [each for each in replies if each.succeeded]
    expect(done, f"nobody succeeded: {[each.status for each in replies]}", replies[0])
    expect(len({each.body for each in done}) == 1, "the successes differ", done[-1])
    rest = {each.status for each in replies if not each.succeeded}
    expect(rest <= {409, 503}, f"the others were answered {sorted(rest)}", replies[-1])
