"""Connections to one Postgres, lent one at a time, with a bounded queue and one kept for readers.

The driver's own pool makes a task and a proxy for each loan, which costs more than the statement that
follows (24 us of 49); here a loan is a few lines, and the last connection that was given back, whose
memory is warm, is the first to be lent.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import Generic, TypeVar

import asyncpg

from ucp_server.domain.errors import StoreUnavailable

C = TypeVar("C")
T = TypeVar("T")

# One connection is kept from writers, so that a GET and the readiness check get through a flood.
RESERVED_FOR_READS = 1
# A caller would rather hear 503 and try again than wait in a queue that does not move.
ACQUIRE_TIMEOUT_S = 0.25
# At 2,000 short statements a second a queue this long is gone within half of that time.
WAITING_MAX = 256
CLOSE_TIMEOUT_S = 10.0
# A backend's caches grow with what it has seen; a new one now and then costs 5 ms.
LOANS_PER_CONNECTION = 1_000_000


# After these a connection is not closed, and not to be used again.
_UNFIT = (TimeoutError, asyncpg.InternalClientError)

Connect = Callable[[], Awaitable[asyncpg.Connection]]
Gates = tuple[asyncio.Semaphore, ...]


class Kept:
    """A connection of the pool, and how often it was lent."""

    __slots__ = ("connection", "loans")

    def __init__(self, connection: asyncpg.Connection) -> None:
        self.connection = connection
        self.loans = 0

    def is_fit(self) -> bool:
        """Whether the next one may have it as it is."""
        return self.loans < LOANS_PER_CONNECTION and not self.connection.is_in_transaction()


class Pool:
    """``size`` connections, made by ``connect`` when they are needed and none is left.

    ``connect`` raises StoreUnavailable where nobody answers, and so does every loan that is not to
    be had in time.
    """

    def __init__(self, connect: Connect, size: int) -> None:
        self._connect = connect
        self._size = size
        self._open: set[Kept] = set()
        self._idle: list[Kept] = []
        self._closing: set[asyncio.Task[None]] = set()
        self._places = asyncio.Semaphore(size)
        self._writers = asyncio.Semaphore(size - RESERVED_FOR_READS)
        self._waiting = 0

    async def fill(self) -> None:
        """Open all connections, so that no caller waits for one."""
        self._idle += await asyncio.gather(*(self._new() for _ in range(self._size)))

    def lend(self, kind: Callable[[asyncpg.Connection], C], *, writes: bool = False) -> "Loan[C]":
        """For ``async with``: a connection as ``kind``."""
        return Loan(self, kind, (self._writers, self._places) if writes else (self._places,))

    def connection(self) -> "Loan[asyncpg.Connection]":
        return self.lend(_as_it_is)

    def writing_connection(self) -> "Loan[asyncpg.Connection]":
        return self.lend(_as_it_is, writes=True)

    @property
    def waiting(self) -> int:
        """How many wait for a connection at this moment."""
        return self._waiting

    async def take(self, gates: Gates) -> Kept:
        passed = 0
        try:
            for gate in gates:
                if gate.locked():
                    await self._in_time(gate.acquire)
                else:
                    await gate.acquire()
                passed += 1
            kept = self._warmest()
            return await self._in_time(self._new) if kept is None else kept
        except BaseException:
            _release(gates[:passed])
            raise

    def give_back(self, kept: Kept, gates: Gates, *, is_idle: bool) -> None:
        """``is_idle`` is False when a statement may still be running on it."""
        kept.loans += 1
        if kept.connection.is_closed():
            self._open.discard(kept)
        elif is_idle and kept.is_fit():
            self._idle.append(kept)
        else:
            # Its place is free when it is closed, so that there are never more than ``size``.
            closing = asyncio.create_task(self._retire(kept, gates))
            self._closing.add(closing)
            closing.add_done_callback(self._closing.discard)
            return
        _release(gates)

    async def close(self) -> None:
        """Wait for what is lent, then hang up; after CLOSE_TIMEOUT_S without waiting."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(CLOSE_TIMEOUT_S):
                for _ in range(self._size):
                    await self._places.acquire()
                await asyncio.gather(*(kept.connection.close() for kept in self._open))
        for kept in self._open:
            kept.connection.terminate()

    def _warmest(self) -> Kept | None:
        while self._idle:
            kept = self._idle.pop()
            if not kept.connection.is_closed():
                return kept
            self._open.discard(kept)
        return None

    async def _new(self) -> Kept:
        kept = Kept(await self._connect())
        self._open.add(kept)
        return kept

    async def _retire(self, kept: Kept, gates: Gates) -> None:
        try:
            await kept.connection.close(timeout=CLOSE_TIMEOUT_S)
        except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError):
            kept.connection.terminate()
        finally:
            self._open.discard(kept)
            _release(gates)

    async def _in_time(self, acquire: Callable[[], Awaitable[T]]) -> T:
        if self._waiting >= WAITING_MAX:
            raise StoreUnavailable
        self._waiting += 1
        try:
            async with asyncio.timeout(ACQUIRE_TIMEOUT_S):
                return await acquire()
        except TimeoutError as error:
            raise StoreUnavailable from error
        finally:
            self._waiting -= 1


def _as_it_is(connection: asyncpg.Connection) -> asyncpg.Connection:
    return connection


def _release(gates: Gates) -> None:
    for gate in gates:
        gate.release()


class Loan(Generic[C]):
    """One use of one connection."""

    __slots__ = ("_gates", "_kept", "_kind", "_pool")
    _kept: Kept

    def __init__(self, pool: Pool, kind: Callable[[asyncpg.Connection], C], gates: Gates) -> None:
        self._pool = pool
        self._kind = kind
        self._gates = gates

    async def __aenter__(self) -> C:
        self._kept = await self._pool.take(self._gates)
        return self._kind(self._kept.connection)

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        given_up = isinstance(error, asyncio.CancelledError) or (
            error is not None and isinstance(error.__cause__, _UNFIT)
        )
        self._pool.give_back(self._kept, self._gates, is_idle=not given_up)
