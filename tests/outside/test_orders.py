"""An order from its sale to its last refund, as platform, buyer, provider and merchant see it."""

import os
import signal
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from uuid import UUID

import asyncpg
import httpx2
import msgspec
import pytest
import pytest_asyncio

from conformance import forms
from conformance.jws import header_of, verify
from tests.outside.calling import BUYER, Caller, payment, total_minor
from tests.outside.managing import Manager, command, letters, text_of
from tests.outside.shops import CARD, serving_paper
from tests.serving import Server, until, until_async
from tests.simulators.running import Psp, Received, Receiver
from ucp_server.ucp.releases import ROWS, SERVED
from ucp_server.ucp.signatures import Request
from ucp_server.ucp.signatures import verify as verify_request

pytestmark = pytest.mark.asyncio(loop_scope="module")

Wire = dict[str, Any]

PAID = payment("success_token", CARD)
NOTEBOOK, GIFT_CARD = "notebook-meadow-a5-dotted", "gift-card-25"
HOOK = "/hooks/orders"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shop(module_database: str, folder: Path, provider: Psp) -> AsyncIterator[Server]:
    async with serving_paper(module_database, folder, provider.url) as running:
        yield running


@pytest_asyncio.fixture(loop_scope="module")
async def caller(shop: Server, platform: Receiver) -> AsyncIterator[Caller]:
    async with Caller(shop.http, platform.profile_url) as opened:
        yield opened


@pytest_asyncio.fixture(loop_scope="module")
async def manager(shop: Server) -> AsyncIterator[Manager]:
    async with Manager(shop.admin, "paper") as opened:
        yield opened


async def told_of(platform: Receiver, order: Wire) -> list[Received]:
    """Every try to tell of ``order``, as it arrived."""
    return [entry for entry in await platform.received(HOOK) if order["id"].encode() in entry.body]


async def events_of(platform: Receiver, order: Wire, count: int) -> list[Wire]:
    """The first ``count`` events about ``order``, each once, in the order of their arrival."""

    async def different() -> dict[str, Wire]:
        bodies = [msgspec.json.decode(entry.body) for entry in await told_of(platform, order)]
        return {body["event_id"]: body for body in bodies}

    async def are_there() -> bool:
        return len(await different()) >= count

    await until_async(are_there)
    return list((await different()).values())


async def money_of(provider: Psp, order_id: str, manager: Manager) -> list[tuple[str, int]]:
    """What the provider's books say of an order."""
    attempt = (await manager.order(order_id))["attempt_id"]
    return [
        (entry["event"], entry["amount_minor"])
        for entry in await provider.ledger()
        if entry["key"] == attempt
    ]


async def until_booked(provider: Psp, order: Wire, manager: Manager, *booked: tuple[str, int]) -> None:
    """Money moves by jobs, a moment after what it follows from."""

    async def is_booked() -> bool:
        return (await money_of(provider, order["id"], manager))[-len(booked) :] == list(booked)

    await until_async(is_booked)


async def test_the_whole_life_of_an_order(
    caller: Caller, manager: Manager, platform: Receiver, provider: Psp, folder: Path
) -> None:
    done = await caller.buy(NOTEBOOK, PAID, 3)
    order, total = done["order"], total_minor(done)
    await until_booked(provider, order, manager, ("captured", total))
    await until_async(lambda: has_payment(manager, order["id"], "captured"))

    one = {"lines": [{"line_id": "li_1", "quantity": 1}]}
    await manager.change(order["id"], "ship", **one, carrier="Parcelbird", tracking_number="PB 1")
    await manager.change(order["id"], "ship")
    await manager.change(order["id"], "deliver")
    await manager.change(order["id"], "return", **one, text="Too beautiful to be used.")
    await manager.change(order["id"], "refund", amount_minor=1490)
    await until_booked(provider, order, manager, ("refunded", 1490))
    await until_async(lambda: nothing_is_pending(manager, order["id"]))
    refused = await manager.try_(order["id"], "refund", amount_minor=total - 1490 + 1)
    assert (refused.status_code, refused.json()["code"]) == (409, "adjustment_refused")
    await manager.change(order["id"], "refund", amount_minor=total - 1490)
    await until_booked(provider, order, manager, ("refunded", total - 1490))
    assert await money_of(provider, order["id"], manager) == [
        ("authorised", total),
        ("captured", total),
        ("refunded", 1490),
        ("refunded", total - 1490),
    ]
    events = await events_of(platform, order, 9)
    assert [summary(event) for event in events] == [
        (0, "processing", []),
        (1, "partial", []),
        (3, "fulfilled", []),
        (3, "fulfilled", []),
        (3, "fulfilled", [("return", "completed")]),
        (3, "fulfilled", [("return", "completed"), ("refund", "pending")]),
        (3, "fulfilled", [("return", "completed"), ("refund", "completed")]),
        (3, "fulfilled", [("return", "completed"), ("refund", "completed"), ("refund", "pending")]),
        (3, "fulfilled", [("return", "completed"), ("refund", "completed"), ("refund", "completed")]),
    ]
    assert [event["type"] for event in events[-1]["fulfillment"]["events"]] == [
        "shipped",
        "shipped",
        "delivered",
    ]
    assert (await manager.order(order["id"]))["payment"] == "refunded"
    await until(lambda: len(letters(folder / "mail", order)) == 4)
    mails = letters(folder / "mail", order)
    assert sorted(mails) == [
        "A part of your order from Kiosk & Kettle is on its way",
        "A refund from Kiosk & Kettle",
        "The rest of your order from Kiosk & Kettle is on its way",
        "Your order at Kiosk & Kettle",
    ]
    assert mails["Your order at Kiosk & Kettle"]["to"] == "ada.agent@example.com"
    assert f"Total: €{total / 100:.2f}" in text_of(mails["Your order at Kiosk & Kettle"])


