"""AAP over a real Postgres, asked in this process by agents and merchants of the tests."""

import re
import uuid
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx2
import msgspec
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.types import ASGIApp

from tests.credentials import issued
from ucp_server.aap.binding import Binding
from ucp_server.aap.evidence import signature_of
from ucp_server.aap.rest import ROWS
from ucp_server.aap.schema import Schemas
from ucp_server.asgi.checker import Violation
from ucp_server.asgi.guard import forms_under
from ucp_server.asgi.limits import Limits
from ucp_server.asgi.lines import Lines
from ucp_server.asgi.metrics import Metrics
from ucp_server.asgi.stack import wrap
from ucp_server.domain.checkout import Checkout
from ucp_server.domain.events import JobKind
from ucp_server.domain.merchant import Merchant
from ucp_server.domain.money import Money
from ucp_server.engine.attribution import Network
from ucp_server.engine.codes import Codes, Issuer
from ucp_server.engine.ledger import EvidenceDeliverer, Ledger
from ucp_server.engine.quoting import Quoting
from ucp_server.engine.runner import Engine
from ucp_server.engine.setup import Setup
from ucp_server.engine.sources import Source, Sources
from ucp_server.engine.stored_methods import StoredMethods
from ucp_server.handlers.payment_mock import MockPayment
from ucp_server.pages import links
from ucp_server.pages.contexts import Shop
from ucp_server.pages.pressing import PageRenderer
from ucp_server.pages.routes import BINDING as PAGES
from ucp_server.pages.routes import Pages
from ucp_server.plugins import MOCK, _listings
from ucp_server.ports import OnPage
from ucp_server.resources import folder
from ucp_server.store.checkouts import load_checkout_of_any
from ucp_server.store.credentials import CredentialKind
from ucp_server.store.database import Pool, open_pool, read, statement
from ucp_server.store.ids import id_of_ulid
from ucp_server.store.importing import import_shop
from ucp_server.store.offers import PostgresOffers
from ucp_server.worker import deliver

Wire = dict[str, Any]

SITE = "http://shop.test"
OTHER_SITE = "http://other.test"
SCHEMAS = Schemas(folder("schemas") / "aap")
SECRET = b"s" * 32
ISSUER = Issuer(name="network.test", prefix="aap://network.test/v1/")
# Steps of a worker until nothing is left to do: far more than any order takes.
STEPS_MAX = 20

PRODUCTS = """id,title,price,category
{prefix}sim-10,10 GB for a month,990,mobile
{prefix}sim-60,60 GB month by month,1800,mobile
{prefix}sim-all,Everything for a year,2950,mobile
"""
OFFERS = """id,item_id,vertical,provider,active,commission_type,commission_value,commission_min,data_gb,\
contract_months,requires_credit_check
{prefix}offer-10,{prefix}sim-10,sim,Harbour,yes,cpa,200,,10,0,no
{prefix}offer-60,{prefix}sim-60,sim,Harbour,yes,percentage,12.5,150,60,1,no
{prefix}offer-all,{prefix}sim-all,sim,Spree,yes,hybrid,10,300,unlimited,12,yes
"""
CATEGORIES = "id,title,tax_category,ships\nmobile,Mobile,,no\n"
INVENTORY = "product_id,quantity\n{prefix}sim-10,100\n{prefix}sim-60,100\n{prefix}sim-all,100\n"


def write_shop(where: Path, prefix: str = "") -> Path:
    where.mkdir()
    files = {"products": PRODUCTS, "offers": OFFERS, "categories": CATEGORIES, "inventory": INVENTORY}
    for name, text in files.items():
        (where / f"{name}.csv").write_text(text.format(prefix=prefix))
    return where


@dataclass
class SetClock:
    """Stands still until a test moves it."""

    at: datetime = field(default_factory=lambda: datetime.now(UTC))

    def now(self) -> datetime:
        return self.at

    def move(self, **by: float) -> None:
        self.at += timedelta(**by)


_FORMS = [(row.method, re.compile(re.sub(r"\{\w+\}", "[^/]+", row.path)), row.reply) for row in ROWS]


def form_of(method: str, path: str) -> str:
    return next(form for known, pattern, form in _FORMS if known == method and pattern.fullmatch(path))


