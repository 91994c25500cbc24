"""What a module's tests share: a database, a provider, a platform, a folder."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from tests.conftest import TEMPLATE, execute
from tests.simulators.running import Psp, Receiver, psp, receiver
from ucp_server.postgres import Cluster


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("outside")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def module_database(postgres: Cluster, request: pytest.FixtureRequest) -> AsyncIterator[str]:
    """The URL of a migrated database that belongs to this module."""
    name = request.module.__name__.rpartition(".")[2]
    await execute(postgres, f"CREATE DATABASE {name} TEMPLATE {TEMPLATE}")
    try:
        yield postgres.url(name)
    finally:
        await execute(postgres, f"DROP DATABASE {name} WITH (FORCE)")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def provider() -> AsyncIterator[Psp]:
    async with psp() as process:
        yield process


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def platform() -> AsyncIterator[Receiver]:
    async with receiver() as process:
        yield process
