"""A complete whose server is told to stop, is killed, or has a slow provider: it is paid once."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from uuid import UUID

import asyncpg
import httpx2
import msgspec
import pytest
import pytest_asyncio

from tests.outside.calling import Caller, payment, total_minor
from tests.outside.shops import CARD, serving_paper
from tests.serving import Server, until_async
from tests.simulators.running import Psp, Receiver

pytestmark = pytest.mark.asyncio(loop_scope="module")

Wire = dict[str, Any]

NOTEBOOK = "notebook-meadow-a5-dotted"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shop(module_database: str, folder: Path, provider: Psp) -> AsyncIterator[Server]:
    async with serving_paper(module_database, folder, provider.url) as running:
        yield running


async def until_asked(provider: Psp, calls: int) -> None:
    """The provider has one more payment in its hands than the ``calls`` before."""

    async def is_asked() -> bool:
        return len(await provider.calls("authorise")) > calls

    await until_async(is_asked)


async def placed(platform: Receiver, order_id: str) -> list[Wire]:
    """The events about an order, once there is one."""

    async def about() -> list[Wire]:
        bodies = [msgspec.json.decode(entry.body) for entry in await platform.received()]
        return [body for body in bodies if body["id"] == order_id]

    async def is_there() -> bool:
        return bool(await about())

    await until_async(is_there)
    return await about()


async def test_a_complete_with_a_slow_provider_is_answered_in_time_and_finished_later(
    shop: Server, provider: Psp, platform: Receiver
) -> None:
    async with Caller(shop.http, platform.profile_url) as caller:
        checkout = await caller.ready(NOTEBOOK)
        reply = await caller.complete(checkout, payment("slow_9.5", CARD), "slow")
        assert (reply.status_code, reply.json()["status"]) == (200, "complete_in_progress")
        refused = await caller.ask("POST", f"/checkout-sessions/{checkout['id']}/cancel")
        assert (refused.status_code, refused.json()["messages"][0]["code"]) == (409, "payment_in_flight")
        await until_async(lambda: is_completed(caller, checkout))
        done = await caller.get(checkout)
        again = await caller.complete(checkout, payment("slow_9.5", CARD), "slow")
        # What was said first is what the key says for ever.
        assert again.content == reply.content
        assert again.headers["idempotent-replayed"] == "true"
        assert len(await placed(platform, done["order"]["id"])) == 1
        assert len(await provider.calls("authorise")) == 1


async def is_completed(caller: Caller, checkout: Wire) -> bool:
    return (await caller.get(checkout))["status"] == "completed"


async def test_a_complete_whose_process_is_killed_is_repeated_and_charged_once(
    shop: Server, provider: Psp, platform: Receiver
) -> None:
    async with Caller(shop.http, platform.profile_url) as caller:
        checkout = await caller.ready(NOTEBOOK, 2)
        paid_before = await provider.held_minor()
        calls = len(await provider.calls("authorise"))
        await provider.control(paused=True)
        paying = asyncio.create_task(caller.complete(checkout, payment("success_token", CARD), "killed"))
        await until_asked(provider, calls)
        (victim,) = shop.pids("public")
        os.kill(victim, signal.SIGKILL)
        with pytest.raises(httpx2.TransportError):
            await paying
        await provider.control(paused=False)
        reply = await repeated(caller, checkout, payment("success_token", CARD), "killed")
        assert (reply.status_code, reply.json()["status"]) == (200, "completed"), reply.text
        again = await caller.complete(checkout, payment("success_token", CARD), "killed")
        assert again.content == reply.content
    assert await provider.held_minor() - paid_before == total_minor(reply.json())
    assert len(await placed(platform, reply.json()["order"]["id"])) == 1


async def repeated(caller: Caller, checkout: Wire, body: Wire, key: str) -> httpx2.Response:
    """The same bytes under the same key, as often as the shop asks for patience or is not there."""

    async def answer() -> httpx2.Response | None:
        try:
            reply = await caller.complete(checkout, body, key)
        except httpx2.TransportError:
            return None
        if reply.status_code in (409, 503):
            assert reply.headers["retry-after"] == "1"
            return None
        return reply

    found: list[httpx2.Response] = []

    async def is_answered() -> bool:
        found.extend(filter(None, [await answer()]))
        return bool(found)

    await until_async(is_answered)
    return found[0]


async def test_a_stop_waits_for_the_payment_that_is_under_way(
    module_database: str, tmp_path: Path, provider: Psp, platform: Receiver
) -> None:
    async with serving_paper(module_database, tmp_path, provider.url) as shop:
        async with Caller(shop.http, platform.profile_url) as caller:
            checkout = await caller.ready(NOTEBOOK)
            calls = len(await provider.calls("authorise"))
            paying = asyncio.create_task(caller.complete(checkout, payment("slow_3", CARD), "stopped"))
            await until_asked(provider, calls)
            shop.signal(signal.SIGTERM)
            reply = await paying
        assert (reply.status_code, reply.json()["status"]) == (200, "completed")
        assert await shop.stop() == 0
        assert '"status":500' not in shop.output
        assert "left to be resumed" not in shop.output
    assert await orders_of(module_database, reply.json()["order"]["id"]) == 1


async def orders_of(database: str, order_id: str) -> int:
    connection = await asyncpg.connect(database)
    try:
        row_id = UUID(order_id.removeprefix("ord_"))
        count: int = await connection.fetchval("select count(*) from orders where id = $1", row_id)
        return count
    finally:
        await connection.close()
