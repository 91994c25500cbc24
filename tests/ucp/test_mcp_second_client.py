"""Purchases with a client that shares no code with the official one: its own messages, its own HTTP.

chuk-mcp proposes 2025-06-18 at the handshake and then names no revision in its headers. It turns every
status of 400 and above into -32603 with our message as text, so that errors are read from that text; it
hands structured content on without holding it to the tool's schema, which the official client does. It
calls tools alone, so that the methods of 2026-01-11 are out of its reach.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import msgspec
import pytest
from chuk_mcp.protocol.messages import send_initialize, send_ping, send_tools_call, send_tools_list
from chuk_mcp.protocol.types.errors import JSONRPCError
from chuk_mcp.transports.http import StreamableHTTPParameters, StreamableHTTPTransport

from tests.aap.listening import listening
from tests.simulators.running import until
from tests.ucp.conftest import (
    BUYER,
    ORDER_WITHIN_S,
    Town,
    complete_body,
    create_body,
    profile_url,
    shipping,
)
from ucp_server.ucp.operation_table import operations_of
from ucp_server.ucp.releases import ROWS

Wire = dict[str, Any]

RELEASES = ("2026-04-08", "2026-08-25")


class Buyer:
    """Calls tools over the client's two ``streams``, and reads what a model would read."""

    def __init__(self, streams: Any, release: str) -> None:
        self.streams = streams
        self.release = release

    async def call(self, name: str, key: str | None = None, **arguments: Any) -> Wire:
        meta: Wire = {"ucp-agent": {"profile": profile_url(self.release)}}
        meta |= {"idempotency-key": key} if key else {}
        result = await send_tools_call(*self.streams, name, {"meta": meta, **arguments})
        assert result.isError is False
        text: Wire = msgspec.json.decode(result.content[0]["text"])
        assert result.structuredContent == text
        return text

    async def bought(self, **lines: Any) -> Wire:
        """From a checkout of ``lines`` to the order."""
        body = {**lines, "buyer": BUYER, "fulfillment": shipping(release=self.release)}
        checkout = await self.call("create_checkout", checkout=body)
        assert checkout["status"] == "ready_for_complete"
        payment = complete_body(self.release)
        await self.call("complete_checkout", key="pay", id=checkout["id"], checkout=payment)

        async def placed() -> Wire | None:
            seen = await self.call("get_checkout", id=checkout["id"])
            return seen if seen["status"] == "completed" else None

        return await until(placed, wait_s=ORDER_WITHIN_S)


@asynccontextmanager
async def buying(here: Town, release: str) -> AsyncIterator[Buyer]:
    """A client that shook hands with the shop at a port of loopback: it cannot be given a transport."""
    async with listening(here.application) as url:
        client = StreamableHTTPTransport(StreamableHTTPParameters(url=f"{url}/ucp/{release}/mcp"))
        async with client:
            streams = await client.get_streams()
            settled = await send_initialize(*streams)
            assert settled.protocolVersion == "2025-06-18"
            assert await send_ping(*streams)
            yield Buyer(streams, release)
        # It closes the ends that it writes to and leaves the others to the collector, which complains.
        for stream in (client._incoming_recv, client._outgoing_recv):
            await stream.aclose()


@pytest.mark.parametrize("release", RELEASES)
async def test_another_client_buys(here: Town, release: str) -> None:
    async with buying(here, release) as buyer:
        done = await buyer.bought(line_items=create_body(release=release)["line_items"])
        assert done["order"]["id"]
        with pytest.raises(JSONRPCError, match=r"HTTP 4\d\d") as refused:
            await buyer.call("cancel_checkout", key="late", id=done["id"])
        assert refused.value.code == -32603


@pytest.mark.parametrize("release", RELEASES)
async def test_another_client_looks_around_and_buys_what_is_in_its_cart(here: Town, release: str) -> None:
    async with buying(here, release) as buyer:
        listed = {tool.name: tool for tool in (await send_tools_list(*buyer.streams)).tools}
        assert set(listed) == {row.name for row in operations_of(ROWS[release])}
        found = await buyer.call("search_catalog", catalog={"query": "roses"})
        item = found["products"][0]["variants"][0]["id"]
        line = {"item": {"id": item}, "quantity": 2}
        cart = await buyer.call("create_cart", cart={"line_items": [line]})
        fuller = {"line_items": [{**line, "quantity": 3}]}
        assert (await buyer.call("update_cart", id=cart["id"], cart=fuller))["id"] == cart["id"]
        done = await buyer.bought(cart_id=cart["id"], line_items=[line])
        assert [each["quantity"] for each in done["line_items"]] == [3]
        assert (await buyer.call("get_order", id=done["order"]["id"]))["checkout_id"] == done["id"]
