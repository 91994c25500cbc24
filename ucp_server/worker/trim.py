"""Trim: makes partitions ahead and removes what has been kept long enough."""

from datetime import timedelta
from typing import Final

from ucp_server.ports import Clock
from ucp_server.store.carts import delete_expired_carts
from ucp_server.store.clients import delete_expired_assertions
from ucp_server.store.database import Pool, statement
from ucp_server.store.offers_made import delete_expired_offers
from ucp_server.store.outbox import pause_behind
from ucp_server.store.partitions import (
    REPLIES_KEPT,
    delete_done_jobs,
    delete_old_claims,
    delete_stray_replies,
    drop_old_replies,
    make_partitions,
)
from ucp_server.store.search_lists import delete_expired_lists
from ucp_server.store.search_sessions import delete_unused_sessions
from ucp_server.store.tokens import delete_expired_tokens

# A key is bound to its request this long, its reply kept 48 h of it (README, "Decisions").
CLAIMS_KEPT: Final = timedelta(days=30)
# As long as a job may be tried, so that a merchant can compare.
JOBS_KEPT: Final = timedelta(days=30)
# A search that led to no recommendation is shown for a while after its day, and is then nothing.
SEARCHES_KEPT: Final = timedelta(days=7)
# Whoever comes late with an offer shall hear that it is over, not that there never was one.
OFFERS_KEPT: Final = timedelta(days=7)
# Some milliseconds of row locks at most.
BATCH_MAX: Final = 500


async def run_once(pool: Pool, clock: Clock, limit: int = BATCH_MAX) -> int:
    """Returns how many rows and partitions were made, moved or removed; 0 when all is in order."""
    now = clock.now()
    changed = await make_partitions(pool, now)
    changed += await drop_old_replies(pool, now)
    changed += await delete_stray_replies(pool, now - REPLIES_KEPT, limit)
    changed += await delete_old_claims(pool, now - CLAIMS_KEPT, limit)
    changed += await delete_done_jobs(pool, now - JOBS_KEPT, limit)
    async with statement(pool) as tx:
        changed += await delete_unused_sessions(tx, now - SEARCHES_KEPT, limit)
    async with statement(pool) as tx:
        changed += await delete_expired_offers(tx, now - OFFERS_KEPT, limit)
    async with statement(pool) as tx:
        changed += await delete_expired_carts(tx, now, limit)
    async with statement(pool) as tx:
        changed += await delete_expired_lists(tx, limit)
    async with statement(pool) as tx:
        changed += await delete_expired_tokens(tx, limit)
    async with statement(pool) as tx:
        changed += await delete_expired_assertions(tx, limit)
    async with statement(pool) as tx:
        return changed + await pause_behind(tx)