async def has_payment(manager: Manager, order_id: str, state: str) -> bool:
    return (await manager.order(order_id))["payment"] == state


async def nothing_is_pending(manager: Manager, order_id: str) -> bool:
    """The provider's books may be ahead of ours."""
    return all(a["status"] != "pending" for a in (await manager.order(order_id))["adjustments"])


def summary(event: Wire) -> tuple[int, str, list[tuple[str, str]]]:
    (line,) = event["line_items"]
    adjustments = [(entry["type"], entry["status"]) for entry in event["adjustments"]]
    return line["quantity"]["fulfilled"], line["status"], adjustments


async def test_events_verify_before_while_and_after_the_signing_key_changes(
    shop: Server, module_database: str, folder: Path, caller: Caller, platform: Receiver
) -> None:
    first = await signed_with(caller, platform)
    common = settings(module_database, folder)
    new = (await command("keys", "rotate", *common)).output.split()[0]
    assert await signed_with(caller, platform) == first
    # An hour later, when every platform can know the new key.
    await execute(
        module_database,
        "update signing_keys set signs_from = signs_from - interval '61 min', "
        "retired_at = retired_at - interval '61 min'",
    )
    shop.signal(signal.SIGHUP)
    await until(lambda: "Every process was replaced" in shop.output)
    await until_async(lambda: signs_with(caller, platform, new))
    listed = (await command("keys", "list", *common)).output
    assert [line.split()[0] for line in listed.splitlines() if line.endswith("signs now")] == [new]
    assert first in listed


async def signed_with(caller: Caller, platform: Receiver) -> str:
    """The key that the event of a new order is signed with, which the profile publishes."""
    async with Caller(caller.site, platform.profile_url) as fresh:
        order = (await fresh.buy(GIFT_CARD, PAID))["order"]
        await events_of(platform, order, 1)
        (entry,) = await told_of(platform, order)
        keys = await keys_of(fresh.client, "2026-01-11", entry)
    signature = entry.header("request-signature") or ""
    verify(signature, entry.body, keys)
    kid: str = header_of(signature)["kid"]
    return kid


async def keys_of(client: httpx2.AsyncClient, release: str, event: Received) -> dict[str, Wire]:
    """The keys in the profile that an event names, by their kid."""
    agent = event.header("ucp-agent") or ""
    profile = (await client.get(agent.removeprefix('profile="').removesuffix('"'))).json()
    return {key["kid"]: key for key in forms.keys(release, profile)}


async def signs_with(caller: Caller, platform: Receiver, kid: str) -> bool:
    return await signed_with(caller, platform) == kid


