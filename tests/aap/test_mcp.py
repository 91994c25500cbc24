"""The tools over MCP: raw, and with a client that others wrote."""

from typing import Any

import pytest

from tests.aap.conftest import SCHEMAS, SITE, Caller, Town
from ucp_server.aap.mcp import NEXT

Wire = dict[str, Any]


async def test_three_tools_are_there(agent: Caller) -> None:
    listed = (await agent.rpc("tools/list"))["result"]["tools"]
    assert [tool["name"] for tool in listed] == [
        "search_offers",
        "get_checkout_requirements",
        "get_checkout_link",
    ]
    wanted = {"vertical", "provider", "max_price", "min_data_gb", "contract_months"}
    assert set(listed[0]["inputSchema"]["properties"]) == wanted
    assert listed[1]["inputSchema"]["required"] == ["offer_id"]
    assert listed[2]["inputSchema"]["required"] == ["session_id", "offer_id"]
    assert "$ref" not in str(listed)


async def test_the_journey_ends_with_a_link(here: Town, agent: Caller) -> None:
    found = await agent.use("search_offers", vertical="sim", min_data_gb=50, max_price=20)
    offers = found["structuredContent"]
    assert SCHEMAS["offers_reply"].check(offers) == ()
    assert [offer["id"] for offer in offers["offers"]] == ["other-offer-60", "offer-60"]

    needs = (await agent.use("get_checkout_requirements", offer_id="offer-60"))["structuredContent"]
    assert SCHEMAS["requirements_reply"].check(needs) == ()
    assert "payment" in {need["field"] for need in needs["requirements"]}
    assert "credit_check" not in {need["field"] for need in needs["requirements"]}

    wanted = {"session_id": offers["sessionId"], "offer_id": "offer-60", "context": "cheap"}
    link = (await agent.use("get_checkout_link", **wanted))["structuredContent"]
    assert SCHEMAS["link_reply"].check(link) == ()
    assert link["checkout_url"].startswith(SITE + "/checkout/")
    assert link["next"] == NEXT
    assert (await agent.use("get_checkout_link", **wanted))["structuredContent"] == link
    assert (await here.count("orders"), await here.count("ledger")) == (0, 0)

    other = await agent.use("get_checkout_link", **(wanted | {"offer_id": "offer-10"}))
    assert other["isError"] is True


async def test_a_contract_may_need_a_look_at_the_buyers_credit(agent: Caller) -> None:
    needs = (await agent.use("get_checkout_requirements", offer_id="offer-all"))["structuredContent"]
    assert "credit_check" in {need["field"] for need in needs["requirements"]}


async def test_months_may_be_written_with_a_point(agent: Caller) -> None:
    found = await agent.use("search_offers", contract_months=12.0)
    assert found["structuredContent"]["count"] == 2


@pytest.mark.parametrize(
    ("tool", "arguments", "text"),
    [
        ("get_checkout_requirements", {"offer_id": "nobody's"}, "Offer not found"),
        ("get_checkout_link", {"session_id": "x", "offer_id": "offer-60"}, "Session not found"),
        ("search_offers", {"max_price": 1.005}, "max_price has to be an amount"),
    ],
)
async def test_a_refusal_is_for_the_model_to_read(
    agent: Caller, tool: str, arguments: Wire, text: str
) -> None:
    done = await agent.use(tool, **arguments)
    assert (done["isError"], done["structuredContent"]) == (True, {"error": text})


@pytest.mark.parametrize(
    "arguments", [{"max_price": "much"}, {"vertical": 4}, {"min_data_gb": -1}, {"contract_months": 1.5}]
)
async def test_arguments_that_do_not_fit_search_nothing(here: Town, agent: Caller, arguments: Wire) -> None:
    assert (await agent.use("search_offers", **arguments))["isError"] is True
    assert await here.count("search_sessions") == 0


async def test_what_no_form_names_is_not_read(agent: Caller) -> None:
    found = await agent.use("search_offers", min_price=[{"a": 1}], q={"x": 1}, data_gb_min=[])
    assert found["structuredContent"]["count"] == 6


async def test_the_tools_count_like_everything_else(here: Town) -> None:
    agent = await here.with_(per_minute=1).agent()
    assert "result" in await agent.rpc("ping")
    reply = await agent.client.post(
        "/v1/mcp",
        json={"jsonrpc": "2.0", "id": 1, "method": "ping"},
        headers={"authorization": f"Bearer {agent.key}"},
    )
    assert (reply.status_code, reply.json()) == (429, {"error": "Too many requests"})


async def test_the_official_client_walks_the_journey(here: Town, agent: Caller) -> None:
    official = pytest.importorskip("mcp")
    transport = pytest.importorskip("mcp.client.streamable_http")
    here.client.headers["authorization"] = f"Bearer {agent.key}"
    address = transport.streamable_http_client(f"{SITE}/v1/mcp", http_client=here.client)
    async with official.Client(address, mode="legacy") as found:
        offers = (await found.call_tool("search_offers", {"vertical": "sim"})).structured_content
        wanted = {"session_id": offers["sessionId"], "offer_id": "offer-60"}
        link = (await found.call_tool("get_checkout_link", wanted)).structured_content
    assert link["checkout_url"].startswith(SITE + "/checkout/")
