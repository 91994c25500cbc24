"""A purchase by tools is the purchase by REST, member by member, under every release."""

import re
from pathlib import Path
from typing import Any

import pytest

from tests.ucp.conftest import BUYER, JANUARY, Agent, Open, Town, create_body, pinned, shipping
from tests.ucp.tools import operation, tool_agent
from ucp_server import bindings
from ucp_server.asgi.limits import Limits
from ucp_server.asgi.metrics import Metrics
from ucp_server.asgi.overload import Overload
from ucp_server.config import Platform
from ucp_server.engine.runner import Engine
from ucp_server.hosts import Hosts
from ucp_server.house import open_house
from ucp_server.ucp.releases import SERVED

Wire = dict[str, Any]

DECLINED: Wire = {"credential": {"type": "token", "token": "fail_token"}}
# What is new in every document: ids, moments, and what opens a page.
NEW = re.compile(r"(chk|ord|cart|li|mth|grp)_?[0-9a-f-]{16,}|[0-9a-f]{32}|\d{4}-\d\d-\d\dT[\d:.]+Z")


def told(document: Any) -> Any:
    """The document without what no two have in common."""
    match document:
        case dict():
            return {name: told(value) for name, value in document.items()}
        case list():
            return [told(value) for value in document]
        case str():
            return re.sub(r"http://shop.test/\S+", "url", NEW.sub("new", document))
    return document


async def steps(agent: Agent) -> list[Wire]:
    """Every reply on the way from a look to an order, and what is refused beside it."""
    seen = [await agent.create(create_body(release=agent.release))]
    seen.append(await agent.update(seen[0], buyer=BUYER, fulfillment=shipping(None, agent.release)))
    seen.append(await agent.update(seen[1], buyer=BUYER, fulfillment=shipping(release=agent.release)))
    declined = await agent.pay(seen[2], **DECLINED)
    seen += [{"status": declined.status_code, "document": declined.json()}, await agent.get(seen[2])]
    seen.append(await agent.paid(seen[2]))
    late = await agent.cancel(seen[-1])
    seen.append({"status": late.status_code, "document": late.json()})
    unknown = await agent.ask("GET", "/checkout-sessions/chk_" + "0" * 32)
    seen.append({"status": unknown.status_code, "document": unknown.json()})
    gone = await agent.create(create_body(release=agent.release))
    seen.append((await agent.cancel(gone)).json())
    return seen


@pytest.mark.parametrize("release", SERVED)
async def test_a_purchase_is_told_alike(here: Town, release: str) -> None:
    by_rest = await steps(here.agent_of(release))
    by_tools = await steps(tool_agent(here, release))
    assert [told(each) for each in by_tools] == [told(each) for each in by_rest]
    assert by_tools[5]["status"] == "completed"


async def browsed(agent: Agent) -> list[Wire]:
    """A catalog, a cart that becomes a checkout, and an order that is asked for by a stranger."""
    line = {"item": {"id": "roses"}, "quantity": 2}
    found = [
        (await agent.ask("POST", "/catalog/search", {"query": "roses"})).json(),
        (await agent.ask("POST", "/catalog/lookup", {"ids": ["roses", "nothing"]})).json(),
        (await agent.ask("POST", "/catalog/product", {"id": "roses"})).json(),
    ]
    made = await agent.ask("POST", "/carts", {"line_items": [line]})
    assert made.status_code == 201, made.text
    path = f"/carts/{made.json()['id']}"
    seen = [made.json(), (await agent.ask("GET", path)).json()]
    seen.append((await agent.ask("PUT", path, {"line_items": [{**line, "quantity": 1}]})).json())
    seen.append(await agent.create({"line_items": [line], "cart_id": made.json()["id"]}))
    other = (await agent.ask("POST", "/carts", {"line_items": [line]})).json()
    seen.append((await agent.ask("POST", f"/carts/{other['id']}/cancel")).json())
    order = await agent.ask("GET", "/orders/ord_" + "0" * 32)
    refused = [{"status": order.status_code, "document": order.json()}]
    nothing = await agent.ask("POST", "/catalog/search", {"filters": 4})
    return found + seen + refused + [{"status": nothing.status_code, "document": nothing.json()}]


