"""Trim and expire: what is kept, for how long, and that making room loses nothing."""

import asyncio
import dataclasses
from datetime import UTC, datetime, timedelta

import pytest

from tests.engine.rows import one, rows
from tests.engine.world import SCOPE, SHOP, SetClock, call, complete, create
from ucp_server.domain.errors import ReplyExpired
from ucp_server.engine.commands import Key
from ucp_server.engine.runner import Engine
from ucp_server.engine.setup import Setup
from ucp_server.store.database import Pool
from ucp_server.store.ids import first_id_at, is_id, moment_of, new_id
from ucp_server.worker import expire, trim

MONDAY = datetime(2026, 12, 7, 10, 30, tzinfo=UTC)


async def tables(pool: Pool, like: str) -> list[str]:
    found = await rows(
        pool, "select relname from pg_class where relname like $1 and relkind = 'r' order by 1", like
    )
    return [row["relname"] for row in found]


async def test_partitions_are_made_ahead_once(pool: Pool) -> None:
    made = await asyncio.gather(*(trim.run_once(pool, SetClock(MONDAY)) for _ in range(2)))
    assert sum(made) >= 15
    assert await trim.run_once(pool, SetClock(MONDAY)) == 0
    assert await tables(pool, "orders_2%") == ["orders_2026_12", "orders_2027_01", "orders_2027_02"]
    replies = await tables(pool, "replies_2%")
    assert (replies[0], replies[-1]) == ("replies_2026120706", "replies_2026120906")
    assert len(replies) == 9


async def test_rows_lie_in_the_partition_of_their_time(engine: Engine, setup: Setup) -> None:
    await trim.run_once(setup.pool, setup.clock)
    await engine.run(call("k1", operation="create"), create())
    for parent in ("checkouts", "replies"):
        where = await one(setup.pool, f"select tableoid::regclass::text from {parent}")
        assert where.startswith(f"{parent}_2")


async def test_a_range_that_the_default_holds_rows_of_is_left_there(engine: Engine, setup: Setup) -> None:
    first = await engine.run(call("k1", operation="create"), create())
    await trim.run_once(setup.pool, setup.clock)
    assert await trim.run_once(setup.pool, setup.clock) == 0
    assert first.checkout_id is not None
    assert (await engine.read(SCOPE, first.checkout_id)).id == first.checkout_id
    again = await engine.run(call("k1", operation="create"), create())
    assert again.replayed


async def test_replies_go_after_48_hours_and_claims_after_30_days(engine: Engine, setup: Setup) -> None:
    await trim.run_once(setup.pool, setup.clock)
    await engine.run(call("k1", operation="create"), create())
    key = Key(operation="create", key="k1", fingerprint=b"same")
    await trim.run_once(setup.pool, SetClock(datetime.now(UTC) + timedelta(hours=47)))
    assert (await engine.replay(SCOPE, key)) is not None
    await trim.run_once(setup.pool, SetClock(datetime.now(UTC) + timedelta(hours=55)))
    with pytest.raises(ReplyExpired):
        await engine.replay(SCOPE, key)
    await trim.run_once(setup.pool, SetClock(datetime.now(UTC) + timedelta(days=31)))
    assert await engine.replay(SCOPE, key) is None


async def test_replies_that_no_partition_was_there_for_go_too(engine: Engine, setup: Setup) -> None:
    await engine.run(call("k1", operation="create"), create())
    assert await one(setup.pool, "select count(*) from replies_default") == 1
    await trim.run_once(setup.pool, SetClock(datetime.now(UTC) + timedelta(hours=49)))
    assert await one(setup.pool, "select count(*) from replies_default") == 0


async def test_what_is_old_goes_in_batches(engine: Engine, setup: Setup) -> None:
    for n in range(5):
        await engine.run(call(f"k{n}", operation="create"), create())
    async with setup.pool.connection() as connection:
        await connection.execute("update claims set created_at = now() - interval '31 days'")
    await trim.run_once(setup.pool, setup.clock, limit=2)
    assert await one(setup.pool, "select count(*) from claims") == 3


async def test_only_jobs_that_were_done_long_ago_are_deleted(engine: Engine, setup: Setup) -> None:
    answer = await engine.run(call(), create())
    assert answer.checkout_id is not None
    await engine.run(call(), complete(answer.checkout_id))
    async with setup.pool.connection() as connection:
        await connection.execute("update outbox set state = 'parked' where kind = 'webhook'")
        await connection.execute("update outbox set state = 'done', done_at = now() where kind = 'mail'")
    await trim.run_once(setup.pool, SetClock(datetime.now(UTC) + timedelta(days=29)))
    assert await one(setup.pool, "select count(*) from outbox") == 3
    await trim.run_once(setup.pool, SetClock(datetime.now(UTC) + timedelta(days=31)))
    left = await rows(setup.pool, "select kind from outbox order by kind")
    assert [row["kind"] for row in left] == ["capture", "webhook"]


async def test_checkouts_expire_in_batches_and_only_open_ones(setup: Setup) -> None:
    then = datetime.now(UTC) - timedelta(seconds=SHOP.ttl_s + 60)
    late, now = Engine(dataclasses.replace(setup, clock=SetClock(then))), Engine(setup)
    for engine in (late, late, late, now):
        await engine.run(call(), create())
    assert await expire.run_once(setup.pool, limit=2) == 2
    assert await expire.run_once(setup.pool, limit=2) == 1
    assert await expire.run_once(setup.pool, limit=2) == 0
    found = await rows(
        setup.pool,
        "select state, revision, document ->> 'state' as shown from checkouts order by state",
    )
    assert [tuple(row.values()) for row in found] == [
        *[("expired", 2, "expired")] * 3,
        ("open", 1, "open"),
    ]


def test_ids_carry_their_time_and_their_version() -> None:
    before = datetime.now(UTC) - timedelta(milliseconds=1)
    ids = [new_id() for _ in range(1000)]
    assert len(set(ids)) == 1000
    assert all(is_id(id_) and id_[14] == "7" and id_[19] in "89ab" for id_ in ids)
    assert before <= moment_of(ids[0]) <= datetime.now(UTC)
    assert first_id_at(before) < ids[0] < first_id_at(datetime.now(UTC) + timedelta(milliseconds=2))
