"""Crowds over two processes: one key is one execution, one checkout one order, one piece one buyer."""

import asyncio
import multiprocessing
from collections import Counter
from collections.abc import Sequence
from multiprocessing.context import ForkServerContext
from pathlib import Path

import pytest

from tests.engine.crowd import Crowd, report
from tests.engine.invariants import broken
from tests.engine.rows import attempts, one, stock
from tests.engine.world import call, create, psp_of, put_stock, seen
from tests.worker.world import Receiver, make_delivery
from ucp_server.engine.runner import Engine
from ucp_server.engine.setup import Setup
from ucp_server.worker.deliver import run_once

PROCESSES = 2
DONE_WITHIN_S = 60
Requests = Sequence[tuple[str, str]]


@pytest.fixture(scope="module")
def forks() -> ForkServerContext:
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tests.engine.driver", "tests.engine.crowd"])
    return context


class Street:
    """Sends a crowd through the doors of several processes and collects what they were told."""

    def __init__(self, forks: ForkServerContext, database: str, folder: Path) -> None:
        self.forks, self.database, self.folder = forks, database, folder

    async def rush(
        self, requests: Requests, *, provider_takes_s: float = 0.0
    ) -> tuple[Counter[bytes], Counter[str]]:
        doors = []
        for n in range(PROCESSES):
            crowd = Crowd(
                database=self.database,
                folder=str(self.folder),
                requests=tuple(requests[n::PROCESSES]),
                provider_takes_s=provider_takes_s,
            )
            near, far = self.forks.Pipe(duplex=False)
            process = self.forks.Process(target=report, args=(crowd, far))
            process.start()
            far.close()
            doors.append((near, process))
        replies, refused = Counter[bytes](), Counter[str]()
        for near, process in doors:
            assert await asyncio.to_thread(near.poll, DONE_WITHIN_S)
            got, not_got = near.recv()
            replies.update(got)
            refused.update(not_got)
            near.close()
            await asyncio.to_thread(process.join, DONE_WITHIN_S)
            process.close()
        return replies, refused


@pytest.fixture
def street(forks: ForkServerContext, database: str, tmp_path: Path) -> Street:
    return Street(forks, database, tmp_path)


async def new_checkout(engine: Engine) -> str:
    answer = await engine.run(call(), create())
    assert answer.checkout_id is not None
    return answer.checkout_id


# The second provider is slower than a twin's patience: twins are sent away and come again.
@pytest.mark.parametrize("provider_takes_s", [0.0, 1.5])
async def test_two_hundred_twins_are_one_execution(
    engine: Engine, setup: Setup, street: Street, provider_takes_s: float
) -> None:
    checkout_id = await new_checkout(engine)
    replies, refused = await street.rush([(checkout_id, "k1")] * 200, provider_takes_s=provider_takes_s)
    assert list(replies.values()) == [200]
    assert refused == {}
    assert seen(next(iter(replies)))["standing"] == "completed"
    assert await attempts(setup.pool) == ["authorised"]
    with psp_of(setup).books() as books:
        assert len(books.entries) == 1
    assert await one(setup.pool, "select count(*) from outbox where kind = 'webhook'") == 1


async def test_a_hundred_keys_on_one_checkout_are_one_order(
    engine: Engine, setup: Setup, street: Street
) -> None:
    checkout_id = await new_checkout(engine)
    replies, refused = await street.rush([(checkout_id, f"k{n}") for n in range(100)])
    assert list(replies.values()) == [1]
    assert refused == {"invalid_state": 99}
    assert await attempts(setup.pool) == ["authorised"]


async def test_twenty_pieces_go_to_twenty_of_two_hundred_buyers(
    engine: Engine, setup: Setup, street: Street
) -> None:
    await put_stock(setup.pool, rose=20)
    checkouts = [await new_checkout(engine) for _ in range(200)]
    replies, refused = await street.rush([(id_, f"k-{id_}") for id_ in checkouts])
    assert {seen(reply)["standing"] for reply in replies} == {"completed"}
    assert len(replies) == 20
    assert refused == {"out_of_stock": 180}
    assert await stock(setup.pool, "rose") == (0, 0, 20)
    assert await one(setup.pool, "select count(*) from orders") == 20
    delivery = make_delivery(setup, receiver := Receiver())
    while await run_once(delivery):
        pass
    got = [(job_id, body, body.decode().split()[2], 1) for job_id, body in receiver.got]
    with psp_of(setup).books() as books:
        assert await broken(setup.pool, books, got, start_stock={"rose": 20}) == []