@pytest.mark.parametrize("release", [each for each in SERVED if each not in JANUARY])
async def test_catalogs_carts_and_orders_are_told_alike(here: Town, release: str) -> None:
    by_rest = await browsed(here.agent_of(release))
    by_tools = await browsed(tool_agent(here, release))
    assert [told(each) for each in by_tools] == [told(each) for each in by_rest]


# --- repetitions ---


@pytest.mark.parametrize("release", SERVED)
async def test_a_repeated_call_is_answered_as_before_under_its_own_id(here: Town, release: str) -> None:
    agent = tool_agent(here, release)
    body = create_body(release=release)
    first = await agent.ask("POST", "/checkout-sessions", body, key="once")
    before = agent.last
    turned = dict(reversed(body.items()))
    again = await agent.ask("POST", "/checkout-sessions", turned, key="once")
    assert (again.json(), again.headers["idempotent-replayed"]) == (first.json(), "true")
    assert agent.last["id"] == before["id"] + 1
    other = await agent.ask(
        "POST", "/checkout-sessions", create_body(quantity=3, release=release), key="once"
    )
    assert other.status_code == 409
    assert agent.last["error"]["code"] == (-32603 if release in JANUARY else -32000)


@pytest.mark.parametrize("release", SERVED)
async def test_what_ends_a_checkout_needs_a_key(here: Town, release: str) -> None:
    agent = tool_agent(here, release)
    checkout = await agent.ready()
    for name in ("complete_checkout", "cancel_checkout"):
        reply = await agent.post(agent.message(operation(name), checkout["id"], {}, None))
        assert reply.status_code == 400
        assert "invalid_idempotency_key" in reply.text
    assert (await agent.get(checkout))["status"] == "ready_for_complete"


async def test_a_key_of_the_header_is_the_key_of_the_call(here: Town) -> None:
    agent = tool_agent(here, "2026-08-25")
    body = create_body(release=agent.release)
    create = operation("create_checkout")
    by_header = await agent.post(agent.message(create, "", body, None), **{"idempotency-key": "k1"})
    assert by_header.status_code == 200
    made = agent.last["result"]["structuredContent"]
    await agent.post(agent.message(create, "", body, "k1"), **{"idempotency-key": '"k1"'})
    assert agent.last["result"]["structuredContent"] == made
    differing = await agent.post(agent.message(create, "", body, "k2"), **{"idempotency-key": "k1"})
    assert (differing.status_code, agent.last["error"]["code"]) == (400, -32602)


# --- who asks ---


@pytest.mark.parametrize("release", SERVED)
async def test_a_platform_may_come_by_any_endpoint(here: Town, release: str) -> None:
    """A platform that reads the root alone finds the newest; it is answered in its own release."""
    agent = tool_agent(here, "2026-08-25", name=release)
    raw = release == "2026-01-11"
    if raw:
        params = {"_meta": {"ucp": {"profile": agent.profile}}, **create_body(release=release)}
        await agent.post(agent.call("create_checkout", params))
    else:
        create = operation("create_checkout")
        await agent.post(agent.message(create, "", create_body(release=release), None))
    result = agent.last["result"]
    document = result if release in JANUARY else result["structuredContent"]
    assert document["ucp"]["version"] == release
    assert ("content" in result) is not raw


