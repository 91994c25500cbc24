"""A pool for a command that looks into the database or changes a row in it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import click

from ucp_server.commands.database import connected
from ucp_server.config import Settings
from ucp_server.domain.errors import StoreUnavailable
from ucp_server.store.database import Pool, open_pool

# One connection writes; the pool wants a second for readers.
POOL_SIZE = 2


@asynccontextmanager
async def opened(settings: Settings, name: str) -> AsyncIterator[tuple[Settings, Pool]]:
    """The settings with what the data folder adds to them, and a pool on their database."""
    try:
        async with (
            connected(settings) as ready,
            open_pool(ready.postgres_url, size=POOL_SIZE, name=name) as pool,
        ):
            yield ready, pool
    except StoreUnavailable as error:
        raise click.ClickException(f"the database does not answer: {error.__cause__ or error}") from error
