"""Checkouts that are handed in whole: who gets which submission, and what becomes of each card."""

import asyncio
import dataclasses
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.engine.rows import attempts, jobs, lapse_leases, one, rows, stock
from tests.engine.world import (
    BAD_CARD,
    CHALLENGED_CARD,
    GOOD_CARD,
    LOST_AFTER_CARD,
    LOST_BEFORE_CARD,
    NOT_SENT_CARD,
    QUICK,
    REFUSED_CARD,
    SCOPE,
    SECRET,
    FilePsp,
    card,
    make_setup,
    order,
    prices_of,
    psp_of,
    put_stock,
    wanted,
)
from tests.worker.world import Receiver, make_delivery, make_due
from ucp_server.domain import problems
from ucp_server.domain.errors import (
    CardDeclined,
    KeyReused,
    MethodNotFound,
    NotReady,
    ProblemRefused,
    StoreUnavailable,
    SubmissionNotFound,
    VaultUnavailable,
)
from ucp_server.domain.lifecycle import State
from ucp_server.domain.money import Money
from ucp_server.domain.submission import Submission, SubmissionState
from ucp_server.engine.commands import Scope
from ucp_server.engine.faults import armed
from ucp_server.engine.resume import resume_due
from ucp_server.engine.runner import Engine
from ucp_server.engine.setup import Setup
from ucp_server.engine.stored_methods import StoredMethods
from ucp_server.engine.submissions import OPEN_FOR_S, StoredMethodRef, Submissions
from ucp_server.ports import HandlerListing
from ucp_server.store.database import Pool
from ucp_server.worker.deliver import run_once

ROUNDS_MAX = 20


@pytest.fixture
def submissions(setup: Setup) -> Submissions:
    return Submissions(setup, Engine(setup), SECRET)


@pytest.fixture
def methods(setup: Setup) -> StoredMethods:
    return StoredMethods(setup, SECRET)


async def work(setup: Setup, steps: int = 1) -> None:
    """What workers do, as if the pauses between were over."""
    delivery = make_delivery(setup, Receiver())
    for _ in range(steps):
        await make_due(setup.pool)
        await run_once(delivery)


async def work_off(setup: Setup) -> None:
    """Until no job is left that could be done now."""
    delivery = make_delivery(setup, Receiver())
    for _ in range(ROUNDS_MAX):
        await lapse_leases(setup.pool)
        await resume_due(setup)
        await make_due(setup.pool)
        if not await run_once(delivery):
            return
    raise AssertionError("there is no end to the work")


def held(setup: Setup) -> int:
    """What the provider holds or took of all buyers."""
    with psp_of(setup).books() as books:
        return sum(a.held_minor for a in books.authorisations.values() if a.status == "approved")


async def told(pool: Pool) -> list[str]:
    return [row["state"] for row in await rows(pool, "select state from submissions order by id")]


# --- handing in ---


async def test_it_is_taken_in_at_once_and_paid_by_a_worker(
    submissions: Submissions, setup: Setup, pool: Pool
) -> None:
    taken = await submissions.submit(SCOPE, order("t1", correlation="web-88"))
    assert (taken.state, taken.tracking, taken.correlation) == ("processing", "t1", "web-88")
    assert (taken.order_id, taken.polls) == (None, 0)
    assert held(setup) == 0
    first = await submissions.poll(SCOPE, "t1")
    assert (first.state, first.polls) == (SubmissionState.PROCESSING, 1)
    await work(setup)
    done = await submissions.poll(SCOPE, "t1")
    assert (done.state, done.polls, done.order_id) == ("done", 2, taken.checkout_id)
    assert done.failure is None
    assert held(setup) == 1200
    await work_off(setup)
    assert {state for _, state in await jobs(pool)} == {"done"}
    assert await told(pool) == ["done"]


