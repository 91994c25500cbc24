"""Expire: writes down that checkouts are over. Whoever reads one sooner does it at once."""

from typing import Final

from ucp_server.store.checkouts import expire_due
from ucp_server.store.database import Pool, statement

# Some milliseconds of row locks at most.
BATCH_MAX: Final = 200


async def run_once(pool: Pool, limit: int = BATCH_MAX) -> int:
    """Returns how many were expired."""
    async with statement(pool) as tx:
        return await expire_due(tx, limit)
