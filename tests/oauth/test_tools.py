"""Tools called with access tokens: the status and the challenge of REST, and the same as JSON-RPC error."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx2
import mcp
import pytest
from mcp.client.auth.extensions.client_credentials import ClientCredentialsOAuthProvider
from mcp.client.streamable_http import streamable_http_client

from tests.oauth.conftest import CHECKOUT, MERCHANT, ORDER, bearer, token
from tests.oauth.test_official_client import Kept
from tests.ucp.conftest import SITE, Open, Town, create_body, pinned, profile_url
from tests.ucp.tools import ToolAgent, operation, tool_agent
from ucp_server.engine.grants import Grants, Registered
from ucp_server.ucp.releases import SERVED
from ucp_server.ucp.scopes import scopes_supported

NEWEST = SERVED[-1]
METADATA = f'resource_metadata="{SITE}/.well-known/oauth-protected-resource"'


@pytest.fixture
async def here(town: Open, tmp_path: Path) -> AsyncIterator[Town]:
    """A platform of each release, all of which need tokens."""
    platforms = {name: pinned(tmp_path, name, release=name, auth="oauth") for name in SERVED}
    async with town(platforms=platforms) as opened:
        yield opened


@pytest.fixture
async def clients(grants: Grants) -> dict[str, Registered]:
    """A client of each platform that may do everything."""
    return {name: await grants.register(MERCHANT, profile_url(name), scopes_supported()) for name in SERVED}


async def create(agent: ToolAgent, headers: dict[str, str]) -> httpx2.Response:
    body = create_body(release=agent.release)
    return await agent.post(agent.message(operation("create_checkout"), "", body, None), **headers)


def told(agent: ToolAgent) -> tuple[int, Any]:
    """The number of the error and its code."""
    error = agent.last["error"]
    data = error["data"]
    return error["code"], data["errors"][0]["code"] if "errors" in data else data["code"]


def number(release: str) -> int:
    """January has one for all errors."""
    return -32603 if release.startswith("2026-01") else -32000


async def test_without_a_token_a_tool_does_nothing(here: Town) -> None:
    for release in SERVED:
        agent = tool_agent(here, release)
        for sent, error in (({}, ""), (bearer("ucpt_guess"), 'error="invalid_token", ')):
            reply = await create(agent, sent)
            assert reply.status_code == 401
            assert reply.headers["www-authenticate"] == f'Bearer realm="{SITE}", {error}{METADATA}'
            assert told(agent) == (number(release), "unauthorized")


async def test_a_token_for_less_opens_fewer_tools(here: Town, clients: dict[str, Registered]) -> None:
    for release in SERVED:
        agent = tool_agent(here, release)
        reply = await create(agent, bearer(await token(here, clients[release], scope=ORDER)))
        assert reply.status_code == 403
        needed = f'error="insufficient_scope", scope="{CHECKOUT}"'
        assert reply.headers["www-authenticate"] == f'Bearer realm="{SITE}", {needed}, {METADATA}'
        assert told(agent) == (number(release), "insufficient_scope")


async def test_a_token_of_another_platform_opens_nothing(
    here: Town, clients: dict[str, Registered]
) -> None:
    agent = tool_agent(here, NEWEST)
    reply = await create(agent, bearer(await token(here, clients[SERVED[0]])))
    assert (reply.status_code, "www-authenticate" in reply.headers) == (403, False)
    assert told(agent) == (-32000, "forbidden")


async def test_with_its_token_a_platform_calls_tools(here: Town, clients: dict[str, Registered]) -> None:
    for release in SERVED:
        agent = tool_agent(here, release)
        reply = await create(agent, bearer(await token(here, clients[release], scope=CHECKOUT)))
        assert reply.status_code == 200, reply.text
        result = agent.last["result"]
        assert result.get("structuredContent", result)["status"] == "incomplete"


async def test_anybody_may_look_which_tools_there_are(here: Town) -> None:
    agent = tool_agent(here, NEWEST)
    assert (await agent.post(agent.call("tools/list", {}))).status_code == 200


async def test_the_official_client_finds_its_token_by_itself(
    here: Town, clients: dict[str, Registered]
) -> None:
    """From the challenge of the first call to the metadata, the token endpoint, and the call again."""
    client, kept = clients[NEWEST], Kept()
    endpoint = f"{SITE}/ucp/{NEWEST}/mcp"
    provider = ClientCredentialsOAuthProvider(
        endpoint, kept, client.id, client.secret, "client_secret_basic", issuer=SITE
    )
    transport: Any = httpx2.ASGITransport(here.application)
    async with httpx2.AsyncClient(transport=transport, auth=provider, base_url=SITE) as http:
        address = streamable_http_client(endpoint, http_client=http)
        async with mcp.Client(address, mode="legacy") as buyer:
            arguments = {
                "meta": {"ucp-agent": {"profile": profile_url(NEWEST)}},
                "checkout": create_body(release=NEWEST),
            }
            made = await buyer.call_tool("create_checkout", arguments)
    assert made.structured_content is not None
    assert made.structured_content["ucp"]["version"] == NEWEST
    assert kept.token is not None
