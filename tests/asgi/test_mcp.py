"""MCP over streamable HTTP: by its letter, and by a client that others wrote."""

from typing import Any

import httpx2
import msgspec
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.routing import Route

from ucp_server.asgi.jsonrpc import INVALID_PARAMS, INVALID_REQUEST, METHOD_NOT_FOUND, RpcError
from ucp_server.asgi.mcp import VERSIONS, McpServer, Tool, ToolFailed
from ucp_server.asgi.reply import Reply

Wire = dict[str, Any]
SITE = "http://shop.test"


async def weigh(caller: str, arguments: Wire) -> Wire:
    if arguments["parcel"] == "lost":
        raise ToolFailed("This parcel is lost.")
    if arguments["parcel"] == "forbidden":
        raise RpcError(-32000, "Not for you.", {"caller": caller})
    return {"grams": 250 * arguments.get("count", 1), "for": caller}


SCALES: McpServer[str] = McpServer(
    name="scales",
    title="Scales",
    version="1.2.3",
    instructions="Weigh parcels.",
    tools=(
        Tool(
            name="weigh",
            title="Weigh",
            description="The weight of a parcel.",
            input_schema={
                "type": "object",
                "properties": {
                    "parcel": {"type": "string"},
                    "count": {"type": "integer", "minimum": 1},
                },
                "required": ["parcel"],
            },
            output_schema={"type": "object", "properties": {"grams": {"type": "integer"}}},
            call=weigh,
            only_reads=True,
        ),
    ),
)


@pytest.fixture
async def client() -> httpx2.AsyncClient:
    async def answer(request: Request) -> Reply:
        return await SCALES.serve(request, request.headers.get("x-caller", "ada"))

    application = Starlette(routes=[Route("/mcp", answer, methods=["POST"])])
    return httpx2.AsyncClient(transport=httpx2.ASGITransport(application), base_url=SITE)


async def post(client: httpx2.AsyncClient, message: Any, **headers: str) -> httpx2.Response:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    raw = message if isinstance(message, bytes) else msgspec.json.encode(message)
    return await client.post("/mcp", content=raw, headers={"content-type": "application/json", **named})


def message(method: str, params: Wire | None = None, **members: Any) -> Wire:
    return {"jsonrpc": "2.0", "id": 1, "method": method, "params": params or {}, **members}


async def result(client: httpx2.AsyncClient, method: str, params: Wire | None = None) -> Wire:
    reply = await post(client, message(method, params))
    assert (reply.status_code, reply.headers["content-type"]) == (200, "application/json")
    return reply.json()["result"]


async def error_code(client: httpx2.AsyncClient, method: str, params: Any) -> int:
    reply = await post(client, message(method) | {"params": params})
    assert reply.status_code == 200
    return reply.json()["error"]["code"]


def call(**arguments: Any) -> Wire:
    return {"name": "weigh", "arguments": arguments}


@pytest.mark.parametrize("version", VERSIONS)
async def test_a_version_that_we_speak_is_spoken(client: httpx2.AsyncClient, version: str) -> None:
    offered = {"protocolVersion": version, "capabilities": {}, "clientInfo": {"name": "t", "version": "1"}}
    begun = await result(client, "initialize", offered)
    assert begun["protocolVersion"] == version
    assert begun["serverInfo"] == {"name": "scales", "title": "Scales", "version": "1.2.3"}
    assert begun["instructions"] == "Weigh parcels."
    assert "tools" in begun["capabilities"]
    told = await post(client, {"jsonrpc": "2.0", "method": "notifications/initialized"})
    assert (told.status_code, told.content) == (202, b"")
    listed = await post(client, message("tools/list"), mcp_protocol_version=version)
    assert listed.status_code == 200


async def test_whoever_wants_another_version_is_offered_the_newest(client: httpx2.AsyncClient) -> None:
    begun = await result(client, "initialize", {"protocolVersion": "1999-01-01"})
    assert begun["protocolVersion"] == VERSIONS[0]
    assert await error_code(client, "initialize", {}) == INVALID_PARAMS


async def test_tools_are_listed_with_their_forms(client: httpx2.AsyncClient) -> None:
    (tool,) = (await result(client, "tools/list"))["tools"]
    assert tool["name"] == "weigh"
    assert tool["inputSchema"]["required"] == ["parcel"]
    assert tool["outputSchema"]["type"] == "object"
    assert tool["annotations"]["readOnlyHint"] is True
    assert await error_code(client, "tools/list", {"cursor": "made up"}) == INVALID_PARAMS


