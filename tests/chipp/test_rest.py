"""The calls in their exact shape, from the first session to the order."""

import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.chipp.world import (
    APP,
    AUDIT,
    BUYER,
    CHAIR,
    DUO,
    GONE,
    HOME,
    KEY,
    LAST,
    MUTE,
    OTHER_APP,
    OTHER_KEY,
    REPORT,
    Market,
    put_tool,
)
from tests.simulators.running import Receiver
from ucp_server.asgi.times import iso8601
from ucp_server.engine.orders import Parcel
from ucp_server.engine.reading import read_order_of_any
from ucp_server.store.database import Pool

Wire = dict[str, Any]
DONE = {"status": 200, "body": '{"output": "done"}'}


async def test_a_session_in_its_exact_shape(market: Market) -> None:
    market.clock.at = datetime.now(UTC).replace(microsecond=7_000)
    line = {"product_id": AUDIT.upper(), "quantity": 2, "price": 1}
    body = {"line_items": [line], "buyer": BUYER, "shipping_address": HOME, "total": 1}
    reply = await market.ask("POST", "/checkout_sessions", body, idempotency_key="cart-5512")
    assert reply.status_code == 201
    session = reply.json()["data"]
    assert uuid.UUID(session["id"]).version == 7
    now = iso8601(market.clock.at)
    assert now.endswith(".007Z")
    assert reply.json() == {
        "data": {
            "id": session["id"],
            "status": "ready_for_payment",
            "line_items": [
                {
                    "productId": AUDIT,
                    "productName": "Site audit",
                    "sku": "AUD-2",
                    "quantity": 2,
                    "unitPriceCents": 4200,
                    "totalCents": 8400,
                }
            ],
            "subtotal": {"amount": 8400, "currency": "eur"},
            "total": {"amount": 8400, "currency": "eur"},
            "buyer": BUYER,
            "shipping_address": HOME,
            "payment": None,
            "expires_at": iso8601(market.clock.at + timedelta(hours=1)),
            "created_at": now,
            "updated_at": now,
        }
    }
    again = await market.ask("GET", f"/checkout_sessions/{session['id']}")
    assert (again.status_code, again.json()) == (200, reply.json())


@pytest.mark.parametrize(
    ("sent", "shown"),
    [
        (None, None),
        ({}, None),
        ({"phone": "1"}, None),
        ({"name": None, "email": None, "phone": "1"}, None),
        ({"name": "Ana"}, {"name": "Ana", "email": None, "phone": None}),
        ({"email": "a@b.example", "phone": "1"}, {"name": None, "email": "a@b.example", "phone": "1"}),
    ],
)
async def test_a_buyer_has_a_name_or_an_address(market: Market, sent: Wire | None, shown: object) -> None:
    assert (await market.create(buyer=sent))["buyer"] == shown


async def test_sent_fields_change_and_the_others_stay(market: Market) -> None:
    session = await market.create(AUDIT, buyer=BUYER, shipping_address=HOME)
    changed = await market.change(session, line_items=[{"product_id": REPORT, "quantity": 3}])
    assert changed.status_code == 200
    assert changed.json()["data"]["total"]["amount"] == 2700
    assert changed.json()["data"]["buyer"] == BUYER
    assert changed.json()["data"]["shipping_address"] == HOME
    changed = await market.change(session, buyer={"email": "new@buyer.example"})
    assert changed.json()["data"]["buyer"] == BUYER | {"email": "new@buyer.example"}
    assert changed.json()["data"]["line_items"][0]["productId"] == REPORT
    elsewhere = {"line1": "1 Elm Street", "country": "DE"}
    changed = await market.change(session, shipping_address=elsewhere, buyer=None, line_items=None)
    nothing = dict.fromkeys(HOME)
    assert changed.json()["data"]["shipping_address"] == nothing | elsewhere
    assert changed.json()["data"]["buyer"]["email"] == "new@buyer.example"
    assert (await market.change(session)).json()["data"]["total"]["amount"] == 2700


async def test_two_products_of_one_item_stay_apart(market: Market) -> None:
    session = await market.create(AUDIT, MUTE)
    assert [line["sku"] for line in session["line_items"]] == ["AUD-2", "AUD-3"]