@dataclass
class Caller:
    """Somebody with a key. Every reply to it is held against its form."""

    client: httpx2.AsyncClient
    key: str
    id: str = ""

    async def ask(
        self,
        method: str,
        path: str,
        body: Wire | bytes | None = None,
        *,
        headers: dict[str, str] | None = None,
        **query: Any,
    ) -> httpx2.Response:
        sent = {"authorization": f"Bearer {self.key}"} if self.key else {}
        raw = body if isinstance(body, bytes) or body is None else msgspec.json.encode(body)
        if raw is not None:
            sent["content-type"] = "application/json"
        reply = await self.client.request(
            method, path, content=raw, headers=sent | (headers or {}), params=query or None
        )
        check_form(method, path, reply)
        return reply

    async def get(self, path: str, **query: Any) -> Wire:
        return told(await self.ask("GET", path, **query))

    async def post(self, path: str, **body: Any) -> Wire:
        return told(await self.ask("POST", path, body))

    async def searched(self, **query: Any) -> Wire:
        return await self.get("/v1/offers", **({"vertical": "sim"} | query))

    async def recommended(self, offer_id: str = "offer-60", session_id: str = "") -> Wire:
        """A recommendation in a search of its own, with that search's id."""
        session_id = session_id or (await self.searched())["sessionId"]
        made = await self.post("/v1/recommend", sessionId=session_id, offerId=offer_id)
        return made | {"sessionId": session_id}

    async def handed_off(self, offer_id: str = "offer-60", **more: Any) -> Wire:
        made = await self.recommended(offer_id)
        ids = {name: made[name] for name in ("sessionId", "recommendationId")}
        return ids | await self.post("/v1/checkout", **ids, **more)

    async def rpc(self, method: str, params: Wire | None = None) -> Wire:
        message = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params or {}}
        reply = await self.client.post(
            "/v1/mcp", json=message, headers={"authorization": f"Bearer {self.key}"}
        )
        assert reply.status_code == 200, reply.text
        return reply.json()

    async def use(self, tool: str, **arguments: Any) -> Wire:
        """The result of a tool, whatever it is."""
        answer = await self.rpc("tools/call", {"name": tool, "arguments": arguments})
        return answer["result"]


def told(reply: httpx2.Response) -> Wire:
    assert reply.status_code == 200, reply.text
    return reply.json()


def check_form(method: str, path: str, reply: httpx2.Response) -> None:
    form = form_of(method, path) if reply.status_code == 200 else "error"
    if reply.status_code == 302 or not form:
        return
    assert reply.headers["content-type"] == "application/json", reply.text
    assert SCHEMAS[form].check(reply.json()) == (), reply.text
    if form == "error":
        assert list(reply.json()) == ["error"]