@pytest.mark.parametrize("release", SERVED)
async def test_each_release_is_told_in_its_form_what_it_can_ask_for(
    caller: Caller, manager: Manager, platform: Receiver, release: str
) -> None:
    about = forms.platform_profile(
        release, (forms.CHECKOUT, forms.ORDER), platform.url + f"/hooks/{release}"
    )
    agent = await platform.serve_profile(f"speaks-{release}", about)
    site = f"{caller.site}/ucp/{release}"
    async with Caller(site, agent, headers={"Content-Type": "application/json"}) as fresh:
        line = {"item": {"id": GIFT_CARD}, "quantity": 1}
        checkout = await sent(fresh, "", forms.create(release, [line], "EUR", buyer=BUYER))
        paid = forms.complete(release, forms.card(release, CARD, PAID["payment_data"]["credential"]))
        order_id = (await sent(fresh, f"/{checkout['id']}/complete", paid))["order"]["id"]
        await manager.change(order_id, "ship")
        await manager.change(order_id, "refund", amount_minor=500)
        # Placed, shipped, a refund that is asked for, a refund that is paid.
        told = await platform.received(f"/hooks/{release}", at_least=4)
        for event in told:
            keys = await keys_of(fresh.client, release, event)
            assert_signed(release, f"{platform.url}/hooks/{release}", event, keys)
        bodies = [msgspec.json.decode(event.body) for event in told]
        assert [body["line_items"][0]["status"] for body in bodies][:2] == ["processing", "fulfilled"]
        assert {body["id"] for body in bodies} == {order_id}
        shown = await fresh.client.get(f"/orders/{order_id}")
        if ROWS[release].serves_orders:
            assert shown.json() == bodies[-1]
            assert [row["amount"] for row in shown.json()["adjustments"][0]["totals"]] == [-500]
        else:
            assert shown.status_code == 404
            assert bodies[-1]["adjustments"][0]["amount"] == 500


async def sent(caller: Caller, path: str, body: Wire) -> Wire:
    reply = await caller.client.post(f"/checkout-sessions{path}", content=msgspec.json.encode(body))
    assert reply.is_success, reply.text
    document: Wire = reply.json()
    return document


def assert_signed(release: str, hook: str, event: Received, keys: dict[str, Wire]) -> None:
    if ROWS[release].events_are_signed_by == "detached_jws":
        verify(event.header("request-signature") or "", event.body, keys)
        return
    headers = {name.lower(): text for name, text in event.headers}
    request = Request(method=event.method, url=hook, headers=headers, body=event.body)
    assert verify_request(request, list(keys.values()), time.time()) in keys


async def execute(database: str, sql: str) -> None:
    connection = await asyncpg.connect(database)
    try:
        await connection.execute(sql)
    finally:
        await connection.close()


async def test_an_event_keeps_its_id_and_bytes_over_its_tries_and_a_killed_worker(
    shop: Server, module_database: str, caller: Caller, manager: Manager, platform: Receiver
) -> None:
    await platform.answer(HOOK, {"status": 500}, then={"status": 200})
    order = (await caller.buy(NOTEBOOK, PAID))["order"]
    await manager.change(order["id"], "ship")
    (worker,) = shop.pids("jobs")
    await until_async(lambda: is_noted(module_database, "The platform answered with status 500."))
    os.kill(worker, signal.SIGKILL)
    await until(lambda: shop.pids("jobs") not in ([], [worker]))
    placed, shipped = await events_of(platform, order, 2)
    assert (summary(placed)[1], summary(shipped)[1]) == ("processing", "fulfilled")
    first, second, third = await told_of(platform, order)
    assert first.body == second.body != third.body


async def is_noted(database: str, error: str) -> bool:
    connection = await asyncpg.connect(database)
    try:
        return bool(await connection.fetchval("select count(*) from outbox where last_error = $1", error))
    finally:
        await connection.close()


async def test_a_platform_that_wanted_no_events_gets_them_when_the_merchant_sends_them_again(
    caller: Caller, manager: Manager, platform: Receiver
) -> None:
    await platform.answer(HOOK, then={"status": 410})
    order = (await caller.buy(NOTEBOOK, PAID))["order"]
    await until_async(lambda: waits(manager))
    (waiting,) = (await manager.get("/jobs"))["jobs"]
    assert (waiting["kind"], waiting["state"], waiting["tries"]) == ("webhook", "paused", 1)
    assert "410" in waiting["last_error"]
    await manager.change(order["id"], "ship")
    await platform.answer(HOOK, then=None)
    assert await manager.resend(waiting["id"]) == 1
    placed, shipped = await events_of(platform, order, 2)
    assert placed["event_id"] == waiting["id"]
    assert summary(shipped)[1] == "fulfilled"
    assert not await waits(manager)


async def waits(manager: Manager) -> bool:
    return bool((await manager.get("/jobs"))["jobs"])


