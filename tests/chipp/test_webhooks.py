"""Events: one of each order, signed, as often as it takes."""

import hashlib
import hmac
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.chipp.world import (
    APP,
    AUDIT,
    DUO,
    MUTE,
    OTHER_APP,
    REPORT,
    SCHEMAS,
    SECRET,
    Market,
    listen_at,
    put_tool,
)
from tests.engine.rows import one, rows
from tests.simulators.running import Received, Receiver
from tests.store.shops import execute
from ucp_server.chipp.webhooks import signature
from ucp_server.engine.orders import Parcel
from ucp_server.store.apps import WebhookSecrets
from ucp_server.store.database import Pool
from ucp_server.store.seal import SealBrokenError

Wire = dict[str, Any]
HOOK = "/hooks/app"


@pytest.fixture
async def listening(pool: Pool, market: Market, outside: Receiver) -> Receiver:
    await listen_at(pool, outside.url + HOOK)
    await put_tool(pool, "run_audit", f"{outside.url}/tools/audit")
    await put_tool(pool, "send_report", f"{outside.url}/tools/report")
    return outside


async def sold(market: Market, product: str) -> Wire:
    session = await market.create(product)
    reply = await market.act(session, "complete")
    assert reply.status_code == 200, reply.text
    return reply.json()["data"]["order"]


async def events(outside: Receiver, at_least: int = 1) -> list[Wire]:
    told = [json.loads(request.body) for request in await outside.received(HOOK, at_least=at_least)]
    assert all(SCHEMAS.replies["event"].check(event) == () for event in told)
    return told


async def is_signed(market: Market, request: Received) -> bool:
    """By the words of the documentation alone."""
    secret = await market.secrets.of("shop", APP)
    told = dict(part.split("=") for part in (request.header("x-chipp-signature") or "").split(","))
    wanted = hmac.digest(secret.encode(), told["t"].encode() + b"." + request.body, hashlib.sha256).hex()
    assert abs(int(told["t"]) - market.clock.at.timestamp()) <= 1
    return hmac.compare_digest(wanted, told["v1"])


async def test_what_a_person_fulfils_is_told_as_created(market: Market, listening: Receiver) -> None:
    order = await sold(market, REPORT)
    await market.work_off()
    assert await events(listening) == [
        {
            "event": "order.created",
            "order_id": order["id"],
            "checkout_session_id": order["id"],
            "application_id": APP,
            "status": "confirmed",
            "fulfillment_result": None,
            "total": {"amount": 900, "currency": "eur"},
            "created_at": order["created_at"],
        }
    ]
    (request,) = await listening.received(HOOK)
    assert await is_signed(market, request)
    assert request.header("content-type") == "application/json"


async def test_what_tools_did_is_told_as_fulfilled(market: Market, listening: Receiver) -> None:
    order = await sold_with_workers(market, AUDIT)
    await market.work_off()
    (event,) = await events(listening)
    assert (event["event"], event["status"]) == ("order.fulfilled", "fulfilled")
    assert event["fulfillment_result"] == order["fulfillment_result"]


async def sold_with_workers(market: Market, product: str) -> Wire:
    async with market.working():
        return await sold(market, product)


@pytest.mark.parametrize("product", [DUO, MUTE])
async def test_what_no_tool_managed_waits_for_a_person(
    market: Market, listening: Receiver, product: str
) -> None:
    for tool in ("audit", "report"):
        await listening.answer(f"/tools/{tool}", then={"status": 400})
    await sold_with_workers(market, product)
    await market.work_off()
    (event,) = await events(listening)
    assert (event["event"], event["status"]) == ("order.created", "confirmed")


async def test_what_happens_later_has_no_event(market: Market, listening: Receiver) -> None:
    order = await sold(market, REPORT)
    await market.orders.deliver("shop", order["id"], Parcel())
    await market.work_off()
    assert len(await events(listening)) == 1
    assert await one(market.pool, "select count(*) from outbox where state <> 'done'") == 0


async def test_every_try_sends_the_same_under_a_new_signature(market: Market, listening: Receiver) -> None:
    await listening.answer(HOOK, {"status": 500}, {"cut": "before"}, then=None)
    await sold(market, REPORT)
    for _ in range(3):
        await market.work_off(1)
        market.clock.at += timedelta(minutes=1)
    requests = await listening.received(HOOK, at_least=3)
    assert len({request.body for request in requests}) == 1
    assert len({request.header("x-chipp-delivery") for request in requests}) == 1
    assert len({request.header("x-chipp-signature") for request in requests}) == 3


async def test_who_wants_no_more_is_left_alone(market: Market, listening: Receiver) -> None:
    await listening.answer(HOOK, then={"status": 410})
    await sold(market, REPORT)
    await market.work_off()
    (waiting,) = await rows(market.pool, "select state from outbox where kind = 'webhook'")
    assert waiting["state"] == "paused"
    assert len(await listening.received(HOOK)) == 1


async def test_nobody_listens_by_default(market: Market) -> None:
    await sold(market, REPORT)
    assert await one(market.pool, "select count(*) from outbox where kind = 'webhook'") == 0


async def test_an_address_inside_is_never_asked(market: Market) -> None:
    await listen_at(market.pool, "https://10.0.0.1/hooks")
    await sold(market, REPORT)
    await market.work_off()
    (parked,) = await rows(market.pool, "select state from outbox where kind = 'webhook'")
    assert parked["state"] == "parked"


async def test_each_app_has_one_secret_that_the_shops_tables_do_not_touch(market: Market) -> None:
    ours, theirs = await market.secrets.of("shop", APP), await market.secrets.of("shop", OTHER_APP)
    assert ours.startswith("whsec_")
    assert len(ours) == len("whsec_") + 44
    assert ours != theirs
    await execute(market.pool, "delete from apps")
    assert await WebhookSecrets(market.pool, SECRET).of("shop", APP) == ours
    stored = await one(market.pool, "select string_agg(sealed::text, '') from app_webhook_secrets")
    assert ours not in stored
    with pytest.raises(SealBrokenError):
        await WebhookSecrets(market.pool, b"another secret").of("shop", APP)


def test_a_signature_changes_with_everything_that_it_covers() -> None:
    at = datetime(2026, 11, 21, 10, tzinfo=UTC)
    signed = {
        signature(secret, body, moment)
        for secret in ("a", "b")
        for body in (b"", b"{}")
        for moment in (at, at + timedelta(seconds=1))
    }
    assert len(signed) == 8
    assert signature("a", b"{}", at).startswith("t=1795255200,v1=")
