"""Hints to the worker that jobs wait, so that it does not have to poll often."""

import asyncio
import logging

from ucp_server.domain.errors import StoreUnavailable
from ucp_server.store.database import Pool, read
from ucp_server.store.outbox import notify

log = logging.getLogger(__name__)


class Hints:
    """Calling it tells the workers, soon and at most once at a time; a lost hint loses nothing.

    A NOTIFY inside the order's own statement would make all such commits queue for one lock.
    """

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._telling: asyncio.Task[None] | None = None

    def __call__(self) -> None:
        if self._telling is None or self._telling.done():
            self._telling = asyncio.create_task(self._tell())

    async def _tell(self) -> None:
        try:
            async with read(self._pool) as db:
                await notify(db)
        except StoreUnavailable:
            log.info("a hint was lost; the jobs are found by polling")
