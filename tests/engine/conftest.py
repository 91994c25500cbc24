import multiprocessing
from collections.abc import AsyncIterator
from multiprocessing.context import ForkServerContext
from pathlib import Path

import pytest

from tests.engine.world import make_setup
from ucp_server.engine.runner import Engine
from ucp_server.engine.setup import Setup
from ucp_server.store.database import Pool, open_pool


@pytest.fixture
async def pool(database: str) -> AsyncIterator[Pool]:
    """Wide enough for crowds on a machine that is busy otherwise."""
    async with open_pool(database, size=8, name="tests") as opened:
        yield opened


@pytest.fixture
def setup(pool: Pool, tmp_path: Path) -> Setup:
    return make_setup(pool, tmp_path / "books.jsonl")


@pytest.fixture(scope="module")
def forks() -> ForkServerContext:
    """Makes processes that have imported everything already."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tests.engine.driver"])
    return context


@pytest.fixture
def engine(setup: Setup) -> Engine:
    return Engine(setup)
