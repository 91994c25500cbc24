"""The whole application over a real Postgres, asked in this process by platforms of the tests."""

import asyncio
import uuid
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx2
import msgspec
import pytest
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ucp_server.app import build_public, prepare
from ucp_server.asgi.overload import TICK_S
from ucp_server.config import Link, Platform, Secret, Settings
from ucp_server.config_sources import read
from ucp_server.resources import folder
from ucp_server.ucp.releases import BUYER_CONSENT, CHECKOUT, DISCOUNT, FULFILLMENT, ORDER, WITH_SCHEMAS
from ucp_server.ucp.schema import Schemas

Wire = dict[str, Any]
Open = Callable[..., Any]

SITE = "http://shop.test"
BASE = "/ucp/2026-01-11"
SCHEMAS = Schemas(folder("schemas") / "ucp", WITH_SCHEMAS)
SHOP = Path(__file__).parent / "shop"
# Shed work is repeated this often: ten seconds' worth.
PATIENCE = 200
BUSY = b"This server is busy"
SIMULATION_SECRET = "let the parcels leave"
ALL = (CHECKOUT, ORDER, FULFILLMENT, DISCOUNT, BUYER_CONSENT)

MERCHANT: Wire = {
    "title": "Test shop",
    "currency": "USD",
    "home_country": "US",
    "links": (Link(type="terms_of_service", url="https://shop.test/terms"),),
}

CARD: Wire = {
    "id": "instr_1",
    "handler_id": "mock_payment_handler",
    "type": "card",
    "brand": "Visa",
    "last_digits": "1234",
    "credential": {"type": "token", "token": "success_token"},
}
HOME: Wire = {
    "id": "dest_1",
    "full_name": "Ada Agent",
    "street_address": "1 Elm Street",
    "address_locality": "Springfield",
    "address_region": "IL",
    "postal_code": "62704",
    "address_country": "US",
}


class Agent:
    """A platform of the tests. Every reply that it gets is held against its schema."""

    def __init__(self, client: httpx2.AsyncClient, agent: str, active: frozenset[str]) -> None:
        self._client = client
        self._agent = agent
        self._active = active

    async def ask(
        self,
        method: str,
        path: str,
        body: Wire | bytes | None = None,
        *,
        key: str | None = None,
        headers: dict[str, str] | None = None,
    ) -> httpx2.Response:
        """Ask for a path under the endpoint, as the platform does."""
        sent = {"UCP-Agent": self._agent, **({"Idempotency-Key": key} if key else {}), **(headers or {})}
        if body is not None:
            sent.setdefault("Content-Type", "application/json")
        raw = msgspec.json.encode(body) if isinstance(body, dict) else body
        reply = await self._client.request(method, BASE + path, content=raw, headers=sent)
        self._check(method, path, reply)
        return reply

    def _check(self, method: str, path: str, reply: httpx2.Response) -> None:
        if "/checkout-sessions" not in path or not reply.content:
            return
        assert reply.headers["content-type"] == "application/json"
        document = reply.json()
        good = reply.status_code in (200, 201) and "ucp" in document
        kind = _operation(method, path) if good else "error"
        violations = SCHEMAS.checker("2026-01-11", "response", kind, self._active).check(document)
        assert violations == (), (method, path, reply.status_code, document)

    async def create(self, body: Wire | None = None, **more: Any) -> Wire:
        """A new checkout of two bouquets, or of ``body``."""
        reply = await self.ask("POST", "/checkout-sessions", {**(body or create_body()), **more})
        assert reply.status_code == 201, reply.text
        return reply.json()

    async def update(self, checkout: Wire, **more: Any) -> Wire:
        """A PUT of its lines and whatever else is given."""
        reply = await self.put(checkout, **more)
        assert reply.status_code == 200, reply.text
        return reply.json()

    async def put(self, checkout: Wire, *, key: str | None = None, **more: Any) -> httpx2.Response:
        return await self.ask(
            "PUT", f"/checkout-sessions/{checkout['id']}", update_body(checkout, **more), key=key
        )

    async def get(self, checkout: Wire) -> Wire:
        reply = await self.ask("GET", f"/checkout-sessions/{checkout['id']}")
        assert reply.status_code == 200, reply.text
        return reply.json()

    async def complete(self, checkout: Wire, *, key: str | None = None, **card: Any) -> httpx2.Response:
        body = {"payment_data": {**CARD, **card}}
        return await self.ask("POST", f"/checkout-sessions/{checkout['id']}/complete", body, key=key)

    async def cancel(self, checkout: Wire, *, key: str | None = None) -> httpx2.Response:
        return await self.ask("POST", f"/checkout-sessions/{checkout['id']}/cancel", key=key)

    async def ready(self) -> Wire:
        """A checkout with all that a complete needs."""
        return await self.create(buyer=BUYER, fulfillment=shipping())

    async def bought(self) -> Wire:
        reply = await self.complete(await self.ready())
        assert reply.status_code == 200, reply.text
        return reply.json()


