"""One platform never sees what another one began."""

from uuid import uuid4

from conformance.buying import created, payment, resend
from conformance.platform import OTHER
from conformance.registry import EVERY, check, expect, lacking
from conformance.shop import Shop
from conformance.wire import Exchange

SECTION = "overview#Identity Binding (2026-04-08)"


def _alike(foreign: Exchange, foreign_id: str, unknown: Exchange, unknown_id: str) -> None:
    """Both answers are the same but for the id asked for."""
    expect(foreign.status == unknown.status, f"{foreign.status}, unknown {unknown.status}", foreign)
    expect(not foreign.succeeded, f"answered {foreign.status}", foreign)
    said = foreign.body.replace(foreign_id.encode(), unknown_id.encode())
    expect(said == unknown.body, "the bodies tell them apart", foreign)


async def _two_ids(shop: Shop) -> tuple[str, str]:
    """The id of a checkout of ours, and one of the same form that nobody has."""
    checkout_id = str((await created(shop))["id"])
    strange = str(uuid4())
    if len(checkout_id) == len(strange):
        return checkout_id, strange
    return checkout_id, "".join(reversed(checkout_id)) or lacking("an id")


@check(SECTION, releases=EVERY, advice=True)
async def foreign_get_answers_like_unknown(shop: Shop) -> None:
    """Reading another platform's checkout is answered like an unknown id."""
    ours, nobodys = await _two_ids(shop)
    foreign, unknown = await shop.get(ours, who=OTHER), await shop.get(nobodys, who=OTHER)
    _alike(foreign, ours, unknown, nobodys)


@check(SECTION, releases=EVERY, advice=True)
async def foreign_update_answers_like_unknown(shop: Shop) -> None:
    """Changing another platform's checkout is answered like an unknown id and changes nothing."""
    ours, nobodys = await _two_ids(shop)
    body = resend((await shop.get(ours)).document())
    body["line_items"][0]["quantity"] = 8
    foreign = await shop.update(ours, body, who=OTHER)
    unknown = await shop.update(nobodys, body | {"id": nobodys}, who=OTHER)
    _alike(foreign, ours, unknown, nobodys)
    quantity = (await shop.get(ours)).document()["line_items"][0]["quantity"]
    expect(quantity == 1, f"the quantity is now {quantity}")


@check(SECTION, releases=EVERY, advice=True)
async def foreign_cancel_answers_like_unknown(shop: Shop) -> None:
    """Canceling another platform's checkout is answered like an unknown id and cancels nothing."""
    ours, nobodys = await _two_ids(shop)
    foreign, unknown = await shop.cancel(ours, who=OTHER), await shop.cancel(nobodys, who=OTHER)
    _alike(foreign, ours, unknown, nobodys)
    status = (await shop.get(ours)).document().get("status")
    expect(status != "canceled", "the checkout is canceled")


@check(SECTION, releases=EVERY, advice=True)
async def foreign_complete_answers_like_unknown(shop: Shop) -> None:
    """Completing another platform's checkout is answered like an unknown id."""
    ours, nobodys = await _two_ids(shop)
    body = payment(shop, (await shop.get(ours)).document(), "any-token-at-all")
    foreign = await shop.complete(ours, body, who=OTHER)
    unknown = await shop.complete(nobodys, body, who=OTHER)
    _alike(foreign, ours, unknown, nobodys)
