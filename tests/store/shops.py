"""Shops written for one test: each file is a text, columns and rows with commas."""

from datetime import UTC, datetime
from pathlib import Path

from ucp_server.store.catalog import ItemRow
from ucp_server.store.database import Pool, Tx, statement
from ucp_server.store.importing import Imported, import_shop
from ucp_server.store.shop_tables import Reading, read_shop

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
PRODUCTS = "id,title,price\ntea,Tea,500\npen,Pen,250\n"


def written(folder: Path, **files: str | bytes) -> Path:
    """A folder of CSV files: ``products`` as given or two plain ones, others by their name."""
    folder.mkdir(exist_ok=True)
    for name, content in {"products": PRODUCTS, **files}.items():
        raw = content if isinstance(content, bytes) else content.encode()
        (folder / f"{name}.csv").write_bytes(raw)
    return folder


def reading(folder: Path, now: datetime = NOW) -> Reading:
    return read_shop(folder, "EUR", now)


def items_of(folder: Path) -> dict[str, ItemRow]:
    """What can be put on a line, by its id."""
    return {item.id: item for product in reading(folder).tables.products for item in product.items}


async def imported(pool: Pool, folder: Path, merchant_id: str = "shop", **files: str | bytes) -> Imported:
    return await import_shop(pool, merchant_id, "EUR", written(folder, **files))


async def execute(pool: Pool, sql: str, *values: object) -> None:
    async with statement(pool) as tx:
        assert isinstance(tx, Tx)
        await tx.execute(sql, *values)
