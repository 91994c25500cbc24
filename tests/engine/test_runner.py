"""Create, update, cancel and reading: once each, whatever is repeated or raced."""

import asyncio
import dataclasses
from datetime import UTC, datetime, timedelta

import pytest

from tests.engine.world import (
    SCOPE,
    SHOP,
    SetClock,
    call,
    cancel,
    complete,
    create,
    prices_of,
    seen,
    update,
)
from ucp_server.domain import problems
from ucp_server.domain.errors import (
    CheckoutNotFound,
    KeyReused,
    ProblemRefused,
    ReplyExpired,
    RevisionConflict,
    StoreUnavailable,
    WrongState,
)
from ucp_server.domain.lifecycle import State
from ucp_server.engine.commands import Key, Scope
from ucp_server.engine.faults import armed
from ucp_server.engine.runner import Engine
from ucp_server.engine.setup import Setup
from ucp_server.store.database import recorded_statements

OTHER = Scope(merchant_id="shop", platform_id="https://other.example/profile")


async def new_checkout(engine: Engine, **quantities: int) -> str:
    answer = await engine.run(call(), create(**quantities))
    assert answer.checkout_id is not None
    return answer.checkout_id


async def test_a_checkout_is_created_read_changed_and_canceled(engine: Engine) -> None:
    checkout_id = await new_checkout(engine, rose=2)
    assert (await engine.read(SCOPE, checkout_id)).quote.total_minor == 2400
    changed = await engine.run(call(), update(checkout_id, rose=3))
    assert seen(changed.reply)["total"] == 3600
    assert seen(changed.reply)["revision"] == 2
    canceled = await engine.run(call(), cancel(checkout_id))
    assert seen(canceled.reply)["standing"] == "canceled"
    checkout = await engine.read(SCOPE, checkout_id)
    assert (checkout.state, checkout.revision) == (State.CANCELED, 3)


async def test_writes_take_one_statement_and_what_must_be_read_one_more(engine: Engine) -> None:
    with recorded_statements() as statements:
        answer = await engine.run(call("k1", operation="create"), create())
    assert len(statements) == 1
    assert answer.checkout_id is not None
    for operation, command in (("update", update), ("cancel", cancel)):
        with recorded_statements() as statements:
            await engine.run(call("k1", operation=operation), command(answer.checkout_id))
        assert len(statements) == 2
    with recorded_statements() as statements:
        await engine.replay(SCOPE, Key(operation="create", key="new", fingerprint=b""))
    assert len(statements) == 1


@pytest.mark.parametrize("operation", ["create", "update", "cancel", "complete"])
async def test_a_repeated_request_gets_the_first_reply(engine: Engine, operation: str) -> None:
    checkout_id = await new_checkout(engine)
    commands = {"create": create(), "update": update(checkout_id), "cancel": cancel(checkout_id)}
    command = commands.get(operation, complete(checkout_id))
    first = await engine.run(call("k1", operation=operation), command)
    second = await engine.run(call("k1", operation=operation), command)
    assert (first.replayed, second.replayed) == (False, True)
    assert first.reply == second.reply
    assert second.checkout_id == first.checkout_id
    peeked = await engine.replay(SCOPE, Key(operation=operation, key="k1", fingerprint=b"same"))
    assert peeked == second


async def test_a_key_is_bound_to_its_request_and_to_its_platform(engine: Engine) -> None:
    first = await engine.run(call("k1", operation="create"), create())
    with pytest.raises(KeyReused):
        await engine.run(call("k1", operation="create", fingerprint=b"other"), create(rose=2))
    with pytest.raises(KeyReused):
        await engine.replay(SCOPE, Key(operation="create", key="k1", fingerprint=b"other"))
    elsewhere = await engine.run(call("k1", operation="create", scope=OTHER), create())
    assert elsewhere.checkout_id != first.checkout_id


async def test_a_key_whose_bytes_are_gone_never_runs_again(engine: Engine, setup: Setup) -> None:
    first = await engine.run(call("k1", operation="create"), create())
    async with setup.pool.connection() as connection:
        await connection.execute("truncate replies")
    with pytest.raises(ReplyExpired) as refused:
        await engine.run(call("k1", operation="create"), create())
    assert refused.value.checkout_id == first.checkout_id


async def test_twins_of_a_create_run_once(engine: Engine, setup: Setup) -> None:
    answers = await asyncio.gather(
        *(engine.run(call("k1", operation="create"), create()) for _ in range(20))
    )
    assert len({answer.reply for answer in answers}) == 1
    assert [answer.replayed for answer in answers].count(False) == 1
    async with setup.pool.connection() as connection:
        assert await connection.fetchval("select count(*) from checkouts") == 1


async def test_a_lost_revision_is_read_again(engine: Engine) -> None:
    checkout_id = await new_checkout(engine)
    answers = await asyncio.gather(
        *(engine.run(call(f"k{n}", operation="update"), update(checkout_id, rose=n)) for n in (2, 3))
    )
    assert sorted(seen(answer.reply)["revision"] for answer in answers) == [2, 3]


