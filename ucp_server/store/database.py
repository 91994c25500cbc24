"""The two kinds of connection that everything else is handed, out of one `Pool`.

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
from ucp_server.store.pool import RESERVED_FOR_READS, Loan, Pool

__all__ = (
    "Pool",
    "Read",
    "Tx",
    "open_pool",
    "outcome_is_unknown",
    "read",
    "recorded_statements",
    "retrying",
    "statement",
    "transaction",
)

T = TypeVar("T")

# Eight connections keep two cores busy (more only wait for each other there); slow disks want more.
POOL_SIZE = 8
CONNECT_TIMEOUT_S = 5.0
# Above every limit that the server keeps by itself, so that it only ends a silent connection.
COMMAND_TIMEOUT_S = 8.0
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
    # A second process for one statement takes a processor from another caller.
    "max_parallel_workers_per_gather": "0",
    "TimeZone": "UTC",
}

_LOST = (
    OSError,  # covers TimeoutError: the client's own limit ran out
    asyncpg.InternalClientError,  # the driver's word for a connection that failed and is not closed yet
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
    asyncpg.ObjectNotInPrerequisiteStateError,  # the database accepts no connections for the moment
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
        phrase in str(error) for phrase in ("is closed", "is closing")
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


@contextlib.asynccontextmanager
async def open_pool(url: str, *, size: int = POOL_SIZE, name: str = "") -> AsyncIterator[Pool]:
    """Connect to ``url`` and close on leaving; ``name`` shows in pg_stat_activity.

    Raises StoreUnavailable where the server cannot be reached, ValueError for a size below 2.
    """
    if size <= RESERVED_FOR_READS:
        raise ValueError(f"a pool needs at least {RESERVED_FOR_READS + 1} connections, not {size}")

    async def connect() -> asyncpg.Connection:
        with _driver_errors_are_refusals:
            connection = await asyncpg.connect(
                url,
                timeout=CONNECT_TIMEOUT_S,
                command_timeout=COMMAND_TIMEOUT_S,
                max_cached_statement_lifetime=0,
                server_settings=SERVER_SETTINGS | {"application_name": f"ucp-server {name}".strip()},
            )
            try:
                await _prepare(connection)
            except BaseException:
                connection.terminate()
                raise
        return connection

    pool = Pool(connect, size)
    try:
        await pool.fill()
        yield pool
    finally:
        await pool.close()


async def _prepare(connection: asyncpg.Connection) -> None:
    # A jsonb value travels as a version byte and the text; parsing it here would cost 20 us.
    await connection.set_type_codec(
        "jsonb",
        schema="pg_catalog",
        encoder=lambda raw: b"\x01" + raw,
        decoder=lambda raw: bytes(raw[1:]),
        format="binary",
    )


def read(pool: Pool) -> Loan[Read]:
    """Look at committed rows, each statement for itself."""
    return pool.lend(Read)


def statement(pool: Pool) -> Loan[Tx]:
    """A connection for one statement that is its own transaction."""
    return pool.lend(Tx, writes=True)


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
