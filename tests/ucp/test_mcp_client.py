"""A purchase with a client that others wrote, by handshake and without one."""

from typing import Any

import msgspec
import pytest

from tests.ucp.conftest import BUYER, SITE, Town, create_body, instrument, profile_url, shipping
from ucp_server.ucp.releases import SERVED

mcp = pytest.importorskip("mcp")
http = pytest.importorskip("mcp.client.streamable_http")

Wire = dict[str, Any]

# What 2026-01-11 has as methods of JSON-RPC such a client cannot call; it has them as tools too.
WAYS = [("legacy", each) for each in SERVED] + [("2026-07-28", SERVED[-1]), ("auto", SERVED[0])]


class Buyer:
    """Calls tools under the profile of a release, and reads what a model would read."""

    def __init__(self, client: Any, release: str) -> None:
        self.client = client
        self.release = release

    async def call(self, name: str, key: str | None = None, **arguments: Any) -> Wire:
        meta: Wire = {"ucp-agent": {"profile": profile_url(self.release)}}
        meta |= {"idempotency-key": key} if key else {}
        result = await self.client.call_tool(name, {"meta": meta, **arguments})
        assert result.is_error is not True, result
        text: Wire = msgspec.json.decode(result.content[0].text)
        assert result.structured_content in (None, text)
        return text


@pytest.mark.parametrize(("era", "release"), WAYS)
async def test_the_official_client_buys(here: Town, era: str, release: str) -> None:
    address = http.streamable_http_client(f"{SITE}/ucp/{release}/mcp", http_client=here.client)
    async with mcp.Client(address, mode=era) as client:
        listed = (await client.list_tools()).tools
        assert {"create_checkout", "complete_checkout"} <= {tool.name for tool in listed}
        buyer = Buyer(client, release)
        body = create_body(release=release) | {"buyer": BUYER, "fulfillment": shipping(release=release)}
        checkout = await buyer.call("create_checkout", checkout=body)
        assert checkout["status"] == "ready_for_complete"
        paid = instrument(release)
        payment = (
            {"payment_data": paid} if release == "2026-01-11" else {"payment": {"instruments": [paid]}}
        )
        done = await buyer.call("complete_checkout", key="pay", id=checkout["id"], checkout=payment)
        assert done["status"] in {"completed", "complete_in_progress"}
        seen = await buyer.call("get_checkout", id=checkout["id"])
        assert seen["id"] == checkout["id"]
        with pytest.raises(mcp.MCPError) as refused:
            await buyer.call("cancel_checkout", id=checkout["id"])
        assert refused.value.error.code == (-32603 if release.startswith("2026-01") else -32602)
