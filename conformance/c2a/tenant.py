"""The tenant under test, spoken to as its backend speaks to it."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping
from typing import Any, TypeVar
from uuid import uuid4

import msgspec

from conformance.c2a.inputs import Inputs
from conformance.registry import Broken, Lacking, Wire, lacking
from conformance.wire import Client, Exchange

PREFIX = "/api/v1/c2a"
OTHER_PREFIX = "/api/c2a"
PROCESSING = "CHECK_OUT_PROCESSING"
# Between two looks where the server says nothing of it, and at most.
PAUSE_S, PAUSE_MAX_S = 1.0, 2.0

Scene = TypeVar("Scene")


def code_of(reply: Exchange) -> str:
    """The `messageCode` of a reply."""
    return str(reply.document()["status"]["messageCode"])


def artifacts_in(value: object) -> Iterator[Wire]:
    """Everything in an offer that can be ordered, however its groups are built."""
    if isinstance(value, dict):
        if isinstance(value.get("itemIdentifier"), str):
            yield value
        for inner in value.values():
            yield from artifacts_in(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from artifacts_in(inner)


class Tenant:
    """Requests to one tenant. `scene` makes what several checks look at once."""

    def __init__(self, client: Client, inputs: Inputs) -> None:
        self.client = client
        self.inputs = inputs
        self._scenes: dict[Any, Any] = {}

    def headers(self, **changes: str) -> dict[str, str]:
        return {"x-tn": self.inputs.tenant, "x-api-key": self.inputs.key} | {
            name.replace("_", "-"): value for name, value in changes.items()
        }

    async def ask(
        self,
        method: str,
        path: str,
        body: Wire | bytes | None = None,
        *,
        prefix: str = PREFIX,
        headers: Mapping[str, str] | None = None,
    ) -> Exchange:
        """One request; bytes go out as they are, a document as JSON."""
        url = self.inputs.url.rstrip("/") + prefix + path
        raw = body if isinstance(body, bytes) else b"" if body is None else msgspec.json.encode(body)
        typed = {"content-type": "application/json"} if raw else {}
        return await self.client.send(method, url, {**typed, **(headers or self.headers())}, raw)

    async def scene(self, build: Callable[["Tenant"], Awaitable[Scene]]) -> Scene:
        """What `build` makes, made once; a server that does not play along makes it lacking."""
        if build not in self._scenes:
            try:
                self._scenes[build] = await build(self)
            except (Broken, Lacking, KeyError, TypeError) as error:
                self._scenes[build] = Lacking(str(error))
        made = self._scenes[build]
        if isinstance(made, Lacking):
            raise Lacking(str(made))
        return made  # type: ignore[no-any-return]  # kept under the builder that made it

    # --- what a backend does ---

    async def bundles(self, **context: object) -> Exchange:
        body = {"interactionType": "NewAcquisition", "customerUrn": self.inputs.customer} | context
        return await self.ask("POST", "/offer/bundles", {"context": body})

    async def offer(self) -> Wire:
        reply = await self.bundles()
        if reply.status != 200:
            lacking(f"an offer (answered {reply.status})")
        offer: Wire = reply.document()["offer"]
        return offer

    async def order(self, **changes: object) -> Wire:
        """An order of one item out of a fresh offer; without `items` the first that can be had."""
        offer = await self.offer()
        item = self.inputs.item or next(
            (
                str(one["itemIdentifier"])
                for one in artifacts_in(offer)
                if one.get("isAvailable", True) and "parentItemIdentifier" not in one
            ),
            "",
        )
        return {
            "offerIdentifier": offer["offerIdentifier"],
            "items": [{"itemIdentifier": item}],
            "customer": {"customerUrn": self.inputs.customer},
        } | changes

    async def checkout(self, card: str = "", **order: object) -> Wire:
        """A body of /offer/checkout that pays with a fresh card, the good one unless named."""
        number = card or self.inputs.good_card or lacking("--good-card")
        return {
            "order": await self.order(**order),
            "paymentMethod": {"paymentChannel": "CreditCard", "creditCard": fresh(number)},
        }

    async def submit(self, body: Wire, *, prefix: str = PREFIX) -> Exchange:
        return await self.ask("POST", "/offer/checkout", body, prefix=prefix)

    async def accepted(self, body: Wire) -> Exchange:
        reply = await self.submit(body)
        if reply.status != 202:
            lacking(f"a checkout that is taken in (answered {reply.status})")
        return reply

    async def status(self, tracking: str, headers: Mapping[str, str] | None = None) -> Exchange:
        return await self.ask("GET", f"/offer/checkout/{tracking}/status", headers=headers)

    async def waited(self, accepted: Exchange) -> Exchange:
        """The first status that is not "processing" any more."""
        tracking = accepted.document()["trackingNumber"]
        deadline = time.monotonic() + self.inputs.end_wait_s
        while True:
            reply = await self.status(tracking)
            if code_of(reply) != PROCESSING:
                return reply
            if time.monotonic() > deadline:
                raise Broken(f"still processing after {self.inputs.end_wait_s} s", reply)
            told = reply.document()["followUpInstructions"].get("retryAfterSeconds", PAUSE_S)
            await asyncio.sleep(self.inputs.look_every_s or min(PAUSE_MAX_S, told))

    async def method(self) -> str:
        """The URN of a fresh stored method."""
        number = self.inputs.good_card or lacking("--good-card")
        body = {"customerUrn": self.inputs.customer, "creditCard": fresh(number)}
        reply = await self.ask("POST", "/customer/payment/methods/add", body)
        if reply.status != 200:
            lacking(f"a stored payment method (answered {reply.status})")
        return urns_in(reply.document())[0]

    async def methods(self) -> list[str]:
        path = f"/customer/payment/methods/list?customerUrn={self.inputs.customer}"
        return urns_in((await self.ask("GET", path)).document())


def urns_in(value: object) -> list[str]:
    """Every `storedMethodUrn` in a reply, in its order."""
    if isinstance(value, dict):
        own = [value["storedMethodUrn"]] if isinstance(value.get("storedMethodUrn"), str) else []
        return own + [urn for inner in value.values() for urn in urns_in(inner)]
    return [urn for inner in value for urn in urns_in(inner)] if isinstance(value, list) else []


def fresh(number: str) -> Wire:
    return {
        "cardHolderName": "Ana Ruiz",
        "cardNumber": number,
        "expireMonth": "07",
        "expireYear": "2041",
        "cvc": "737",
    }


def stored(urn: str) -> Wire:
    return {
        "paymentChannel": "CreditCard",
        "useStoredMethod": True,
        "creditCard": {"useStoredMethod": True, "storedMethodUrn": urn},
    }


def correlation() -> str:
    return f"conformance-{uuid4()}"
