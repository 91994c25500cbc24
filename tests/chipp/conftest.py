from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.chipp.world import HASTY, HURRIED, PATIENT, Market, fill, open_market
from tests.simulators.running import Receiver, receiver
from ucp_server.engine.setup import Timings
from ucp_server.handlers.fetch_guarded import GuardedFetch
from ucp_server.store.database import Pool, open_pool


@pytest.fixture
async def pool(database: str) -> AsyncIterator[Pool]:
    """Wide enough for crowds on a machine that is busy otherwise."""
    async with open_pool(database, size=8, name="tests") as opened:
        yield opened


@pytest.fixture
async def market(pool: Pool, tmp_path: Path) -> AsyncIterator[Market]:
    await fill(pool, tmp_path / "shop")
    async with _opened(pool, tmp_path, PATIENT) as opened:
        yield opened


@pytest.fixture
async def hurried(market: Market, tmp_path: Path) -> AsyncIterator[Market]:
    """The same, but nobody waits for tools."""
    async with _opened(market.pool, tmp_path, HURRIED) as opened:
        yield opened


@pytest.fixture
async def hasty(market: Market, tmp_path: Path) -> AsyncIterator[Market]:
    """The same, but nobody waits for tools, nor for a payment that takes its time."""
    async with _opened(market.pool, tmp_path, HASTY) as opened:
        yield opened


@asynccontextmanager
async def _opened(pool: Pool, folder: Path, timings: Timings) -> AsyncIterator[Market]:
    fetch = GuardedFetch(allow_loopback=True)
    try:
        yield open_market(pool, folder / "books.jsonl", fetch, timings)
    finally:
        await fetch.close()


@pytest.fixture
async def outside() -> AsyncIterator[Receiver]:
    """The merchant's tools and the app's ears, in a process of their own."""
    async with receiver() as process:
        yield process
