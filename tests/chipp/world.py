"""A shop that sells as two apps, over a real Postgres: asked in this process, or in one that dies."""

import asyncio
import contextlib
import dataclasses
import hashlib
import os
import uuid
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2
import msgspec
from starlette.requests import Request
from starlette.types import ASGIApp

from tests.engine.world import QUICK, FilePsp, SetClock
from tests.store.shops import execute, written
from tests.ucp.conftest import patient
from ucp_server.app import _application
from ucp_server.asgi.checker import Violation
from ucp_server.asgi.lines import Lines
from ucp_server.asgi.metrics import Metrics
from ucp_server.asgi.stack import wrap
from ucp_server.chipp.binding import Binding
from ucp_server.chipp.replies import BINDING, Replies
from ucp_server.chipp.schema import Schemas
from ucp_server.chipp.webhooks import OrderEvents
from ucp_server.domain.checkout import Instrument
from ucp_server.domain.events import Delivered, DeliveryOutcome, Job, JobKind
from ucp_server.domain.merchant import Merchant
from ucp_server.domain.money import Money
from ucp_server.engine.orders import Orders
from ucp_server.engine.quoting import Quoting
from ucp_server.engine.runner import Engine
from ucp_server.engine.settling import MoneyDeliverer
from ucp_server.engine.setup import Setup, Timings
from ucp_server.engine.tooling import ToolDeliverer
from ucp_server.handlers.fetch_guarded import GuardedFetch
from ucp_server.handlers.tools_http import HttpTools
from ucp_server.ports import Credential, OnPage
from ucp_server.resources import folder
from ucp_server.store.apps import WebhookSecrets
from ucp_server.store.catalog import PostgresCatalog
from ucp_server.store.database import Pool
from ucp_server.store.importing import import_shop
from ucp_server.worker.deliver import Delivery, run_once
from ucp_server.worker.subscribers import BySubscriber

Wire = dict[str, Any]

SITE = "https://shop.test"
APP, OTHER_APP, FOREIGN_APP = (str(uuid.UUID(int=n << 64 | 4 << 76 | 8 << 60)) for n in (1, 2, 3))
KEY, OTHER_KEY, FOREIGN_KEY, REVOKED_KEY = (f"acp_{letter * 32}" for letter in "abcd")
AUDIT, REPORT, CHAIR, LAST, GONE, MUTE, DUO = (str(uuid.UUID(int=n)) for n in range(0x10, 0x17))
# Tools are waited for as long as a busy machine needs, or not at all.
PATIENT = dataclasses.replace(QUICK, served_within_s=30.0)
HURRIED = dataclasses.replace(QUICK, served_within_s=0.0)
# Nor for a payment that takes its time.
HASTY = dataclasses.replace(HURRIED, answer_within_s=0.05)
SECRET = b"a secret of thirty-two characters"
SCHEMAS = Schemas(folder("schemas") / "chipp")

SHOP = Merchant(id="shop", title="Shop", currency="EUR", home_country="DE", mail_sender="shop@example.com")
FILES = {
    "products": (
        "id,title,price,category,description\n"
        "audit,Site audit,4200,service,We look at your site.\n"
        "report,Report,900,service,\n"
        "chair,Chair,8000,things,\n"
        "last,Last one,100,service,\n"
    ),
    "categories": "id,title,ships\nservice,Services,no\nthings,Things,yes\n",
    "inventory": "product_id,quantity\nlast,1\naudit,1000\nreport,1000\nchair,1000\n",
    "shipping_rates": (
        "id,country_code,service_level,price,title\n"
        "slow,default,standard,500,Slow\nquick,default,express,1500,Quick\n"
    ),
}
# id, item, sku, fulfilment, tools, whether it is offered
PRODUCTS = (
    (AUDIT, "audit", "AUD-2", "automatic", ["run_audit"], True),
    (REPORT, "report", "REP-1", "manual", ["run_audit"], True),
    (CHAIR, "chair", "CH-1", "manual", [], True),
    (LAST, "last", "LA-1", "manual", [], True),
    (GONE, "audit", "AUD-1", "manual", [], False),
    (MUTE, "audit", "AUD-3", "automatic", [], True),
    (DUO, "audit", "AUD-4", "automatic", ["run_audit", "send_report"], True),
)
BUYER: Wire = {"name": "Ana Ruiz", "email": "ana@buyer.example", "phone": "+34-600-0000"}
HOME: Wire = {
    "line1": "Calle Sol 8",
    "line2": "2B",
    "city": "Soria",
    "state": "SO",
    "postal_code": "42001",
    "country": "ES",
}