async def test_goods_go_to_the_address_in_the_cheapest_way(market: Market) -> None:
    session = await market.create(CHAIR)
    assert (session["status"], session["total"]["amount"]) == ("not_ready_for_payment", 8000)
    refused = await market.act(session, "complete")
    assert refused.status_code == 400
    assert refused.json()["error"].startswith(
        "Cannot complete checkout in status: not_ready_for_payment. Fulfillment address"
    )
    ready = (await market.change(session, shipping_address=HOME)).json()["data"]
    assert (ready["status"], ready["subtotal"]["amount"], ready["total"]["amount"]) == (
        "ready_for_payment",
        8000,
        8500,
    )
    assert (await market.act(session, "complete")).status_code == 200
    order = await read_order_of_any(market.setup, "shop", session["id"])
    assert [expectation.description for expectation in order.expectations] == ["Slow"]
    assert order.expectations[0].address.locality == "Soria"


async def test_a_manual_product_is_confirmed_and_waits_for_a_person(market: Market) -> None:
    session = await market.create(REPORT, buyer=BUYER)
    reply = await market.act(session, "complete")
    assert reply.status_code == 200
    data = reply.json()["data"]
    assert data["checkout_session"] == await market.get(session)
    assert data["checkout_session"]["status"] == "completed"
    order = data["order"]
    assert order == {
        "id": session["id"],
        "status": "confirmed",
        "fulfillment_result": None,
        "created_at": iso8601(market.clock.at),
    }
    assert (await market.ask("GET", f"/orders/{order['id']}")).json() == {"data": order}
    assert await market.charged() == 1


async def test_an_automatic_product_runs_its_tools(market: Market, pool: Pool, outside: Receiver) -> None:
    await put_tool(pool, "run_audit", f"{outside.url}/tools/audit?token=t")
    await outside.answer("/tools/audit", then=DONE)
    session = await market.create(AUDIT, buyer=BUYER)
    async with market.working():
        reply = await market.act(session, "complete")
    assert reply.json()["data"]["order"]["status"] == "fulfilled"
    assert reply.json()["data"]["order"]["fulfillment_result"] == [
        {"toolName": "run_audit", "success": True, "output": "done"}
    ]
    (asked,) = await outside.received("/tools/audit", at_least=1)
    assert asked.header("idempotency-key")


@pytest.mark.parametrize(
    ("product", "answers", "status", "results"),
    [
        (AUDIT, {"audit": {"status": 500}}, "confirmed", [False]),
        (AUDIT, {"audit": {"status": 422, "body": "no"}}, "confirmed", [False]),
        (AUDIT, {"audit": {"body": '{"success": false, "output": "no"}'}}, "confirmed", [False]),
        (DUO, {"audit": {"cut": "before"}, "report": {"body": "sent"}}, "fulfilled", [False, True]),
        (DUO, {"audit": {"status": 404}, "report": {"status": 503}}, "confirmed", [False, False]),
        (MUTE, {}, "confirmed", None),
    ],
)
async def test_none_or_all_failing_leaves_the_order_to_a_person(
    market: Market, pool: Pool, outside: Receiver, product: str, answers: Wire, status: str, results: object
) -> None:
    await put_tool(pool, "run_audit", f"{outside.url}/tools/audit")
    await put_tool(pool, "send_report", f"{outside.url}/tools/report")
    for tool, answer in answers.items():
        await outside.answer(f"/tools/{tool}", then=answer)
    session = await market.create(product)
    async with market.working():
        order = (await market.act(session, "complete")).json()["data"]["order"]
    assert order["status"] == status
    told = order["fulfillment_result"]
    assert (told and [result["success"] for result in told]) == results


