"""``ucp-server import``: a shop from CSV files, all of it or nothing."""

import asyncio
from pathlib import Path

import click

from ucp_server.commands.database import connected
from ucp_server.commands.merchants import chosen, of_merchant
from ucp_server.commands.options import configured
from ucp_server.config import Settings
from ucp_server.domain.errors import StoreUnavailable
from ucp_server.store.database import open_pool
from ucp_server.store.importing import BadShop, Imported, import_shop

# One connection writes; the pool wants a second for readers.
POOL_SIZE = 2


@click.command("import")
@click.argument("folder", type=click.Path(path_type=Path, exists=True, file_okay=False))
@of_merchant
@configured
def import_command(settings: Settings, folder: Path, merchant_id: str | None) -> None:
    """Replace a merchant's shop by the CSV files in FOLDER."""
    merchant = chosen(settings, merchant_id)
    try:
        imported = asyncio.run(_import(settings, merchant, folder))
    except BadShop as error:
        raise click.ClickException(f"nothing was loaded.\n{error}") from error
    except StoreUnavailable as error:
        raise click.ClickException(f"nothing was loaded: {error.__cause__ or error}") from error
    for table, count in imported.counts.items():
        click.echo(f"{count:>7} {table}")
    for column in imported.ignored:
        click.echo(f"ignored {column}: a column that means nothing here")


async def _import(settings: Settings, merchant_id: str, folder: Path) -> Imported:
    currency = settings.merchant[merchant_id].currency
    async with (
        connected(settings) as ready,
        open_pool(ready.postgres_url, size=POOL_SIZE, name="import") as pool,
    ):
        return await import_shop(pool, merchant_id, currency, folder)
