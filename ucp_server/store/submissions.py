"""Rows of submissions. Each is written with its job; afterwards its state only moves forward."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import msgspec
from asyncpg import Record

from ucp_server.domain.events import Job
from ucp_server.domain.submission import Progress, Submission, SubmissionState
from ucp_server.store.database import Read, Tx
from ucp_server.store.documents import encode
from ucp_server.store.outbox import encode_jobs, queueing
from ucp_server.store.violations import violations


class Submitted(msgspec.Struct, frozen=True, kw_only=True):
    """The payload of its job."""

    submission_id: str


class Terms(msgspec.Struct, frozen=True, kw_only=True):
    """With what it is paid. ``is_ours``: the card was vaulted for this submission, to be kept or not."""

    handler_id: str
    display: dict[str, str | int]
    is_ours: bool
    is_to_keep: bool
    expected_total_minor: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SubmissionRow:
    """``reference_sealed`` is None once the card is let go; ``round`` numbers the keys of its payments."""

    submission: Submission
    fingerprint: bytes
    terms: Terms
    reference_sealed: bytes | None
    round: int = 1


decode_submitted: Final = msgspec.json.Decoder(Submitted).decode
_decode_terms: Final = msgspec.json.Decoder(Terms).decode

_COLUMNS = """
s.merchant_id, s.id, s.platform_id, s.tracking, s.correlation, s.fingerprint, s.checkout_id, s.owner,
s.state, s.failure, s.polls, s.reference_sealed, s.terms, s.round, s.created_at, s.updated_at
"""


def _submission(row: Record) -> SubmissionRow:
    return SubmissionRow(
        submission=Submission(
            id=str(row["id"]),
            merchant_id=row["merchant_id"],
            platform_id=row["platform_id"],
            tracking=row["tracking"],
            correlation=row["correlation"],
            checkout_id=str(row["checkout_id"]),
            owner=row["owner"],
            state=SubmissionState(row["state"]),
            failure=row["failure"],
            polls=row["polls"],
            created_at=row["created_at"],
            updated_at=row["updated_at"],
        ),
        fingerprint=row["fingerprint"],
        terms=_decode_terms(row["terms"]),
        reference_sealed=row["reference_sealed"],
        round=row["round"],
    )


INSERT_SUBMISSION: Final = f"""
with submitted as (
    insert into submissions (merchant_id, id, platform_id, tracking, correlation, fingerprint, checkout_id,
        owner, state, reference_sealed, terms, created_at, updated_at)
    values ($1, $2, $3, $4, $5, $6, $7, $8, 'processing', $9, $10, $11, $11)
    returning merchant_id
), {queueing(once="submitted", jobs="$12")}
select count(*) from submitted
"""


async def insert_submission(tx: Tx, row: SubmissionRow, jobs: Sequence[Job]) -> None:
    """Raises CorrelationTaken, and RowExists when this very submission is there already."""
    submission = row.submission
    with violations():
        await tx.fetchval(
            INSERT_SUBMISSION,
            submission.merchant_id,
            submission.id,
            submission.platform_id,
            submission.tracking,
            submission.correlation,
            row.fingerprint,
            submission.checkout_id,
            submission.owner,
            row.reference_sealed,
            encode(row.terms),
            submission.created_at,
            encode_jobs(jobs),
        )


LOAD_SUBMISSION: Final = f"select {_COLUMNS} from submissions s where s.merchant_id = $1 and s.id = $2"


async def load_submission(db: Read, merchant_id: str, submission_id: str) -> SubmissionRow | None:
    row = await db.fetchrow(LOAD_SUBMISSION, merchant_id, submission_id)
    return None if row is None else _submission(row)


LOAD_TRACKED: Final = f"""
select {_COLUMNS} from submissions s where s.merchant_id = $1 and s.tracking = $3 and s.platform_id = $2
"""


async def load_tracked(db: Read, merchant_id: str, platform_id: str, tracking: str) -> Submission | None:
    row = await db.fetchrow(LOAD_TRACKED, merchant_id, platform_id, tracking)
    return None if row is None else _submission(row).submission


LOAD_CORRELATED: Final = f"""
select {_COLUMNS} from submissions s where s.merchant_id = $1 and s.platform_id = $2 and s.correlation = $3
"""


async def load_correlated(
    db: Read, merchant_id: str, platform_id: str, correlation: str
) -> SubmissionRow | None:
    row = await db.fetchrow(LOAD_CORRELATED, merchant_id, platform_id, correlation)
    return None if row is None else _submission(row)


_HAS_ENDED = "s.state in ('done', 'failed')"

COUNT_POLL: Final = f"""
update submissions s set polls = s.polls + 1,
    state = case when {_HAS_ENDED} then s.state else $3 end,
    failure = case when {_HAS_ENDED} then s.failure else $4 end,
    updated_at = case when {_HAS_ENDED} or s.state = $3 then s.updated_at else now() end
where s.merchant_id = $1 and s.id = $2
returning {_COLUMNS}
"""


async def count_poll(tx: Tx, submission: Submission, progress: Progress) -> Submission | None:
    """One more look, at which it stood at ``progress``; what has ended stays as it ended."""
    row = await tx.fetchrow(
        COUNT_POLL, submission.merchant_id, submission.id, progress.state, progress.failure
    )
    return None if row is None else _submission(row).submission


RECORD_PROGRESS: Final = f"""
update submissions s set state = $3, failure = $4, updated_at = now()
where s.merchant_id = $1 and s.id = $2 and not ({_HAS_ENDED}) and s.state <> $3
"""


async def record_progress(tx: Tx, submission: Submission, progress: Progress) -> None:
    await tx.execute(
        RECORD_PROGRESS, submission.merchant_id, submission.id, progress.state, progress.failure
    )


BEGIN_ROUND: Final = f"""
update submissions s set round = s.round + 1
where s.merchant_id = $1 and s.id = $2 and s.round = $3 and not ({_HAS_ENDED})
"""


async def begin_round(tx: Tx, row: SubmissionRow) -> bool:
    """From here on it is paid under the next key; False when somebody else began that."""
    submission = row.submission
    return await tx.execute(BEGIN_ROUND, submission.merchant_id, submission.id, row.round) == 1


# The method has the submission's id, hence the sealed reference opens there, too.
KEEP_METHOD: Final = """
with kept as (
    update submissions s set reference_sealed = null
    from submissions before
    where s.merchant_id = $1 and s.id = $2 and before.merchant_id = s.merchant_id and before.id = s.id
      and s.reference_sealed is not null
    returning s.merchant_id, s.id, s.owner, s.terms, before.reference_sealed
)
insert into stored_methods
    (merchant_id, id, owner, key, handler_id, reference_sealed, display, state, created_at)
select merchant_id, id, owner, id::text, terms ->> 'handler_id', reference_sealed, terms -> 'display',
    'active', now()
from kept
"""


async def keep_method(tx: Tx, submission: Submission) -> None:
    """Make the card that it was paid with a stored method of its owner. Safe to repeat."""
    await tx.execute(KEEP_METHOD, submission.merchant_id, submission.id)


DROP_REFERENCE: Final = "update submissions set reference_sealed = null where merchant_id = $1 and id = $2"


async def drop_reference(tx: Tx, submission: Submission) -> None:
    await tx.execute(DROP_REFERENCE, submission.merchant_id, submission.id)
