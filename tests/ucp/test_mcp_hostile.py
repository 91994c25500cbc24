"""What is no honest call is refused in the form of JSON-RPC, and nothing of it is ever a 500."""

from typing import Any

import httpx2
import msgspec
import pytest

from tests.ucp.conftest import Town, create_body, profile_url
from tests.ucp.tools import ToolAgent, tool_agent
from ucp_server.ucp.releases import SERVED

Wire = dict[str, Any]

PING: Wire = {"jsonrpc": "2.0", "id": 1, "method": "ping"}
DEEP = b'{"jsonrpc":"2.0","id":1,"method":"ping","params":{"a":' + b"[" * 5_000 + b"]" * 5_000 + b"}}"
WIDE = msgspec.json.encode({**PING, "params": {"a": list(range(5_000))}})
LONG = msgspec.json.encode({**PING, "params": {"a": "x" * 3_000_000}})

# The message, its status, and its code; no code where nothing is answered.
MESSAGES: list[tuple[Any, int, int | None]] = [
    (b"", 400, -32700),
    (b"{", 400, -32700),
    (b"\xff\xfe", 400, -32700),
    (b"null", 400, -32600),
    (b"[]", 400, -32600),
    ([PING, PING], 400, -32600),
    ([[PING]], 400, -32600),
    ({}, 400, -32600),
    ({**PING, "jsonrpc": "1.0"}, 400, -32600),
    ({**PING, "jsonrpc": 2.0}, 400, -32600),
    ({**PING, "id": None}, 400, -32600),
    ({**PING, "id": True}, 400, -32600),
    ({**PING, "id": []}, 400, -32600),
    ({**PING, "id": {"a": 1}}, 400, -32600),
    ({**PING, "method": 4}, 400, -32600),
    ({**PING, "method": None}, 400, -32600),
    ({**PING, "params": "x"}, 400, -32600),
    ({**PING, "params": None}, 400, -32600),
    ({"jsonrpc": "2.0", "method": "create_checkout", "params": {}}, 400, -32600),
    ({"jsonrpc": "2.0", "method": "ping"}, 400, -32600),
    ({"jsonrpc": "2.0", "method": "notifications/initialized"}, 202, None),
    ({"jsonrpc": "2.0", "id": 1, "result": {}}, 202, None),
    ({**PING, "method": "fly"}, 404, -32601),
    ({**PING, "method": "update_order", "params": {"id": "x"}}, 404, -32601),
    ({**PING, "method": "__init__"}, 404, -32601),
    ({**PING, "method": "tools/call"}, 400, -32602),
    ({**PING, "method": "tools/call", "params": []}, 400, -32602),
    ({**PING, "method": "tools/call", "params": {"name": "fly"}}, 400, -32602),
    ({**PING, "method": "tools/call", "params": {"name": ["get_checkout"]}}, 400, -32602),
    ({**PING, "method": "tools/call", "params": {"name": {}, "arguments": 4}}, 400, -32602),
    ({**PING, "method": "tools/list", "params": {"cursor": "x"}}, 400, -32602),
    ({**PING, "method": "initialize"}, 400, -32602),
    ({**PING, "method": "create_checkout", "params": []}, 400, -32602),
    (b'{"jsonrpc":"2.0","id":1,"id":2,"method":"ping"}', 400, -32700),
    (b'{"jsonrpc":"2.0","id":1e999,"method":"ping"}', 400, -32700),
    (b'{"jsonrpc":"2.0","id":99999999999999999999,"method":"ping"}', 400, -32700),
    (b'{"jsonrpc":"2.0","id":"\\u0000","method":"ping"}', 400, -32700),
    (b'{"jsonrpc":"2.0","id":"\\ud800","method":"ping"}', 400, -32700),
    (DEEP, 400, -32700),
    (WIDE, 400, -32700),
    (LONG, 413, -32600),
]

# What stands in place of arguments that are none; every tool gets each of them.
ARGUMENTS: list[Any] = [
    4,
    "x",
    [],
    None,
    {},
    {"meta": 4},
    {"meta": {"ucp-agent": 4}, "id": 4, "checkout": []},
    {"meta": {"ucp-agent": []}, "id": [], "checkout": "x", "cart": 4, "catalog": None},
    {"_meta": [], "id": {}, "payment": {"instruments": 4}},
    {"id": "chk_" + "0" * 5_000},
    {"id": "../../etc/passwd", "checkout": {"line_items": 4}},
]


async def asked(agent: ToolAgent, message: Any) -> httpx2.Response:
    reply = await agent.post(message)
    assert reply.status_code < 500, (message, reply.text)
    if reply.status_code != 202:
        assert reply.headers["content-type"] == "application/json"
        assert agent.last["jsonrpc"] == "2.0"
    return reply