async def test_what_is_canceled_is_told_paid_back_and_on_the_shelf_again(
    caller: Caller, manager: Manager, provider: Psp, platform: Receiver, folder: Path
) -> None:
    done = await caller.buy("fountain-pen-moss-m", PAID, 3)
    order = done["order"]
    assert await code_of_one_more(caller) == "out_of_stock"
    await manager.change(order["id"], "cancel", lines=[{"line_id": "li_1", "quantity": 2}])
    await until_booked(provider, order, manager, ("refunded", 9800))
    assert (await caller.create("fountain-pen-moss-m", 2))["totals"][-1]["amount"] == 9800
    last = (await events_of(platform, order, 3))[-1]
    assert last["line_items"][0]["quantity"]["total"] == 1
    assert last["adjustments"][0]["status"] == "completed"
    await until(lambda: len(letters(folder / "mail", order)) == 3)
    told = text_of(letters(folder / "mail", order)["A part of your order at Kiosk & Kettle was canceled"])
    assert "You will get €98.00 back" in told
    assert "2\N{NO-BREAK SPACE}× Fountain pen, moss, medium" in told


async def code_of_one_more(caller: Caller) -> str:
    body = {"line_items": [{"item": {"id": "fountain-pen-moss-m"}, "quantity": 1}], "currency": "EUR"}
    reply = await caller.ask("POST", "/checkout-sessions", body)
    assert reply.status_code == 400
    code: str = reply.json()["messages"][0]["code"]
    return code


def settings(database: str, folder: Path) -> tuple[str | Path, ...]:
    """What a command beside the running server is told."""
    config = ("--mode", "demo", "--config", folder / "server.toml")
    return (*config, "--database-url", database, "--data-dir", folder / "data")


async def test_the_same_by_command(
    module_database: str, folder: Path, provider: Psp, caller: Caller, manager: Manager, platform: Receiver
) -> None:
    order = (await caller.buy(NOTEBOOK, PAID, 2))["order"]
    common = settings(module_database, folder)
    for words, said in (
        (("ship", order["id"], "--line", "li_1=1", "--carrier", "Parcelbird"), "1 of 2  partial"),
        (("cancel", order["id"], "--text", "The other one is lost."), "1 of 1  fulfilled"),
        (("deliver", order["id"]), "1 of 1  fulfilled"),
        (("return", order["id"], "--line", "li_1=1"), "1 of 1  fulfilled"),
        (("refund", order["id"], "500"), "paid back: 19.90 EUR"),
    ):
        told = await command("orders", *words, *common)
        assert (told.exit_code, said in told.output) == (0, True), (words, told.output)
    too_much = await command("orders", "refund", order["id"], "99999", *common)
    assert (too_much.exit_code, "are left to refund" in too_much.output) == (1, True), too_much.output
    await until_booked(provider, order, manager, ("refunded", 1490), ("refunded", 500))
    last = (await events_of(platform, order, 8))[-1]
    assert [entry["type"] for entry in last["adjustments"]] == ["cancellation", "return", "refund"]
    assert {entry["status"] for entry in last["adjustments"]} == {"completed"}


async def test_money_that_cannot_be_taken_is_shown_and_never_undoes_the_order(
    shop: Server, module_database: str, folder: Path, provider: Psp, caller: Caller, manager: Manager
) -> None:
    (worker,) = shop.pids("jobs")
    # So that the provider has forgotten the authorisation before it is asked to capture it.
    os.kill(worker, signal.SIGSTOP)
    done = await caller.buy(GIFT_CARD, PAID)
    await provider.control(forget=[(await provider.ledger())[-1]["key"]])
    os.kill(worker, signal.SIGCONT)
    order_id = done["order"]["id"]
    await until_async(lambda: has_payment(manager, order_id, "payment_failed"))
    unpaid = (await manager.get("/orders/unpaid"))["orders"]
    assert [order["id"] for order in unpaid] == [row_id(order_id)]
    assert (await caller.get(done))["status"] == "completed"
    await until_async(lambda: waits(manager))
    (job,) = (await manager.get("/jobs"))["jobs"]
    assert (job["kind"], job["state"]) == ("capture", "parked")
    assert 'ucp_server_waiting_jobs{state="parked"} 1.0' in await manager.metrics()
    refused = await manager.try_(order_id, "refund", amount_minor=1)
    assert (refused.status_code, refused.json()["content"]) == (409, "This order was never paid.")
    found = await command("doctor", *settings(module_database, folder))
    assert found.exit_code == 1
    assert f"do this  paper: the money for order {row_id(order_id)}" in found.output
    assert f"do this  paper: capture {job['id']} is parked" in found.output


def row_id(order_id: str) -> str:
    """The id of the order's row."""
    return str(UUID(order_id.removeprefix("ord_")))
