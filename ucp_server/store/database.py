"""The pool, and the two kinds of connection that everything else is handed.

``Read`` may only look. ``Tx`` may also write, and comes in two shapes: ``transaction()`` for several
statements that stand or fall together, and ``statement()`` for the usual case here, one statement
that writes everything and is its own transaction (two round trips less).

Whatever Postgres or the road to it does wrong leaves here as ``StoreUnavailable``, with the
driver's error as its cause.
"""

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextvars import ContextVar
from types import TracebackType
from typing import TypeVar

import asyncpg
from asyncpg import Record

from ucp_server.domain.errors import StoreUnavailable

T = TypeVar("T")

# Eight connections keep two cores busy (more only wait for each other there); slow disks want more.
POOL_SIZE = 8
# One connection is kept from writers, so that a GET and the readiness check get through a flood.
RESERVED_FOR_READS = 1
# A caller would rather hear 503 and try again than wait in a queue that does not move.
ACQUIRE_TIMEOUT_S = 0.25
# At 2,000 short statements a second a queue this long is gone within half of that time.
WAITING_MAX = 256
CONNECT_TIMEOUT_S = 5.0
# Above every limit that the server keeps by itself, so that it only ends a silent connection.
COMMAND_TIMEOUT_S = 8.0
CLOSE_TIMEOUT_S = 10.0
# A backend's caches grow with what it has seen; a new one now and then costs 5 ms.
QUERIES_PER_CONNECTION = 1_000_000
# Deadlocks and lost serialisations are over within milliseconds or not at all.
TRIES_MAX = 5
RETRY_DELAY_S = 0.01

SERVER_SETTINGS = {
    "statement_timeout": "5s",
    "lock_timeout": "2s",
    "idle_in_transaction_session_timeout": "5s",
    # Our statements touch few rows; compiling one takes longer than running it, and so does planning
    # one over partitions: a plan is made once and holds for all parameters ...
    "jit": "off",
    "plan_cache_mode": "force_generic_plan",
    # ... also when the table that was small while it was made has grown. Every search has an index.
    "enable_seqscan": "off",
    "TimeZone": "UTC",
}

_LOST = (
    OSError,  # covers TimeoutError: the client's own limit ran out
    asyncpg.PostgresConnectionError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
)
_CONFLICT = (asyncpg.SerializationError, asyncpg.DeadlockDetectedError)
_UNAVAILABLE = (
    *_LOST,
    *_CONFLICT,
    asyncpg.OperatorInterventionError,  # canceled by a timeout, shutting down, starting up
    asyncpg.InsufficientResourcesError,  # disk full, out of memory, too many connections
    asyncpg.LockNotAvailableError,
    asyncpg.IdleInTransactionSessionTimeoutError,
    asyncpg.ReadOnlySQLTransactionError,  # a failover left us on a replica
    asyncpg.PostgresSystemError,  # I/O errors below Postgres
)

_recording: ContextVar[list[str] | None] = ContextVar("recording", default=None)


def outcome_is_unknown(error: StoreUnavailable) -> bool:
    """Whether a write may have been committed although its answer never came."""
    return isinstance(error.__cause__, _LOST) or _says_connection_is_gone(error.__cause__)


def _says_connection_is_gone(error: BaseException | None) -> bool:
    """The driver has no class of its own for the use of a connection that broke a moment ago."""
    return isinstance(error, asyncpg.InterfaceError) and any(
        phrase in str(error) for phrase in ("is closed", "released back to the pool", "is closing")
    )


class _DriverErrors:
    """Turns what the driver raises for an unreachable or overloaded server into one refusal."""

    __slots__ = ()

    def __enter__(self) -> None:
        return None

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if isinstance(error, _UNAVAILABLE) or _says_connection_is_gone(error):
            raise StoreUnavailable from error


_driver_errors_are_refusals = _DriverErrors()


class Read:
    """A connection that may only look. ``jsonb`` goes in and comes out as raw bytes.

    Every method raises StoreUnavailable where Postgres does not answer in time.
    """

    __slots__ = ("_connection",)

    def __init__(self, connection: asyncpg.Connection) -> None:
        self._connection = connection

    async def fetch(self, sql: str, *values: object) -> list[Record]:
        _note(sql)
        with _driver_errors_are_refusals:
            rows: list[Record] = await self._connection.fetch(sql, *values)
        return rows

    async def fetchrow(self, sql: str, *values: object) -> Record | None:
        _note(sql)
        with _driver_errors_are_refusals:
            row: Record | None = await self._connection.fetchrow(sql, *values)
        return row

    async def fetchval(self, sql: str, *values: object) -> object:
        """The first column of the first row; None where there is no row."""
        _note(sql)
        with _driver_errors_are_refusals:
            value: object = await self._connection.fetchval(sql, *values)
        return value


class Tx(Read):
    """A connection that may write. Only ``transaction()`` and ``statement()`` make one."""

    __slots__ = ()

    async def execute(self, sql: str, *values: object) -> int:
        """Run one statement and return how many rows it touched."""
        _note(sql)
        with _driver_errors_are_refusals:
            tag: str = await self._connection.execute(sql, *values)
        count = tag.rpartition(" ")[2]
        return int(count) if count.isdigit() else 0

    async def executemany(self, sql: str, rows: list[tuple[object, ...]]) -> None:
        """Run one statement for every row, all of them or none."""
        _note(sql)
        with _driver_errors_are_refusals:
            await self._connection.executemany(sql, rows)