@dataclass
class Town:
    """The binding with the buyers' pages beside it, the engine under both, and a worker."""

    pool: Pool
    setup: Setup
    clock: SetClock
    psp: MockPayment
    faults: list[tuple[str, str, tuple[Violation, ...]]]
    lines: Lines
    site: str = SITE
    options: Wire = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.engine = Engine(self.setup)
        self.codes = Codes(self.pool, SECRET, ISSUER)
        self.network = Network(self.setup, self.engine, PostgresOffers(self.pool), self.codes)
        self.ledger = Ledger(self.setup, self.codes)
        self.sources = Sources(self.pool, SECRET)
        self.methods = StoredMethods(self.setup, SECRET)
        transport = httpx2.ASGITransport(self.application())
        self.client = httpx2.AsyncClient(transport=transport, base_url=self.site)

    def with_(self, **options: Any) -> "Town":
        """The same shop behind a binding that is built otherwise."""
        return Town(
            self.pool, self.setup, self.clock, self.psp, self.faults, self.lines, self.site, options
        )

    def application(self) -> ASGIApp:
        settings: Wire = {"per_minute": 10_000, "teaches": True} | self.options
        binding = Binding(
            engine=self.engine,
            network=self.network,
            ledger=self.ledger,
            codes=self.codes,
            sources=self.sources,
            methods=self.methods,
            schemas=SCHEMAS,
            site_of=lambda _, merchant_id: {"shop": SITE, "other": OTHER_SITE}[merchant_id],
            is_served=lambda request: request.url.hostname != "evil.test",
            page_path=links.checkout_path,
            back_path=links.back_path,
            on_fault=lambda *fault: self.faults.append(fault),
            version="1.2.3",
            **settings,
        )
        pages = Pages(engine=self.engine, shop_of=_shop_of, payments=self.on_page, secret=SECRET)
        return wrap(
            Starlette(routes=[*binding.routes(), *pages.routes()]),
            lines=self.lines,
            metrics=Metrics(),
            refuse=binding.refuse,
            # On a machine that does other things the loop is late; that is tested elsewhere.
            limits=Limits(lag_max_s=None),
            accepts=forms_under("/checkout/"),
        )

    async def on_page(self, merchant_id: str, total: Money, session: str) -> OnPage | None:
        return await self.psp.on_page(merchant_id, total, session)

    # --- people ---

    async def caller(self, kind: CredentialKind, id_: str, merchant_id: str = "shop") -> Caller:
        return Caller(self.client, await issued(self.pool, kind, id_, merchant_id), id_)

    async def agent(self, id_: str = "agent_1") -> Caller:
        return await self.caller(CredentialKind.AGENT, id_)

    async def merchant(self, id_: str = "shop") -> Caller:
        return await self.caller(CredentialKind.MERCHANT, id_, id_)

    def nobody(self) -> Caller:
        return Caller(self.client, "")

    async def source(self, *milestones: str, id_: str = "", merchant_id: str = "shop") -> "Teller":
        id_ = id_ or f"source-{uuid.uuid4().hex[:8]}"
        source = await self.sources.register(merchant_id, id_, milestones=milestones)
        return Teller(self, source)

    # --- what is written ---

    async def work(self) -> None:
        """Let a worker write the orders into the ledger."""
        delivery = deliver.Delivery(
            pool=self.pool,
            renderers={},
            deliverers={JobKind.EVIDENCE: EvidenceDeliverer(self.ledger)},
        )
        for _ in range(STEPS_MAX):
            if not await deliver.run_once(delivery):
                return

    async def checkout(self, transaction_id: str, merchant_id: str = "shop") -> Checkout:
        id_ = id_of_ulid(transaction_id)
        assert id_ is not None
        async with read(self.pool) as db:
            stored = await load_checkout_of_any(db, merchant_id, id_)
        assert stored is not None
        return stored.checkout

    async def count(self, table: str) -> int:
        async with read(self.pool) as db:
            return await db.fetchval(f"select count(*) from {table}")

    async def sql(self, text: str, *values: object) -> None:
        async with statement(self.pool) as tx:
            await tx.execute(text, *values)


@dataclass
class Teller:
    """A source of evidence that signs what it tells."""

    town: Town
    source: Source

    async def tell(
        self,
        event: Wire | bytes,
        *,
        secret: str | None = None,
        moment: float | None = None,
        headers: dict[str, str] | None = None,
    ) -> httpx2.Response:
        raw = event if isinstance(event, bytes) else msgspec.json.encode(event)
        at = str(int(self.town.clock.now().timestamp() if moment is None else moment))
        signature = signature_of(self.source.secret if secret is None else secret, at, raw)
        signed = {"x-aap-signature": f"t={at},v1={signature}"} if headers is None else headers
        return await self.town.nobody().ask("POST", f"/v1/evidence/{self.source.id}", raw, headers=signed)


def _shop_of(request: Request) -> Shop | None:
    return Shop(merchant_id="shop", title="Shop", origin=SITE)


def merchant(name: str) -> Merchant:
    return Merchant(
        id=name,
        title=name.title(),
        currency="GBP",
        home_country="GB",
        mail_sender=f"{name}@example.com",
        complete_addresses=False,
    )


@pytest.fixture
async def here(database: str, tmp_path: Path, lines: Lines) -> AsyncIterator[Town]:
    """Two merchants with three offers each; the second one cannot be paid."""
    clock = SetClock()
    psp = MockPayment(_listings(MOCK)[MOCK], tmp_path / "mock-payments", clock)
    async with open_pool(database, size=6, name="tests") as pool:
        await import_shop(pool, "shop", "GBP", write_shop(tmp_path / "shop"))
        await import_shop(pool, "other", "GBP", write_shop(tmp_path / "other", "other-"))
        setup = Setup(
            pool=pool,
            merchants={name: merchant(name) for name in ("shop", "other")},
            quoting=Quoting.over(pool),
            payments={"shop": {MOCK: psp}, "other": {}},
            vaults={"shop": (MOCK, psp)},
            clock=clock,
            renderers={PAGES: PageRenderer()},
        )
        town = Town(pool, setup, clock, psp, [], lines)
        yield town
        assert town.faults == [], "a reply of ours is not of its form"


@pytest.fixture
async def agent(here: Town) -> Caller:
    return await here.agent()


@pytest.fixture
async def shop(here: Town) -> Caller:
    """The merchant's own key."""
    return await here.merchant()
