"""Many rows by few statements, none of which takes long."""

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Final

from ucp_server.store.database import Tx

# A statement stays far below the pool's limit of 5 s; 100,000 products are 50 of them.
ROWS_PER_STATEMENT: Final = 2_000


async def insert_rows(tx: Tx, sql: str, *values: object, rows: Iterable[tuple[object, ...]]) -> None:
    """Run ``sql`` with ``values`` and the columns of ``rows``, a bounded number of them at a time."""
    for batch in _batches(rows):
        await tx.execute(sql, *values, *[list(column) for column in zip(*batch, strict=True)])


def _batches(rows: Iterable[tuple[object, ...]]) -> Iterator[list[tuple[object, ...]]]:
    left = iter(rows)
    while batch := list(islice(left, ROWS_PER_STATEMENT)):
        yield batch
