"""Does one piece of an app's business in a process that is made to die at a named point."""

import asyncio
from contextlib import suppress
from pathlib import Path

import msgspec

from tests.chipp.world import open_market
from ucp_server.domain.errors import Refusal
from ucp_server.engine.faults import armed
from ucp_server.handlers.fetch_guarded import GuardedFetch
from ucp_server.store.database import open_pool

POOL = 3


class Errand(msgspec.Struct, frozen=True, kw_only=True):
    """``work`` in the market of ``database`` and ``folder``: complete or work, on one session."""

    database: str
    folder: str
    work: str
    session_id: str


async def run(errand: Errand) -> None:
    fetch = GuardedFetch(allow_loopback=True)
    try:
        async with open_pool(errand.database, size=POOL) as pool:
            market = open_market(pool, Path(errand.folder) / "books.jsonl", fetch)
            with suppress(Refusal):
                if errand.work == "complete":
                    await market.act({"id": errand.session_id}, "complete")
                else:
                    await market.work_off()
    finally:
        await fetch.close()


def run_armed(errand: Errand, plan: str) -> None:
    """For a forked process, which was started before the plan was known."""
    with armed(plan):
        asyncio.run(run(errand))