async def test_it_pays_pieces_of_our_own_stock(submissions: Submissions, setup: Setup, pool: Pool) -> None:
    await put_stock(pool, rose=5)
    await submissions.submit(SCOPE, order("t1", wanted=wanted(rose=2)))
    await work_off(setup)
    assert (await submissions.poll(SCOPE, "t1")).state == "done"
    assert await stock(pool, "rose") == (3, 0, 2)


async def test_the_same_correlation_is_the_same_submission(
    submissions: Submissions, setup: Setup, pool: Pool
) -> None:
    first = await submissions.submit(SCOPE, order("t1", correlation="c"))
    again = await submissions.submit(SCOPE, order("t2", correlation="c"))
    assert again == first
    with pytest.raises(KeyReused):
        await submissions.submit(SCOPE, order("t3", correlation="c", fingerprint=b"other"))
    await work_off(setup)
    late = await submissions.submit(SCOPE, order("t4", correlation="c"))
    assert (late.tracking, late.state) == ("t1", "done")
    assert held(setup) == 1200
    assert await one(pool, "select count(*) from submissions") == 1


async def test_a_correlation_is_its_platforms_own(submissions: Submissions, setup: Setup) -> None:
    other = Scope(merchant_id="shop", platform_id="another")
    await submissions.submit(SCOPE, order("t1", correlation="c"))
    theirs = await submissions.submit(other, order("t2", correlation="c", fingerprint=b"other"))
    assert theirs.tracking == "t2"
    for scope, tracking in ((SCOPE, "t2"), (other, "t1"), (SCOPE, "t3")):
        with pytest.raises(SubmissionNotFound):
            await submissions.poll(scope, tracking)
    await work_off(setup)
    assert held(setup) == 2400


async def test_twins_at_the_same_moment_are_one(submissions: Submissions, setup: Setup, pool: Pool) -> None:
    taken = await asyncio.gather(
        *(submissions.submit(SCOPE, order(f"t{n}", correlation="c")) for n in range(12))
    )
    assert len({submission.id for submission in taken}) == 1
    await work_off(setup)
    assert held(setup) == 1200
    assert await one(pool, "select count(*) from orders") == 1
    assert psp_of(setup).kept == []


async def test_twins_that_differ_leave_no_card_behind(submissions: Submissions, setup: Setup) -> None:
    taken = await asyncio.gather(
        *(
            submissions.submit(SCOPE, order(f"t{n}", correlation="c", fingerprint=bytes([n])))
            for n in range(6)
        ),
        return_exceptions=True,
    )
    assert sum(isinstance(one_, Submission) for one_ in taken) == 1
    assert sum(isinstance(one_, KeyReused) for one_ in taken) == 5
    await work_off(setup)
    assert (held(setup), psp_of(setup).kept) == (1200, [])


async def test_polls_at_the_same_moment_are_all_counted(submissions: Submissions) -> None:
    await submissions.submit(SCOPE, order("t1"))
    seen = await asyncio.gather(*(submissions.poll(SCOPE, "t1") for _ in range(10)))
    assert sorted(submission.polls for submission in seen) == list(range(1, 11))


# --- refused at the door ---


async def nothing_came_of_it(setup: Setup, pool: Pool) -> None:
    assert psp_of(setup).kept == []
    for table in ("submissions", "checkouts", "outbox", "attempts"):
        assert await one(pool, f"select count(*) from {table}") == 0


async def test_what_cannot_be_sold_is_refused_before_the_card_leaves(
    submissions: Submissions, setup: Setup, pool: Pool
) -> None:
    with pytest.raises(NotReady) as refused:
        await submissions.submit(SCOPE, order("t1", wanted=wanted(unicorn=1)))
    assert [problem.code for problem in refused.value.problems] == ["item_unavailable"]
    with pytest.raises(ProblemRefused) as changed:
        await submissions.submit(SCOPE, order("t1", expected_total_minor=1100))
    assert changed.value.problem.code == "totals_changed"
    await nothing_came_of_it(setup, pool)