def _note(sql: str) -> None:
    recording = _recording.get()
    if recording is not None:
        recording.append(sql)


@contextlib.contextmanager
def recorded_statements() -> Iterator[list[str]]:
    """Collect the statements that this task sends, for access lines and for tests that count."""
    statements: list[str] = []
    token = _recording.set(statements)
    try:
        yield statements
    finally:
        _recording.reset(token)


class Pool:
    """Connections to one database, with a bounded queue and one of them kept for readers."""

    def __init__(self, connections: asyncpg.Pool, size: int) -> None:
        self._connections = connections
        self._writers = asyncio.Semaphore(size - RESERVED_FOR_READS)
        self._waiting = 0

    @contextlib.asynccontextmanager
    async def connection(self) -> AsyncIterator[asyncpg.Connection]:
        connection = await self._in_time(self._connections.acquire)
        try:
            yield connection
        finally:
            with _driver_errors_are_refusals:
                await self._connections.release(connection)

    @contextlib.asynccontextmanager
    async def writing_connection(self) -> AsyncIterator[asyncpg.Connection]:
        await self._in_time(self._writers.acquire)
        try:
            async with self.connection() as connection:
                yield connection
        finally:
            self._writers.release()

    async def _in_time(self, acquire: Callable[[], Awaitable[T]]) -> T:
        if self._waiting >= WAITING_MAX:
            raise StoreUnavailable
        self._waiting += 1
        try:
            with _driver_errors_are_refusals:
                async with asyncio.timeout(ACQUIRE_TIMEOUT_S):
                    return await acquire()
        finally:
            self._waiting -= 1


@contextlib.asynccontextmanager
async def open_pool(url: str, *, size: int = POOL_SIZE, name: str = "") -> AsyncIterator[Pool]:
    """Connect to ``url`` and close on leaving; ``name`` shows in pg_stat_activity.

    Raises StoreUnavailable where the server cannot be reached, ValueError for a size below 2.
    """
    if size <= RESERVED_FOR_READS:
        raise ValueError(f"a pool needs at least {RESERVED_FOR_READS + 1} connections, not {size}")
    with _driver_errors_are_refusals:
        connections = await asyncpg.create_pool(
            url,
            min_size=size,
            max_size=size,
            max_queries=QUERIES_PER_CONNECTION,
            max_inactive_connection_lifetime=0,
            max_cached_statement_lifetime=0,
            timeout=CONNECT_TIMEOUT_S,
            command_timeout=COMMAND_TIMEOUT_S,
            init=_prepare_connection,
            reset=_leave_as_is,
            server_settings=SERVER_SETTINGS | {"application_name": f"ucp-server {name}".strip()},
        )
    try:
        yield Pool(connections, size)
    finally:
        await _close(connections)


async def _close(connections: asyncpg.Pool) -> None:
    try:
        async with asyncio.timeout(CLOSE_TIMEOUT_S):
            await connections.close()
    except TimeoutError:
        connections.terminate()


async def _prepare_connection(connection: asyncpg.Connection) -> None:
    # A jsonb value travels as a version byte and the text; parsing it here would cost 20 us.
    await connection.set_type_codec(
        "jsonb",
        schema="pg_catalog",
        encoder=lambda raw: b"\x01" + raw,
        decoder=lambda raw: bytes(raw[1:]),
        format="binary",
    )


async def _leave_as_is(connection: asyncpg.Connection) -> None:
    """Skip the reset that asyncpg would send: one round trip less, as we leave no session state."""


@contextlib.asynccontextmanager
async def read(pool: Pool) -> AsyncIterator[Read]:
    """Look at committed rows, each statement for itself."""
    async with pool.connection() as connection:
        yield Read(connection)


@contextlib.asynccontextmanager
async def statement(pool: Pool) -> AsyncIterator[Tx]:
    """A connection for one statement that is its own transaction."""
    async with pool.writing_connection() as connection:
        yield Tx(connection)


@contextlib.asynccontextmanager
async def transaction(pool: Pool) -> AsyncIterator[Tx]:
    """Several statements (READ COMMITTED) that stand or fall together; rolled back on any error."""
    async with pool.writing_connection() as connection:
        bracket = connection.transaction(isolation="read_committed")
        with _driver_errors_are_refusals:
            await bracket.start()
        try:
            yield Tx(connection)
        except BaseException:
            await _roll_back(connection, bracket)
            raise
        with _driver_errors_are_refusals:
            await bracket.commit()


async def _roll_back(connection: asyncpg.Connection, bracket: asyncpg.transaction.Transaction) -> None:
    """Undo; where even that fails, hang up, since nobody may inherit an open transaction."""
    try:
        await bracket.rollback()
    except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
        # A connection that is lost already cannot be ended once more.
        with contextlib.suppress(asyncpg.InterfaceError):
            connection.terminate()


async def retrying(attempt: Callable[[], Awaitable[T]]) -> T:
    """Run ``attempt`` again after a deadlock or a lost serialisation, TRIES_MAX times in all.

    Raises StoreUnavailable when the last try failed too, or at once for any other cause.
    """
    for tries in range(1, TRIES_MAX):
        try:
            return await attempt()
        except StoreUnavailable as error:
            if not isinstance(error.__cause__, _CONFLICT):
                raise
        await asyncio.sleep(random.uniform(0, RETRY_DELAY_S * 2**tries))  # noqa: S311  spreads twins, guards nothing
    return await attempt()
