"""The shop's operations called over MCP, in the form of the release (digest 2.8)."""

from typing import Any
from uuid import uuid4

import msgspec

from conformance import forms
from conformance.platform import MAIN
from conformance.registry import JANUARY, LISTED_CAPABILITIES, Wire, expect, lacking
from conformance.shop import Shop
from conformance.wire import Exchange

# The revision of MCP that a client without a handshake may name; older ones took batches.
REVISION = "2025-06-18"


class Tools:
    """Calls of one shop's tools. Every call names the platform in its own arguments."""

    def __init__(self, shop: Shop) -> None:
        self.shop = shop

    @property
    def endpoint(self) -> str:
        return forms.endpoint(self.shop.profile, "mcp") or lacking("an MCP endpoint in the profile")

    async def post(self, message: Any, **headers: str) -> Exchange:
        """One message, whatever it is."""
        raw = message if isinstance(message, bytes) else msgspec.json.encode(message)
        usual = {
            "Content-Type": "application/json",
            "Accept": "application/json, text/event-stream",
            "MCP-Protocol-Version": REVISION,
        }
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return await self.shop.client.send("POST", self.endpoint, usual | named, raw)

    async def rpc(self, method: str, params: Wire) -> Exchange:
        return await self.post({"jsonrpc": "2.0", "id": str(uuid4()), "method": method, "params": params})

    async def call(
        self, name: str, *, checkout_id: str = "", body: Wire | None = None, key: str | None = None
    ) -> Exchange:
        """An operation on checkouts; ``body`` is what REST would be sent."""
        profile = self.shop.agent(MAIN).removeprefix('profile="').removesuffix('"')
        named: Wire = {"id": checkout_id} if checkout_id else {}
        body = {member: value for member, value in (body or {}).items() if member != "id"}
        if self.shop.release in LISTED_CAPABILITIES:
            keyed = {"idempotency_key": key} if key else {}
            return await self.rpc(name, {"_meta": {"ucp": {"profile": profile}}, **keyed, **body, **named})
        meta: Wire = {"ucp-agent": {"profile": profile}, **({"idempotency-key": key} if key else {})}
        payload: Wire = {"checkout": body} if body else {}
        return await self.rpc("tools/call", {"name": name, "arguments": {"meta": meta, **named, **payload}})

    def document(self, exchange: Exchange) -> Wire:
        """What the call came to; breaks the check that asks where it came to an error."""
        said = exchange.document()
        expect(exchange.status == 200, f"a result came with status {exchange.status}", exchange)
        expect("error" not in said, f"the call was answered with {said.get('error')}", exchange)
        result: Wire = said["result"]
        if self.shop.release in JANUARY:
            return {name: value for name, value in result.items() if name not in _OF_TOOLS}
        found: Wire = result["structuredContent"]
        return found


# What MCP adds to a result that is itself the document.
_OF_TOOLS = frozenset({"content", "structuredContent", "isError", "_meta"})