async def test_what_is_no_call(here: Town) -> None:
    agents = [tool_agent(here, release) for release in SERVED]
    for place, (message, status, code) in enumerate(MESSAGES):
        agent = agents[place % len(agents)]
        if isinstance(message, dict) and status == 400 and code == -32602:
            # January tells all errors of its own in one form, not those of JSON-RPC.
            agent = agents[-1]
        reply = await asked(agent, message)
        got = None if code is None else agent.last["error"]["code"]
        if message is LONG:
            assert reply.status_code == 413
            continue
        assert (reply.status_code, got) == (status, code), (str(message)[:200], agent.last)


@pytest.mark.parametrize("release", SERVED)
async def test_arguments_that_are_none(here: Town, release: str) -> None:
    agent = tool_agent(here, release)
    await agent.post(agent.call("tools/list", {}))
    names = [tool["name"] for tool in agent.last["result"]["tools"]]
    for name in names:
        for arguments in ARGUMENTS:
            given = msgspec.json.decode(msgspec.json.encode(arguments))
            await told(agent, agent.call("tools/call", {"name": name, "arguments": given}))
            if isinstance(given, dict):
                given.setdefault("meta", {"ucp-agent": {"profile": profile_url(release)}})
                await told(agent, agent.call("tools/call", {"name": name, "arguments": given}))
                await told(agent, agent.call(name, given))


async def told(agent: ToolAgent, message: Wire) -> None:
    await asked(agent, message)
    assert agent.last["id"] == message["id"]
    if "error" in agent.last:
        assert agent.last["error"]["data"], agent.last


async def test_the_layers_around_speak_json_rpc_too(here: Town) -> None:
    for method in ("GET", "DELETE", "PUT"):
        reply = await here.client.request(method, "/ucp/2026-08-25/mcp")
        assert (reply.status_code, reply.json()["error"]["code"]) == (405, -32600)
    other = await here.client.post("/ucp/2031-01-01/mcp", json=PING)
    assert other.status_code == 404


@pytest.mark.parametrize("release", SERVED)
async def test_the_rules_of_the_transport(here: Town, release: str) -> None:
    agent = tool_agent(here, release)
    for headers, status in (
        ({"origin": "https://evil.example"}, 403),
        ({"accept": "text/event-stream"}, 406),
        ({"mcp-protocol-version": "2031-01-01"}, 400),
        ({"mcp-protocol-version": "2025-11-25"}, 200),
        ({"mcp-session-id": "x"}, 200),
    ):
        assert (await agent.post(PING, **headers)).status_code == status
    assert agent.last["result"] == {}


async def test_a_request_that_tells_all_about_itself(here: Town) -> None:
    agent = tool_agent(here, "2026-08-25")
    meta = {
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientCapabilities": {},
    }
    arguments = {
        "meta": {"ucp-agent": {"profile": agent.profile}},
        "checkout": create_body(release=agent.release),
    }
    params: Wire = {"_meta": meta, "name": "create_checkout", "arguments": arguments}
    named = {
        "mcp-protocol-version": "2026-07-28",
        "mcp-method": "tools/call",
        "mcp-name": "create_checkout",
    }
    assert (await agent.post(agent.call("tools/call", params), **named)).status_code == 200
    assert agent.last["result"]["resultType"] == "complete"
    wrapped = {**named, "mcp-name": "=?base64?Y3JlYXRlX2NoZWNrb3V0?="}
    assert (await agent.post(agent.call("tools/call", params), **wrapped)).status_code == 200
    for headers, code in (
        ({**named, "mcp-name": "get_checkout"}, -32020),
        ({**named, "mcp-name": "=?base64?!?="}, -32020),
        ({**named, "mcp-method": "tools/list"}, -32020),
    ):
        reply = await agent.post(agent.call("tools/call", params), **headers)
        assert (reply.status_code, agent.last["error"]["code"]) == (400, code)
    bare = {**params, "_meta": {}}
    assert (await agent.post(agent.call("tools/call", bare), **named)).status_code == 400
    other = {**params, "_meta": {**meta, "io.modelcontextprotocol/protocolVersion": "2025-11-25"}}
    assert (await agent.post(agent.call("tools/call", other), **named)).status_code == 400
    unknown = {"mcp-protocol-version": "2031-01-01"}
    await agent.post(agent.call("ping", {}), **unknown)
    assert agent.last["error"]["code"] == -32022
    assert "2026-07-28" in agent.last["error"]["data"]["supported"]