async def test_a_card_that_the_vault_refuses(submissions: Submissions, setup: Setup, pool: Pool) -> None:
    with pytest.raises(CardDeclined) as refused:
        await submissions.submit(SCOPE, order("t1", REFUSED_CARD))
    assert not refused.value.is_invalid
    await nothing_came_of_it(setup, pool)


async def test_a_vault_that_does_not_answer(
    submissions: Submissions, setup: Setup, pool: Pool, caplog: pytest.LogCaptureFixture
) -> None:
    psp_of(setup).is_deaf = True
    with pytest.raises(VaultUnavailable) as refused:
        await submissions.submit(SCOPE, order("t1"))
    assert refused.value.retry_after_s == 5
    assert refused.value.__cause__ is None
    assert GOOD_CARD not in caplog.text
    await nothing_came_of_it(setup, pool)


async def test_a_shop_without_a_vault(pool: Pool, setup: Setup) -> None:
    bare = make_setup(pool, psp_of(setup).path, vaults={})
    with pytest.raises(VaultUnavailable) as refused:
        await Submissions(bare, Engine(bare), SECRET).submit(SCOPE, order("t1"))
    assert refused.value.retry_after_s is None


async def test_a_card_is_taken_back_when_the_store_fails(
    submissions: Submissions, setup: Setup, pool: Pool
) -> None:
    with armed("create.before_commit=raise"), pytest.raises(StoreUnavailable):
        await submissions.submit(SCOPE, order("t1"))
    await nothing_came_of_it(setup, pool)


async def test_a_correlated_card_waits_for_its_repeat(submissions: Submissions, setup: Setup) -> None:
    with armed("create.before_commit=raise"), pytest.raises(StoreUnavailable):
        await submissions.submit(SCOPE, order("t1", correlation="c"))
    (waiting,) = psp_of(setup).kept
    await submissions.submit(SCOPE, order("t2", correlation="c"))
    assert psp_of(setup).kept == [waiting]
    await work_off(setup)
    assert (held(setup), psp_of(setup).kept) == (1200, [])


# --- how it ends ---


async def test_a_declined_card_fails_it_for_good(
    submissions: Submissions, setup: Setup, pool: Pool
) -> None:
    await put_stock(pool, rose=5)
    await submissions.submit(SCOPE, order("t1", BAD_CARD))
    await work_off(setup)
    failed = await submissions.poll(SCOPE, "t1")
    assert (failed.state, failed.failure, failed.order_id) == ("failed", "payment_failed", None)
    assert await one(pool, "select state from checkouts") == State.CANCELED
    assert await stock(pool, "rose") == (5, 0, 0)
    assert psp_of(setup).kept == []


async def test_a_price_that_rose_meanwhile_is_not_charged(submissions: Submissions, setup: Setup) -> None:
    await submissions.submit(SCOPE, order("t1", expected_total_minor=1200))
    prices_of(setup).prices["rose"] = 1300
    await work_off(setup)
    failed = await submissions.poll(SCOPE, "t1")
    assert (failed.state, failed.failure) == ("failed", "totals_changed")
    assert (held(setup), psp_of(setup).kept) == (0, [])


async def test_the_last_piece_goes_to_one(submissions: Submissions, setup: Setup, pool: Pool) -> None:
    await put_stock(pool, rose=1)
    for n in range(3):
        await submissions.submit(SCOPE, order(f"t{n}"))
    await work_off(setup)
    ended = [await submissions.poll(SCOPE, f"t{n}") for n in range(3)]
    assert sorted((e.state, e.failure) for e in ended if e.failure) == [("failed", "out_of_stock")] * 2
    assert held(setup) == 1200


class Choosy(FilePsp):
    """Takes cards, and nobody's money any more."""

    def describe(self, merchant_id: str, total: Money, item_ids: Sequence[str]) -> HandlerListing | None:
        return None


