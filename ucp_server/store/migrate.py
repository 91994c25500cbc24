"""Bring a database to this version's schema: numbered SQL files, forward only.

Each file of ``migrations/`` runs in a transaction of its own and is recorded with its SHA-256, so
that a file that was changed after it ran is noticed. Several servers may start at once: they queue
at a table lock, and no advisory locks are needed (poolers and Postgres-compatible stores lack them).
"""

import asyncio
import hashlib
import re
from collections.abc import Sequence
from importlib import resources

import asyncpg
import msgspec

# How long a migration may wait for somebody else's lock. Behind it everybody else would queue.
LOCK_TIMEOUT = "3s"
STATEMENT_TIMEOUT = "10min"
# Together ten minutes: as long as the longest migration of the server that got there first.
LOCK_TRIES_MAX = 200
CONNECT_TIMEOUT_S = 5.0

_NAME = re.compile(r"(?P<number>\d{4})_(?P<name>[a-z0-9_]+)\.sql")

LEDGER = """
CREATE TABLE IF NOT EXISTS schema_migration (
    number integer PRIMARY KEY,
    name text NOT NULL,
    sha256 text NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT now()
)
"""
LOCK = "LOCK TABLE schema_migration IN SHARE ROW EXCLUSIVE MODE"
APPLIED = "SELECT number, name, sha256 FROM schema_migration ORDER BY number"
RECORD = "INSERT INTO schema_migration (number, name, sha256) VALUES ($1, $2, $3)"
HAS_LEDGER = "SELECT to_regclass('schema_migration') IS NOT NULL"


class MigrationError(Exception):
    """The database and this version do not belong together; the text says what to do."""


class Migration(msgspec.Struct, frozen=True):
    number: int
    name: str
    sql: str

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.sql.encode()).hexdigest()


def packaged() -> tuple[Migration, ...]:
    """The migrations of this version, in order."""
    folder = resources.files("ucp_server.store").joinpath("migrations")
    found = [
        Migration(int(match["number"]), match["name"], entry.read_text("utf-8"))
        for entry in folder.iterdir()
        if (match := _NAME.fullmatch(entry.name))
    ]
    return in_order(found)


def in_order(found: Sequence[Migration]) -> tuple[Migration, ...]:
    """Sort by number. Raises MigrationError where a number is missing or given twice."""
    ordered = tuple(sorted(found, key=lambda migration: migration.number))
    for expected, migration in enumerate(ordered, start=1):
        if migration.number != expected:
            raise MigrationError(
                f"Migration {expected:04d} is missing or there twice: "
                f"found {migration.number:04d}_{migration.name} in its place."
            )
    return ordered


async def migrate(url: str, migrations: Sequence[Migration] | None = None) -> tuple[str, ...]:
    """Apply what is missing and return the names of what was applied.

    Raises MigrationError where the database is newer than this version, or a file was changed.
    """
    wanted = packaged() if migrations is None else migrations
    connection = await asyncpg.connect(url, timeout=CONNECT_TIMEOUT_S)
    try:
        await _open_ledger(connection)
        return await _apply_missing(connection, wanted)
    finally:
        await connection.close()


async def pending(url: str) -> int:
    """How many migrations the database lacks. Raises MigrationError as ``migrate`` does."""
    connection = await asyncpg.connect(url, timeout=CONNECT_TIMEOUT_S)
    try:
        if not await connection.fetchval(HAS_LEDGER):
            return len(packaged())
        return len(_missing(packaged(), await connection.fetch(APPLIED)))
    finally:
        await connection.close()


async def _open_ledger(connection: asyncpg.Connection) -> None:
    try:
        await connection.execute(LEDGER)
    except (asyncpg.UniqueViolationError, asyncpg.DuplicateTableError):
        # IF NOT EXISTS does not see a twin that is creating the table at this very moment.
        await connection.execute(LEDGER)


async def _apply_missing(
    connection: asyncpg.Connection, migrations: Sequence[Migration]
) -> tuple[str, ...]:
    applied: list[str] = []
    for _ in range(len(migrations) + LOCK_TRIES_MAX):
        try:
            name = await _apply_next(connection, migrations)
        except asyncpg.LockNotAvailableError:
            await asyncio.sleep(0.05)  # let those who queued behind us go first
            continue
        if name is None:
            return tuple(applied)
        applied.append(name)
    raise MigrationError(
        "The tables stayed locked for ten minutes. End the long transactions that hold them "
        "(pg_stat_activity shows them) and start again."
    )


async def _apply_next(connection: asyncpg.Connection, migrations: Sequence[Migration]) -> str | None:
    """Apply the first missing migration; None when there is none left."""
    async with connection.transaction():
        await connection.execute(f"SET LOCAL lock_timeout = '{LOCK_TIMEOUT}'")
        await connection.execute(f"SET LOCAL statement_timeout = '{STATEMENT_TIMEOUT}'")
        await connection.execute(LOCK)
        missing = _missing(migrations, await connection.fetch(APPLIED))
        if not missing:
            return None
        migration = missing[0]
        await connection.execute(migration.sql)
        await connection.execute(RECORD, migration.number, migration.name, migration.sha256)
        return f"{migration.number:04d}_{migration.name}"


def _missing(migrations: Sequence[Migration], applied: Sequence[asyncpg.Record]) -> tuple[Migration, ...]:
    if len(applied) > len(migrations):
        raise MigrationError(
            f"The database has {len(applied)} migrations, this version knows {len(migrations)}. "
            "Run the version that made it, or a newer one."
        )
    for migration, row in zip(migrations, applied, strict=False):
        if row["sha256"] != migration.sha256:
            raise MigrationError(
                f"Migration {migration.number:04d}_{migration.name} was changed after it ran on "
                "this database. Restore the file (a demo database may simply be removed)."
            )
    return tuple(migrations[len(applied) :])
