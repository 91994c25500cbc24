"""The application under test, spoken to as an agent speaks to it."""

from collections.abc import Mapping
from typing import Any

import msgspec

from conformance.chipp.hooks import Hooks
from conformance.chipp.inputs import Inputs
from conformance.chipp.shapes import check_session, data_of
from conformance.registry import Wire, expect, lacking
from conformance.wire import Client, Exchange

CHIPP = frozenset({"chipp"})

BUYER: Wire = {"name": "Ana Ruiz", "email": "ana@buyer.example", "phone": "+34-600-0000"}
HOME: Wire = {
    "line1": "Calle Sol 8",
    "line2": "2B",
    "city": "Soria",
    "state": "SO",
    "postal_code": "42001",
    "country": "ES",
}


class Application:
    """Requests under one address, with its key unless told otherwise."""

    def __init__(self, client: Client, inputs: Inputs, hooks: Hooks | None) -> None:
        self.client = client
        self.inputs = inputs
        self.address = inputs.url.rstrip("/")
        self._hooks = hooks
        self._products: list[Wire] | None = None

    @property
    def hooks(self) -> Hooks:
        if self._hooks is None:
            lacking("events at a port of this machine (--hook-port)")
        return self._hooks

    @property
    def app_id(self) -> str:
        return self.address.rpartition("/")[2]

    async def send(
        self,
        method: str,
        path: str,
        body: Wire | bytes | None = None,
        *,
        authorization: str | None = "",
        headers: Mapping[str, str] | None = None,
    ) -> Exchange:
        """One request; without a word on ``authorization`` with the key, with None without any."""
        sent = dict(headers or {})
        if authorization is not None:
            sent["Authorization"] = authorization or f"Bearer {self.inputs.key}"
        if body is None:
            return await self.client.send(method, self.address + path, sent)
        raw = body if isinstance(body, bytes) else msgspec.json.encode(body)
        return await self.client.send(
            method, self.address + path, {"Content-Type": "application/json", **sent}, raw
        )

    async def products(self) -> list[Wire]:
        if self._products is None:
            document = (await self.send("GET", "/products", authorization=None)).document()
            self._products = list(document["data"])
        return self._products

    async def product(self) -> str:
        """One that a person fulfils: as told, else the first of them."""
        if self.inputs.product:
            return self.inputs.product
        by_hand = [each["id"] for each in await self.products() if each["fulfillment_type"] == "manual"]
        if not by_hand:
            lacking("a product that a person fulfils (--product)")
        return str(by_hand[0])

    async def create(self, product: str = "", *, key: str | None = None, **more: Any) -> Exchange:
        line = {"product_id": product or await self.product()}
        headers = {} if key is None else {"Idempotency-Key": key}
        body = {"line_items": [line], **more}
        return await self.send("POST", "/checkout_sessions", body, headers=headers)

    async def created(self, product: str = "", **more: Any) -> Wire:
        """A session, made and of its form."""
        reply = await self.create(product, **more)
        expect(reply.status == 201, f"a create was answered {reply.status}")
        session = data_of(reply)
        check_session(session, reply)
        return session

    async def payable(self, product: str = "") -> Wire:
        return await self.created(product, buyer=BUYER, shipping_address=HOME)

    async def act(self, session: Wire, action: str) -> Exchange:
        return await self.send("POST", f"/checkout_sessions/{session['id']}/{action}")

    async def change(self, session: Wire, **fields: Any) -> Exchange:
        return await self.send("POST", f"/checkout_sessions/{session['id']}", fields)

    async def shown(self, session: Wire) -> Wire:
        reply = await self.send("GET", f"/checkout_sessions/{session['id']}")
        expect(reply.status == 200, f"a get was answered {reply.status}")
        return data_of(reply)
