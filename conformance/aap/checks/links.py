"""Tracked links: where they lead, and what they count."""

from urllib.parse import parse_qs, urlsplit

from conformance.aap.network import AAP, NOBODYS, Network, refused, told
from conformance.registry import check, expect

SECTION = "aap-spec v1, GET /r/{recommendationId}"


@check(SECTION, releases=AAP)
async def a_link_redirects_with_its_reference(network: Network) -> None:
    """The link of a recommendation answers 302 with the reference and the two UTM parameters."""
    made = await network.recommended()
    reply = await network.ask("GET", f"/r/{made['recommendationId']}", key="")
    expect(reply.status == 302, f"answered {reply.status}")
    query = parse_qs(urlsplit(reply.headers.get("location", "")).query)
    wanted = {
        "aap_ref": made["recommendationId"],
        "utm_source": "aap",
        "utm_medium": "agent_referral",
    }
    for name, value in wanted.items():
        expect(query.get(name) == [value], f"{name} is {query.get(name)}", reply)
    expect("2592000" in reply.headers.get("set-cookie", ""), "no cookie of 30 days", reply)


@check(SECTION, releases=AAP)
async def a_link_of_nobody_is_404(network: Network) -> None:
    """A recommendation that nobody made leads nowhere."""
    refused(await network.ask("GET", f"/r/{NOBODYS}", key=""), 404)


@check("aap-spec v1, stats", releases=AAP)
async def followed_links_are_counted(network: Network) -> None:
    """The numbers of a recommendation grow when its link is followed."""
    made = await network.recommended()
    path = f"/r/{made['recommendationId']}"
    before = told(await network.ask("GET", f"{path}/stats"))["clicks"]
    await network.ask("GET", path, key="")
    after = told(await network.ask("GET", f"{path}/stats"))["clicks"]
    expect((before, after) == (0, 1), f"{before} became {after}")
