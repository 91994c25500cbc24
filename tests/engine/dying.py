"""Ways to die at a fault point, and what passes afterwards for those who live on."""

import asyncio
import signal
from contextlib import suppress
from multiprocessing.context import ForkServerContext

from tests.engine.driver import Errand, perform, run_armed
from ucp_server.domain.errors import Refusal
from ucp_server.engine.faults import armed
from ucp_server.engine.setup import Setup
from ucp_server.store.database import Pool
from ucp_server.worker.deliver import Delivery

# A child that has not died by then hangs.
DIES_WITHIN_S = 30


async def kill(forks: ForkServerContext, errand: Errand, point: str) -> None:
    """In a process of its own, with SIGKILL."""
    child = forks.Process(target=run_armed, args=(errand, f"{point}=kill"))
    child.start()
    await asyncio.to_thread(child.join, DIES_WITHIN_S)
    code = child.exitcode
    child.close()
    assert code == -signal.SIGKILL, f"{point} was not hit: {code}"


async def strike(errand: Errand, setup: Setup, delivery: Delivery, point: str, action: str) -> None:
    """In this process, by an exception."""
    with armed(f"{point}={action}") as struck:
        with suppress(Refusal, asyncio.CancelledError):
            await perform(errand, setup, delivery)
        assert struck == [point]


async def lapse_open_leases(pool: Pool) -> None:
    """Time passes for dead holders, but a challenge is left to its buyer."""
    async with pool.connection() as connection:
        await connection.execute(
            "update attempts set lease_until = now() where state in ('created', 'sent', 'unknown')"
        )