class AccountPsp(FilePsp):
    """Pays by an account on file, as ``token`` says."""

    token = "success_token"
    has_account = True

    async def on_page(self, merchant_id: str, total: Money, session: str) -> OnPage | None:
        if not self.has_account:
            return None
        instrument = Instrument(id="account", handler_id="psp", type="account")
        credential = Credential(type="token", members={"token": self.token})
        return OnPage(instrument=instrument, credential=credential)


@dataclass
class Mailbox:
    got: list[Job] = field(default_factory=list)

    async def deliver(self, job: Job, rendered: bytes) -> DeliveryOutcome:
        self.got.append(job)
        return Delivered()


def refuse_faults(*fault: str | tuple[Violation, ...]) -> None:
    raise AssertionError(fault)


@dataclass
class Market:
    """The shop and its background. ``client`` asks the application; replies are held to their form."""

    pool: Pool
    setup: Setup
    psp: AccountPsp
    clock: SetClock
    delivery: Delivery
    application: ASGIApp
    secrets: WebhookSecrets
    mailbox: Mailbox

    def __post_init__(self) -> None:
        transport = httpx2.ASGITransport(patient(self.application))
        self.client = httpx2.AsyncClient(transport=transport, base_url=SITE)

    @property
    def orders(self) -> Orders:
        return Orders(self.setup)

    async def ask(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        app: str = APP,
        key: str | None = KEY,
        idempotency_key: str | None = None,
        headers: dict[str, Any] | None = None,
    ) -> httpx2.Response:
        sent = dict(headers or {})
        if key is not None:
            sent["Authorization"] = f"Bearer {key}"
        if idempotency_key is not None:
            sent["Idempotency-Key"] = idempotency_key
        raw = body if isinstance(body, bytes | None) else msgspec.json.encode(body)
        if raw is not None:
            sent.setdefault("Content-Type", "application/json")
        reply = await self.client.request(method, f"/acp/{app}{path}", content=raw, headers=sent)
        self._check(method, path, reply)
        return reply

    def _check(self, method: str, path: str, reply: httpx2.Response) -> None:
        assert reply.headers["content-type"] == "application/json"
        good = {
            "complete": "completed",
            "cancel": "canceled",
            "products": "products",
            "agent.json": "agent",
        }
        form = good.get(path.rpartition("/")[2], "order" if path.startswith("/orders") else "session")
        if reply.status_code >= 400:
            form = "unauthorized" if reply.status_code == 401 else "error"
        assert SCHEMAS.replies[form].check(reply.json()) == (), (method, path, reply.text)

    async def create(self, *products: str, **more: Any) -> Wire:
        """A new session; one audit unless ``products`` are named."""
        lines = [{"product_id": product} for product in products or (AUDIT,)]
        reply = await self.ask("POST", "/checkout_sessions", {"line_items": lines, **more})
        assert reply.status_code == 201, reply.text
        return reply.json()["data"]

    async def get(self, session: Wire) -> Wire:
        reply = await self.ask("GET", f"/checkout_sessions/{session['id']}")
        assert reply.status_code == 200, reply.text
        return reply.json()["data"]

    async def act(self, session: Wire, action: str) -> httpx2.Response:
        return await self.ask("POST", f"/checkout_sessions/{session['id']}/{action}")

    async def change(self, session: Wire, **fields: Any) -> httpx2.Response:
        return await self.ask("POST", f"/checkout_sessions/{session['id']}", fields)

    async def charged(self) -> int:
        """How many payments the provider holds money for."""
        with self.psp.books() as books:
            return sum(known.status == "approved" for known in books.authorisations.values())

    async def work_off(self, rounds: int = 3) -> None:
        for _ in range(rounds):
            await execute(self.pool, "update outbox set next_at = now() where state = 'pending'")
            await run_once(self.delivery)

    @contextlib.asynccontextmanager
    async def working(self) -> AsyncIterator[None]:
        """With somebody who does the jobs as they come."""

        async def work() -> None:
            while True:
                await run_once(self.delivery)
                await asyncio.sleep(0.02)

        task = asyncio.create_task(work())
        try:
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


