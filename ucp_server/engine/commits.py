"""Writes whose outcome is known: when the line breaks in a commit, our own row tells what became of it.

A broken connection says nothing: half of the commits cut in a test were applied, half were not, and
the driver's error was the same. The statements are conditional, so asking and writing again is safe.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

from ucp_server.domain.errors import StoreUnavailable
from ucp_server.store.database import Pool, Read, Tx, outcome_is_unknown, read, retrying, statement

T = TypeVar("T")

# Postgres accepts connections again 0.2 s after a crash; asking more often only adds to its start.
PAUSE_S: Final = 0.1


async def commit(
    pool: Pool,
    write: Callable[[Tx], Awaitable[T]],
    was_written: Callable[[Read], Awaitable[T | None]],
    *,
    certain_within_s: float,
    is_patient: bool = False,
) -> T:
    """Run one writing statement; where its answer is lost, ask ``was_written`` on a new connection.

    ``was_written`` returns what ``write`` would have, or None when there is no trace of it: then
    ``write`` runs again. A store that could not even be asked raises StoreUnavailable at once,
    unless the caller ``is_patient``. Raises StoreUnavailable when nothing is certain in time.
    """
    deadline = asyncio.get_running_loop().time() + certain_within_s
    is_asking = False

    async def once() -> T:
        nonlocal is_asking
        if is_asking:
            async with read(pool) as db:
                written = await was_written(db)
            if written is not None:
                return written
        async with statement(pool) as tx:
            is_asking = True
            return await write(tx)

    while True:
        try:
            return await retrying(once)
        except StoreUnavailable as error:
            may_go_on = is_patient or (is_asking and outcome_is_unknown(error))
            if not may_go_on or asyncio.get_running_loop().time() >= deadline:
                raise
        await asyncio.sleep(PAUSE_S)
