"""The outbox: delivery jobs, written with what they follow from and done afterwards.

A job that somebody works on is a pending one whose ``next_at`` lies ahead; when that somebody dies
it comes back by itself.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import msgspec
from asyncpg import Record

from ucp_server.domain.checkout import Subscriber
from ucp_server.domain.events import Job, JobKind
from ucp_server.store.database import Read, Tx
from ucp_server.store.documents import decode_subscriber, encode


class _Queued(msgspec.Struct, omit_defaults=True):
    """A job as `queueing` reads it; the merchant comes from the row that it follows from."""

    id: str
    kind: JobKind
    stream: str
    sequence: int
    payload: msgspec.Raw
    subscriber: Subscriber | None = None


def queueing(*, once: str, jobs: str) -> str:
    """Parts that queue the parameter ``jobs`` for each row (merchant_id) of the part ``once``."""
    return f"""
queued as (
    insert into outbox (merchant_id, id, kind, stream, sequence, payload, subscriber)
    select o.merchant_id, j.id, j.kind, j.stream, j.sequence, j.payload, j.subscriber
    from {once} o cross join jsonb_to_recordset({jobs}::jsonb)
        as j (id uuid, kind text, stream text, sequence bigint, payload jsonb, subscriber jsonb)
)
"""


def encode_jobs(jobs: Sequence[Job]) -> bytes:
    """The parameter of `queueing`."""
    return encode(
        [
            _Queued(
                id=job.id,
                kind=job.kind,
                stream=job.stream,
                sequence=job.sequence,
                payload=msgspec.Raw(job.payload),
                subscriber=job.subscriber,
            )
            for job in jobs
        ]
    )


@dataclass(frozen=True, slots=True)
class DueJob:
    """A job in our hands. ``tries`` counts this one; ``rendered`` is what the first try made.

    ``age_s`` counts from its queueing, or from when the merchant sent it again.
    """

    job: Job
    tries: int
    age_s: float
    rendered: bytes | None


# The oldest of each stream only: what waits behind an unfinished one is not looked at.
CLAIM_DUE: Final = """
update outbox o set tries = o.tries + 1,
    next_at = now() + make_interval(secs => ($3::float8[])[array_position($2::text[], o.kind)])
from (
    select merchant_id, id from outbox candidate
    where state = 'pending' and next_at <= now() and kind = any($2::text[])
      and not exists (
          select from outbox earlier
          where earlier.merchant_id = candidate.merchant_id and earlier.stream = candidate.stream
            and earlier.sequence < candidate.sequence and earlier.state in ('pending', 'paused'))
    order by next_at, id limit $1 for update skip locked
) due
where o.merchant_id = due.merchant_id and o.id = due.id
returning o.merchant_id, o.id, o.kind, o.stream, o.sequence, o.payload, o.subscriber, o.created_at,
          o.tries, extract(epoch from now() - o.since)::float8 as age_s, o.rendered
"""


async def claim_due(tx: Tx, *, limit: int, leases_s: Mapping[JobKind, float]) -> list[DueJob]:
    """Take up to ``limit`` due jobs of these kinds, oldest first, each for its kind's seconds."""
    rows = await tx.fetch(CLAIM_DUE, limit, list(leases_s), list(leases_s.values()))
    return [DueJob(_job(row), row["tries"], row["age_s"], row["rendered"]) for row in rows]


def _job(row: Record) -> Job:
    return Job(
        id=str(row["id"]),
        merchant_id=row["merchant_id"],
        kind=JobKind(row["kind"]),
        stream=row["stream"],
        sequence=row["sequence"],
        payload=row["payload"],
        created_at=row["created_at"],
        subscriber=None if row["subscriber"] is None else decode_subscriber(row["subscriber"]),
    )


# A plan is made once, mostly while the table is empty and every index looks alike. So rows are named
# by their place in the stream, and ``state`` is asked for in words that the index of what is due does
# not serve: walking through all that waits would be correct, too, and slower with each job.
_STILL_PENDING: Final = "state not in ('done', 'paused', 'parked')"

KEEP_RENDERED: Final = """
update outbox o set rendered = coalesce(o.rendered, made.rendered)
from unnest($1::text[], $2::text[], $3::bigint[], $4::bytea[])
    as made (merchant_id, stream, sequence, rendered)
where o.merchant_id = made.merchant_id and o.stream = made.stream and o.sequence = made.sequence
returning o.id, o.rendered
"""


async def keep_rendered(tx: Tx, made: Sequence[tuple[Job, bytes]]) -> dict[str, bytes]:
    """Keep what is sent, so that every try sends the same; returns by id what was kept first."""
    rows = await tx.fetch(KEEP_RENDERED, *_places(job for job, _ in made), [text for _, text in made])
    return {str(row["id"]): row["rendered"] for row in rows}


