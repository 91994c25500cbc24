"""Rows of submissions: what has ended stays as it ended, and each step happens once."""

import asyncio
from datetime import UTC, datetime

import pytest

from ucp_server.domain.events import Job, JobKind
from ucp_server.domain.submission import Progress, Submission, SubmissionState
from ucp_server.store.database import Pool, read, statement
from ucp_server.store.documents import encode
from ucp_server.store.ids import new_id
from ucp_server.store.stored_methods import list_methods, load_method
from ucp_server.store.submissions import (
    SubmissionRow,
    Submitted,
    Terms,
    begin_round,
    count_poll,
    decode_submitted,
    drop_reference,
    insert_submission,
    keep_method,
    load_correlated,
    load_submission,
    load_tracked,
    record_progress,
)
from ucp_server.store.violations import CorrelationTaken, RowExists

NOW = datetime(2026, 11, 22, tzinfo=UTC)
DONE = Progress(state=SubmissionState.DONE)
FAILED = Progress(state=SubmissionState.FAILED, failure="payment_failed")
ACTION_NEEDED = Progress(state=SubmissionState.ACTION_NEEDED)
PROCESSING = Progress(state=SubmissionState.PROCESSING)


def row(correlation: str | None = None, platform_id: str = "p") -> SubmissionRow:
    id_ = new_id()
    return SubmissionRow(
        submission=Submission(
            id=id_,
            merchant_id="shop",
            platform_id=platform_id,
            tracking=f"trk_{id_}",
            checkout_id=new_id(),
            state=SubmissionState.PROCESSING,
            owner="ada",
            correlation=correlation,
            created_at=NOW,
            updated_at=NOW,
        ),
        fingerprint=b"f",
        terms=Terms(handler_id="psp", display={"brand": "visa"}, is_ours=True, is_to_keep=True),
        reference_sealed=b"sealed",
    )


def job_of(submission: Submission) -> Job:
    return Job(
        id=new_id(),
        merchant_id="shop",
        kind=JobKind.SUBMIT,
        stream=f"submit:{submission.id}",
        sequence=1,
        payload=encode(Submitted(submission_id=submission.id)),
        created_at=NOW,
    )


async def inserted(pool: Pool, correlation: str | None = None, platform_id: str = "p") -> SubmissionRow:
    made = row(correlation, platform_id)
    async with statement(pool) as tx:
        await insert_submission(tx, made, [job_of(made.submission)])
    return made


async def stored(pool: Pool, of: SubmissionRow) -> SubmissionRow:
    async with read(pool) as db:
        found = await load_submission(db, "shop", of.submission.id)
    assert found is not None
    return found


async def test_it_is_read_as_it_was_written_and_has_its_job(pool: Pool) -> None:
    made = await inserted(pool, "c")
    assert await stored(pool, made) == made
    async with read(pool) as db:
        assert await load_correlated(db, "shop", "p", "c") == made
        assert await load_tracked(db, "shop", "p", made.submission.tracking) == made.submission
        payload = await db.fetchval("select payload from outbox where kind = 'submit'")
    assert isinstance(payload, bytes)
    assert decode_submitted(payload).submission_id == made.submission.id


async def test_nobody_elses_is_found(pool: Pool) -> None:
    made = await inserted(pool, "c")
    tracking = made.submission.tracking
    async with read(pool) as db:
        assert await load_tracked(db, "shop", "other", tracking) is None
        assert await load_tracked(db, "other", "p", tracking) is None
        assert await load_correlated(db, "shop", "other", "c") is None
        assert await load_submission(db, "other", made.submission.id) is None


async def test_a_name_is_taken_once_per_platform(pool: Pool) -> None:
    first = await inserted(pool, "c")
    with pytest.raises(CorrelationTaken):
        await inserted(pool, "c")
    await inserted(pool, "c", "another platform")
    await inserted(pool)
    await inserted(pool)
    with pytest.raises(RowExists):
        async with statement(pool) as tx:
            await insert_submission(tx, first, [job_of(first.submission)])
    async with read(pool) as db:
        assert await db.fetchval("select count(*) from outbox") == 4


@pytest.mark.parametrize("ended", [DONE, FAILED])
async def test_what_has_ended_stays_as_it_ended(pool: Pool, ended: Progress) -> None:
    made = await inserted(pool)
    for progress in (ACTION_NEEDED, PROCESSING, ended, PROCESSING, DONE, FAILED):
        async with statement(pool) as tx:
            await record_progress(tx, made.submission, progress)
    after = (await stored(pool, made)).submission
    assert (after.state, after.failure) == (ended.state, ended.failure)
    assert after.updated_at > made.submission.updated_at
    async with statement(pool) as tx:
        polled = await count_poll(tx, made.submission, FAILED)
        assert not await begin_round(tx, made)
    assert polled is not None
    assert (polled.state, polled.failure, polled.polls) == (ended.state, ended.failure, 1)
    assert polled.updated_at == after.updated_at


async def test_a_round_begins_once(pool: Pool) -> None:
    made = await inserted(pool)

    async def begin() -> bool:
        async with statement(pool) as tx:
            return await begin_round(tx, made)

    assert sorted(await asyncio.gather(*(begin() for _ in range(3)))) == [False, False, True]
    assert (await stored(pool, made)).round == 2


async def test_a_card_is_kept_once_and_under_the_submissions_id(pool: Pool) -> None:
    made = await inserted(pool)

    async def keep() -> None:
        async with statement(pool) as tx:
            await keep_method(tx, made.submission)

    await asyncio.gather(*(keep() for _ in range(3)))
    assert (await stored(pool, made)).reference_sealed is None
    async with read(pool) as db:
        (method,) = await list_methods(db, "shop", "ada", 10)
        kept = await load_method(db, "shop", "ada", made.submission.id)
    assert (method.id, method.handler_id, method.display) == (made.submission.id, "psp", {"brand": "visa"})
    assert kept is not None
    assert kept.reference_sealed == b"sealed"


async def test_a_reference_that_was_dropped_is_kept_by_nobody(pool: Pool) -> None:
    made = await inserted(pool)
    async with statement(pool) as tx:
        await drop_reference(tx, made.submission)
        await keep_method(tx, made.submission)
    async with read(pool) as db:
        assert await list_methods(db, "shop", "ada", 10) == []