async def test_what_its_handler_does_not_take_fails_at_once(pool: Pool, tmp_path: Path) -> None:
    psp = Choosy(tmp_path / "books.jsonl")
    setup = make_setup(pool, psp.path, payments={"shop": {"psp": psp}}, vaults={"shop": ("psp", psp)})
    submissions = Submissions(setup, Engine(setup), SECRET)
    await submissions.submit(SCOPE, order("t1"))
    await work(setup, steps=2)
    failed = await submissions.poll(SCOPE, "t1")
    assert (failed.state, failed.failure) == ("failed", "canceled")
    assert (held(setup), psp_of(setup).kept) == (0, [])


async def test_an_item_that_went_meanwhile(submissions: Submissions, setup: Setup) -> None:
    await submissions.submit(SCOPE, order("t1"))
    prices_of(setup).extra = (problems.item_unavailable("rose", "lines[0]"),)
    await work_off(setup)
    assert (await submissions.poll(SCOPE, "t1")).failure == "item_unavailable"


@pytest.mark.parametrize("number", [LOST_AFTER_CARD, NOT_SENT_CARD, LOST_BEFORE_CARD])
async def test_an_answer_that_got_lost_is_found_out(
    submissions: Submissions, setup: Setup, pool: Pool, number: str
) -> None:
    await submissions.submit(SCOPE, order("t1", number))
    await work(setup)
    assert (await submissions.poll(SCOPE, "t1")).state == "processing"
    if number == NOT_SENT_CARD:
        assert await attempts(pool) == ["released"]
        return
    await work_off(setup)
    ended = await submissions.poll(SCOPE, "t1")
    if number == LOST_AFTER_CARD:
        assert (ended.state, held(setup)) == ("done", 1200)
    else:
        assert (ended.failure, held(setup)) == ("payment_failed", 0)
    assert psp_of(setup).kept == []


async def test_what_got_lost_on_its_way_is_sent_again(
    submissions: Submissions, setup: Setup, pool: Pool
) -> None:
    """Never a second key while one is unknown: the first is barred at the provider before."""
    await submissions.submit(SCOPE, order("t1", LOST_BEFORE_CARD))
    await work(setup)
    (reference,) = psp_of(setup).kept
    (psp_of(setup).cards / reference).write_text("success_token")
    await work_off(setup)
    assert (await submissions.poll(SCOPE, "t1")).state == "done"
    assert (await attempts(pool), held(setup)) == (["voided", "captured"], 1200)
    with psp_of(setup).books() as books:
        assert sorted(known.status for known in books.authorisations.values()) == ["approved", "voided"]


async def test_it_is_known_by_its_checkout_before_the_job_comes_again(
    submissions: Submissions, setup: Setup, pool: Pool
) -> None:
    await submissions.submit(SCOPE, order("t1", LOST_AFTER_CARD))
    await work(setup)
    await lapse_leases(pool)
    await resume_due(setup)
    assert (await submissions.poll(SCOPE, "t1")).state == "done"


async def test_a_dead_workers_submission_comes_back_soon(submissions: Submissions, setup: Setup) -> None:
    """Its caller waits; a payment that two workers meet at is one all the same."""
    await submissions.submit(SCOPE, order("t1"))
    with armed("submission.loaded=cancel"), suppress(asyncio.CancelledError):
        await work(setup)
    away = "select extract(epoch from next_at - now())::int from outbox where kind = 'submit'"
    assert 0 < await one(setup.pool, away) <= 20
    await asyncio.gather(*(work(setup) for _ in range(3)))
    assert held(setup) == 1200


async def test_nobody_pays_it_once_its_time_is_over(
    submissions: Submissions, setup: Setup, pool: Pool
) -> None:
    await submissions.submit(SCOPE, order("t1"))
    expires = await one(pool, "select expires_at from checkouts")
    assert abs(expires - datetime.now(UTC) - timedelta(seconds=OPEN_FOR_S)) < timedelta(minutes=1)
    async with pool.connection() as connection:
        await connection.execute("update checkouts set expires_at = now()")
    ended = await submissions.poll(SCOPE, "t1")
    assert (ended.state, ended.failure) == ("failed", "expired")
    await work_off(setup)
    assert (held(setup), psp_of(setup).kept) == (0, [])


