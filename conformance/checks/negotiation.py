"""Whose profile counts, which release is spoken, and which capabilities are active."""

import contextlib
from urllib.parse import urlsplit

from conformance import forms
from conformance.browsing import browsed, item_looked_up
from conformance.buying import address, basket, created
from conformance.filling import plain_cart
from conformance.platform import (
    CHECKOUT_ONLY,
    MAIN,
    OLDER,
    STRANGER,
    TOO_NEW,
    WITH_A_STRANGER,
    WITHOUT_CHECKOUT,
)
from conformance.registry import EVERY, JANUARY, SINCE_APRIL, Lacking, Wire, check, expect, lacking
from conformance.shop import SERVICE, Shop
from conformance.wire import Exchange

SHAPED = (("cart", plain_cart), ("catalog.search", browsed), ("catalog.lookup", item_looked_up))
EXTENSIONS = {"discount": "discounts", "fulfillment": "fulfillment"}


async def _asked_as(shop: Shop, agent: str | None) -> Exchange:
    """A create under the given UCP-Agent header, or under none."""
    headers = shop.headers()
    del headers["UCP-Agent"]
    if agent is not None:
        headers["UCP-Agent"] = agent
    return await shop.send("POST", "/checkout-sessions", basket(shop), headers)


def _refused(reply: Exchange) -> None:
    expect(400 <= reply.status < 500, f"answered {reply.status}")


def _codes(reply: Exchange) -> set[str]:
    document = reply.document()
    said = [each.get("code") for each in document.get("messages") or []]
    return {str(code) for code in [*said, document.get("code")] if code}


def _active(document: Wire) -> set[str]:
    return set(forms.capability_names(document.get("ucp") or {}))


@check("overview#Version Negotiation", releases=EVERY)
async def reply_names_the_release(shop: Shop) -> None:
    """A reply carries `ucp` with the release that it was processed in."""
    checkout = await created(shop)
    version = (checkout.get("ucp") or {}).get("version")
    expect(version == shop.inputs.release, f"ucp.version is {version!r}")


@check("overview#Version Negotiation", releases=JANUARY)
async def newer_release_is_refused(shop: Shop) -> None:
    """A platform of a later release gets version_unsupported."""
    reply = await shop.create(basket(shop), who=TOO_NEW)
    _refused(reply)
    expect("version_unsupported" in _codes(reply), f"codes are {sorted(_codes(reply))}")


@check("overview#Version Negotiation", releases=EVERY)
async def release_is_checked_on_every_request(shop: Shop) -> None:
    """Reading, changing and canceling are refused to a platform of a later release too."""
    path = f"/checkout-sessions/{(await created(shop))['id']}"
    for method, suffix, body in (("GET", "", None), ("PUT", "", b"{}"), ("POST", "/cancel", None)):
        reply = await shop.send(method, path + suffix, body, shop.headers(TOO_NEW))
        _refused(reply)
        expect("version_unsupported" in _codes(reply), f"codes are {sorted(_codes(reply))}")


@check("overview#Version Negotiation", releases=JANUARY)
async def older_release_is_processed(shop: Shop) -> None:
    """A platform of an earlier release is served, in the shop's own or in one before it."""
    reply = await shop.create(basket(shop), who=OLDER)
    expect(reply.succeeded, f"answered {reply.status}")
    version = (reply.document().get("ucp") or {}).get("version")
    earlier = [each for each in sorted(EVERY) if each <= shop.inputs.release]
    expect(version in earlier, f"ucp.version is {version!r}")


@check("overview#Capability Declaration in Responses", releases=EVERY)
async def reply_lists_active_capabilities(shop: Shop) -> None:
    """A checkout names checkout as active and nothing that the shop does not offer."""
    active = _active(await created(shop))
    expect(f"{SERVICE}.checkout" in active, f"active: {sorted(active)}")
    beyond = active - set(shop.capabilities())
    expect(not beyond, f"active but not offered: {sorted(beyond)}")


@check("overview#Intersection Algorithm", releases=EVERY)
async def only_shared_capabilities_are_active(shop: Shop) -> None:
    """A platform with checkout alone sees checkout alone."""
    active = _active(await created(shop, who=CHECKOUT_ONLY))
    expect(active == {f"{SERVICE}.checkout"}, f"active: {sorted(active)}")


@check("overview#Response Capability Selection", releases=SINCE_APRIL)
async def replies_list_what_shaped_them(shop: Shop) -> None:
    """A cart and what a catalog answers list their own capability, and no other that stands alone."""
    alone = {name.removeprefix(f"{SERVICE}.") for name in forms.roots(shop.release)}
    seen = 0
    for own, build in SHAPED:
        with contextlib.suppress(Lacking):
            document = await shop.scene(build)
            seen += 1
            version = document["ucp"]["version"]
            expect(version == shop.release, f"ucp.version is {version!r}")
            listed = {name.removeprefix(f"{SERVICE}.") for name in _active(document)}
            expect(listed & alone == {own}, f"{own} lists {sorted(listed)}")
    if not seen:
        lacking("a cart or a catalog")


