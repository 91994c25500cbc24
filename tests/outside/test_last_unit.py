"""The last piece of one product, wanted at the same moment by four buyers, one for each protocol."""

import asyncio
import json
import os
import uuid
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import msgspec
import pytest_asyncio

from tests.credentials import issued
from tests.outside.calling import PINNED, payment
from tests.pages.browser import Buyer
from tests.serving import Server, server, until_async
from ucp_server.handlers.payment_mock.books import Record
from ucp_server.plugins import MOCK
from ucp_server.store.credentials import CredentialKind
from ucp_server.store.database import Pool, open_pool, statement

Wire = dict[str, Any]

# The whole run has 100; each takes about a second and a half.
ROUNDS = int(os.environ.get("LAST_UNIT_ROUNDS", "5"))
# Below what an agent may ask in a minute, at three calls in each round.
ROUNDS_PER_AGENT = 15
ITEM, OFFER = "lantern", "offer-lantern"
APP, PRODUCT = str(uuid.UUID(int=1)), str(uuid.UUID(int=2))
UCP = "/ucp/2026-01-11/checkout-sessions"
C2A = "/api/v1/c2a"
ANSWERED_WITHIN_S = 30.0
FILES = {
    "products": "id,title,price,category\nlantern,The last lantern,4200,vouchers\n",
    "categories": "id,title,ships\nvouchers,Vouchers,no\n",
    "inventory": "product_id,quantity\nlantern,1\n",
    "customers": "id,name,email\nana,Ana Ruiz,ana@buyer.example\n",
    "offers": "id,item_id,vertical,provider,active,commission_type,commission_value\n"
    "offer-lantern,lantern,energy,Lights,yes,cpa,100\n",
    "apps": f"id,name\n{APP},Lanterns\n",
    "app_products": f"app_id,id,item_id,fulfillment\n{APP},{PRODUCT},lantern,manual\n",
    "bundles": "id,group,title,item_id\nlight,Lights,A lantern,lantern\n",
}

# Asks for the piece at once; whether it was sold to this buyer.
Grab = Callable[[], Awaitable[bool]]


