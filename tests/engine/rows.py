"""What tests look at in the database."""

from typing import Any

from ucp_server.store.database import Pool


async def rows(pool: Pool, sql: str, *values: object) -> list[dict[str, Any]]:
    async with pool.connection() as connection:
        return [dict(row) for row in await connection.fetch(sql, *values)]


async def one(pool: Pool, sql: str, *values: object) -> Any:
    async with pool.connection() as connection:
        return await connection.fetchval(sql, *values)


async def attempts(pool: Pool) -> list[str]:
    """The states of all attempts, in the order in which they were opened."""
    return [row["state"] for row in await rows(pool, "select state from attempts order by id")]


async def jobs(pool: Pool) -> list[tuple[str, str]]:
    """(kind, state) of all jobs."""
    found = await rows(pool, "select kind, state from outbox order by created_at, kind")
    return [(row["kind"], row["state"]) for row in found]


async def stock(pool: Pool, item: str) -> tuple[int, int, int]:
    """(on hand, reserved, sold) of one item."""
    row = await rows(pool, "select on_hand, reserved, sold from inventory where item_id = $1", item)
    return (row[0]["on_hand"], row[0]["reserved"], row[0]["sold"])


async def lapse_leases(pool: Pool) -> None:
    """As if every holder had died long ago."""
    async with pool.connection() as connection:
        await connection.execute("update attempts set lease_until = now() where lease_until is not null")