@check("overview#Intersection Algorithm", releases=EVERY)
async def inactive_extensions_stay_out(shop: Shop) -> None:
    """Members of an extension that the platform lacks have no effect and do not come back."""
    method = {"type": "shipping", "destinations": [address(shop)]}
    checkout = await created(
        shop,
        who=CHECKOUT_ONLY,
        discounts={"codes": [shop.inputs.discount_code or "NOTHING"]},
        fulfillment={"methods": [method]},
    )
    present = [member for member in EXTENSIONS.values() if checkout.get(member)]
    expect(not present, f"the reply carries {present}")


@check("overview#Intersection Algorithm", releases=EVERY)
async def unknown_capabilities_are_ignored(shop: Shop) -> None:
    """A capability that the shop has never heard of does no harm and is not active."""
    reply = await shop.create(basket(shop), who=WITH_A_STRANGER)
    expect(reply.succeeded, f"answered {reply.status}")
    expect(STRANGER not in _active(reply.document()), f"{STRANGER} is active")


@check("overview#Error Handling", releases=JANUARY)
async def nothing_in_common_is_refused(shop: Shop) -> None:
    """Without checkout in common there is no checkout, but an error: extensions are orphans."""
    reply = await shop.create(basket(shop), who=WITHOUT_CHECKOUT)
    expect(reply.status < 500, f"answered {reply.status}")
    document = reply.document()
    expect(not document.get("id"), f"there is a checkout: {document.get('id')}")
    kinds = [each.get("type") for each in document.get("messages") or []]
    expect("error" in kinds, f"messages are of {kinds}")


@check("overview#Platform Advertisement on Request", releases=EVERY)
async def unknown_parts_of_the_agent_header_are_ignored(shop: Shop) -> None:
    """UCP-Agent is a dictionary: parameters and members beside the profile do no harm."""
    reply = await _asked_as(shop, f'first=?1, {shop.agent(MAIN)};note="x", last=7')
    expect(reply.succeeded, f"answered {reply.status}")


@check("checkout-rest#Specific Header Requirements", releases=EVERY, advice=True)
async def missing_agent_is_refused(shop: Shop) -> None:
    """A request without UCP-Agent is refused."""
    _refused(await _asked_as(shop, None))


@check("overview#Platform Advertisement on Request", releases=EVERY, advice=True)
async def malformed_agent_is_refused(shop: Shop) -> None:
    """A UCP-Agent that is no dictionary with a profile is refused."""
    for agent in ('profile="unclosed', "https://agent.example/p", 'profile=7, x="', "agent=?1"):
        _refused(await _asked_as(shop, agent))


@check("overview#Business Requirements", releases=EVERY)
async def missing_profile_is_refused(shop: Shop) -> None:
    """A profile that answers 404 is refused, not guessed."""
    _refused(await _asked_as(shop, shop.agent(shop.platform.broken_url("missing"))))


@check("overview#Business Requirements", releases=EVERY)
async def unreachable_profile_is_refused(shop: Shop) -> None:
    """A profile on a closed port is refused."""
    _refused(await _asked_as(shop, shop.agent("http://127.0.0.1:9/profile.json")))


@check("overview#Business Requirements", releases=EVERY)
async def malformed_profile_is_refused(shop: Shop) -> None:
    """A profile that is no JSON, or JSON that is no profile, is refused."""
    for kind in ("not-json", "not-a-profile"):
        _refused(await _asked_as(shop, shop.agent(shop.platform.broken_url(kind))))


@check("overview#Fetching (2026-04-08)", releases=EVERY, advice=True)
async def redirecting_profile_is_refused(shop: Shop) -> None:
    """A profile that redirects is refused: who follows can be led anywhere."""
    _refused(await _asked_as(shop, shop.agent(shop.platform.broken_url("redirect"))))


@check("overview#Fetching (2026-04-08)", releases=EVERY)
async def silent_profile_is_given_up(shop: Shop) -> None:
    """A profile that never answers does not hold the request up, and is no server error of ours."""
    reply = await _asked_as(shop, shop.agent(shop.platform.broken_url("silent")))
    expect(not reply.succeeded, f"answered {reply.status}")
    expect(reply.status != 500, "answered 500")


@check("overview#Fetching (2026-04-08)", releases=EVERY)
async def plain_http_profile_is_refused(shop: Shop) -> None:
    """In production a profile over plain http is refused."""
    if not shop.inputs.production:
        lacking("a shop in production (--production)")
    parts = urlsplit(shop.inputs.profile)
    if parts.scheme != "https":
        lacking("an https profile (--profile) whose http twin can be tried")
    _refused(await _asked_as(shop, shop.agent(parts._replace(scheme="http").geturl())))
