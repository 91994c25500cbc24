"""C2A over a real Postgres, asked in this process by backends of the tests, paid by a worker in steps."""

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

from tests.ucp.conftest import patient
from ucp_server.asgi.checker import Violation
from ucp_server.asgi.lines import Lines
from ucp_server.asgi.metrics import Metrics
from ucp_server.asgi.stack import wrap
from ucp_server.c2a.binding import Binding
from ucp_server.c2a.incoming import Shop
from ucp_server.c2a.schema import Document, Schemas
from ucp_server.domain.events import JobKind
from ucp_server.domain.merchant import Merchant
from ucp_server.domain.offering import Bundle
from ucp_server.engine.driving import SubmissionDeliverer
from ucp_server.engine.quoting import Quoting
from ucp_server.engine.runner import Engine
from ucp_server.engine.setup import Setup
from ucp_server.engine.stored_methods import StoredMethods
from ucp_server.engine.submissions import BINDING, SubmissionRenderer, Submissions
from ucp_server.handlers.payment_mock import MockPayment
from ucp_server.issuing import new_secret
from ucp_server.pages.links import checkout_path
from ucp_server.plugins import MOCK, _listings
from ucp_server.resources import folder
from ucp_server.store.bundles import replace_bundles
from ucp_server.store.credentials import CredentialKind, NewCredential, insert_credential, secret_hash
from ucp_server.store.database import Pool, open_pool, statement, transaction
from ucp_server.store.importing import import_shop
from ucp_server.worker import deliver

Wire = dict[str, Any]

SITE = "http://shop.test"
SHOP_FILES = Path(__file__).parents[1] / "ucp" / "shop"
SCHEMAS = Schemas(folder("schemas") / "c2a")
SECRET = b"s" * 32
TENANT = "5b0c8f7e-3f0e-4a54-9d3a-0f6f0c1d2e3f"
OTHER_TENANT = "00000000-0000-4000-8000-000000000002"
CUSTOMER = "cust_1"
VISA = "4242424242424242"
# Steps of a worker until nothing is left to do: far more than any order takes.
STEPS_MAX = 20

BUNDLES = (
    Bundle(id="two-roses", group="Flowers", title="Two bouquets", item_id="roses", quantity=2),
    Bundle(id="a-vase", group="Flowers", title="A vase for them", item_id="vase", parent="two-roses"),
    Bundle(id="voucher", group="Gifts", title="Voucher", item_id="voucher"),
    Bundle(
        id="stay",
        group="Gifts",
        title="Two vouchers, since you stay",
        item_id="voucher",
        quantity=2,
        interaction_types=("RetentionWinback",),
    ),
    Bundle(id="secret", group="Gifts", title="For friends", item_id="voucher", promotion_code="FRIENDS"),
    Bundle(id="corner", group="Gifts", title="At the corner", item_id="voucher", storefront="sf-corner"),
    Bundle(id="gone", group="Flowers", title="Orchids", item_id="orchid"),
    Bundle(id="gone-vase", group="Flowers", title="A vase for orchids", item_id="vase", parent="gone"),
    Bundle(id="late", group="Flowers", title="Gardenias", item_id="gardenias"),
)

# Which document each operation answers with when it went well.
_FORMS: dict[str, Document] = {
    "bundles": "offer_reply",
    "showcase": "offer_reply",
    "list": "method_list_reply",
}


@dataclass
class SetClock:
    """Stands still until a test moves it."""

    at: datetime = field(default_factory=lambda: datetime.now(UTC))

    def now(self) -> datetime:
        return self.at

    def move(self, **by: float) -> None:
        self.at += timedelta(**by)