async def fill(pool: Pool, folder: Path) -> None:
    """The shop's tables, its apps and their keys."""
    await import_shop(pool, "shop", "EUR", written(folder, **FILES))
    for merchant, app, handler in (
        ("shop", APP, "psp"),
        ("shop", OTHER_APP, ""),
        ("elsewhere", FOREIGN_APP, ""),
    ):
        await execute(pool, "insert into handles values ('app', $1, $2)", app, merchant)
        await execute(
            pool,
            "insert into apps (merchant_id, id, name, description, handler_id)"
            " values ($1, $2, 'Audits', 'Sites, looked at.', $3)",
            *(merchant, app, handler),
        )
        for product, item, sku, fulfillment, tools, is_active in PRODUCTS:
            sql = "insert into app_products values ($1, $2, $3, $4, $5, $6, $7, $8)"
            await execute(pool, sql, merchant, app, product, item, sku, fulfillment, tools, is_active)
    for merchant, app, key in (
        ("shop", APP, KEY),
        ("shop", OTHER_APP, OTHER_KEY),
        ("elsewhere", FOREIGN_APP, FOREIGN_KEY),
        ("shop", APP, REVOKED_KEY),
    ):
        sql = (
            "insert into credentials (merchant_id, id, platform_id, kind, secret_hash)"
            " values ($1, $2, $3, 'app', $4)"
        )
        digest = hashlib.sha256(key.encode()).digest()
        await execute(pool, sql, merchant, str(uuid.uuid4()), app, digest)
    revoked = hashlib.sha256(REVOKED_KEY.encode()).digest()
    await execute(pool, "update credentials set revoked_at = now() where secret_hash = $1", revoked)


async def put_tool(pool: Pool, tool: str, url: str, timeout_s: int = 2) -> None:
    await execute(pool, "insert into tools values ('shop', $1, $2, $3)", tool, url, timeout_s)


async def listen_at(pool: Pool, url: str) -> None:
    await execute(pool, "update apps set webhook_url = $1 where id = $2", url, APP)


def site_of(_: Request, merchant_id: str) -> str:
    assert merchant_id == "shop"
    return SITE


def open_market(pool: Pool, books: Path, fetch: GuardedFetch, timings: Timings = PATIENT) -> Market:
    psp, clock = AccountPsp(books), SetClock()
    replies = Replies(schemas=SCHEMAS, on_fault=refuse_faults)
    setup = Setup(
        pool=pool,
        merchants={"shop": SHOP},
        quoting=Quoting.over(pool),
        payments={"shop": {"psp": psp}},
        clock=clock,
        renderers={BINDING: replies},
        timings=timings,
    )
    engine = Engine(setup)
    binding = Binding(
        engine=engine,
        catalog=PostgresCatalog(pool),
        replies=replies,
        site_of=site_of,
        is_served=lambda request: request.url.hostname != "nobody.test",
    )
    secrets = WebhookSecrets(pool, SECRET)
    events = OrderEvents(schemas=SCHEMAS, secrets=secrets, fetch=fetch, clock=clock, on_fault=refuse_faults)
    money, tools, mailbox = MoneyDeliverer(setup), ToolDeliverer(setup, HttpTools(fetch)), Mailbox()
    delivery = Delivery(
        pool=pool,
        renderers={BINDING: events.render, "mail": lambda _: b"mail"},
        deliverers={
            JobKind.WEBHOOK: BySubscriber({BINDING: events}),
            JobKind.MAIL: mailbox,
            JobKind.CAPTURE: money,
            JobKind.VOID: money,
            JobKind.REFUND: money,
            JobKind.TOOL: tools,
        },
        on_parked={JobKind.TOOL: tools.give_up, JobKind.CAPTURE: money.give_up},
    )
    application = wrap(
        _application(binding.routes(), binding.refuse),
        lines=Lines(os.open(os.devnull, os.O_WRONLY)),
        metrics=Metrics(),
        refuse=binding.refuse,
    )
    return Market(
        pool=pool,
        setup=setup,
        psp=psp,
        clock=clock,
        delivery=delivery,
        application=application,
        secrets=secrets,
        mailbox=mailbox,
    )
