"""Our own stock behind its port, and the order in which its rows are locked."""

import asyncio

import asyncpg
import pytest

from tests.simulators.running import until
from ucp_server.store.database import Pool
from ucp_server.store.ids import new_id
from ucp_server.store.stock import OwnStock

LOCK = "select from inventory where item_id = $1 for update nowait"
WAITING = "select count(*) from pg_stat_activity where wait_event_type = 'Lock'"


async def put(pool: Pool, *items: tuple[str, int]) -> None:
    async with pool.connection() as connection:
        await connection.executemany(
            "insert into inventory (merchant_id, item_id, on_hand) values ('shop', $1, $2)", items
        )


async def counts(pool: Pool, item: str) -> tuple[int, int, int]:
    async with pool.connection() as connection:
        row = await connection.fetchrow(
            "select on_hand, reserved, sold from inventory where item_id = $1", item
        )
    return tuple(row)


async def test_pieces_are_held_then_sold_or_given_back(pool: Pool) -> None:
    await put(pool, ("rose", 3), ("vase", 1))
    stock, first, second = OwnStock(pool), new_id(), new_id()
    assert await stock.available("shop", ["rose", "vase", "sky"]) == {"rose": 3, "vase": 1}
    assert await stock.reserve("shop", first, {"rose": 2, "vase": 1})
    assert await stock.reserve("shop", first, {"rose": 2, "vase": 1})
    assert await stock.available("shop", ["rose", "vase"]) == {"rose": 1, "vase": 0}
    assert not await stock.reserve("shop", second, {"rose": 1, "vase": 1})
    assert await counts(pool, "rose") == (3, 2, 0)
    for _ in range(2):
        await stock.confirm("shop", first)
        assert await counts(pool, "rose") == (1, 0, 2)
    assert await stock.reserve("shop", second, {"rose": 1})
    for _ in range(2):
        await stock.release("shop", second)
        assert await counts(pool, "rose") == (1, 0, 2)


async def test_what_has_no_row_is_not_limited(pool: Pool) -> None:
    assert await OwnStock(pool).reserve("shop", new_id(), {"sky": 1000})


async def test_another_merchants_pieces_are_another_merchants(pool: Pool) -> None:
    await put(pool, ("rose", 1))
    assert await OwnStock(pool).available("other", ["rose"]) == {}
    await OwnStock(pool).reserve("other", new_id(), {"rose": 1})
    assert await counts(pool, "rose") == (1, 0, 0)


async def test_rows_are_locked_in_the_order_of_their_items(pool: Pool, database: str) -> None:
    await put(pool, ("vase", 9), ("rose", 9))
    blocker, prober = await asyncpg.connect(database), await asyncpg.connect(database)
    try:
        async with blocker.transaction():
            await blocker.fetch(LOCK, "rose")
            reserving = asyncio.create_task(
                OwnStock(pool).reserve("shop", new_id(), {"vase": 1, "rose": 1})
            )
            await until(lambda: prober.fetchval(WAITING))
            # It waits for the rose; had it the vase already, two such baskets could block for good.
            await prober.fetch(LOCK, "vase")
        assert await reserving
    finally:
        await blocker.close()
        await prober.close()


async def test_the_last_pieces_go_to_as_many_as_there_are(pool: Pool) -> None:
    await put(pool, ("rose", 5))
    stock = OwnStock(pool)
    held = await asyncio.gather(*(stock.reserve("shop", new_id(), {"rose": 1}) for _ in range(20)))
    assert held.count(True) == 5
    assert await counts(pool, "rose") == (5, 5, 0)
    with pytest.raises(asyncpg.CheckViolationError):
        async with pool.connection() as connection:
            await connection.execute("update inventory set reserved = 6")