async def test_an_order_through_its_statuses(market: Market) -> None:
    shipped, canceled, unpaid = [await market.create(CHAIR, shipping_address=HOME) for _ in range(3)]
    for session in (shipped, canceled, unpaid):
        assert (await market.act(session, "complete")).json()["data"]["order"]["status"] == "confirmed"
    await market.orders.ship("shop", shipped["id"], Parcel())
    assert await _status(market, shipped) == "shipped"
    await market.orders.deliver("shop", shipped["id"], Parcel())
    assert await _status(market, shipped) == "fulfilled"
    await market.orders.cancel("shop", canceled["id"])
    assert await _status(market, canceled) == "canceled"
    await market.orders.record_payment("shop", unpaid["id"], "payment_failed")
    assert await _status(market, unpaid) == "manual_review"


async def _status(market: Market, session: Wire) -> str:
    reply = await market.ask("GET", f"/orders/{session['id']}")
    return reply.json()["data"]["status"]


async def test_without_anybody_who_runs_tools_the_order_is_created(hurried: Market, pool: Pool) -> None:
    await put_tool(pool, "run_audit", "https://tools.test/")
    session = await hurried.create(AUDIT)
    order = (await hurried.act(session, "complete")).json()["data"]["order"]
    assert (order["status"], order["fulfillment_result"]) == ("created", [])


async def test_a_canceled_session_is_over(market: Market) -> None:
    session = await market.create()
    reply = await market.act(session, "cancel")
    assert (reply.status_code, reply.json()) == (200, {"data": {"canceled": True}})
    assert (await market.get(session))["status"] == "canceled"
    for reply, status, verb in (
        (await market.act(session, "complete"), 400, "complete"),
        (await market.act(session, "cancel"), 400, "cancel"),
        (await market.change(session, buyer=BUYER), 400, "update"),
    ):
        assert reply.status_code == status
        assert reply.json() == {"error": f"Cannot {verb} checkout in status: canceled"}


async def test_a_completed_session_stays(market: Market) -> None:
    session = await market.create(REPORT)
    assert (await market.act(session, "complete")).status_code == 200
    for reply, status, verb in (
        (await market.act(session, "complete"), 400, "complete"),
        (await market.act(session, "cancel"), 405, "cancel"),
        (await market.change(session, buyer=BUYER), 400, "update"),
    ):
        assert reply.status_code == status
        assert reply.json() == {"error": f"Cannot {verb} checkout in status: completed"}
    assert await market.charged() == 1


async def test_an_expired_session_is_gone(market: Market) -> None:
    now = market.clock.at
    market.clock.at = now - timedelta(hours=1, seconds=1)
    session, bought = await market.create(), await market.create(REPORT)
    market.clock.at = now
    path = f"/checkout_sessions/{session['id']}"
    for reply in (
        await market.ask("GET", path),
        await market.act(session, "complete"),
        await market.act(session, "cancel"),
        await market.change(session, buyer=BUYER),
        await market.act(bought, "complete"),
    ):
        assert reply.status_code == 410
        assert reply.json() == {"error": "Checkout session has expired"}
    assert await market.charged() == 0


async def test_what_was_bought_in_time_is_shown_for_ever(market: Market, pool: Pool) -> None:
    session = await market.create(REPORT)
    assert (await market.act(session, "complete")).status_code == 200
    async with pool.connection() as connection:
        await connection.execute("update checkouts set expires_at = now() - interval '1 day'")
    assert (await market.get(session))["status"] == "completed"


async def test_strangers_find_nothing(market: Market) -> None:
    session = await market.create(REPORT)
    for path in (
        f"/checkout_sessions/{session['id']}x",
        "/checkout_sessions/none",
        f"/checkout_sessions/{uuid.uuid4()}",
    ):
        for reply in (
            await market.ask("GET", path),
            await market.ask("POST", path, {}),
            await market.ask("POST", f"{path}/complete"),
            await market.ask("POST", f"{path}/cancel"),
        ):
            assert (reply.status_code, reply.json()) == (404, {"error": "Checkout session not found"})
    theirs = {"app": OTHER_APP, "key": OTHER_KEY}
    path = f"/checkout_sessions/{session['id']}"
    for method, suffix in (("GET", ""), ("POST", "/complete"), ("POST", "/cancel")):
        assert (await market.ask(method, path + suffix, **theirs)).status_code == 404
    await market.act(session, "complete")
    reply = await market.ask("GET", f"/orders/{session['id']}", **theirs)
    assert (reply.status_code, reply.json()) == (404, {"error": "Order not found"})
    assert (await market.ask("GET", "/orders/none")).status_code == 404


