"""The whole application over a real Postgres, asked in this process by platforms of the tests."""

import asyncio
import re
import uuid
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx2
import msgspec
import pytest
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from conformance import forms
from tests.simulators.running import until
from ucp_server.app import build_public, prepare
from ucp_server.asgi.facts import facts_of
from ucp_server.asgi.overload import TICK_S
from ucp_server.config import Link, Platform, Secret, Settings
from ucp_server.config_sources import read
from ucp_server.resources import folder
from ucp_server.ucp.operation_table import operations_of
from ucp_server.ucp.releases import (
    BUYER_CONSENT,
    CART,
    CATALOG_LOOKUP,
    CATALOG_SEARCH,
    CHECKOUT,
    DISCOUNT,
    FULFILLMENT,
    ORDER,
    ROWS,
    SERVED,
    WITH_SCHEMAS,
)
from ucp_server.ucp.schema import Schemas

Wire = dict[str, Any]
Open = Callable[..., Any]

SITE = "http://shop.test"
# The release of tests that are about no release.
USUAL = "2026-01-11"
BASE = f"/ucp/{USUAL}"
SCHEMAS = Schemas(folder("schemas") / "ucp", WITH_SCHEMAS)
SHOP = Path(__file__).parent / "shop"
# Their errors have one form for all statuses.
JANUARY = frozenset({"2026-01-11", "2026-01-23"})
# Shed work is repeated this often: ten seconds' worth.
PATIENCE = 200
# Longer than a complete may take before it answers that it goes on.
ORDER_WITHIN_S = 20
SIMULATION_SECRET = "let the parcels leave"
ALL = (
    CHECKOUT,
    ORDER,
    CART,
    CATALOG_SEARCH,
    CATALOG_LOOKUP,
    FULFILLMENT,
    DISCOUNT,
    BUYER_CONSENT,
)

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
    """A platform of the tests. Every reply that it gets is held against its schema.

    ``release`` is that of its profile, of the endpoint that it asks and of what it writes.
    """

    def __init__(
        self, client: httpx2.AsyncClient, agent: str, active: frozenset[str], release: str = USUAL
    ) -> None:
        self.release = release
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
        reply = await self._client.request(method, f"/ucp/{self.release}{path}", content=raw, headers=sent)
        self._check(method, path, reply)
        return reply

    def _check(self, method: str, path: str, reply: httpx2.Response) -> None:
        operation = _operation(self.release, method, path)
        if operation is None or not reply.content:
            return
        assert reply.headers["content-type"] == "application/json"
        document = reply.json()
        good = reply.status_code in (200, 201)
        if not good and self.release not in JANUARY:
            assert {"code", "content"} <= set(document) <= {"code", "content", "continue_url"}, document
            return
        found = good and document.get("ucp", {}).get("status", "success") == "success"
        kind = operation if found and "ucp" in document else "error"
        violations = SCHEMAS.checker(self.release, "response", kind, self._active).check(document)
        assert violations == (), (method, path, reply.status_code, violations, document)

    async def create(self, body: Wire | None = None, **more: Any) -> Wire:
        """A new checkout of two bouquets, or of ``body``."""
        body = body or create_body(release=self.release)
        reply = await self.ask("POST", "/checkout-sessions", {**body, **more})
        assert reply.status_code == 201, reply.text
        return reply.json()

    async def update(self, checkout: Wire, **more: Any) -> Wire:
        """A PUT of its lines and whatever else is given."""
        reply = await self.put(checkout, **more)
        assert reply.status_code == 200, reply.text
        return reply.json()

    async def put(self, checkout: Wire, *, key: str | None = None, **more: Any) -> httpx2.Response:
        body = update_body(checkout, self.release, **more)
        return await self.ask("PUT", f"/checkout-sessions/{checkout['id']}", body, key=key)

    async def get(self, checkout: Wire) -> Wire:
        reply = await self.ask("GET", f"/checkout-sessions/{checkout['id']}")
        assert reply.status_code == 200, reply.text
        return reply.json()

    async def complete(self, checkout: Wire, *, key: str | None = None, **card: Any) -> httpx2.Response:
        body = complete_body(self.release, **card)
        return await self.ask("POST", f"/checkout-sessions/{checkout['id']}/complete", body, key=key)

    async def cancel(self, checkout: Wire, *, key: str | None = None) -> httpx2.Response:
        return await self.ask("POST", f"/checkout-sessions/{checkout['id']}/cancel", key=key)

    async def ready(self) -> Wire:
        """A checkout with all that a complete needs."""
        return await self.create(buyer=BUYER, fulfillment=shipping(release=self.release))

    async def bought(self) -> Wire:
        return await self.paid(await self.ready())

    async def pay(self, checkout: Wire, **card: Any) -> httpx2.Response:
        """Complete it under a key, again as long as the reply asks for patience."""
        key = uuid.uuid4().hex

        async def answered() -> httpx2.Response | None:
            reply = await self.complete(checkout, key=key, **card)
            return None if "retry-after" in reply.headers else reply

        return await until(answered, wait_s=ORDER_WITHIN_S)

    async def paid(self, checkout: Wire) -> Wire:
        """Complete it and wait for its order: on a busy machine the reply may come before."""

        async def placed() -> Wire | None:
            seen = await self.get(checkout)
            return None if seen["status"] == "complete_in_progress" else seen

        reply = await self.pay(checkout)
        assert reply.status_code == 200, reply.text
        done: Wire = reply.json()
        return await until(placed, wait_s=ORDER_WITHIN_S) if done["status"] != "completed" else done


