"""``ucp-server migrate``: bring the database to this version's schema and end."""

import asyncio

import click

from ucp_server.commands.database import connected
from ucp_server.commands.options import configured
from ucp_server.config import Settings
from ucp_server.store import migrate as migrations


@click.command()
@configured
def migrate(settings: Settings) -> None:
    """Bring the database to this version's schema.

    A server does so itself when it starts. Servers of the version before go on working meanwhile.
    """
    try:
        applied = asyncio.run(_migrate(settings))
    except migrations.MigrationError as error:
        raise click.ClickException(str(error)) from error
    click.echo("\n".join(f"applied {name}" for name in applied) or "the database is up to date")


async def _migrate(settings: Settings) -> tuple[str, ...]:
    async with connected(settings) as ready:
        return await migrations.migrate(ready.postgres_url)
