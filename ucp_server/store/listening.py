"""Hears hints that jobs wait (LISTEN). Nothing depends on it: polling finds the same jobs later."""

import asyncio
import logging
from collections.abc import Callable
from typing import Final

import asyncpg

from ucp_server.store.outbox import CHANNEL

log = logging.getLogger(__name__)

CONNECT_TIMEOUT_S: Final = 5.0
# After a lost line; until then polling does.
PAUSE_S: Final = 5.0


async def listen(url: str, on_hint: Callable[[], None]) -> None:
    """Call ``on_hint`` for every hint, on a connection of its own, until canceled."""
    while True:
        try:
            await _listen_once(url, on_hint)
        except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
            log.info("hints are not heard at the moment: %s", type(error).__name__)
        await asyncio.sleep(PAUSE_S)


async def _listen_once(url: str, on_hint: Callable[[], None]) -> None:
    connection = await asyncpg.connect(url, timeout=CONNECT_TIMEOUT_S)
    is_gone = asyncio.Event()
    connection.add_termination_listener(lambda _: is_gone.set())
    try:
        await connection.add_listener(CHANNEL, lambda *_: on_hint())
        # What was hinted before we listened.
        on_hint()
        await is_gone.wait()
    finally:
        await connection.close(timeout=CONNECT_TIMEOUT_S)