@pytest.mark.parametrize(
    ("body", "text"),
    [
        (b"", "The body is empty"),
        (b"{", "The body is not JSON"),
        (b"[]", "not a JSON object"),
        (b'{"line_items": [], "line_items": []}', "names a member twice"),
        ({}, "$.line_items is required"),
        ({"line_items": []}, "$.line_items must have at least 1 items"),
        ({"line_items": None}, "$.line_items"),
        ({"line_items": [{}]}, "$.line_items[0].product_id is required"),
        ({"line_items": [{"product_id": "7"}]}, "$.line_items[0].product_id must be a valid uuid"),
        ({"line_items": [{"product_id": AUDIT, "quantity": 0}]}, "$.line_items[0].quantity"),
        ({"line_items": [{"product_id": AUDIT, "quantity": 1.5}]}, "$.line_items[0].quantity"),
        ({"line_items": [{"product_id": AUDIT, "quantity": 10**15}]}, "beyond all limits"),
        ({"line_items": [{"product_id": AUDIT}], "buyer": {"email": "nobody"}}, "must be a valid email"),
        ({"line_items": [{"product_id": AUDIT}], "buyer": {"name": 7}}, "$.buyer.name"),
        ({"line_items": [{"product_id": AUDIT}], "shipping_address": "x"}, "$.shipping_address"),
        ({"line_items": [{"product_id": GONE}]}, f"Product not found: {GONE}"),
        ({"line_items": [{"product_id": APP}]}, f"Product not found: {APP}"),
    ],
)
async def test_a_bad_body_is_told_where_it_is_bad(market: Market, body: Any, text: str) -> None:
    reply = await market.ask("POST", "/checkout_sessions", body)
    assert reply.status_code == 400
    assert text in reply.json()["error"]


async def test_wholeness_is_what_counts_for_a_number(market: Market) -> None:
    reply = await market.ask(
        "POST", "/checkout_sessions", {"line_items": [{"product_id": AUDIT, "quantity": 2.0}]}
    )
    assert reply.json()["data"]["line_items"][0]["quantity"] == 2


async def test_other_methods_and_paths_have_their_errors_too(market: Market) -> None:
    for method, path, status, allowed in (
        ("DELETE", "/checkout_sessions", 405, {"POST"}),
        ("PUT", "/checkout_sessions/x", 405, {"GET", "HEAD", "POST"}),
        ("GET", "/checkout_sessions/x/complete", 405, {"POST"}),
        ("POST", "/products", 405, {"GET", "HEAD"}),
        ("GET", "/nothing", 404, None),
    ):
        reply = await market.ask(method, path)
        assert reply.status_code == status
        if allowed:
            assert set(reply.headers["allow"].split(", ")) == allowed


async def test_what_sold_out_says_so(market: Market) -> None:
    first, second = await market.create(LAST), await market.create(LAST)
    assert (await market.act(first, "complete")).status_code == 200
    refused = await market.act(second, "complete")
    assert refused.status_code == 400
    assert refused.json()["error"] == (
        "Cannot complete checkout in status: not_ready_for_payment."
        " Insufficient stock for Last one: none is left."
    )
    assert (await market.get(second))["status"] == "not_ready_for_payment"
    assert await market.charged() == 1


async def test_a_reply_is_kept_by_nobody(market: Market) -> None:
    reply = await market.ask("POST", "/checkout_sessions", {"line_items": [{"product_id": AUDIT}]}, key=KEY)
    assert reply.headers["cache-control"] == "no-store"


@pytest.mark.parametrize("path", ["/checkout_sessions", "/products", "/.well-known/agent.json"])
async def test_who_was_sent_to_somebody_else_is_told_so(market: Market, path: str) -> None:
    method = "POST" if path == "/checkout_sessions" else "GET"
    reply = await market.ask(method, path, headers={"Host": "nobody.test"})
    assert reply.status_code == 421
    assert list(reply.json()) == ["error"]
