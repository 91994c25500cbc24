"""The network under test, spoken to as agents, merchants and sources of evidence speak to it."""

import asyncio
import hashlib
import hmac
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypeVar
from urllib.parse import urlencode
from uuid import uuid4

import msgspec

from conformance.aap.inputs import Inputs
from conformance.registry import Broken, Lacking, Wire, expect, lacking
from conformance.shapes import violations
from conformance.wire import Client, Exchange

DIALECT = "aap"
AAP = frozenset({DIALECT})
# A ULID that nobody was given.
NOBODYS = "01ARZ3NDEKTSV4RRFFQ69G5FAV"

Scene = TypeVar("Scene")


def told(reply: Exchange, shape: str = "") -> Wire:
    """The document of a reply that went well and has the shape."""
    expect(reply.status == 200, f"answered {reply.status}", reply)
    document = reply.document()
    faults = violations(DIALECT, shape, document) if shape else ""
    expect(not faults, faults, reply)
    return document


def refused(reply: Exchange, status: int, text: str = "") -> None:
    """Whether the reply is an error of the status, and has the published text."""
    expect(reply.status == status, f"answered {reply.status}", reply)
    error = reply.document().get("error")
    expect(isinstance(error, str) and error, f"error is {error!r}", reply)
    expect(not text or error == text, f"the text is {error!r}", reply)


class Network:
    """Requests to one server. `scene` makes what several checks look at once."""

    def __init__(self, client: Client, inputs: Inputs) -> None:
        self.client = client
        self.inputs = inputs
        self._scenes: dict[Any, Any] = {}

    async def ask(
        self,
        method: str,
        path: str,
        body: Wire | bytes | None = None,
        *,
        key: str | None = None,
        headers: Mapping[str, str] | None = None,
        **query: Any,
    ) -> Exchange:
        """One request of the agent, or with another `key` ("" for none).

        Where the server says that it is asked too often, the same again after the time that it names.
        """
        secret = self.inputs.agent_key if key is None else key
        sent = {"Authorization": f"Bearer {secret}"} if secret else {}
        raw = body if isinstance(body, bytes) else b"" if body is None else msgspec.json.encode(body)
        sent |= {"Content-Type": "application/json"} if raw else {}
        url = self.inputs.url.rstrip("/") + path + (f"?{urlencode(query)}" if query else "")
        reply = await self.client.send(method, url, sent | dict(headers or {}), raw)
        if reply.status == 429 and self.inputs.rate_wait_s:
            told_s = reply.headers.get("retry-after", "")
            wait_s = int(told_s) if told_s.isdigit() else self.inputs.rate_wait_s
            await asyncio.sleep(min(wait_s, self.inputs.rate_wait_s))
            reply = await self.client.send(method, url, sent | dict(headers or {}), raw)
        return reply

    async def scene(self, build: Callable[["Network"], Awaitable[Scene]]) -> Scene:
        """What `build` makes, made once; a server that does not play along makes it lacking."""
        if build not in self._scenes:
            try:
                self._scenes[build] = await build(self)
            except (Broken, Lacking, KeyError, TypeError, IndexError) as error:
                self._scenes[build] = Lacking(str(error))
        made = self._scenes[build]
        if isinstance(made, Lacking):
            raise Lacking(str(made))
        return made  # type: ignore[no-any-return]  # kept under the builder that made it

    # --- what an agent does ---

    async def search(self, **query: Any) -> Exchange:
        wanted: dict[str, Any] = {"vertical": self.inputs.vertical}
        if self.inputs.provider:
            wanted["provider"] = self.inputs.provider
        return await self.ask("GET", "/v1/offers", **(wanted | query))

    async def found(self) -> Wire:
        """A search with at least one offer."""
        document = told(await self.search())
        if not document["offers"]:
            lacking("an offer to find (--vertical, --provider)")
        return document

    async def recommend(self, session_id: str, offer_id: str) -> Exchange:
        return await self.ask("POST", "/v1/recommend", {"sessionId": session_id, "offerId": offer_id})

    async def recommended(self) -> Wire:
        """The ids of a recommendation in a search of its own, and the offer as it was found."""
        search = await self.found()
        offer = search["offers"][0]
        made = told(await self.recommend(search["sessionId"], offer["id"]))
        return {
            "sessionId": search["sessionId"],
            "recommendationId": made["recommendationId"],
            "offer": offer,
            "made": made,
        }

    async def checkout(self, made: Wire, **more: object) -> Exchange:
        ids = {name: made[name] for name in ("sessionId", "recommendationId")}
        return await self.ask("POST", "/v1/checkout", ids | more)

    async def handed_off(self) -> Wire:
        made = await self.recommended()
        return made | {"checkout": told(await self.checkout(made))}

    async def session(self, session_id: str, key: str | None = None) -> Exchange:
        return await self.ask("GET", f"/v1/sessions/{session_id}", key=key)

    async def rpc(self, method: str, params: Wire | None = None) -> Wire:
        message = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params or {}}
        accept = {"Accept": "application/json, text/event-stream"}
        reply = await self.ask("POST", "/v1/mcp", message, headers=accept)
        expect(reply.status == 200, f"answered {reply.status}", reply)
        result: Wire = reply.document()["result"]
        return result

    async def use(self, tool: str, **arguments: object) -> Wire:
        done = await self.rpc("tools/call", {"name": tool, "arguments": arguments})
        expect(not done.get("isError"), f"{tool} failed: {done.get('content')}")
        content: Wire = done.get("structuredContent") or msgspec.json.decode(done["content"][0]["text"])
        return content

    # --- what a merchant and its sources do ---

    async def as_merchant(self, method: str, path: str, body: Wire | None = None) -> Exchange:
        key = self.inputs.merchant_key or lacking("--merchant-key")
        return await self.ask(method, path, body, key=key)

    async def metadata(self, handed: Wire) -> Wire:
        """What the server wrote beside the checkout."""
        reply = await self.as_merchant("GET", f"/v1/checkout/{handed['checkout']['transactionId']}")
        if reply.status != 200:
            lacking("the metadata of a checkout, read by its merchant")
        metadata: Wire = reply.document()["metadata"]
        return metadata

    async def payment(self, handed: Wire) -> Wire:
        """An event that tells of the payment of a hand-off, and is true in everything."""
        checkout = handed["checkout"]
        data = {
            "orderReference": f"conformance-{uuid4()}",
            "amount": checkout["amount"],
            "currency": checkout["currency"],
            "status": "succeeded",
            "metadata": await self.metadata(handed),
        }
        return {"id": f"evt_{uuid4()}", "type": "payment_succeeded", "data": data}

    async def tell(self, event: Wire, secret: str = "", moment: float | None = None) -> Exchange:
        """Send evidence, signed by the source unless another secret or moment is named."""
        source = self.inputs.source or lacking("--source and --source-secret")
        raw = msgspec.json.encode(event)
        at = str(int(time.time() if moment is None else moment))
        key = (secret or self.inputs.source_secret).encode()
        signature = hmac.digest(key, f"{at}.".encode() + raw, hashlib.sha256).hex()
        signed = {"X-AAP-Signature": f"t={at},v1={signature}"}
        return await self.ask("POST", f"/v1/evidence/{source}", raw, key="", headers=signed)
