import asyncio

import pytest

from tests.serving import until_async
from ucp_server.store import pool as lending
from ucp_server.store.database import Pool, open_pool, read, statement

PID = "SELECT pg_backend_pid()"
OURS = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'ucp-server tests'"
SLEEPING = OURS + " AND query LIKE '%pg_sleep%' AND state = 'active' AND pid <> pg_backend_pid()"


async def _pid(pool: Pool) -> object:
    async with read(pool) as db:
        return await db.fetchval(PID)


async def test_the_connection_that_came_back_last_is_lent_first(pool: Pool) -> None:
    async with read(pool) as first, read(pool) as second:
        earlier, later = await first.fetchval(PID), await second.fetchval(PID)
    # Left in the order second, first.
    assert await _pid(pool) == earlier != later


async def test_a_statement_that_was_given_up_is_ended_and_its_place_given_back(pool: Pool) -> None:
    async def sleep() -> None:
        async with statement(pool) as tx:
            await tx.execute("SELECT pg_sleep(60)")

    async def are_asleep(count: int) -> bool:
        async with read(pool) as db:
            return await db.fetchval(SLEEPING) == count

    for _ in range(3):
        sleepers = [asyncio.create_task(sleep()) for _ in range(3)]
        await until_async(lambda: are_asleep(3))
        for sleeper in sleepers:
            sleeper.cancel()
        await asyncio.gather(*sleepers, return_exceptions=True)
        await until_async(lambda: are_asleep(0))
    async with read(pool), read(pool), read(pool), read(pool) as db:
        assert await db.fetchval(OURS) == 4


async def test_a_connection_is_replaced_after_so_many_loans(
    pool: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lending, "LOANS_PER_CONNECTION", 2)
    pids = {await _pid(pool) for _ in range(20)}
    assert len(pids) == 10


async def test_nothing_stays_open_behind_a_closed_pool(database: str, pool: Pool) -> None:
    async with open_pool(database, size=3, name="closing") as closing:
        assert await _pid(closing)
    async with read(pool) as db:
        left = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'ucp-server closing'"
        await until_async(lambda: _is_zero(db.fetchval(left)))


async def _is_zero(count: object) -> bool:
    assert asyncio.iscoroutine(count)
    return await count == 0
