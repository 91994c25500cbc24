"""Complete without a key, and whatever comes in between: crowds, providers, prices, death."""

import asyncio
import multiprocessing
import signal
from collections import Counter
from multiprocessing.context import ForkServerContext
from pathlib import Path
from typing import Any

import pytest

from tests.chipp.driver import Errand, run_armed
from tests.chipp.world import AUDIT, BUYER, LAST, REPORT, Market, put_tool
from tests.engine.rows import lapse_leases, one
from tests.serving import until_async
from tests.simulators.running import Receiver
from tests.store.shops import execute
from ucp_server.engine.resume import resume_due
from ucp_server.store.database import Pool

Wire = dict[str, Any]
# A child that has not died by then hangs.
DIES_WITHIN_S = 30
ROUNDS_MAX = 10
IN_PROGRESS = "Cannot {} checkout in status: in_progress"


async def test_twins_pay_once(market: Market) -> None:
    session = await market.create(REPORT)
    replies = await asyncio.gather(*(market.act(session, "complete") for _ in range(12)))
    statuses = Counter(reply.status_code for reply in replies)
    assert statuses[200] == 1
    refused = {reply.json()["error"] for reply in replies if reply.status_code != 200}
    allowed = {f"Cannot complete checkout in status: {status}" for status in ("in_progress", "completed")}
    assert refused <= allowed
    assert await market.charged() == 1
    assert await one(market.pool, "select count(*) from orders") == 1


async def test_the_last_piece_is_sold_once(market: Market) -> None:
    sessions = [await market.create(LAST) for _ in range(6)]
    replies = await asyncio.gather(*(market.act(session, "complete") for session in sessions))
    assert sorted(reply.status_code for reply in replies) == [200] + [400] * 5
    assert all("Last one" in reply.json()["error"] for reply in replies if reply.status_code == 400)
    assert await market.charged() == 1


async def test_a_decline_leaves_the_session_ready(market: Market) -> None:
    session = await market.create(REPORT)
    market.psp.token = "fail_token"
    refused = await market.act(session, "complete")
    assert (refused.status_code, refused.json()) == (400, {"error": "Your card was declined."})
    assert (await market.get(session))["status"] == "ready_for_payment"
    market.psp.token = "success_token"
    assert (await market.act(session, "complete")).status_code == 200
    assert await market.charged() == 1


async def test_a_payment_that_needs_a_person_is_told_as_such(market: Market) -> None:
    session = await market.create(REPORT)
    market.psp.token = "challenge_token"
    refused = await market.act(session, "complete")
    assert (refused.status_code, refused.json()) == (400, {"error": "Please confirm with your bank."})


async def test_without_an_account_nothing_can_be_paid(market: Market) -> None:
    session = await market.create(REPORT)
    market.psp.has_account = False
    refused = await market.act(session, "complete")
    assert refused.status_code == 503
    assert refused.headers["retry-after"] == "5"
    assert (await market.get(session))["status"] == "ready_for_payment"
    await execute(market.pool, "update apps set handler_id = 'unheard_of'")
    market.psp.has_account = True
    assert (await market.act(session, "complete")).status_code == 503


async def test_nobody_pays_another_price_than_the_one_shown(market: Market) -> None:
    session = await market.create(REPORT)
    await execute(market.pool, "update items set price_minor = 950 where id = 'report'")
    refused = await market.act(session, "complete")
    assert refused.status_code == 400
    assert refused.json()["error"].startswith("The price changed")
    now = await market.get(session)
    assert (now["status"], now["total"]["amount"]) == ("ready_for_payment", 950)
    assert (await market.act(session, "complete")).status_code == 200
    with market.psp.books() as books:
        assert [known.held_minor for known in books.authorisations.values()] == [950]


