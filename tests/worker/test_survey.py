"""Survey: plans that were made over empty tables fit soon after rows came."""

import asyncpg

from tests.serving import until_async
from tests.store.test_statements import plan_of
from ucp_server.store.attempts import LOAD_ATTEMPT
from ucp_server.store.database import Pool
from ucp_server.worker import survey

ATTEMPTS = """
insert into attempts (merchant_id, id, checkout_id, platform_id, handler_id, psp_key, hold_id,
    amount_minor, currency, state, binding, terms)
select 'shop', gen_random_uuid(), gen_random_uuid(), 'platform', 'handler', n::text, gen_random_uuid(),
    1, 'EUR', 'declined', 'binding', ''
from generate_series(1, 500) n
"""
HAS_SIZE = "select reltuples >= 0 from pg_class where oid = 'attempts'::regclass"


async def fill(database: str, sql: str) -> None:
    """On a connection of its own: what it counted is told when it ends."""
    connection = await asyncpg.connect(database)
    await connection.execute(sql)
    await connection.close()


async def uses_its_key(pool: Pool) -> bool:
    async with pool.connection() as connection:
        return "attempts_pkey" in await plan_of(connection, LOAD_ATTEMPT)


async def test_one_of_a_merchants_rows_is_found_by_its_key(database: str, pool: Pool) -> None:
    assert not await uses_its_key(pool)
    await fill(database, ATTEMPTS)

    async def has_size() -> bool:
        await survey.run_once(pool)
        async with pool.connection() as connection:
            return bool(await connection.fetchval(HAS_SIZE))

    await until_async(has_size)
    assert await uses_its_key(pool)


async def test_there_is_nothing_to_say_of_empty_tables_and_of_those_that_are_known(pool: Pool) -> None:
    assert await survey.run_once(pool) == 0
    async with pool.connection() as connection:
        await connection.execute("analyze attempts")
        assert await connection.fetchval(HAS_SIZE)
    assert await survey.run_once(pool) == 0