def _places(jobs: Iterable[Job]) -> tuple[list[str], list[str], list[int]]:
    """The columns of the key that rows are named by."""
    merchants, streams, sequences = [], [], []
    for job in jobs:
        merchants.append(job.merchant_id)
        streams.append(job.stream)
        sequences.append(job.sequence)
    return merchants, streams, sequences


MARK_DONE: Final = f"""
update outbox o set state = 'done', done_at = now(), last_error = null
from unnest($1::text[], $2::text[], $3::bigint[]) as ended (merchant_id, stream, sequence)
where o.merchant_id = ended.merchant_id and o.stream = ended.stream and o.sequence = ended.sequence
  and o.{_STILL_PENDING}
"""


async def mark_done(tx: Tx, jobs: Sequence[Job]) -> int:
    return await tx.execute(MARK_DONE, *_places(jobs))


# What waits behind the job waits as long, so that no poll has to step over it in vain.
MARK_RETRY: Final = f"""
update outbox set
    next_at = case when id = $2 then now() + make_interval(secs => $5)
                   else greatest(next_at, now() + make_interval(secs => $5)) end,
    last_error = case when id = $2 then $6 else last_error end
where merchant_id = $1 and stream = $3 and sequence >= $4 and {_STILL_PENDING}
"""


async def mark_retry(tx: Tx, job: Job, *, after_s: float, error: str) -> None:
    await tx.execute(MARK_RETRY, job.merchant_id, job.id, job.stream, job.sequence, after_s, error)


MARK_STOPPED: Final = f"""
update outbox set state = $4, last_error = $5
where merchant_id = $1 and stream = $2 and sequence = $3 and {_STILL_PENDING}
"""


async def mark_paused(tx: Tx, job: Job, error: str) -> None:
    """Its stream waits until the merchant sends it again."""
    await tx.execute(MARK_STOPPED, job.merchant_id, job.stream, job.sequence, "paused", error)


async def mark_parked(tx: Tx, job: Job, error: str) -> None:
    """Given up; its stream goes on without it."""
    await tx.execute(MARK_STOPPED, job.merchant_id, job.stream, job.sequence, "parked", error)


@dataclass(frozen=True, slots=True)
class WaitingJob:
    """A job that waits for the merchant: ``state`` is paused or parked."""

    id: str
    kind: JobKind
    stream: str
    state: str
    tries: int
    last_error: str | None
    created_at: datetime


LIST_WAITING: Final = """
select id, kind, stream, state, tries, last_error, created_at from outbox
where merchant_id = $1 and state in ('paused', 'parked') order by created_at, id limit $2
"""


async def list_waiting(db: Read, merchant_id: str, limit: int) -> list[WaitingJob]:
    """What is paused or parked, oldest first."""
    rows = await db.fetch(LIST_WAITING, merchant_id, limit)
    return [
        WaitingJob(
            id=str(row["id"]),
            kind=JobKind(row["kind"]),
            stream=row["stream"],
            state=row["state"],
            tries=row["tries"],
            last_error=row["last_error"],
            created_at=row["created_at"],
        )
        for row in rows
    ]


COUNT_WAITING: Final = """
select state, count(*) as number from outbox where state in ('paused', 'parked') group by state
"""


async def count_waiting(db: Read) -> dict[str, int]:
    """How many jobs of all merchants are paused, how many parked."""
    counts = {row["state"]: row["number"] for row in await db.fetch(COUNT_WAITING)}
    return {state: counts.get(state, 0) for state in ("paused", "parked")}


SEND_AGAIN: Final = """
update outbox set state = 'pending', next_at = now(), since = now(), tries = 0
where merchant_id = $1 and state in ('paused', 'parked') and ($2::uuid is null or id = $2)
"""


async def send_again(tx: Tx, merchant_id: str, job_id: str | None = None) -> int:
    """Put one waiting job, or all of the merchant's, back to its start; returns how many."""
    return await tx.execute(SEND_AGAIN, merchant_id, job_id)


PAUSE_BEHIND: Final = """
update outbox o set state = 'paused', last_error = 'waits behind a paused job'
from outbox earlier
where earlier.state = 'paused' and o.state = 'pending'
  and o.merchant_id = earlier.merchant_id and o.stream = earlier.stream and o.sequence > earlier.sequence
"""


async def pause_behind(tx: Tx) -> int:
    """Pause what was queued behind paused jobs, so that no poll has to step over it in vain."""
    return await tx.execute(PAUSE_BEHIND)


CHANNEL: Final = "ucp_jobs"
NOTIFY: Final = f"select pg_notify('{CHANNEL}', '')"


async def notify(db: Read) -> None:
    """Hint to other processes that jobs wait. Polling finds them too, a little later."""
    await db.fetchval(NOTIFY)
