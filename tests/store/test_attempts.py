"""Attempts: one holder at a time, one that is open per checkout, and sums that cannot run away."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from msgspec.structs import replace

from ucp_server.domain.checkout import Basket, Checkout
from ucp_server.domain.events import Job, JobKind
from ucp_server.domain.lifecycle import State
from ucp_server.domain.quote import Quote, Total
from ucp_server.store.attempts import (
    AttemptRow,
    claim_due_attempts,
    load_attempt,
    mark_sent,
    renew_lease,
    take_over,
)
from ucp_server.store.checkouts import Write, insert_checkout, load_checkout_of_any
from ucp_server.store.claims import Claim, claim_answer, keep_reply, load_claim
from ucp_server.store.completion import Closing, Opening, close_attempt, open_attempt
from ucp_server.store.database import Pool, read, statement
from ucp_server.store.ids import new_id
from ucp_server.store.orders import mark_captured, mark_refunded
from ucp_server.store.violations import AmountExceeded, AttemptOpen, KeyTaken

PLATFORM = "https://platform.example/profile"
CLAIM = Claim("shop", PLATFORM, "complete", "k1", b"fingerprint")
LONG_S, OVER_S = 60.0, -1.0


async def open_checkout(pool: Pool) -> Checkout:
    now = datetime.now(UTC)
    checkout = Checkout(
        id=new_id(),
        merchant_id="shop",
        platform_id=PLATFORM,
        revision=1,
        state=State.OPEN,
        currency="EUR",
        basket=Basket(lines=()),
        quote=Quote(currency="EUR", lines=(), totals=(Total(type="total", amount_minor=1000),)),
        link_token="token",
        created_at=now,
        updated_at=now,
        expires_at=now + timedelta(hours=6),
    )
    async with statement(pool) as tx:
        await insert_checkout(tx, Write(checkout, b"created"))
    return checkout


def attempt_for(checkout: Checkout, claim: Claim | None = CLAIM) -> AttemptRow:
    id_ = new_id()
    return AttemptRow(
        merchant_id="shop",
        id=id_,
        checkout_id=checkout.id,
        platform_id=PLATFORM,
        handler_id="psp",
        psp_key=id_,
        hold_id=new_id(),
        amount_minor=1000,
        currency="EUR",
        operation=claim.operation if claim else None,
        key=claim.key if claim else None,
        binding="plain",
        terms=b"",
        refusing_problems=[],
    )


async def opened(pool: Pool, *, lease_s: float = LONG_S, claim: Claim | None = CLAIM) -> AttemptRow:
    checkout = await open_checkout(pool)
    completing = replace(checkout, revision=2, state=State.COMPLETING)
    attempt = attempt_for(checkout, claim)
    async with statement(pool) as tx:
        epoch = await open_attempt(
            tx, Opening(checkout=completing, attempt=attempt, claim=claim, lease_s=lease_s)
        )
    assert epoch == 1
    return attempt


async def closed(pool: Pool, attempt: AttemptRow, state: str = "authorised") -> bool:
    async with read(pool) as db:
        stored = await load_checkout_of_any(db, "shop", attempt.checkout_id)
    assert stored is not None
    after = replace(stored.checkout, revision=stored.checkout.revision + 1, state=State.OPEN)
    async with statement(pool) as tx:
        return await close_attempt(
            tx, Closing(attempt=attempt, checkout=after, state=state, reply=b"closed")
        )


async def test_a_living_holder_is_not_replaced(pool: Pool) -> None:
    attempt = await opened(pool)
    async with statement(pool) as tx:
        assert await take_over(tx, attempt, LONG_S) is None
        assert await claim_due_attempts(tx, 10, LONG_S) == []
        assert await renew_lease(tx, attempt, OVER_S)
        assert await take_over(tx, attempt, LONG_S) is not None


async def test_one_of_many_replaces_a_dead_holder_who_then_decides_nothing(pool: Pool) -> None:
    attempt = await opened(pool, lease_s=OVER_S)

    async def take() -> AttemptRow | None:
        async with statement(pool) as tx:
            return await take_over(tx, attempt, LONG_S)

    taken = [row for row in await asyncio.gather(*(take() for _ in range(5))) if row is not None]
    assert [row.epoch for row in taken] == [2]
    async with statement(pool) as tx:
        assert not await mark_sent(tx, attempt, LONG_S)
        assert not await renew_lease(tx, attempt, LONG_S)
    assert not await closed(pool, attempt)
    assert await closed(pool, taken[0])
    assert not await closed(pool, taken[0])


async def test_a_lost_revision_opens_nothing(pool: Pool) -> None:
    attempt = await opened(pool)
    async with read(pool) as db:
        stored = await load_checkout_of_any(db, "shop", attempt.checkout_id)
    assert stored is not None
    other = attempt_for(stored.checkout, None)
    stale = Opening(checkout=stored.checkout, attempt=other, claim=None, lease_s=LONG_S)
    async with statement(pool) as tx:
        assert await open_attempt(tx, stale) is None
        assert await load_attempt(tx, "shop", other.id) is None


async def test_a_taken_key_undoes_the_whole_opening(pool: Pool) -> None:
    await opened(pool)
    with pytest.raises(KeyTaken):
        await opened(pool)
    async with pool.connection() as connection:
        states = await connection.fetch("select state from checkouts order by id")
    assert [row["state"] for row in states] == ["completing", "open"]


async def test_the_schema_itself_allows_one_open_attempt(pool: Pool) -> None:
    attempt = await opened(pool)
    async with pool.connection() as connection:
        await connection.execute("update checkouts set state = 'open'")
    async with read(pool) as db:
        stored = await load_checkout_of_any(db, "shop", attempt.checkout_id)
    assert stored is not None
    again = replace(stored.checkout, revision=3)
    opening = Opening(checkout=again, attempt=attempt_for(again, None), claim=None, lease_s=LONG_S)
    with pytest.raises(AttemptOpen):
        async with statement(pool) as tx:
            await open_attempt(tx, opening)


async def test_the_first_reply_is_the_one_kept(pool: Pool) -> None:
    attempt = await opened(pool)
    async with statement(pool) as tx:
        assert await keep_reply(tx, CLAIM, b"early")
        assert not await keep_reply(tx, CLAIM, b"later")
    assert await closed(pool, attempt)
    async with read(pool) as db:
        found = await load_claim(db, CLAIM)
    assert found is not None
    assert (found.reply, found.is_replied, found.is_held) == (b"early", True, False)


async def test_an_outcome_that_wrote_nothing_is_kept_once(pool: Pool) -> None:
    checkout_id = new_id()
    async with statement(pool) as tx:
        await claim_answer(tx, CLAIM, checkout_id, b"shown")
    with pytest.raises(KeyTaken):
        async with statement(pool) as tx:
            await claim_answer(tx, CLAIM, checkout_id, b"later")
    async with read(pool) as db:
        found = await load_claim(db, CLAIM)
    assert found is not None
    assert (found.reply, found.checkout_id, found.is_held) == (b"shown", checkout_id, False)


async def test_money_cannot_run_away_and_a_refund_counts_once(pool: Pool) -> None:
    attempt = await opened(pool)
    assert await closed(pool, attempt)
    job = Job(
        id=new_id(),
        merchant_id="shop",
        kind=JobKind.REFUND,
        stream="money",
        sequence=2,
        payload=b"{}",
        created_at=datetime.now(UTC),
    )
    async with pool.connection() as connection:
        await connection.execute(
            "insert into outbox (merchant_id, id, kind, stream, sequence, payload) "
            "values ('shop', $1, 'refund', 'money', 2, '{}')",
            job.id,
        )
    async with statement(pool) as tx:
        with pytest.raises(AmountExceeded):
            await mark_captured(tx, "shop", attempt.id, 1001)
        await mark_captured(tx, "shop", attempt.id, 1000)
        await mark_captured(tx, "shop", attempt.id, 1000)
        with pytest.raises(AmountExceeded):
            await mark_refunded(tx, "shop", job.id, attempt.id, 1001)
        for _ in range(2):
            await mark_refunded(tx, "shop", job.id, attempt.id, 600)
        row = await load_attempt(tx, "shop", attempt.id)
    assert row is not None
    assert (row.state, row.captured_minor, row.refunded_minor) == ("captured", 1000, 600)