def _operation(release: str, method: str, path: str) -> str | None:
    """What was asked; None for what ``release`` does not have."""
    target = path.partition("?")[0]
    for row in operations_of(ROWS[release]):
        named = row.path.replace("{id}", "[^/]+")
        if row.method == method and re.fullmatch(named, target):
            return row.name
    return None


BUYER: Wire = {"email": "ada@example.com", "first_name": "Ada", "last_name": "Agent"}


def create_body(item: str = "roses", quantity: int = 2, release: str = USUAL) -> Wire:
    return forms.create(release, [{"item": {"id": item}, "quantity": quantity}], "USD")


def update_body(checkout: Wire, release: str = USUAL, **more: Any) -> Wire:
    """Lines as they are, and the checkout's own names for its methods and groups."""
    body = forms.update(release, checkout, **more)
    named = checkout.get("fulfillment", {}).get("methods", ())
    if release != USUAL and "fulfillment" in more:
        asked = more["fulfillment"]["methods"]
        methods = [_named(*pair) for pair in zip(asked, named, strict=False)]
        body["fulfillment"] = {"methods": methods or asked}
    return body


def _named(asked: Wire, shown: Wire) -> Wire:
    """What is asked of a method, under the ids that the checkout shows."""
    groups = [
        {"id": group["id"], **choice}
        for choice, group in zip(asked.get("groups", ()), shown["groups"], strict=False)
    ]
    method = {"id": shown["id"], "line_item_ids": shown["line_item_ids"], **asked}
    return method | ({"groups": groups} if groups else {})


def complete_body(release: str = USUAL, **card: Any) -> Wire:
    return forms.complete(release, {**instrument(release), **card})


def instrument(release: str = USUAL) -> Wire:
    """`CARD` as ``release`` writes it."""
    if release in forms.FLAT_CARDS:
        return CARD
    shown = {"brand": CARD["brand"], "last_digits": CARD["last_digits"]}
    kept = {name: value for name, value in CARD.items() if name not in shown}
    return {**kept, "display": shown}


def shipping(option: str | None = "std-ship", release: str = USUAL, **destination: Any) -> Wire:
    """One method to one address; without ``option`` none is selected."""
    address = {**HOME, **destination}
    return forms.shipping(release, [address], address["id"], [option] if option else [])


def patient(application: ASGIApp) -> ASGIApp:
    """Asks again when told that the server is behind, as any client does; tests run on busy machines."""

    async def asked(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await application(scope, receive, send)
            return
        got: list[Message] = []
        for _ in range(PATIENCE):
            begun: list[Message] = []
            tried = {**scope, "state": {}}
            await application(tried, replaying(got, receive), keeping(begun))
            # People are told so in other words than platforms, and in their own language.
            if facts_of(tried).get("guard") != "overloaded":
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

    def agent_of(self, release: str) -> Agent:
        """The platform that speaks ``release``."""
        return Agent(self.client, f'profile="{profile_url(release)}"', frozenset(ALL), release)

    def at(self, site: str) -> "Town":
        """The same application under another name."""
        return Town(self.application, self.settings, site)

    def stranger(self, agent: str, release: str = USUAL) -> Agent:
        return Agent(self.client, agent, frozenset(ALL), release)


def profile_url(name: str) -> str:
    return f"https://{name}.example/profile"


def pinned(
    path: Path,
    name: str,
    *,
    capabilities: tuple[str, ...] = ALL,
    release: str = USUAL,
    webhook_url: str | None = None,
    version: str = "",
    **settings: Any,
) -> Platform:
    """A platform of the configuration whose profile needs no fetching; ``version`` is what it claims."""
    profile = forms.platform_profile(release, capabilities, webhook_url, version)
    file = path / f"{name}-{uuid.uuid4().hex}.json"
    file.write_bytes(msgspec.json.encode(profile))
    return Platform(profile=profile_url(name), profile_file=file, **({"auth": "open"} | settings))


def everybody(path: Path) -> dict[str, Platform]:
    """Two platforms of one release, and one of each."""
    usual = {name: pinned(path, name) for name in ("one", "two")}
    return usual | {release: pinned(path, release, release=release) for release in SERVED}


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
            platform=platforms or everybody(tmp_path),
            # Nobody serves the second port here: a buyer's agreement pays.
            **{"hosted_port": 0, **(server or {})},
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


@pytest.fixture(params=SERVED)
async def each(here: Town, request: pytest.FixtureRequest) -> Agent:
    """A platform of each release."""
    version: str = request.param
    return here.agent_of(version)


@pytest.fixture
async def everyone(here: Town) -> list[Agent]:
    """A platform of each release, all in one shop: quicker than a shop for each."""
    return [here.agent_of(version) for version in SERVED]
