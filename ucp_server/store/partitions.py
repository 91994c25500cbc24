"""Partitions by time: made ahead, and those of replies dropped when their 48 hours are over.

What nobody made a partition for lies in the default one. It is empty as long as this runs, so that
making one is quick; a range that the default holds rows of is left there.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Final

import asyncpg

from ucp_server.store.database import Pool, read, statement
from ucp_server.store.ids import first_id_at

# Replies are kept 48 hours (UCP asks for at least 24); a partition goes when its last one is older.
REPLIES_KEPT: Final = timedelta(hours=48)
REPLIES_STEP: Final = timedelta(hours=6)
# Two days of replies and two months of rows ahead: trim may be down that long without harm.
REPLY_PARTITIONS_AHEAD: Final = 8
MONTHS_AHEAD: Final = 2
BY_MONTH: Final = ("checkouts", "orders")


@dataclass(frozen=True, slots=True)
class Partition:
    """``table`` holds the rows of ``parent`` from ``low`` to below ``high``, both SQL literals."""

    parent: str
    table: str
    low: str
    high: str


def partitions_wanted(now: datetime) -> Iterator[Partition]:
    """Those that should exist at ``now``, the current ones first."""
    months = list(_months(now))
    for parent in BY_MONTH:
        for begin, end in pairwise(months):
            name = f"{parent}_{begin:%Y_%m}"
            yield Partition(parent, name, first_id_at(begin), first_id_at(end))
    begin = _step_of(now)
    for _ in range(REPLY_PARTITIONS_AHEAD + 1):
        end = begin + REPLIES_STEP
        yield Partition("replies", f"replies_{begin:%Y%m%d%H}", begin.isoformat(), end.isoformat())
        begin = end


def _step_of(now: datetime) -> datetime:
    midnight = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    return midnight + (now - midnight) // REPLIES_STEP * REPLIES_STEP


def _months(now: datetime) -> Iterator[datetime]:
    first = now.astimezone(UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    for ahead in range(MONTHS_AHEAD + 2):
        years, month = divmod(first.month - 1 + ahead, 12)
        yield first.replace(year=first.year + years, month=month + 1)


LIST_PARTITIONS: Final = """
select c.relname from pg_inherits i join pg_class c on c.oid = i.inhrelid
where i.inhparent = $1::text::regclass
"""


async def _existing(pool: Pool, parent: str) -> set[str]:
    async with read(pool) as db:
        return {row[0] for row in await db.fetch(LIST_PARTITIONS, parent)}


async def make_partitions(pool: Pool, now: datetime) -> int:
    """Make those that are missing; returns how many. Several processes may do so at once."""
    existing = {parent: await _existing(pool, parent) for parent in (*BY_MONTH, "replies")}
    missing = [p for p in partitions_wanted(now) if p.table not in existing[p.parent]]
    return sum([await _make(pool, partition) for partition in missing])


async def _make(pool: Pool, wanted: Partition) -> bool:
    sql = (
        f"create table if not exists {wanted.table} partition of {wanted.parent} "
        f"for values from ('{wanted.low}') to ('{wanted.high}')"
    )
    try:
        async with statement(pool) as tx:
            await tx.execute(sql)
    except (asyncpg.CheckViolationError, asyncpg.InvalidObjectDefinitionError):
        # The default holds rows of this range, or a neighbour reaches into it: they stay there.
        return False
    except (asyncpg.DuplicateTableError, asyncpg.UniqueViolationError):
        # Another process made it at the same moment.
        return False
    return True


_REPLIES_NAME: Final = re.compile(r"replies_(\d{10})")


async def drop_old_replies(pool: Pool, now: datetime) -> int:
    """Drop the partitions whose replies are all older than 48 hours; returns how many."""
    dropped = 0
    for table in sorted(await _existing(pool, "replies")):
        named = _REPLIES_NAME.fullmatch(table)
        if named and _begin(named[1]) + REPLIES_STEP + REPLIES_KEPT <= now:
            async with statement(pool) as tx:
                await tx.execute(f"drop table if exists {table}")
            dropped += 1
    return dropped


def _begin(digits: str) -> datetime:
    return datetime.strptime(digits, "%Y%m%d%H").replace(tzinfo=UTC)


DELETE_STRAY_REPLIES: Final = """
delete from replies_default where ctid = any(array(
    select ctid from replies_default where replied_at < $1 limit $2))
"""


async def delete_stray_replies(pool: Pool, before: datetime, limit: int) -> int:
    """Delete old replies that no partition was there for."""
    async with statement(pool) as tx:
        return await tx.execute(DELETE_STRAY_REPLIES, before, limit)


DELETE_OLD_CLAIMS: Final = """
delete from claims c
using (
    select merchant_id, platform_id, operation, key from claims
    where created_at < $1 order by created_at limit $2 for update skip locked
) old
where c.merchant_id = old.merchant_id and c.platform_id = old.platform_id
  and c.operation = old.operation and c.key = old.key
"""


async def delete_old_claims(pool: Pool, before: datetime, limit: int) -> int:
    async with statement(pool) as tx:
        return await tx.execute(DELETE_OLD_CLAIMS, before, limit)


DELETE_DONE_JOBS: Final = """
delete from outbox o
using (
    select merchant_id, id from outbox
    where state = 'done' and done_at < $1 order by done_at limit $2 for update skip locked
) old
where o.merchant_id = old.merchant_id and o.id = old.id
"""


async def delete_done_jobs(pool: Pool, before: datetime, limit: int) -> int:
    """Delete jobs that were done long ago. Those that wait, paused or parked, stay."""
    async with statement(pool) as tx:
        return await tx.execute(DELETE_DONE_JOBS, before, limit)