async def test_an_early_answer_is_not_the_last_word(
    submissions: Submissions, setup: Setup, pool: Pool
) -> None:
    """The payment takes longer than the engine waits; then it turns out that it was never sent."""
    hurried = make_setup(
        pool, psp_of(setup).path, timings=dataclasses.replace(QUICK, answer_within_s=0.0), clock=setup.clock
    )
    await submissions.submit(SCOPE, order("t1"))
    with armed("complete.before_sent=cancel"), suppress(asyncio.CancelledError):
        await work(hurried)
    await work_off(setup)
    assert (await submissions.poll(SCOPE, "t1")).state == "done"
    assert held(setup) == 1200
    assert await one(pool, "select round from submissions") == 2


# --- a challenge ---


async def challenged(submissions: Submissions, setup: Setup, pool: Pool) -> tuple[Submission, str]:
    await submissions.submit(SCOPE, order("t1", CHALLENGED_CARD))
    await work(setup, 3)
    seen = await submissions.poll(SCOPE, "t1")
    assert (seen.state, seen.action_url) == ("action_needed", "https://bank.test/challenge")
    (psp_key,) = [row["psp_key"] for row in await rows(pool, "select psp_key from attempts")]
    return seen, psp_key


async def test_a_challenge_that_is_passed_pays(submissions: Submissions, setup: Setup, pool: Pool) -> None:
    _, psp_key = await challenged(submissions, setup, pool)
    psp_of(setup).pass_challenge(psp_key)
    await work(setup)
    done = await submissions.poll(SCOPE, "t1")
    assert (done.state, done.action_url) == ("done", None)
    await work_off(setup)
    assert (await attempts(pool), held(setup), psp_of(setup).kept) == (["captured"], 1200, [])


async def test_a_challenge_that_fails_ends_it(submissions: Submissions, setup: Setup, pool: Pool) -> None:
    _, psp_key = await challenged(submissions, setup, pool)
    psp_of(setup).pass_challenge(psp_key, passed=False)
    await work(setup)
    failed = await submissions.poll(SCOPE, "t1")
    assert (failed.state, failed.failure) == ("failed", "challenge_failed")
    await work_off(setup)
    assert psp_of(setup).kept == []


async def test_a_challenge_nobody_comes_back_from_is_voided(
    submissions: Submissions, setup: Setup, pool: Pool
) -> None:
    await challenged(submissions, setup, pool)
    async with pool.connection() as connection:
        await connection.execute("update checkouts set expires_at = now()")
    assert (await submissions.poll(SCOPE, "t1")).failure == "expired"
    await work_off(setup)
    assert (await attempts(pool), held(setup), psp_of(setup).kept) == (["voided"], 0, [])


async def test_a_challenge_that_was_taken_back_ends_it(
    submissions: Submissions, setup: Setup, pool: Pool
) -> None:
    await challenged(submissions, setup, pool)
    await work_off(setup)
    failed = await submissions.poll(SCOPE, "t1")
    assert (failed.state, failed.failure) == ("failed", "challenge_failed")
    assert (await attempts(pool), psp_of(setup).kept) == (["voided"], [])


# --- stored methods ---


async def test_a_card_is_kept_once_it_has_paid(
    submissions: Submissions, methods: StoredMethods, setup: Setup
) -> None:
    taken = await submissions.submit(SCOPE, order("t1", keep=True))
    assert await methods.listed("shop", "ada") == []
    await work_off(setup)
    (kept,) = await methods.listed("shop", "ada")
    assert (kept.id, kept.owner, kept.handler_id) == (taken.id, "ada", "psp")
    assert kept.display == {"brand": "visa", "last_digits": "4242", "description": "mine"}
    await submissions.submit(SCOPE, order("t2", StoredMethodRef(id=kept.id)))
    await work_off(setup)
    assert (await submissions.poll(SCOPE, "t2")).state == "done"
    assert (held(setup), len(psp_of(setup).kept)) == (2400, 1)


