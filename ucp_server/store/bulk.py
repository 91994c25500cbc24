"""Many rows by some statements, none of which takes long."""

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Final

from asyncpg import Record

from ucp_server.store.database import Read, Tx

# A statement stays far below the pool's limit of 5 s; 100,000 products are 50 of them.
ROWS_PER_STATEMENT: Final = 2_000
# Short rows, of which a busy machine still hands over so many within a second.
ROWS_PER_PAGE: Final = 10_000


async def insert_rows(
    tx: Tx,
    sql: str,
    *values: object,
    rows: Iterable[tuple[object, ...]],
    at_once: int | None = None,
) -> None:
    """Run ``sql`` with ``values`` and the columns of ``rows``, a bounded number of them at a time."""
    for batch in _batches(rows, at_once or ROWS_PER_STATEMENT):
        await tx.execute(sql, *values, *[list(column) for column in zip(*batch, strict=True)])


async def read_rows(db: Read, sql: str, merchant_id: str, *, key_columns: int = 1) -> list[Record]:
    """All rows of a merchant, a page at a time.

    ``sql`` has the merchant, the key to go on after and how many for its parameters; the key, of texts
    that are never all empty, is what its rows begin with and are in the order of.
    """
    rows: list[Record] = []
    after = ("",) * key_columns
    while page := await db.fetch(sql, merchant_id, *after, ROWS_PER_PAGE):
        rows += page
        after = tuple(page[-1][:key_columns])
    return rows


def _batches(rows: Iterable[tuple[object, ...]], at_once: int) -> Iterator[list[tuple[object, ...]]]:
    left = iter(rows)
    while batch := list(islice(left, at_once)):
        yield batch
