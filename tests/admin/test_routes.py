"""The merchant API over a real engine: what each route does, and how each refusal is told."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx2
import msgspec
import pytest
from starlette.applications import Starlette

from tests.engine.world import SCOPE, call, complete, create, make_setup, psp_of, put_stock
from ucp_server.admin.routes import Admin
from ucp_server.asgi.metrics import Metrics
from ucp_server.domain.errors import RevisionConflict, StoreUnavailable
from ucp_server.domain.events import JobKind
from ucp_server.domain.order import Order
from ucp_server.engine.orders import Orders
from ucp_server.engine.runner import Engine
from ucp_server.engine.settling import MoneyDeliverer
from ucp_server.engine.setup import Setup
from ucp_server.store.database import Pool, open_pool
from ucp_server.worker import deliver
from ucp_server.worker.deliver import Delivery

UNKNOWN = "01890a5d-ac96-774b-bcce-b302099a8057"


@pytest.fixture
def setup(pool: Pool, tmp_path: Path) -> Setup:
    return make_setup(pool, tmp_path / "books.jsonl")


@pytest.fixture
async def order(setup: Setup) -> Order:
    """Two roses (li_1) and a vase (li_2): 5400 minor units."""
    await put_stock(setup.pool, rose=10)
    engine = Engine(setup)
    answer = await engine.run(call(), create(rose=2, vase=1))
    assert answer.checkout_id is not None
    await engine.run(call(), complete(answer.checkout_id))
    return await engine.read_order(SCOPE, answer.checkout_id)


def calling(setup: Setup, orders: Orders | None = None) -> httpx2.AsyncClient:
    admin = Admin(
        orders=orders or Orders(setup), pool=setup.pool, metrics=Metrics(), merchants=frozenset({"shop"})
    )
    transport = httpx2.ASGITransport(Starlette(routes=list(admin.routes())))
    return httpx2.AsyncClient(transport=transport, base_url="http://admin.test")


@pytest.fixture
async def client(setup: Setup) -> AsyncIterator[httpx2.AsyncClient]:
    async with calling(setup) as opened:
        yield opened


def path(order: Order, change: str = "") -> str:
    return f"/merchants/shop/orders/{order.id}{change and '/' + change}"


async def changed(client: httpx2.AsyncClient, order: Order, change: str, **body: Any) -> dict[str, Any]:
    reply = await client.post(path(order, change), json=body)
    assert reply.status_code == 200, reply.text
    found: dict[str, Any] = reply.json()
    return found


async def test_an_order_is_shown_by_either_spelling_of_its_id(client: httpx2.AsyncClient, order: Order):
    for spelled in (order.id, f"ord_{UUID(order.id).hex}"):
        reply = await client.get(f"/merchants/shop/orders/{spelled}")
        assert (reply.status_code, reply.json()["version"]) == (200, 1)
        assert reply.headers["content-type"] == "application/json"


async def test_each_change_answers_with_the_whole_order_after_it(client: httpx2.AsyncClient, order: Order):
    rose = [{"line_id": "li_1", "quantity": 1}]
    url = "https://post.example/track?n=1%202#top"
    sent = await changed(client, order, "ship", lines=rose, carrier="Post", tracking_url=url)
    assert sent["events"][0]["tracking_url"] == url
    assert len((await changed(client, order, "deliver", lines=rose))["events"]) == 2
    assert len((await changed(client, order, "return", lines=rose, text="too red"))["adjustments"]) == 1
    assert (await changed(client, order, "refund", amount_minor=1200))["adjustments"][1][
        "amount_minor"
    ] == 1200
    done = await changed(client, order, "cancel")
    assert done["adjustments"][2]["lines"] == [
        {"line_id": "li_1", "quantity": 1},
        {"line_id": "li_2", "quantity": 1},
    ]
    assert done["version"] == 6


@pytest.mark.parametrize("change", ["ship", "deliver", "cancel"])
async def test_no_body_means_everything(client: httpx2.AsyncClient, order: Order, change: str):
    reply = await client.post(path(order, change))
    assert (reply.status_code, reply.json()["version"]) == (200, 2)


@pytest.mark.parametrize(
    ("change", "body", "said"),
    [
        ("ship", b"[]", "object"),
        ("ship", b'{"carrier": "\\u0000"}', "U+0000"),
        ("ship", b'{"carrier": "\\ud800"}', "JSON"),
        ("ship", b'{"lines": [{"line_id": "li_1"}]}', "quantity"),
        ("ship", b'{"lines": 1}', "lines"),
        ("ship", b'{"tracking_no": "1"}', "tracking_no"),
        ("cancel", b'{"line": []}', "line"),
        ("cancel", b'{"text": "a", "text": "b"}', "twice"),
        ("return", b"{}", "lines"),
        ("refund", b"{}", "amount_minor"),
        ("refund", b'{"amount_minor": 1.5}', "int"),
        ("refund", b'{"amount_minor": 9007199254740993}', "2^53"),
        ("refund", b"{", "JSON"),
    ],
)
async def test_a_body_of_another_form_is_refused(
    client: httpx2.AsyncClient, order: Order, change: str, body: bytes, said: str
):
    reply = await client.post(path(order, change), content=body)
    assert (reply.status_code, reply.json()["code"]) == (400, "invalid_request")
    assert said in reply.json()["content"]
    assert (await client.get(path(order))).json()["version"] == 1


@pytest.mark.parametrize(
    ("change", "body"),
    [
        ("ship", {"lines": [{"line_id": "li_1", "quantity": 3}]}),
        ("ship", {"lines": [{"line_id": "li_9", "quantity": 1}]}),
        ("ship", {"tracking_url": "javascript:alert(1)"}),
        ("ship", {"tracking_url": "https://post.example/a b"}),
        ("deliver", {"tracking_url": "//post.example"}),
        ("return", {"lines": [{"line_id": "li_1", "quantity": 1}]}),
        ("cancel", {"lines": [{"line_id": "li_1", "quantity": 0}]}),
        ("refund", {"amount_minor": 5401}),
        ("refund", {"amount_minor": 0}),
    ],
)
async def test_what_an_order_does_not_allow_is_refused(
    client: httpx2.AsyncClient, order: Order, change: str, body: dict[str, Any]
):
    reply = await client.post(path(order, change), json=body)
    assert (reply.status_code, reply.json()["code"]) == (409, "adjustment_refused"), reply.text


@pytest.mark.parametrize(
    "wrong",
    [f"/merchants/shop/orders/{UNKNOWN}", "/merchants/shop/orders/x", "/merchants/nobody/orders/{id}"],
)
async def test_what_is_not_there_is_not_found(client: httpx2.AsyncClient, order: Order, wrong: str):
    bodies = {"ship": {}, "deliver": {}, "cancel": {}, "refund": {"amount_minor": 1}}
    for change, body in bodies.items():
        reply = await client.post(f"{wrong.format(id=order.id)}/{change}", json=body)
        assert (reply.status_code, reply.json()["code"]) == (404, "not_found"), change
    assert (await client.get(wrong.format(id=order.id))).status_code == 404


async def test_money_that_cannot_be_taken_is_listed_with_its_job(
    client: httpx2.AsyncClient, setup: Setup, order: Order
):
    psp_of(setup).declines_settlements = True
    money = MoneyDeliverer(setup)
    delivery = Delivery(
        pool=setup.pool,
        renderers={},
        deliverers={JobKind.CAPTURE: money},
        on_parked={JobKind.CAPTURE: money.give_up},
    )
    assert (await client.get("/merchants/shop/orders/unpaid")).json() == {"orders": []}
    await deliver.run_once(delivery)
    (unpaid,) = (await client.get("/merchants/shop/orders/unpaid")).json()["orders"]
    assert unpaid["id"] == order.id
    (job,) = (await client.get("/merchants/shop/jobs")).json()["jobs"]
    assert (job["kind"], job["state"], job["last_error"]) == ("capture", "parked", "The bank said no.")
    psp_of(setup).declines_settlements = False
    assert (await client.post(f"/merchants/shop/jobs/{job['id']}/resend")).json() == {"jobs": 1}
    await deliver.run_once(delivery)
    assert (await client.get(path(order))).json()["payment"] == "captured"
    assert (await client.get("/merchants/shop/jobs")).json() == {"jobs": []}


async def test_a_job_that_does_not_wait_is_not_sent_again(client: httpx2.AsyncClient, order: Order):
    assert (await client.post(f"/merchants/shop/jobs/{UNKNOWN}/resend")).json() == {"jobs": 0}
    assert (await client.post("/merchants/shop/jobs/resend")).json() == {"jobs": 0}
    assert (await client.post("/merchants/shop/jobs/x/resend")).status_code == 400


class _Refusing(Orders):
    """Others are always faster, or the store is gone."""

    async def ship(self, *_: Any) -> Order:
        raise RevisionConflict

    async def cancel(self, *_: Any) -> Order:
        raise StoreUnavailable


async def test_what_passes_is_told_apart_from_what_does_not(setup: Setup, order: Order):
    async with calling(setup, _Refusing(setup)) as client:
        assert (await client.post(path(order, "ship"))).status_code == 409
        assert (await client.post(path(order, "cancel"))).status_code == 503


async def test_readiness_is_that_of_the_store(database: str, tmp_path: Path):
    async with open_pool(database, size=2, name="admin") as pool:
        setup = make_setup(pool, tmp_path / "books.jsonl")
        async with calling(setup) as client:
            assert (await client.get("/readyz")).json() == {"ready": True}
    async with calling(setup) as client:
        gone = await client.get("/readyz")
        assert (gone.status_code, gone.json()["code"]) == (503, "store_unavailable")


async def test_metrics_are_in_the_text_format(client: httpx2.AsyncClient):
    reply = await client.get("/metrics")
    assert reply.headers["content-type"].startswith("text/plain; version=0.0.4")
    assert "# TYPE ucp_server_requests_total counter" in reply.text


async def test_no_page_in_a_browser_changes_anything(client: httpx2.AsyncClient, order: Order) -> None:
    for change in ("cancel", "ship"):
        reply = await client.post(path(order, change), headers={"Origin": "https://other.example"})
        assert (reply.status_code, reply.json()["code"]) == (403, "forbidden")
    assert (await client.get(path(order))).json() == msgspec.json.decode(msgspec.json.encode(order))