@dataclass
class Backend:
    """A tenant's backend. Every reply that it gets is held against its schema."""

    client: httpx2.AsyncClient
    tenant: str
    key: str
    prefix: str = "/api/v1/c2a"

    def under(self, prefix: str) -> "Backend":
        return Backend(self.client, self.tenant, self.key, prefix)

    async def ask(
        self,
        method: str,
        path: str,
        body: Wire | bytes | None = None,
        *,
        headers: dict[str, str] | None = None,
        query: dict[str, str] | None = None,
    ) -> httpx2.Response:
        sent = {"x-tn": self.tenant, "x-api-key": self.key, "content-type": "application/json"}
        raw = msgspec.json.encode(body) if isinstance(body, dict) else body
        reply = await self.client.request(
            method, self.prefix + path, content=raw, headers=sent | (headers or {}), params=query
        )
        check_form(path, reply)
        return reply

    async def offer(self, **context: Any) -> Wire:
        """The offer that is made to the customer of the tests."""
        context = {"interactionType": "NewAcquisition", "customerUrn": CUSTOMER} | context
        reply = await self.ask("POST", "/offer/bundles", {"context": context})
        assert reply.status_code == 200, reply.text
        return reply.json()["offer"]

    async def submit(self, *items: str, **changes: Any) -> httpx2.Response:
        """An order out of a fresh offer, paid with a fresh card."""
        offer = changes.pop("offer", None) or (await self.offer())["offerIdentifier"]
        return await self.ask("POST", "/offer/checkout", checkout(offer, *items, **changes))

    async def accepted(self, *items: str, **changes: Any) -> Wire:
        reply = await self.submit(*items, **changes)
        assert reply.status_code == 202, reply.text
        return reply.json()

    async def status(self, result: Wire) -> httpx2.Response:
        return await self.ask("GET", f"/offer/checkout/{result['trackingNumber']}/status")

    async def add(self, **changes: Any) -> Wire:
        reply = await self.ask("POST", "/customer/payment/methods/add", new_method(**changes))
        assert reply.status_code == 200, reply.text
        return reply.json()["paymentMethod"]


def check_form(path: str, reply: httpx2.Response) -> None:
    """Whether a reply has the media type and the form of what was asked."""
    assert reply.headers["content-type"] == "application/clientOutput+Json", reply.text
    last = path.rpartition("/")[2]
    form: Document = "checkout_result"
    if "/offer/checkout" not in path:
        form = _FORMS.get(last, "method_reply") if reply.status_code == 200 else "status_reply"
    assert SCHEMAS[form].check(reply.json()) == (), reply.text


def card(**changes: Any) -> Wire:
    fresh = {
        "cardHolderName": "Ana Ruiz",
        "cardNumber": VISA,
        "expireMonth": "07",
        "expireYear": "2041",
        "cvc": "737",
    }
    return fresh | changes


def checkout(offer: str, *items: str, **changes: Any) -> Wire:
    """A body of /offer/checkout; ``order`` and ``payment`` are laid over its two members."""
    order = {
        "offerIdentifier": offer,
        "items": [{"itemIdentifier": item} for item in items or ("voucher",)],
        "customer": {"customerUrn": CUSTOMER, "ipAddress": "203.0.113.9"},
    }
    payment = {"paymentChannel": "CreditCard", "creditCard": card(**changes.get("card", {}))}
    return {
        "order": order | changes.get("order", {}),
        "paymentMethod": payment | changes.get("payment", {}),
    }


def stored(urn: str) -> Wire:
    """A payment with a stored method, as the page has it: named on both levels."""
    return {"useStoredMethod": True, "creditCard": {"useStoredMethod": True, "storedMethodUrn": urn}}


def new_method(**changes: Any) -> Wire:
    return {"customerUrn": CUSTOMER, "creditCard": card(**changes.pop("card", {})), **changes}


