"""The tools over MCP: search, requirements, link. There the journey ends."""

from conformance.aap.network import AAP, Network, told
from conformance.registry import check, expect

SECTION = "aap-spec v1, MCP server"
TOOLS = {
    "search_offers": {"vertical", "provider", "max_price", "min_data_gb", "contract_months"},
    "get_checkout_requirements": {"offer_id"},
    "get_checkout_link": {"session_id", "offer_id", "context"},
}


@check(SECTION, releases=AAP)
async def the_tools_are_there(network: Network) -> None:
    """The three tools are listed with their arguments."""
    listed = (await network.rpc("tools/list"))["tools"]
    named = {tool["name"]: set(tool["inputSchema"].get("properties", {})) for tool in listed}
    for name, arguments in TOOLS.items():
        expect(name in named, f"{name} is not listed")
        expect(arguments <= named[name], f"{name} lacks {arguments - named.get(name, set())}")


@check(SECTION, releases=AAP)
async def a_client_is_answered_in_its_version(network: Network) -> None:
    """Versions of the protocol are agreed on as MCP has it."""
    for version in ("2025-03-26", "2025-06-18", "2025-11-25"):
        client = {"name": "conformance", "version": "1"}
        params = {"protocolVersion": version, "capabilities": {}, "clientInfo": client}
        agreed = (await network.rpc("initialize", params))["protocolVersion"]
        expect(agreed == version, f"{version} became {agreed}")


@check(SECTION, releases=AAP)
async def the_journey_ends_with_a_link(network: Network) -> None:
    """From a search to a link, which records no conversion."""
    arguments = {"vertical": network.inputs.vertical}
    found = await network.use("search_offers", **arguments)
    offer = (await network.found())["offers"][0]
    await network.use("get_checkout_requirements", offer_id=offer["id"])
    link = await network.use("get_checkout_link", session_id=found["sessionId"], offer_id=offer["id"])
    expect(str(link["checkout_url"]).startswith("http"), f"the link is {link}")
    document = told(await network.session(found["sessionId"]))
    expect(document["session"]["status"] == "checkout", "the session is not in checkout")
    expect(document["conversions"] == [], "the link recorded a conversion")
