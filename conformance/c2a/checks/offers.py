"""Offers: what is told of them, and how long they hold."""

from datetime import UTC, datetime

from conformance.c2a.checks.callers import C2A
from conformance.c2a.tenant import Tenant, artifacts_in, code_of
from conformance.registry import check, expect, lacking
from conformance.shapes import violations
from conformance.wire import Exchange

BUNDLES = "bundles page"
SHOWCASE = "showcase page"


async def _bundles(tenant: Tenant) -> Exchange:
    reply = await tenant.bundles()
    if reply.status != 200:
        lacking(f"an offer (answered {reply.status})")
    return reply


@check(BUNDLES, releases=C2A)
async def an_offer_is_made(tenant: Tenant) -> None:
    """A context with an interaction type is answered with an offer, code SUCCESS."""
    reply = await tenant.bundles()
    expect(reply.status == 200, f"answered {reply.status}")
    expect(code_of(reply) == "SUCCESS", f"the code is {code_of(reply)}")


@check(BUNDLES, releases=C2A)
async def an_offer_has_its_shape(tenant: Tenant) -> None:
    """An offer names itself, its artifact groups and its end."""
    reply = await tenant.scene(_bundles)
    faults = violations("c2a", "offer_reply", reply.document())
    expect(not faults, faults, reply)


@check(BUNDLES, releases=C2A)
async def an_offer_ends_later(tenant: Tenant) -> None:
    """A fresh offer is not over yet."""
    reply = await tenant.scene(_bundles)
    ends = datetime.fromisoformat(reply.document()["offer"]["expiresAt"])
    expect(ends > datetime.now(UTC), f"it was over at {ends}", reply)


@check(BUNDLES, releases=C2A)
async def an_offer_can_be_ordered_from(tenant: Tenant) -> None:
    """An offer holds items with an identifier, each of them once."""
    reply = await tenant.scene(_bundles)
    ids = [one["itemIdentifier"] for one in artifacts_in(reply.document())]
    expect(ids, "no itemIdentifier anywhere", reply)
    expect(len(set(ids)) == len(ids), "an itemIdentifier stands twice", reply)


@check(BUNDLES, releases=C2A)
async def the_interaction_type_is_required(tenant: Tenant) -> None:
    """A context without an interaction type, or with one of no meaning, is refused."""
    for context in ({}, {"interactionType": "Barter"}):
        reply = await tenant.ask("POST", "/offer/bundles", {"context": context})
        expect(400 <= reply.status < 500, f"answered {reply.status}")


@check(BUNDLES, releases=C2A)
async def an_unknown_promotion_code_is_told(tenant: Tenant) -> None:
    """A promotion code that nobody issued is INVALID_PROMOTION_CODE."""
    reply = await tenant.bundles(promotionCode="CONFORMANCE-NOBODY-ISSUED-THIS")
    expect(code_of(reply) == "INVALID_PROMOTION_CODE", f"the code is {code_of(reply)}")


@check(BUNDLES, releases=C2A)
async def a_known_promotion_code_is_taken(tenant: Tenant) -> None:
    """A promotion code of the shop is answered with an offer."""
    promotion = tenant.inputs.promotion_code or lacking("--promotion-code")
    reply = await tenant.bundles(promotionCode=promotion)
    expect(reply.status == 200, f"answered {reply.status}")


@check(BUNDLES, releases=C2A)
async def an_unknown_storefront_is_told(tenant: Tenant) -> None:
    """A storefront that is not there is STOREFRONT_NOT_FOUND."""
    reply = await tenant.bundles(storefrontUrn="conformance-nowhere")
    expect(code_of(reply) == "STOREFRONT_NOT_FOUND", f"the code is {code_of(reply)}")


@check(BUNDLES, releases=C2A)
async def a_known_storefront_is_taken(tenant: Tenant) -> None:
    """A storefront of the shop is answered with an offer."""
    storefront = tenant.inputs.storefront or lacking("--storefront")
    reply = await tenant.bundles(storefrontUrn=storefront)
    expect(reply.status == 200, f"answered {reply.status}")


@check(SHOWCASE, releases=C2A)
async def a_showcase_has_the_shape_of_an_offer(tenant: Tenant) -> None:
    """A showcase is answered like an offer."""
    reply = await tenant.scene(_showcase)
    faults = violations("c2a", "offer_reply", reply.document())
    expect(not faults, faults, reply)


@check(SHOWCASE, releases=C2A)
async def a_showcase_cannot_be_ordered_from(tenant: Tenant) -> None:
    """An order out of a showcase is refused and takes nothing in."""
    shown = (await tenant.scene(_showcase)).document()["offer"]
    reply = await tenant.submit(await tenant.checkout(offerIdentifier=shown["offerIdentifier"]))
    expect(400 <= reply.status < 500, f"answered {reply.status}")
    expect(code_of(reply) == "OFFER_NOT_PURCHASABLE", f"the code is {code_of(reply)}")


async def _showcase(tenant: Tenant) -> Exchange:
    body = {"context": {"interactionType": "NewAcquisition", "customerUrn": tenant.inputs.customer}}
    reply = await tenant.ask("POST", "/offer/showcase", body)
    if reply.status != 200:
        lacking(f"a showcase (answered {reply.status})")
    return reply
