"""The loop: works while there is work, wakes by hint or clock, survives failures, stops politely."""

import asyncio
from pathlib import Path

import pytest

from tests.engine.rows import one
from tests.engine.world import call, complete, create, make_setup
from tests.simulators.running import until
from tests.worker.world import Receiver, make_delivery
from ucp_server.domain.errors import StoreUnavailable
from ucp_server.domain.events import DeliveryOutcome, Job
from ucp_server.engine.hints import Hints
from ucp_server.engine.runner import Engine
from ucp_server.engine.setup import Setup
from ucp_server.store.database import Pool
from ucp_server.worker.loop import Routine, routines, run_until_canceled

PATIENCE_S = 10


async def stop(running: asyncio.Task[None]) -> None:
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running


async def test_an_order_reaches_its_receiver_by_polling_alone(engine: Engine, setup: Setup) -> None:
    arrived = asyncio.Event()
    platform = Receiver()
    deliver = platform.deliver

    async def tell(job: Job, rendered: bytes) -> DeliveryOutcome:
        outcome = await deliver(job, rendered)
        arrived.set()
        return outcome

    platform.deliver = tell
    running = asyncio.create_task(run_until_canceled(routines(setup, make_delivery(setup, platform))))
    answer = await engine.run(call(), create())
    await engine.run(call(), complete(answer.checkout_id))
    async with asyncio.timeout(PATIENCE_S):
        await arrived.wait()
    await stop(running)


async def test_a_hint_from_another_process_wakes_at_once(database: str, pool: Pool, tmp_path: Path) -> None:
    setup = make_setup(pool, tmp_path / "books", hint=Hints(pool))
    engine, steps = Engine(setup), []

    async def step() -> int:
        steps.append("step")
        return 0

    async def stepped_twice() -> bool:
        return len(steps) >= 2

    async def stepped_again() -> bool:
        return len(steps) >= 3

    # It would rest for an hour: only hints (one when listening begins, one of the order) wake it.
    running = asyncio.create_task(
        run_until_canceled([Routine("test", step, 3600, is_hinted=True)], hints_url=database)
    )
    await until(stepped_twice)
    answer = await engine.run(call(), create())
    await engine.run(call(), complete(answer.checkout_id))
    await until(stepped_again)
    await stop(running)


async def test_each_hint_wakes_one_and_a_full_batch_another(database: str, pool: Pool) -> None:
    steps: list[int] = []
    found = iter([0, 0, 0, 0, 7, 0, 0])

    async def step() -> int:
        steps.append(next(found, 0))
        return steps[-1]

    async def stepped(times: int) -> bool:
        return len(steps) >= times

    lanes = [Routine(f"lane-{n}", step, 3600, is_hinted=True, batch_max=7) for n in range(2)]
    running = asyncio.create_task(run_until_canceled(lanes, hints_url=database))
    hint = Hints(pool)
    # Both at the start, and one for what was hinted before it was listened to.
    await until(lambda: stepped(3))
    hint()
    await until(lambda: stepped(4))
    hint()
    # The one that is woken finds a full batch, looks again, and has woken the other.
    await until(lambda: stepped(7))
    hint()
    await until(lambda: stepped(8))
    await stop(running)
    assert len(steps) == 8


async def test_a_failing_job_rests_and_the_others_go_on(caplog: pytest.LogCaptureFixture) -> None:
    worked = asyncio.Event()
    fails = iter([StoreUnavailable(), ValueError("bad row")])

    async def failing() -> int:
        raise next(fails, KeyError())

    async def working() -> int:
        worked.set()
        return 0

    running = asyncio.create_task(
        run_until_canceled([Routine("failing", failing, 0.01), Routine("working", working, 0.01)])
    )
    async with asyncio.timeout(PATIENCE_S):
        await worked.wait()

    async def is_logged() -> bool:
        return "bad row" in caplog.text

    await until(is_logged)
    await stop(running)
    assert "the store does not answer" in caplog.text


async def test_a_step_under_way_is_finished_before_the_end(setup: Setup) -> None:
    begun, may_end, ended = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def step() -> int:
        begun.set()
        await may_end.wait()
        ended.set()
        return 1

    running = asyncio.create_task(run_until_canceled([Routine("slow", step, 1)]))
    await begun.wait()
    running.cancel()
    await asyncio.sleep(0)
    assert not ended.is_set()
    may_end.set()
    await asyncio.wait([running])
    assert ended.is_set()


async def test_resume_runs_in_the_loop(engine: Engine, setup: Setup) -> None:
    answer = await engine.run(call(), create())
    await engine.run(call("k1"), complete(answer.checkout_id, "lost_after_token"))
    running = asyncio.create_task(run_until_canceled(routines(setup, make_delivery(setup, Receiver()))))

    async def is_placed() -> bool:
        return await one(setup.pool, "select count(*) from orders") == 1

    await until(is_placed)
    await stop(running)
