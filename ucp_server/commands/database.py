"""The database for a command that runs beside a server, or without one."""

import contextlib
from collections.abc import AsyncIterator

import asyncpg
import click
import msgspec

from ucp_server.config import ConfigError, Secret, Settings
from ucp_server.postgres import PostgresError, open_cluster
from ucp_server.postgres.binaries import BinariesMissing
from ucp_server.supervisor import data_folder
from ucp_server.supervisor.foundation import DatabaseUnusable, furnished, reach

_FAILURES = (ConfigError, DatabaseUnusable, PostgresError, BinariesMissing, data_folder.FolderInUse)


@contextlib.asynccontextmanager
async def connected(settings: Settings) -> AsyncIterator[Settings]:
    """Settings whose ``postgres_url`` answers.

    An embedded Postgres that a server runs is used as it is; one that nobody runs is started for
    the command and stopped after it. What goes wrong with either is said in one sentence.
    """
    async with contextlib.AsyncExitStack() as stack:
        try:
            ready = await _ready(settings, stack)
            await reach(ready.postgres_url)
        except _FAILURES as error:
            raise click.ClickException(str(error)) from error
        try:
            yield ready
        except asyncpg.UndefinedTableError as error:
            raise click.ClickException("the database is empty; run `ucp-server migrate` first") from error


async def _ready(settings: Settings, stack: contextlib.AsyncExitStack) -> Settings:
    if settings.data_dir is not None:
        data_folder.make(settings.data_dir)
        settings = furnished(settings, settings.data_dir)
    if not settings.embedded:
        return settings
    assert settings.data_dir is not None
    cluster = await open_cluster(settings.data_dir)
    if not cluster.runs():
        stack.enter_context(data_folder.locked(settings.data_dir))
        stack.push_async_callback(cluster.stop)
    await cluster.start()
    return msgspec.structs.replace(settings, database_url=Secret(cluster.url()))
