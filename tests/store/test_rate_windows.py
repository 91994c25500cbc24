"""A caller's minute: counted once for each request, whoever counts, and opened anew when it is over."""

import asyncio

from ucp_server.store.database import Pool, statement
from ucp_server.store.rate_windows import Window, count_request


async def count(pool: Pool, caller: str = "agent 1") -> Window:
    async with statement(pool) as tx:
        return await count_request(tx, merchant_id="network", caller=caller, window_s=60.0)


async def test_every_request_counts_once(pool: Pool) -> None:
    windows = await asyncio.gather(*(count(pool) for _ in range(20)))
    assert sorted(window.used for window in windows) == list(range(1, 21))
    assert len({window.ends_at for window in windows}) == 1
    assert all(0 < window.left_s <= 60 for window in windows)
    assert (await count(pool, "agent 2")).used == 1


async def test_a_window_that_is_over_opens_anew(pool: Pool) -> None:
    first = await count(pool)
    async with statement(pool) as tx:
        await tx.execute("update rate_windows set opened_at = opened_at - interval '60 seconds'")
    again = await count(pool)
    assert again.used == 1
    assert again.ends_at >= first.ends_at