@dataclass
class Town:
    """The binding with all that is under it, and the worker beside it."""

    pool: Pool
    setup: Setup
    clock: SetClock
    psp: MockPayment
    client: httpx2.AsyncClient
    lines: Lines
    log: Path
    faults: list[tuple[str, tuple[Violation, ...]]]
    takes_fresh_cards: bool = True
    site: str = SITE

    async def backend(self, tenant: str = TENANT, name: str = "backend") -> Backend:
        """A backend with a key of its own."""
        merchant = {TENANT: "shop", OTHER_TENANT: "other"}[tenant]
        secret = new_secret(CredentialKind.BACKEND, is_trial=True)
        async with statement(self.pool) as tx:
            await insert_credential(
                tx,
                merchant,
                NewCredential(
                    id=uuid.uuid4(),
                    kind=CredentialKind.BACKEND,
                    platform_id=name,
                    secret_hash=secret_hash(secret),
                ),
            )
        return Backend(self.client, tenant, secret)

    async def work(self) -> None:
        """Let a worker do what is due now, until nothing is."""
        engine = Engine(self.setup)
        delivery = deliver.Delivery(
            pool=self.pool,
            renderers={},
            deliverers={JobKind.SUBMIT: SubmissionDeliverer(self.setup, engine, SECRET)},
        )
        for _ in range(STEPS_MAX):
            if not await deliver.run_once(delivery):
                return

    async def due_again(self) -> None:
        """The pause of what is to be tried again is over."""
        async with statement(self.pool) as tx:
            await tx.execute("update outbox set next_at = now() where state = 'pending'")

    def shop_of(self, request: Request, tenant: str) -> Shop | None:
        merchant = {TENANT: "shop", OTHER_TENANT: "other"}.get(tenant)
        if merchant is None:
            return None
        return Shop(merchant_id=merchant, site=self.site, takes_fresh_cards=self.takes_fresh_cards)

    def application(self, lines: Lines) -> ASGIApp:
        engine = Engine(self.setup)
        binding = Binding(
            engine=engine,
            submissions=Submissions(self.setup, engine, SECRET),
            stored_methods=StoredMethods(self.setup, SECRET),
            schemas=SCHEMAS,
            is_served=lambda request: request.url.hostname != "elsewhere.test",
            shop_of=self.shop_of,
            page_path=checkout_path,
            on_fault=lambda _, form, violations: self.faults.append((form, violations)),
            secret=SECRET,
        )
        wrapped = wrap(
            Starlette(routes=binding.routes()),
            lines=lines,
            metrics=Metrics(),
            refuse=binding.refuse,
        )
        return patient(wrapped)


def merchant(name: str) -> Merchant:
    return Merchant(
        id=name,
        title=name.title(),
        currency="USD",
        home_country="US",
        mail_sender=f"{name}@example.com",
        complete_addresses=False,
    )


@pytest.fixture
async def here(database: str, tmp_path: Path, lines: Lines) -> AsyncIterator[Town]:
    """Two merchants with the same small shop, each of them a tenant."""
    clock = SetClock()
    psp = MockPayment(_listings(MOCK)[MOCK], tmp_path / "mock-payments", clock, stranger="approved")
    async with open_pool(database, size=6, name="tests") as pool:
        for name in ("shop", "other"):
            await import_shop(pool, name, "USD", SHOP_FILES)
            async with transaction(pool) as tx:
                await replace_bundles(tx, name, BUNDLES)
        setup = Setup(
            pool=pool,
            merchants={name: merchant(name) for name in ("shop", "other")},
            quoting=Quoting.over(pool),
            payments={name: {MOCK: psp} for name in ("shop", "other")},
            vaults=dict.fromkeys(("shop", "other"), (MOCK, psp)),
            clock=clock,
            renderers={BINDING: SubmissionRenderer()},
        )
        town = Town(pool, setup, clock, psp, httpx2.AsyncClient(), lines, tmp_path / "access.log", [])
        town.client = httpx2.AsyncClient(
            transport=httpx2.ASGITransport(town.application(lines)), base_url=SITE
        )
        yield town
        assert town.faults == [], "a reply of ours is not of its form"


@pytest.fixture
async def backend(here: Town) -> Backend:
    return await here.backend()
