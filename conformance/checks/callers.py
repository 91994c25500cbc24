"""Which status and code a caller gets whom the shop cannot serve; they are fixed since 2026-04-08."""

from conformance.buying import basket
from conformance.platform import OLDER, TOO_NEW, WITHOUT_CHECKOUT
from conformance.registry import SINCE_APRIL, check, expect
from conformance.shapes import violations
from conformance.shop import Shop
from conformance.wire import Exchange

SECTION = "overview#Error Codes"


async def _asked(shop: Shop, agent: str | None) -> Exchange:
    headers = shop.headers()
    del headers["UCP-Agent"]
    if agent is not None:
        headers["UCP-Agent"] = agent
    return await shop.send("POST", "/checkout-sessions", basket(shop), headers)


def _refused(reply: Exchange, status: int, code: str) -> None:
    expect(reply.status == status, f"answered {reply.status}", reply)
    said = reply.document().get("code")
    expect(said == code, f"the code is {said!r}", reply)


@check(SECTION, releases=SINCE_APRIL)
async def other_release_is_422(shop: Shop) -> None:
    """A platform of a release that is not served, later or earlier, gets 422 version_unsupported."""
    for who in (TOO_NEW, OLDER):
        _refused(await shop.create(basket(shop), who=who), 422, "version_unsupported")


@check(SECTION, releases=SINCE_APRIL)
async def agent_without_profile_is_400(shop: Shop) -> None:
    """Whoever names no profile, or none that is a URL, gets 400 invalid_profile_url."""
    for agent in (None, "agent=?1", 'profile="nowhere"', 'profile="unclosed'):
        _refused(await _asked(shop, agent), 400, "invalid_profile_url")


@check(SECTION, releases=SINCE_APRIL)
async def unreachable_profile_is_424(shop: Shop) -> None:
    """A profile that answers anything but 2xx, a redirect too, gets 424 profile_unreachable."""
    for kind in ("missing", "redirect"):
        agent = shop.agent(shop.platform.broken_url(kind))
        _refused(await _asked(shop, agent), 424, "profile_unreachable")


@check(SECTION, releases=SINCE_APRIL)
async def malformed_profile_is_422(shop: Shop) -> None:
    """A profile that is no JSON, or JSON that is no profile, gets 422 profile_malformed."""
    for kind in ("not-json", "not-a-profile"):
        agent = shop.agent(shop.platform.broken_url(kind))
        _refused(await _asked(shop, agent), 422, "profile_malformed")


@check(SECTION, releases=SINCE_APRIL)
async def nothing_in_common_is_200(shop: Shop) -> None:
    """Without checkout in common the answer is 200: an envelope with capabilities_incompatible."""
    reply = await shop.create(basket(shop), who=WITHOUT_CHECKOUT)
    expect(reply.status == 200, f"answered {reply.status}", reply)
    wrong = violations(shop.release, "error", reply.document())
    expect(not wrong, wrong, reply)
    codes = [each.get("code") for each in reply.document()["messages"]]
    expect(codes == ["capabilities_incompatible"], f"codes are {codes}", reply)


@check("overview#Transport Bindings", releases=SINCE_APRIL)
async def refusals_have_the_shape(shop: Shop) -> None:
    """These refusals are told by code and content, without an envelope."""
    for reply in (await shop.create(basket(shop), who=TOO_NEW), await _asked(shop, None)):
        wrong = violations(shop.release, "transport_error", reply.document())
        expect(not wrong, wrong, reply)
