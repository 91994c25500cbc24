"""A platform of release 2026-01-11 as it calls a shop over a real line."""

from types import TracebackType
from typing import Any, Self

import httpx2
import msgspec

Wire = dict[str, Any]

BASE = "/ucp/2026-01-11"
PINNED = "https://platform.example/profile"
# Longer than the slowest complete that a test asks for.
CALL_S = 60.0

HOME: Wire = {
    "id": "home",
    "full_name": "Ada Agent",
    "street_address": "Invalidenstraße 117",
    "address_locality": "Berlin",
    "postal_code": "10115",
    "address_country": "DE",
}
BUYER: Wire = {"first_name": "Ada", "last_name": "Agent", "email": "ada.agent@example.com"}


def payment(token: str, handler_id: str, **credential: Any) -> Wire:
    """The body of a complete."""
    return {
        "payment_data": {
            "id": "instr_1",
            "handler_id": handler_id,
            "type": "card",
            "brand": "Visa",
            "last_digits": "4242",
            "credential": {"type": "token", "token": token, **credential},
        }
    }


class Caller:
    """``site`` is the shop's; ``headers`` are sent with every call, beside those of a platform."""

    def __init__(self, site: str, profile_url: str = PINNED, **client: Any) -> None:
        named = {"UCP-Agent": f'profile="{profile_url}"', **client.pop("headers", {})}
        self.site = site
        self.client = httpx2.AsyncClient(base_url=site, headers=named, timeout=CALL_S, **client)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.client.aclose()

    async def ask(
        self,
        method: str,
        path: str,
        body: Wire | bytes | None = None,
        *,
        key: str | None = None,
        **headers: str,
    ) -> httpx2.Response:
        """One call under the endpoint of the release; ``headers`` are written with underscores."""
        sent = {name.replace("_", "-"): text for name, text in headers.items()}
        if key is not None:
            sent["Idempotency-Key"] = key
        if body is not None:
            sent.setdefault("Content-Type", "application/json")
        raw = msgspec.json.encode(body) if isinstance(body, dict) else body
        return await self.client.request(method, BASE + path, content=raw, headers=sent)

    async def create(self, item: str, quantity: int = 1, **more: Any) -> Wire:
        lines = [{"item": {"id": item}, "quantity": quantity}]
        body = {"line_items": lines, "currency": "EUR", "buyer": BUYER, "payment": {}, **more}
        return _good(await self.ask("POST", "/checkout-sessions", body))

    async def ready(self, item: str, quantity: int = 1, **more: Any) -> Wire:
        """A checkout that can be completed: sent home by the cheapest way where it is sent at all."""
        checkout = await self.create(item, quantity, **more)
        for _ in range(2):
            if checkout["status"] == "ready_for_complete":
                break
            checkout = await self.update(checkout, fulfillment={"methods": [_method(checkout)]})
        assert checkout["status"] == "ready_for_complete", checkout
        return checkout

    async def update(self, checkout: Wire, **more: Any) -> Wire:
        body = {
            "id": checkout["id"],
            "currency": checkout["currency"],
            "line_items": [
                {"id": line["id"], "item": {"id": line["item"]["id"]}, "quantity": line["quantity"]}
                for line in checkout["line_items"]
            ],
            "buyer": checkout.get("buyer", BUYER),
            "payment": {},
            **more,
        }
        return _good(await self.ask("PUT", f"/checkout-sessions/{checkout['id']}", body))

    async def get(self, checkout: Wire) -> Wire:
        return _good(await self.ask("GET", f"/checkout-sessions/{checkout['id']}"))

    async def complete(self, checkout: Wire, paid_with: Wire, key: str | None = None) -> httpx2.Response:
        return await self.ask("POST", f"/checkout-sessions/{checkout['id']}/complete", paid_with, key=key)

    async def buy(self, item: str, paid_with: Wire, quantity: int = 1, **more: Any) -> Wire:
        """The completed checkout."""
        done = _good(await self.complete(await self.ready(item, quantity, **more), paid_with))
        assert done["status"] == "completed", done
        return done


def total_minor(document: Wire) -> int:
    return next(row["amount"] for row in document["totals"] if row["type"] == "total")


def _good(reply: httpx2.Response) -> Wire:
    assert reply.status_code in (200, 201), (reply.status_code, reply.text)
    found: Wire = reply.json()
    return found


def _method(checkout: Wire) -> Wire:
    (method,) = checkout["fulfillment"]["methods"]
    wanted: Wire = {
        "id": method["id"],
        "type": "shipping",
        "line_item_ids": method["line_item_ids"],
        "destinations": [HOME],
        "selected_destination_id": HOME["id"],
    }
    groups = [group for group in method.get("groups") or () if group.get("options")]
    if groups:
        wanted["groups"] = [
            {"id": group["id"], "selected_option_id": group["options"][0]["id"]} for group in groups
        ]
    return wanted
