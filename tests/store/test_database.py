import asyncio
import contextlib
from collections.abc import AsyncIterator

import asyncpg
import pytest
import pytest_asyncio

from tests.serving import until
from ucp_server.domain.errors import StoreUnavailable
from ucp_server.store import database as db
from ucp_server.store import pool as lending
from ucp_server.store.database import Pool, Read, Tx, open_pool, read, retrying, statement, transaction


@pytest_asyncio.fixture
async def table(pool: Pool) -> AsyncIterator[Pool]:
    async with statement(pool) as tx:
        await tx.execute("CREATE TABLE t (id int PRIMARY KEY, body jsonb)")
    yield pool


async def test_a_write_says_how_many_rows_it_touched(table: Pool) -> None:
    async with statement(table) as tx:
        assert await tx.execute("INSERT INTO t (id) VALUES (1), (2)") == 2
        assert await tx.execute("UPDATE t SET id = 3 WHERE id = 9") == 0


async def test_jsonb_travels_as_the_bytes_that_were_given(table: Pool) -> None:
    async with statement(table) as tx:
        await tx.execute("INSERT INTO t VALUES (1, $1)", b'{"a": "\xc3\xbc"}')
    async with read(table) as reading:
        row = await reading.fetchrow("SELECT body FROM t")
    assert row is not None
    assert row["body"] == b'{"a": "\xc3\xbc"}'


async def test_a_transaction_is_undone_by_an_error_and_the_connection_is_clean(table: Pool) -> None:
    for _ in range(5):  # more often than there are connections
        with pytest.raises(KeyError):
            await _insert_and_fail(table)
    async with read(table) as reading:
        assert await reading.fetchval("SELECT count(*) FROM t") == 0


async def _insert_and_fail(table: Pool) -> None:
    async with transaction(table) as tx:
        await tx.execute("INSERT INTO t VALUES (1)")
        raise KeyError


async def test_a_transaction_is_undone_by_cancellation(table: Pool) -> None:
    holding = asyncio.Event()

    async def write() -> None:
        async with transaction(table) as tx:
            await tx.execute("INSERT INTO t VALUES (1)")
            holding.set()
            await asyncio.Event().wait()

    task = asyncio.create_task(write())
    await holding.wait()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    async with transaction(table) as tx:
        await tx.execute("INSERT INTO t VALUES (1)")


async def test_rows_written_together_appear_together(table: Pool) -> None:
    async with transaction(table) as tx:
        await tx.executemany("INSERT INTO t (id) VALUES ($1)", [(1,), (2,)])
        async with read(table) as reading:
            assert await reading.fetchval("SELECT count(*) FROM t") == 0
    async with read(table) as reading:
        assert [row["id"] for row in await reading.fetch("SELECT id FROM t ORDER BY id")] == [1, 2]


async def test_a_reader_gets_through_when_writers_hold_all_their_connections(pool: Pool) -> None:
    async with statement(pool), statement(pool), statement(pool):
        with pytest.raises(StoreUnavailable):
            async with statement(pool):
                pass
        async with read(pool) as reading:
            assert await reading.fetchval("SELECT 1") == 1
    async with statement(pool) as tx:
        assert await tx.fetchval("SELECT 1") == 1


async def test_the_queue_for_a_connection_is_bounded(pool: Pool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lending, "WAITING_MAX", 1)
    monkeypatch.setattr(lending, "ACQUIRE_TIMEOUT_S", 30)
    async with read(pool), read(pool), read(pool), read(pool):
        waiting = asyncio.create_task(read(pool).__aenter__())
        await until(lambda: pool._waiting == 1)
        with pytest.raises(StoreUnavailable):
            async with read(pool):
                pass
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)


async def test_a_lost_connection_is_one_refusal_and_the_pool_heals(table: Pool) -> None:
    with pytest.raises(StoreUnavailable) as refused:
        async with transaction(table) as tx:
            await tx.fetchval("SELECT pg_terminate_backend(pg_backend_pid())")
    assert db.outcome_is_unknown(refused.value)
    with pytest.raises(StoreUnavailable):
        await _write_on_after_losing_the_connection(table)
    for _ in range(5):
        async with read(table) as reading:
            assert await reading.fetchval("SELECT count(*) FROM t") == 0