async def test_the_header_alone_names_the_platform_and_must_not_name_another(here: Town) -> None:
    agent = tool_agent(here, "2026-08-25")
    arguments: Wire = {"checkout": create_body(release=agent.release)}
    call = agent.call("tools/call", {"name": "create_checkout", "arguments": arguments})
    signed = await agent.post(call, **{"ucp-agent": f'profile="{agent.profile}"'})
    assert signed.status_code == 200
    arguments["meta"] = {"ucp-agent": {"profile": agent.profile}}
    other = await agent.post(call, **{"ucp-agent": 'profile="https://one.example/profile"'})
    assert (other.status_code, agent.last["error"]["code"]) == (400, -32001)
    assert agent.last["error"]["data"]["code"] == "invalid_profile_url"


@pytest.mark.parametrize(
    "profile", [None, 4, "", "nonsense", 'https://a.example/"', "https://a.example/\r\nX-API-Key: x", "ü"]
)
async def test_a_profile_that_cannot_be_one(here: Town, profile: Any) -> None:
    agent = tool_agent(here, "2026-08-25")
    meta = {"ucp-agent": {"profile": profile}}
    arguments = {"meta": meta, "checkout": create_body(release=agent.release)}
    reply = await agent.post(agent.call("tools/call", {"name": "create_checkout", "arguments": arguments}))
    error = agent.last["error"]
    assert reply.status_code in (400, 424)
    assert (error["code"], "continue_url" in error["data"]) == (-32001, True)


async def test_a_version_that_is_not_served(town: Open, tmp_path: Path) -> None:
    platforms: dict[str, Platform] = {"late": pinned(tmp_path, "late", version="2031-01-01")}
    async with town(platforms=platforms) as here:
        agent = tool_agent(here, "2026-08-25", name="late")
        create = operation("create_checkout")
        reply = await agent.post(agent.message(create, "", create_body(release=agent.release), None))
        assert (reply.status_code, agent.last["error"]["code"]) == (422, -32001)
        assert agent.last["error"]["data"]["code"] == "version_unsupported"


async def test_a_platform_proves_itself_as_over_rest(town: Open, tmp_path: Path) -> None:
    platforms = {"shy": pinned(tmp_path, "shy", release="2026-08-25", auth="api_key")}
    async with town(platforms=platforms) as here:
        agent = tool_agent(here, "2026-08-25", name="shy")
        create = operation("create_checkout")
        reply = await agent.post(agent.message(create, "", create_body(release=agent.release), None))
        assert (reply.status_code, agent.last["error"]["code"]) == (401, -32000)
        assert "www-authenticate" in reply.headers
        assert agent.last["error"]["data"]["code"] == "unauthorized"


# --- when to come back ---


async def test_whoever_asks_too_often_is_told_how_long_to_wait(town: Open) -> None:
    """In the error too: what calls tools seldom shows the headers to who asked for it."""
    trusting = {"trusted_proxies": ("127.0.0.1/32",), "address_rate": 1}
    async with town(server=trusting) as here:
        for number, release in enumerate(SERVED):
            agent = tool_agent(here, release)
            sent = {"Forwarded": f"for=198.51.100.{number}"}
            body = create_body(release=release)
            assert (await agent.ask("POST", "/checkout-sessions", body, headers=sent)).status_code == 201
            told = await agent.ask("POST", "/checkout-sessions", body, headers=sent)
            assert (told.status_code, told.headers["retry-after"]) == (429, "60")
            assert agent.last["error"]["data"]["retry_after"] == 60


async def test_who_is_turned_away_by_a_busy_server_is_told_too(here: Town) -> None:
    async with open_house(here.settings, "public", 1) as house:
        binding = bindings.ucp(house, Engine(house.setup), Hosts(here.settings), Metrics().note_search)
        shedding = Overload(here.application, limits=Limits(in_flight_max=0), refuse=binding.refuse)
        turned_away = Town(shedding, here.settings)
        for release in SERVED:
            agent = tool_agent(turned_away, release)
            reply = await agent.post(agent.call("ping", {}))
            assert (reply.status_code, reply.headers.get_list("retry-after")) == (503, ["1"])
            assert agent.last["error"]["data"]["retry_after"] == 1