async def test_a_payment_under_way_is_told_and_left_alone(hasty: Market) -> None:
    session = await hasty.create(REPORT)
    hasty.psp.hold = hold = asyncio.Event()
    reply = await hasty.act(session, "complete")
    assert reply.status_code == 200
    assert reply.json()["data"]["checkout_session"]["status"] == "in_progress"
    assert reply.json()["data"]["order"] is None
    for action, status in (("complete", 400), ("cancel", 405)):
        refused = await hasty.act(session, action)
        assert (refused.status_code, refused.json()["error"]) == (status, IN_PROGRESS.format(action))
    refused = await hasty.change(session, buyer=BUYER)
    assert (refused.status_code, refused.json()["error"]) == (400, IN_PROGRESS.format("update"))
    hold.set()

    async def is_completed() -> bool:
        return (await hasty.get(session))["status"] == "completed"

    await until_async(is_completed)
    assert await hasty.charged() == 1


async def test_silence_of_the_provider_is_in_progress_until_it_is_known(market: Market) -> None:
    session = await market.create(REPORT)
    market.psp.token = "lost_after_token"
    reply = await market.act(session, "complete")
    assert reply.json()["data"]["checkout_session"]["status"] == "in_progress"
    await lapse_leases(market.pool)
    assert await resume_due(market.setup) == 1
    assert (await market.get(session))["status"] == "completed"
    order = (await market.ask("GET", f"/orders/{session['id']}")).json()["data"]
    assert order["status"] == "confirmed"
    assert await market.charged() == 1


@pytest.fixture(scope="module")
def forks() -> ForkServerContext:
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tests.chipp.driver"])
    return context


async def kill(forks: ForkServerContext, errand: Errand, point: str) -> None:
    child = forks.Process(target=run_armed, args=(errand, f"{point}=kill"))
    child.start()
    await asyncio.to_thread(child.join, DIES_WITHIN_S)
    code = child.exitcode
    child.close()
    assert code == -signal.SIGKILL, f"{point} was not hit: {code}"


@pytest.mark.parametrize(
    ("point", "resumed"),
    [
        ("complete.before_open", "ready_for_payment"),
        ("complete.opened", "ready_for_payment"),
        ("complete.sent", "completed"),
        ("complete.before_close", "completed"),
        ("complete.closed", "completed"),
    ],
)
async def test_a_complete_that_died_is_brought_to_its_end(
    market: Market, database: str, tmp_path: Path, forks: ForkServerContext, point: str, resumed: str
) -> None:
    session = await market.create(REPORT)
    errand = Errand(database=database, folder=str(tmp_path), work="complete", session_id=session["id"])
    await kill(forks, errand, point)
    await lapse_leases(market.pool)
    await resume_due(market.setup)
    assert (await market.get(session))["status"] == resumed
    again = await market.act(session, "complete")
    assert again.status_code == (200 if resumed == "ready_for_payment" else 400)
    assert (await market.get(session))["status"] == "completed"
    assert await market.charged() == 1
    assert await one(market.pool, "select count(*) from orders") == 1


@pytest.mark.parametrize("point", ["tool.before_run", "tool.ran", "order.committed", "tool.recorded"])
async def test_a_tool_that_was_at_work_when_its_worker_died_does_it_under_the_same_key(
    hurried: Market,
    pool: Pool,
    database: str,
    tmp_path: Path,
    forks: ForkServerContext,
    outside: Receiver,
    point: str,
) -> None:
    await put_tool(pool, "run_audit", f"{outside.url}/tools/audit")
    await outside.answer("/tools/audit", then={"status": 200, "body": "done"})
    session = await hurried.create(AUDIT)
    assert (await hurried.act(session, "complete")).status_code == 200
    errand = Errand(database=database, folder=str(tmp_path), work="work", session_id=session["id"])
    await kill(forks, errand, point)
    for _ in range(ROUNDS_MAX):
        await hurried.work_off(1)
    order = (await hurried.ask("GET", f"/orders/{session['id']}")).json()["data"]
    assert order["status"] == "fulfilled"
    assert len(order["fulfillment_result"]) == 1
    asked = await outside.received("/tools/audit", at_least=1)
    assert len({request.header("idempotency-key") for request in asked}) == 1
    assert await one(pool, "select count(*) from outbox where state <> 'done'") == 0