async def test_a_card_that_did_not_pay_is_not_kept(
    submissions: Submissions, methods: StoredMethods, setup: Setup
) -> None:
    await submissions.submit(SCOPE, order("t1", BAD_CARD, keep=True))
    await work_off(setup)
    assert (await methods.listed("shop", "ada"), psp_of(setup).kept) == ([], [])


async def test_only_an_active_method_of_the_owner_pays(
    submissions: Submissions, methods: StoredMethods, setup: Setup, pool: Pool
) -> None:
    method = await methods.add("shop", "ada", card(), None, "k")
    pays = StoredMethodRef(id=method.id)
    with pytest.raises(MethodNotFound):
        await submissions.submit(SCOPE, order("t1", pays, owner="eve"))
    with pytest.raises(MethodNotFound):
        await submissions.submit(SCOPE, order("t1", StoredMethodRef(id="pm.00.9.1")))
    await methods.set_active("shop", "ada", method.id, is_active=False)
    with pytest.raises(MethodNotFound):
        await submissions.submit(SCOPE, order("t1", pays))
    await methods.set_active("shop", "ada", method.id, is_active=True)
    await submissions.submit(SCOPE, order("t1", pays))
    assert await one(pool, "select count(*) from checkouts") == 1


async def test_a_method_deleted_meanwhile_does_not_pay(
    submissions: Submissions, methods: StoredMethods, setup: Setup
) -> None:
    method = await methods.add("shop", "ada", card(), None, "k")
    await submissions.submit(SCOPE, order("t1", StoredMethodRef(id=method.id)))
    await methods.delete("shop", "ada", method.id)
    await work_off(setup)
    assert (await submissions.poll(SCOPE, "t1")).failure == "payment_failed"


# --- what is stored of a card ---


async def test_nothing_of_the_card_is_stored_but_a_sealed_reference(
    submissions: Submissions, methods: StoredMethods, setup: Setup, pool: Pool
) -> None:
    await methods.add("shop", "ada", card(), "my card 4242 4242 4242 4242", "k")
    await submissions.submit(SCOPE, order("t1", keep=True))
    await submissions.submit(SCOPE, order("t2", CHALLENGED_CARD))
    for _ in range(4):
        found = await everything(pool)
        assert not [
            secret for secret in (GOOD_CARD, CHALLENGED_CARD, *psp_of(setup).kept) if secret in found
        ]
        await work(setup)


async def everything(pool: Pool) -> str:
    tables = await rows(pool, "select tablename from pg_tables where schemaname = 'public'")
    lines: list[str] = []
    for table in tables:
        for row in await rows(pool, f"select * from {table['tablename']}"):
            lines += [
                value.decode("latin-1") if isinstance(value, bytes) else str(value)
                for value in row.values()
            ]
    return "\n".join(lines)


async def test_a_sealed_reference_opens_in_its_own_row_only(
    submissions: Submissions, setup: Setup, pool: Pool
) -> None:
    """Somebody who can write rows cannot have one buyer's card pay for another's order."""
    await submissions.submit(SCOPE, order("t1"))
    await submissions.submit(SCOPE, order("t2", BAD_CARD))
    async with pool.connection() as connection:
        await connection.execute(
            "update submissions set reference_sealed = (select reference_sealed from submissions where "
            "tracking = 't1') where tracking = 't2'"
        )
    await work(setup, 3)
    assert (await submissions.poll(SCOPE, "t1")).state == "done"
    assert (await submissions.poll(SCOPE, "t2")).state == "processing"
    assert held(setup) == 1200


async def test_a_vault_that_is_away_afterwards_is_asked_again(
    submissions: Submissions, setup: Setup, pool: Pool
) -> None:
    await submissions.submit(SCOPE, order("t1"))
    with armed("forget.before_send=raise"):
        await work(setup)
    assert (await submissions.poll(SCOPE, "t1")).state == "done"
    assert len(psp_of(setup).kept) == 1
    await work_off(setup)
    assert psp_of(setup).kept == []
