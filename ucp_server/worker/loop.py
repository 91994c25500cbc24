"""Runs the jobs: each in its own loop, at once while there is work, else on a hint or by the clock."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from ucp_server.domain.errors import StoreUnavailable
from ucp_server.engine.setup import Setup
from ucp_server.store.database import Pool
from ucp_server.store.listening import listen
from ucp_server.worker import deliver, expire, resume, survey, trim

log = logging.getLogger(__name__)

# Postgres needs a moment after a crash; asking all the time would only add to it.
PAUSE_AFTER_FAILURE_S: Final = 1.0
# A slow receiver holds one lane for at most 15 s; the others go on.
DELIVERY_LANES: Final = 4
# At the end: longer than any delivery, shorter than the supervisor's patience (35 s).
GRACE_S: Final = 20.0


@dataclass(frozen=True, slots=True)
class Routine:
    """``run_once`` returns how much it did; after a 0 it rests for ``every_s``, or until a hint.

    A step that did ``batch_max`` may have left some: another one is woken for them.
    """

    name: str
    run_once: Callable[[], Awaitable[int]]
    every_s: float
    is_hinted: bool = False
    batch_max: int = deliver.BATCH_MAX


class _Bell:
    """Wakes one of those who rest, since a hint is mostly about one order and each look costs a query.

    A ring while nobody rests is kept for the next who would.
    """

    def __init__(self) -> None:
        self._resting: list[asyncio.Event] = []
        self._is_kept = False

    def ring(self) -> None:
        if self._resting:
            self._resting.pop().set()
        else:
            self._is_kept = True

    def ring_for_all(self) -> None:
        while self._resting:
            self.ring()

    async def rest(self, for_s: float) -> None:
        if self._is_kept:
            self._is_kept = False
            return
        rung = asyncio.Event()
        self._resting.append(rung)
        try:
            with suppress(TimeoutError):
                async with asyncio.timeout(for_s):
                    await rung.wait()
        finally:
            if not rung.is_set():
                self._resting.remove(rung)


def routines(setup: Setup, delivery: deliver.Delivery) -> list[Routine]:
    """All jobs of a shop. Any number of processes may run them at once."""
    pool: Pool = setup.pool
    lanes = [
        # Events shall leave within a second of their order even when no hint is heard.
        Routine(f"deliver-{lane}", lambda: deliver.run_once(delivery), 0.5, is_hinted=True)
        for lane in range(DELIVERY_LANES)
    ]
    return [
        *lanes,
        # A dead complete is to be noticed within a lease and a second.
        Routine("resume", lambda: resume.run_once(setup), 1.0),
        Routine("expire", lambda: expire.run_once(pool), 5.0),
        # On a busy shop some hundred orders: what a wrong plan reads for each is not felt yet.
        Routine("survey", lambda: survey.run_once(pool), 5.0),
        Routine("trim", lambda: trim.run_once(pool, setup.clock), 60.0),
    ]


async def run_until_canceled(what: Sequence[Routine], hints_url: str | None = None) -> None:
    """Run all of ``what``; with ``hints_url`` listen there. Steps under way are let finish."""
    stopping, hints, clock = asyncio.Event(), _Bell(), _Bell()
    loops = {
        asyncio.create_task(_run(routine, stopping, hints if routine.is_hinted else clock))
        for routine in what
    }
    listening = asyncio.create_task(_listen(hints_url, hints))
    try:
        # Not gather: that would cancel the steps along with us.
        await asyncio.wait(loops)
    finally:
        listening.cancel()
        stopping.set()
        hints.ring_for_all()
        clock.ring_for_all()
        _, late = await asyncio.wait(loops, timeout=GRACE_S)
        for loop in late:
            loop.cancel()
        await asyncio.gather(*loops, listening, return_exceptions=True)


async def _listen(url: str | None, hints: _Bell) -> None:
    if url is not None:
        await listen(url, hints.ring)


async def _run(routine: Routine, stopping: asyncio.Event, bell: _Bell) -> None:
    while not stopping.is_set():
        done, rest_s = await _step(routine)
        if routine.is_hinted and done >= routine.batch_max:
            bell.ring()
        if done == 0 and not stopping.is_set():
            await bell.rest(rest_s)


async def _step(routine: Routine) -> tuple[int, float]:
    """How much was done, and how long to rest when that is nothing."""
    try:
        return await routine.run_once(), routine.every_s
    except StoreUnavailable:
        log.warning("%s rests: the store does not answer", routine.name)
    except Exception:
        log.exception("%s failed", routine.name)
    return 0, max(routine.every_s, PAUSE_AFTER_FAILURE_S)