async def test_a_tool_answers_twice_the_same(client: httpx2.AsyncClient) -> None:
    done = await result(client, "tools/call", call(parcel="a", count=2))
    assert done["isError"] is False
    assert done["structuredContent"] == {"grams": 500, "for": "ada"}
    (block,) = done["content"]
    assert block["type"] == "text"
    assert msgspec.json.decode(block["text"]) == done["structuredContent"]


async def test_a_tool_knows_who_calls(client: httpx2.AsyncClient) -> None:
    reply = await post(client, message("tools/call", call(parcel="a")), x_caller="bob")
    assert reply.json()["result"]["structuredContent"]["for"] == "bob"


async def test_what_a_tool_cannot_do_is_for_the_model_to_read(client: httpx2.AsyncClient) -> None:
    done = await result(client, "tools/call", call(parcel="lost"))
    assert (done["isError"], done["structuredContent"]) == (True, {"error": "This parcel is lost."})


@pytest.mark.parametrize("arguments", [{}, {"parcel": 4}, {"parcel": "a", "count": 0}, []])
async def test_arguments_that_do_not_fit_never_reach_the_tool(
    client: httpx2.AsyncClient, arguments: Any
) -> None:
    done = await result(client, "tools/call", {"name": "weigh", "arguments": arguments})
    assert done["isError"] is True
    assert "do not fit" in done["structuredContent"]["error"]


async def test_an_error_of_the_bindings_own_goes_through(client: httpx2.AsyncClient) -> None:
    reply = await post(client, message("tools/call", call(parcel="forbidden")))
    assert reply.json()["error"] == {"code": -32000, "message": "Not for you.", "data": {"caller": "ada"}}


@pytest.mark.parametrize(
    ("method", "params", "code"),
    [
        ("tools/call", {"name": "fly"}, INVALID_PARAMS),
        ("tools/call", {"name": ["weigh"]}, INVALID_PARAMS),
        ("tools/call", [], INVALID_PARAMS),
        ("resources/list", {}, METHOD_NOT_FOUND),
        ("Ping", {}, METHOD_NOT_FOUND),
    ],
)
async def test_what_is_not_there_is_an_error(
    client: httpx2.AsyncClient, method: str, params: Any, code: int
) -> None:
    assert await error_code(client, method, params) == code


async def test_ping_is_answered_with_nothing(client: httpx2.AsyncClient) -> None:
    assert await result(client, "ping") == {}


async def test_batches_were_taken_until_the_middle_of_2025(client: httpx2.AsyncClient) -> None:
    both = [message("ping"), message("ping", id=2)]
    assert [each["id"] for each in (await post(client, both)).json()] == [1, 2]
    later = await post(client, both, mcp_protocol_version="2025-06-18")
    assert (later.status_code, later.json()["error"]["code"]) == (400, INVALID_REQUEST)


@pytest.mark.parametrize("raw", [b"", b"{", b"[]"])
async def test_what_is_no_message_is_a_bad_request(client: httpx2.AsyncClient, raw: bytes) -> None:
    reply = await post(client, raw)
    assert (reply.status_code, reply.json()["id"]) == (400, None)


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"mcp_protocol_version": "2024-01-01"}, 400),
        ({"accept": "text/event-stream"}, 406),
        ({"accept": "application/json, text/event-stream"}, 200),
        ({"accept": "application/json;q=0.5"}, 200),
        ({"origin": "https://evil.example"}, 403),
        ({"origin": "null"}, 403),
        ({"origin": SITE}, 200),
    ],
)
async def test_the_rules_of_the_transport(
    client: httpx2.AsyncClient, headers: dict[str, str], status: int
) -> None:
    assert (await post(client, message("ping"), **headers)).status_code == status


@pytest.mark.parametrize("method", ["GET", "DELETE"])
async def test_there_is_neither_a_stream_nor_a_session(client: httpx2.AsyncClient, method: str) -> None:
    assert (await client.request(method, "/mcp")).status_code == 405


@pytest.mark.parametrize("mode", ["auto", "legacy"])
async def test_the_official_client_finds_its_way(client: httpx2.AsyncClient, mode: str) -> None:
    official = pytest.importorskip("mcp")
    transport = pytest.importorskip("mcp.client.streamable_http")
    address = transport.streamable_http_client(f"{SITE}/mcp", http_client=client)
    async with official.Client(address, mode=mode) as found:
        assert [tool.name for tool in (await found.list_tools()).tools] == ["weigh"]
        done = await found.call_tool("weigh", {"parcel": "a", "count": 3})
        assert (done.is_error, done.structured_content["grams"]) == (False, 750)
        lost = await found.call_tool("weigh", {"parcel": "lost"})
        assert lost.is_error
