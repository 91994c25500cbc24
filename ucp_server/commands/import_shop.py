"""``ucp-server import``: a shop from CSV files, or its products from a feed; all of it or nothing."""

import asyncio
import sys
import time
from pathlib import Path
from typing import Protocol

import click

from ucp_server.commands.database import connected
from ucp_server.commands.merchants import chosen, of_merchant
from ucp_server.commands.options import configured
from ucp_server.commands.progress import Progress
from ucp_server.config import Settings
from ucp_server.domain.errors import StoreUnavailable
from ucp_server.store.csv_rows import Progress as StoreProgress
from ucp_server.store.database import Pool, open_pool
from ucp_server.store.importing import BadShop, Imported, import_feed, import_shop

# One connection writes; the pool wants a second for readers.
POOL_SIZE = 2
FEED_SUFFIXES = (".jsonl", ".ndjson")
CUT_TEXTS_TOLD_MAX = 5


class _Load(Protocol):
    async def __call__(
        self, pool: Pool, merchant_id: str, currency: str, source: Path, /, *, progress: StoreProgress
    ) -> Imported: ...


@click.command("import")
@click.argument("source", type=click.Path(path_type=Path, exists=True), metavar="FOLDER|FEED")
@of_merchant
@configured
def import_command(settings: Settings, source: Path, merchant_id: str | None) -> None:
    """Load a shop from CSV files, or its products from a feed.

    The merchant's shop is replaced by the files in FOLDER, or its products alone by those of FEED,
    which has one JSON object a line and a name that ends in .jsonl or .ndjson.
    """
    if source.is_file() and source.suffix.lower() not in FEED_SUFFIXES:
        raise click.BadParameter(
            f"a file ends in {' or '.join(FEED_SUFFIXES)}; CSV files are named by their folder"
        )
    merchant = chosen(settings, merchant_id)
    load = import_feed if source.is_file() else import_shop
    started = time.monotonic()
    try:
        imported = asyncio.run(_import(load, settings, merchant, source))
    except BadShop as error:
        raise click.ClickException(f"nothing was loaded.\n{error}") from error
    except StoreUnavailable as error:
        raise click.ClickException(f"nothing was loaded: {error.__cause__ or error}") from error
    _tell(imported)
    click.echo(f"loaded in {time.monotonic() - started:.1f} s")


async def _import(load: _Load, settings: Settings, merchant_id: str, source: Path) -> Imported:
    currency = settings.merchant[merchant_id].currency
    progress = Progress(sys.stderr)
    try:
        async with (
            connected(settings) as ready,
            open_pool(ready.postgres_url, size=POOL_SIZE, name="import") as pool,
        ):
            return await load(pool, merchant_id, currency, source, progress=progress)
    finally:
        progress.close()


def _tell(imported: Imported) -> None:
    for table, count in imported.counts.items():
        click.echo(f"{count:>7} {table}")
    for column in imported.ignored:
        click.echo(f"ignored {column}: it means nothing here")
    for text in imported.cut[:CUT_TEXTS_TOLD_MAX]:
        click.echo(str(text))
    if len(imported.cut) > CUT_TEXTS_TOLD_MAX:
        click.echo(f"and {len(imported.cut) - CUT_TEXTS_TOLD_MAX} more texts are cut")