async def _write_on_after_losing_the_connection(table: Pool) -> None:
    async with transaction(table) as tx:
        with contextlib.suppress(StoreUnavailable):
            await tx.fetchval("SELECT pg_terminate_backend(pg_backend_pid())")
        await tx.execute("INSERT INTO t VALUES (1)")


async def test_a_lock_is_not_waited_for_for_ever(table: Pool) -> None:
    async with statement(table) as tx:
        await tx.execute("INSERT INTO t VALUES (1)")
    async with transaction(table) as holder:
        await holder.execute("UPDATE t SET body = '1'")
        async with transaction(table) as tx:
            await tx.execute("SET LOCAL lock_timeout = '10ms'")
            with pytest.raises(StoreUnavailable) as refused:
                await tx.execute("UPDATE t SET body = '2'")
            assert not db.outcome_is_unknown(refused.value)
            await tx._connection.execute("ROLLBACK; BEGIN")


async def test_the_limits_are_set_on_the_server(pool: Pool) -> None:
    async with read(pool) as reading:
        for name, value in (("statement_timeout", "5s"), ("lock_timeout", "2s"), ("jit", "off")):
            assert await reading.fetchval("SELECT current_setting($1)", name) == value


async def test_a_broken_rule_of_the_schema_stays_what_it_is(table: Pool) -> None:
    with pytest.raises(asyncpg.UniqueViolationError):
        async with statement(table) as tx:
            await tx.execute("INSERT INTO t VALUES (1), (1)")


async def test_a_deadlock_is_tried_again(table: Pool) -> None:
    async with statement(table) as tx:
        await tx.execute("INSERT INTO t VALUES (1, '0'), (2, '0')")
    met = asyncio.Barrier(2)
    attempts = 0

    async def both(first: int, second: int) -> None:
        nonlocal attempts
        attempts += 1
        async with transaction(table) as tx:
            await tx.execute("SET LOCAL deadlock_timeout = '10ms'")
            await _add(tx, first)
            if attempts <= 2:
                await met.wait()
            await _add(tx, second)

    await asyncio.gather(retrying(lambda: both(1, 2)), retrying(lambda: both(2, 1)))
    async with read(table) as reading:
        assert [row["body"] for row in await reading.fetch("SELECT body FROM t")] == [b"2", b"2"]
    assert attempts == 3


async def _add(tx: Tx, row: int) -> None:
    await tx.execute("UPDATE t SET body = to_jsonb(body::int + 1) WHERE id = $1", row)


async def test_nothing_else_is_tried_again(pool: Pool) -> None:
    attempts = 0

    async def fail() -> None:
        nonlocal attempts
        attempts += 1
        raise StoreUnavailable

    with pytest.raises(StoreUnavailable):
        await retrying(fail)
    assert attempts == 1


async def test_trying_again_has_an_end(table: Pool) -> None:
    attempts = 0

    async def lose() -> None:
        nonlocal attempts
        attempts += 1
        async with statement(table) as tx:
            await tx.execute("DO $$ BEGIN RAISE serialization_failure; END $$")

    with pytest.raises(StoreUnavailable):
        await retrying(lose)
    assert attempts == db.TRIES_MAX


async def test_statements_can_be_counted(pool: Pool) -> None:
    async with read(pool) as reading:
        with db.recorded_statements() as seen:
            await reading.fetchval("SELECT 1")
        await reading.fetchval("SELECT 2")
    assert seen == ["SELECT 1"]


async def test_a_server_that_is_not_there_is_said_so() -> None:
    with pytest.raises(StoreUnavailable):
        async with open_pool("postgresql://nobody@127.0.0.1:1/none"):
            pass


async def test_a_pool_that_could_not_keep_a_connection_for_readers_is_refused(database: str) -> None:
    with pytest.raises(ValueError, match="at least 2"):
        async with open_pool(database, size=1):
            pass


def test_only_a_writing_connection_can_write() -> None:
    assert not hasattr(Read, "execute")
    assert issubclass(Tx, Read)