@pytest.mark.parametrize(("times", "wins"), [(3, True), (4, False)])
async def test_who_loses_too_often_is_told_to_come_back_and_leaves_nothing(
    engine: Engine, setup: Setup, times: int, wins: bool
) -> None:
    checkout_id = await new_checkout(engine)
    prices = prices_of(setup)
    price_as_usual = prices.quote
    left = iter(range(times))

    async def quote_late(*args: object, **how: object) -> object:
        prices.quote = price_as_usual
        if next(left, None) is not None:
            await engine.run(call(), update(checkout_id, tulip=1))
            prices.quote = quote_late
        return await price_as_usual(*args, **how)

    prices.quote = quote_late
    named = call("k1", operation="update")
    if wins:
        answer = await engine.run(named, update(checkout_id, rose=1))
        assert seen(answer.reply)["revision"] == times + 2
        return
    with pytest.raises(RevisionConflict) as refused:
        await engine.run(named, update(checkout_id, rose=1))
    assert refused.value.retry_after_s == 1
    async with setup.pool.connection() as connection:
        assert await connection.fetchval("select count(*) from claims") == 0


async def test_a_refused_problem_leaves_no_row_and_no_key(engine: Engine, setup: Setup) -> None:
    refusing = call("k1", operation="create", refusing=["item_unavailable"])
    with pytest.raises(ProblemRefused) as refused:
        await engine.run(refusing, create(unicorn=1))
    assert refused.value.problem.code == "item_unavailable"
    async with setup.pool.connection() as connection:
        assert await connection.fetchval("select count(*) from checkouts") == 0
        assert await connection.fetchval("select count(*) from claims") == 0
    shown = await engine.run(call("k1", operation="create"), create(unicorn=1))
    assert seen(shown.reply)["problems"] == ["item_unavailable"]


async def test_what_is_over_cannot_be_changed(engine: Engine) -> None:
    checkout_id = await new_checkout(engine)
    await engine.run(call(), cancel(checkout_id))
    for command in (update(checkout_id), cancel(checkout_id), complete(checkout_id)):
        with pytest.raises(WrongState) as refused:
            await engine.run(call(), command)
        assert refused.value.state == "canceled"


@pytest.mark.parametrize(
    "checkout_id", ["01890a5d-ac96-774b-bcce-b302099a8057", "nonsense", "", "a\0b", "ü" * 300]
)
async def test_an_unknown_checkout_is_not_found(engine: Engine, checkout_id: str) -> None:
    with pytest.raises(CheckoutNotFound):
        await engine.read(SCOPE, checkout_id)
    for command in (update(checkout_id), cancel(checkout_id), complete(checkout_id)):
        with pytest.raises(CheckoutNotFound):
            await engine.run(call("k1"), command)


async def test_a_foreign_checkout_looks_like_an_unknown_one(engine: Engine) -> None:
    checkout_id = await new_checkout(engine)
    with pytest.raises(CheckoutNotFound):
        await engine.read(OTHER, checkout_id)
    with pytest.raises(CheckoutNotFound):
        await engine.run(call(scope=OTHER), cancel(checkout_id))


async def test_only_its_link_opens_a_checkout_for_the_buyer(engine: Engine) -> None:
    checkout_id = await new_checkout(engine)
    token = (await engine.read(SCOPE, checkout_id)).link_token
    assert (await engine.read_by_link("shop", checkout_id, token)).id == checkout_id
    for wrong in ("", "x" * 22, token[:-1], "\ud800"):
        with pytest.raises(CheckoutNotFound):
            await engine.read_by_link("shop", checkout_id, wrong)


async def test_time_runs_out_by_the_clock_of_the_store(setup: Setup) -> None:
    then = datetime.now(UTC) - timedelta(seconds=SHOP.ttl_s + 1)
    late = Engine(dataclasses.replace(setup, clock=SetClock(then)))
    checkout_id = await new_checkout(late)
    checkout = await late.read(SCOPE, checkout_id)
    assert (checkout.state, checkout.revision) == (State.EXPIRED, 2)
    assert checkout.updated_at > then
    assert await late.read(SCOPE, checkout_id) == checkout
    with pytest.raises(WrongState) as refused:
        await late.run(call(), update(checkout_id))
    assert refused.value.state == "expired"


async def test_an_update_clears_what_the_last_payment_left(engine: Engine) -> None:
    checkout_id = await new_checkout(engine)
    declined = await engine.run(call("k1"), complete(checkout_id, "fail_token"))
    assert seen(declined.reply)["problems"] == ["payment_failed"]
    changed = await engine.run(call(), update(checkout_id, rose=2))
    assert seen(changed.reply)["problems"] == []


async def test_problems_of_the_quote_are_shown_not_hidden(engine: Engine, setup: Setup) -> None:
    prices_of(setup).extra = (problems.buyer_field_missing("email"),)
    answer = await engine.run(call(), create())
    assert seen(answer.reply)["standing"] == "incomplete"


async def test_an_interrupted_write_leaves_nothing_half_done(engine: Engine, setup: Setup) -> None:
    with armed("create.before_commit=raise"), pytest.raises(StoreUnavailable):
        await engine.run(call("k1", operation="create"), create())
    with armed("create.committed=cancel"), pytest.raises(asyncio.CancelledError):
        await engine.run(call("k2", operation="create"), create())
    async with setup.pool.connection() as connection:
        assert await connection.fetchval("select count(*) from checkouts") == 1
        assert await connection.fetchval("select count(*) from claims") == 1
        assert await connection.fetchval("select count(*) from replies") == 1
    again = await engine.run(call("k2", operation="create"), create())
    assert again.replayed