@dataclass
class Street:
    shop: Server
    pool: Pool
    client: httpx2.AsyncClient
    data: Path
    agent: str = ""

    @property
    def keys(self) -> Wire:
        made: Wire = json.loads((self.data / "demo-credentials.json").read_text())
        return made

    async def put_out(self) -> None:
        """One piece on the shelf."""
        async with statement(self.pool) as tx:
            await tx.execute("update inventory set on_hand = 1, reserved = 0")

    async def new_agent(self) -> None:
        self.agent = await issued(self.pool, CredentialKind.AGENT, uuid.uuid4().hex)

    async def post(self, path: str, body: Wire | None, **headers: str) -> httpx2.Response:
        sent = {name.replace("_", "-"): text for name, text in headers.items()}
        return await self.client.post(path, json=body, headers=sent)

    # --- the four: each comes as far as it can without paying ---

    async def ucp(self) -> Grab:
        agent = {"UCP_Agent": f'profile="{PINNED}"'}
        lines = [{"item": {"id": ITEM}, "quantity": 1}]
        made = await self.post(UCP, {"line_items": lines, "currency": "EUR", "payment": {}}, **agent)
        assert made.status_code == 201, made.text

        async def grab() -> bool:
            path = f"{UCP}/{made.json()['id']}/complete"
            reply = await self.post(path, payment("success_token", MOCK), **agent)
            if reply.status_code == 200:
                return reply.json()["status"] == "completed"
            assert reply.status_code == 400, reply.text
            assert "out_of_stock" in reply.text
            return False

        return grab

    async def chipp(self) -> Grab:
        key = {"Authorization": f"Bearer {self.keys['acp']['api_key']}"}
        path = f"/acp/{APP}/checkout_sessions"
        made = await self.post(path, {"line_items": [{"product_id": PRODUCT}]}, **key)
        assert made.status_code == 201, made.text

        async def grab() -> bool:
            reply = await self.post(f"{path}/{made.json()['data']['id']}/complete", None, **key)
            if reply.status_code == 200:
                return reply.json()["data"]["checkout_session"]["status"] == "completed"
            assert reply.status_code == 400, reply.text
            assert list(reply.json()) == ["error"]
            return False

        return grab

    async def c2a(self) -> Grab:
        known = self.keys["c2a"]
        headers = {"x_tn": known["tenant"], "x_api_key": known["api_key"]}
        urn = known["customer_urn"]
        context = {"interactionType": "NewAcquisition", "customerUrn": urn}
        offered = await self.post(f"{C2A}/offer/bundles", {"context": context}, **headers)
        assert offered.status_code == 200, offered.text
        stored = {"useStoredMethod": True, "storedMethodUrn": known["stored_method_urn"]}
        body = {
            "order": {
                "offerIdentifier": offered.json()["offer"]["offerIdentifier"],
                "items": [{"itemIdentifier": "light"}],
                "customer": {"customerUrn": urn},
            },
            "paymentMethod": {
                "paymentChannel": "CreditCard",
                "useStoredMethod": True,
                "creditCard": stored,
            },
        }

        async def grab() -> bool:
            reply = await self.post(f"{C2A}/offer/checkout", body, **headers)
            if reply.status_code == 409:
                assert reply.json()["trackingNumber"] is None
                return False
            assert reply.status_code == 202, reply.text
            asked = {name.replace("_", "-"): text for name, text in headers.items()}
            told: list[str] = []

            async def is_decided() -> bool:
                status = await self.client.get(reply.headers["location"], headers=asked)
                told.append(status.json()["status"]["messageCode"])
                return told[-1] != "CHECK_OUT_PROCESSING"

            await until_async(is_decided, within_s=ANSWERED_WITHIN_S)
            assert told[-1] in {"CHECK_OUT_DONE", "CHECK_OUT_FAILED"}
            return told[-1] == "CHECK_OUT_DONE"

        return grab

    async def aap(self) -> Grab:
        key = {"Authorization": f"Bearer {self.agent}"}
        found = await self.client.get("/v1/offers", headers=key, params={"vertical": "energy"})
        session = found.json()["sessionId"]
        made = await self.post("/v1/recommend", {"sessionId": session, "offerId": OFFER}, **key)
        ids = {"sessionId": session, "recommendationId": made.json()["recommendationId"]}
        handed = await self.post("/v1/checkout", ids, **key)
        assert handed.status_code == 200, handed.text
        buyer = Buyer(self.client)
        page = await buyer.open(handed.json()["checkoutUrl"])
        assert "pay" in page.buttons(), page.text

        async def grab() -> bool:
            after = await buyer.press(page, "pay")
            return "/order/" in after.url

        return grab

    def charges(self) -> int:
        """What the provider holds or took, over all its keys."""
        latest: dict[str, tuple[int, Path]] = {}
        for path in (self.data / "mock-payments").rglob("*.json"):
            digest, number, _ = path.name.split(".")
            latest[digest] = max(latest.get(digest, (0, path)), (int(number), path))
        records = [msgspec.json.decode(path.read_bytes(), type=Record) for _, path in latest.values()]
        return sum(record.status == "approved" for record in records)


@pytest_asyncio.fixture
async def street(database: str, tmp_path: Path) -> AsyncIterator[Street]:
    files = tmp_path / "shop"
    files.mkdir()
    for name, text in FILES.items():
        (files / f"{name}.csv").write_text(text)
    async with (
        server(database, tmp_path, "--import", str(files), mode="demo", workers=2) as shop,
        open_pool(database, size=2, name="tests") as pool,
        httpx2.AsyncClient(base_url=shop.http, timeout=ANSWERED_WITHIN_S) as client,
    ):
        yield Street(shop, pool, client, tmp_path / "data")


async def test_the_last_piece_is_sold_once_whatever_the_buyers_speak(street: Street) -> None:
    winners: Counter[str] = Counter()
    for number in range(ROUNDS):
        if number % ROUNDS_PER_AGENT == 0:
            await street.new_agent()
        await street.put_out()
        before = street.charges()
        buyers = {kind: await getattr(street, kind)() for kind in ("ucp", "chipp", "c2a", "aap")}
        sold = await asyncio.gather(*(grab() for grab in buyers.values()))
        assert sum(sold) == 1, dict(zip(buyers, sold, strict=True))
        winners.update(kind for kind, won in zip(buyers, sold, strict=True) if won)
        assert street.charges() == before + 1
    async with street.pool.connection() as connection:
        orders = await connection.fetchval("select count(*) from orders")
        held = await connection.fetchval("select sum(reserved) from inventory")
    assert (orders, held) == (ROUNDS, 0)
    print(f"{ROUNDS} rounds: {dict(winners)}")
