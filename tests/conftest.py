"""A real Postgres for every test that asks: started once, a fresh migrated database per test.

``database`` is a URL, ``pool`` an open pool on it. Each xdist worker has a server of its own.
"""

import contextlib
import itertools
import os
import shutil
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import pytest_asyncio

from ucp_server.asgi.lines import Lines
from ucp_server.postgres import Cluster, open_cluster
from ucp_server.store.database import Pool, open_pool
from ucp_server.store.migrate import migrate

TEMPLATE = "template_migrated"
MEMORY_WANTED_BYTES = 2 * 1024**3
_numbers = itertools.count(1)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def postgres() -> AsyncIterator[Cluster]:
    """The session's server, without durability, holding the migrated template."""
    folder = quick_folder()
    cluster = await open_cluster(folder, volatile=True)
    await cluster.start()
    try:
        await execute(cluster, f"CREATE DATABASE {TEMPLATE}")
        await migrate(cluster.url(TEMPLATE))
        yield cluster
    finally:
        await cluster.stop()
        shutil.rmtree(folder)


def quick_folder() -> Path:
    """In memory where there is room, since copying a template is mostly making small files.

    Not under pytest's own folder, which the account that root lends to Postgres may not enter.
    """
    memory = Path("/dev/shm")
    roomy = memory.exists() and shutil.disk_usage(memory).free > MEMORY_WANTED_BYTES
    folder = Path(tempfile.mkdtemp(prefix="ucp-tests-", dir=memory if roomy else None))
    folder.chmod(0o755)
    return folder


async def execute(cluster: Cluster, sql: str) -> None:
    connection = await asyncpg.connect(cluster.url("postgres"))
    try:
        await connection.execute(sql)
    finally:
        await connection.close()


@contextlib.asynccontextmanager
async def fresh_database(postgres: Cluster) -> AsyncIterator[str]:
    """The URL of a migrated database, for fixtures of a wider scope than one test."""
    name = f"test_{next(_numbers)}"
    await execute(postgres, f"CREATE DATABASE {name} TEMPLATE {TEMPLATE}")
    try:
        yield postgres.url(name)
    finally:
        await execute(postgres, f"DROP DATABASE {name} WITH (FORCE)")


@pytest_asyncio.fixture
async def database(postgres: Cluster) -> AsyncIterator[str]:
    """The URL of a migrated database that belongs to this test alone."""
    async with fresh_database(postgres) as url:
        yield url


@pytest_asyncio.fixture
async def pool(database: str) -> AsyncIterator[Pool]:
    """A small open pool on ``database``."""
    async with open_pool(database, size=4, name="tests") as opened:
        yield opened


@pytest_asyncio.fixture
async def lines(tmp_path: Path) -> AsyncIterator[Lines]:
    """Access lines into a file of their own."""
    descriptor = os.open(tmp_path / "access.log", os.O_CREAT | os.O_WRONLY)
    lines = Lines(descriptor)
    try:
        yield lines
    finally:
        if lines._in_thread is not None:
            # What it still writes would go to whoever gets the descriptor next.
            await lines._in_thread
        lines.flush()
        os.close(descriptor)