def _operation(method: str, path: str) -> str:
    last = path.rpartition("/")[2]
    if last in ("complete", "cancel"):
        return f"{last}_checkout"
    return {"POST": "create_checkout", "PUT": "update_checkout", "GET": "get_checkout"}[method]


BUYER: Wire = {"email": "ada@example.com", "first_name": "Ada", "last_name": "Agent"}


def create_body(item: str = "roses", quantity: int = 2) -> Wire:
    return {"line_items": [{"item": {"id": item}, "quantity": quantity}], "currency": "USD", "payment": {}}


def update_body(checkout: Wire, **more: Any) -> Wire:
    lines = [
        {"id": line["id"], "item": {"id": line["item"]["id"]}, "quantity": line["quantity"]}
        for line in checkout["line_items"]
    ]
    return {"id": checkout["id"], "line_items": lines, "currency": "USD", "payment": {}, **more}


def shipping(option: str | None = "std-ship", **destination: Any) -> Wire:
    """One method to one address; without ``option`` none is selected."""
    method: Wire = {
        "type": "shipping",
        "destinations": [{**HOME, **destination}],
        "selected_destination_id": destination.get("id", HOME["id"]),
    }
    if option is not None:
        method["groups"] = [{"selected_option_id": option}]
    return {"methods": [method]}


def patient(application: ASGIApp) -> ASGIApp:
    """Asks again when told that the server is behind, as any client does; tests run on busy machines."""

    async def asked(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await application(scope, receive, send)
            return
        got: list[Message] = []
        for _ in range(PATIENCE):
            begun: list[Message] = []
            await application({**scope, "state": {}}, replaying(got, receive), keeping(begun))
            if begun[0]["status"] != 503 or BUSY not in begun[-1].get("body", b""):
                break
            # The next look at how late the loop is.
            await asyncio.sleep(TICK_S)
        for message in begun:
            await send(message)

    return asked


def replaying(got: list[Message], receive: Receive) -> Receive:
    """What was received once is received again."""
    place = 0

    async def received() -> Message:
        nonlocal place
        if place == len(got):
            got.append(await receive())
        place += 1
        return got[place - 1]

    return received


def keeping(messages: list[Message]) -> Send:
    async def sent(message: Message) -> None:
        messages.append(message)

    return sent


class Town:
    """A running application and the platforms that it knows."""

    def __init__(self, application: Any, settings: Settings, site: str = SITE) -> None:
        self.application = application
        self.settings = settings
        self.client = httpx2.AsyncClient(transport=httpx2.ASGITransport(application), base_url=site)

    def agent(self, name: str = "one", active: tuple[str, ...] = ALL) -> Agent:
        return Agent(self.client, f'profile="{profile_url(name)}"', frozenset(active))

    def at(self, site: str) -> "Town":
        """The same application under another name."""
        return Town(self.application, self.settings, site)

    def stranger(self, agent: str) -> Agent:
        return Agent(self.client, agent, frozenset(ALL))


def profile_url(name: str) -> str:
    return f"https://{name}.example/profile"


def pinned(path: Path, name: str, *, capabilities: tuple[str, ...] = ALL, **settings: Any) -> Platform:
    """A platform of the configuration whose profile needs no fetching."""
    entries = [{"name": capability, "version": "2026-01-11"} for capability in capabilities]
    file = path / f"{name}-{uuid.uuid4().hex}.json"
    file.write_bytes(msgspec.json.encode({"ucp": {"version": "2026-01-11", "capabilities": entries}}))
    return Platform(profile=profile_url(name), profile_file=file, **({"auth": "open"} | settings))


@pytest.fixture
def town(database: str, tmp_path: Path) -> Open:
    """``async with town(mode="demo", platforms={...}) as here``: the application, with the test shop."""

    @asynccontextmanager
    async def opened(
        mode: str = "demo",
        platforms: dict[str, Platform] | None = None,
        others: dict[str, Wire] | None = None,
        server: Wire | None = None,
        **merchant: Any,
    ) -> AsyncIterator[Town]:
        options = {
            "mode": mode,
            "database_url": database,
            "data_dir": tmp_path / "data",
            "import_dir": SHOP,
        }
        settings = read(environment={}, options=options)
        name, table = next(iter(settings.merchant.items()))
        table = msgspec.structs.replace(table, **{**MERCHANT, **merchant})
        settings = msgspec.structs.replace(
            settings,
            secret=Secret("s" * 32),
            simulation_secret=Secret(SIMULATION_SECRET),
            database_connections=4,
            merchant={
                name: table,
                **{other: msgspec.structs.replace(table, **more) for other, more in (others or {}).items()},
            },
            platform=platforms or {name: pinned(tmp_path, name) for name in ("one", "two")},
            **(server or {}),
        )
        await prepare(settings)
        async with build_public(settings) as application:
            yield Town(patient(application), settings)

    return opened


@pytest.fixture
async def here(town: Open) -> AsyncIterator[Town]:
    """The application in demo mode."""
    async with town() as opened:
        yield opened


@pytest.fixture
async def agent(here: Town) -> Agent:
    return here.agent()
