"""Resume: settles what a dead or puzzled holder left, and never authorises."""

import asyncio
import dataclasses
from datetime import UTC, datetime, timedelta

import pytest

from tests.engine.rows import attempts, jobs, lapse_leases, one, rows, stock
from tests.engine.world import (
    SCOPE,
    SHOP,
    SetClock,
    call,
    cancel,
    complete,
    create,
    psp_of,
    put_stock,
    seen,
    update,
)
from ucp_server.domain.lifecycle import State
from ucp_server.engine.faults import armed
from ucp_server.engine.resume import resume_due
from ucp_server.engine.runner import Engine
from ucp_server.engine.setup import Setup


async def new_checkout(engine: Engine, **quantities: int) -> str:
    answer = await engine.run(call(), create(**quantities))
    assert answer.checkout_id is not None
    return answer.checkout_id


async def die_at(engine: Engine, point: str, checkout_id: str, token: str = "success_token") -> None:
    """A complete that ends at ``point`` as if its process were gone, its lease run out."""
    with armed(f"{point}=cancel"), pytest.raises(asyncio.CancelledError):
        await engine.run(call("k1"), complete(checkout_id, token))
    await lapse_leases(engine.setup.pool)


def events(setup: Setup) -> list[str]:
    with psp_of(setup).books() as books:
        return [entry.event for entry in books.entries]


async def test_nothing_to_do_is_nothing_done(setup: Setup) -> None:
    assert await resume_due(setup) == 0


@pytest.mark.parametrize("point", ["complete.opened", "complete.before_sent"])
async def test_what_was_never_sent_is_given_back_and_gone_on_with(
    engine: Engine, setup: Setup, point: str
) -> None:
    await put_stock(setup.pool, rose=1)
    checkout_id = await new_checkout(engine)
    await die_at(engine, point, checkout_id)
    assert await stock(setup.pool, "rose") == (1, 1, 0)
    assert await resume_due(setup) == 1
    assert await attempts(setup.pool) == ["released"]
    assert await stock(setup.pool, "rose") == (1, 0, 0)
    assert (await engine.read(SCOPE, checkout_id)).state is State.OPEN
    psp_key = await one(setup.pool, "select psp_key from attempts")
    answer = await engine.run(call("k1"), complete(checkout_id))
    assert seen(answer.reply)["standing"] == "completed"
    assert await one(setup.pool, "select psp_key from attempts where state = 'authorised'") == psp_key


@pytest.mark.parametrize(
    ("token", "standing", "state"),
    [
        ("success_token", "completed", "authorised"),
        ("fail_token", "incomplete", "declined"),
        ("challenge_token", "needs_buyer", "action_needed"),
        ("off_by_one_token", "incomplete", "voided"),
    ],
)
@pytest.mark.parametrize("point", ["complete.sent", "complete.before_close"])
async def test_what_the_provider_decided_is_written_as_the_request_would_have(
    engine: Engine, setup: Setup, point: str, token: str, standing: str, state: str
) -> None:
    await put_stock(setup.pool, rose=1)
    checkout_id = await new_checkout(engine)
    await die_at(engine, point, checkout_id, token)
    assert await resume_due(setup) == 1
    assert await attempts(setup.pool) == [state]
    reply = await engine.run(call("k1"), complete(checkout_id, token))
    assert reply.replayed
    assert seen(reply.reply)["standing"] == standing
    sold = (0, 0, 1) if standing == "completed" else (1, 0, 0)
    assert await stock(setup.pool, "rose") == sold


async def test_a_decline_is_refused_where_the_request_would_have(engine: Engine, setup: Setup) -> None:
    checkout_id = await new_checkout(engine)
    refusing = call("k1", refusing=["payment_failed"])
    with armed("complete.sent=cancel"), pytest.raises(asyncio.CancelledError):
        await engine.run(refusing, complete(checkout_id, "fail_token"))
    await lapse_leases(setup.pool)
    await resume_due(setup)
    reply = await engine.run(refusing, complete(checkout_id, "fail_token"))
    assert seen(reply.reply) == {"terms": "terms", "refused": "problem"}


async def test_what_never_arrived_is_refused_at_the_provider_before_it_is_given_back(
    engine: Engine, setup: Setup
) -> None:
    await put_stock(setup.pool, rose=1)
    checkout_id = await new_checkout(engine)
    await die_at(engine, "complete.before_send", checkout_id)
    psp_of(setup).is_settling = True
    await resume_due(setup)
    assert await attempts(setup.pool) == ["unknown"]
    psp_of(setup).is_settling = False
    await lapse_leases(setup.pool)
    await resume_due(setup)
    assert await attempts(setup.pool) == ["voided"]
    assert events(setup) == ["voided"]
    assert await stock(setup.pool, "rose") == (1, 0, 0)
    checkout = await engine.read(SCOPE, checkout_id)
    assert (checkout.state, [p.code for p in checkout.problems]) == (State.OPEN, ["payment_failed"])
    paid = await engine.run(call("k2"), complete(checkout_id))
    assert seen(paid.reply)["standing"] == "completed"
    assert events(setup) == ["voided", "authorised"]


async def test_unknown_stays_unknown_and_answers_in_progress(engine: Engine, setup: Setup) -> None:
    checkout_id = await new_checkout(engine)
    await die_at(engine, "complete.sent", checkout_id)
    psp_of(setup).is_deaf = True
    await resume_due(setup)
    assert await attempts(setup.pool) == ["unknown"]
    reply = await engine.run(call("k1"), complete(checkout_id))
    assert reply.replayed
    assert seen(reply.reply)["standing"] == "in_progress"
    assert await resume_due(setup) == 0  # not before its pause is over
    psp_of(setup).is_deaf = False
    await lapse_leases(setup.pool)
    await resume_due(setup)
    assert (await engine.read(SCOPE, checkout_id)).state is State.COMPLETED
    assert (await engine.run(call("k1"), complete(checkout_id))).reply == reply.reply


async def test_a_provider_that_cannot_be_told_to_refuse_keeps_the_attempt_open(
    engine: Engine, setup: Setup
) -> None:
    checkout_id = await new_checkout(engine)
    await die_at(engine, "complete.before_send", checkout_id)
    with armed("resume.before_void=cancel"), pytest.raises(asyncio.CancelledError):
        await resume_due(setup)
    assert await attempts(setup.pool) == ["sent"]


async def test_a_dead_holder_is_replaced_by_the_identical_request(engine: Engine, setup: Setup) -> None:
    checkout_id = await new_checkout(engine)
    await die_at(engine, "complete.sent", checkout_id)
    answer = await engine.run(call("k1"), complete(checkout_id))
    assert seen(answer.reply)["standing"] == "completed"
    assert events(setup) == ["authorised"]
    assert await resume_due(setup) == 0


async def test_one_that_was_perhaps_sent_is_not_given_back_on_a_refused_connection(
    engine: Engine, setup: Setup
) -> None:
    checkout_id = await new_checkout(engine)
    await die_at(engine, "complete.sent", checkout_id)
    answer = await engine.run(call("k1"), complete(checkout_id, "not_sent_token"))
    assert seen(answer.reply)["standing"] == "in_progress"
    assert await attempts(setup.pool) == ["unknown"]


async def test_a_living_holder_is_left_alone(engine: Engine, setup: Setup) -> None:
    checkout_id = await new_checkout(engine)
    psp = psp_of(setup)
    psp.hold = asyncio.Event()
    living = asyncio.create_task(engine.run(call("k1"), complete(checkout_id)))
    await psp.arrived.wait()
    renewed = await one(setup.pool, "select lease_until from attempts")
    async with asyncio.timeout(5):
        while await one(setup.pool, "select lease_until from attempts") == renewed:
            assert await resume_due(setup) == 0
    psp.hold.set()
    assert seen((await living).reply)["standing"] == "completed"


@pytest.mark.parametrize("left", ["update", "cancel", "other payment"])
async def test_a_challenge_that_nobody_waits_for_is_voided(engine: Engine, setup: Setup, left: str) -> None:
    checkout_id = await new_checkout(engine)
    await engine.run(call("k1"), complete(checkout_id, "challenge_token"))
    assert await resume_due(setup) == 0
    command = {
        "update": update(checkout_id, rose=2),
        "cancel": cancel(checkout_id),
        "other payment": complete(checkout_id),
    }[left]
    await engine.run(call("k2", operation=left), command)
    assert await resume_due(setup) == 1
    assert (await attempts(setup.pool))[0] == "voided"
    assert ("void", "pending") in await jobs(setup.pool)


async def test_a_challenge_ends_with_its_checkout(setup: Setup) -> None:
    almost = datetime.now(UTC) - timedelta(seconds=SHOP.ttl_s) + timedelta(seconds=30)
    engine = Engine(dataclasses.replace(setup, clock=SetClock(almost)))
    checkout_id = await new_checkout(engine)
    await engine.run(call("k1"), complete(checkout_id, "challenge_token"))
    due = await rows(setup.pool, "select lease_until - expires_at as gap from attempts, checkouts")
    assert due == [{"gap": timedelta(0)}]


class _BrokenRenderer:
    def render(self, terms: bytes, checkout: object) -> bytes:
        raise KeyError(terms)

    render_refusal = render


@pytest.mark.parametrize("renderers", [{}, {"plain": _BrokenRenderer()}])
async def test_money_is_settled_even_when_nobody_can_word_the_reply(
    engine: Engine, setup: Setup, renderers: dict[str, object]
) -> None:
    checkout_id = await new_checkout(engine)
    await die_at(engine, "complete.sent", checkout_id)
    await resume_due(dataclasses.replace(setup, renderers=renderers))
    assert (await engine.read(SCOPE, checkout_id)).state is State.COMPLETED


async def test_one_that_cannot_be_resumed_does_not_hold_up_the_others(engine: Engine, setup: Setup) -> None:
    first, second = await new_checkout(engine), await new_checkout(engine)
    await die_at(engine, "complete.sent", first)
    with armed("complete.sent=cancel"), pytest.raises(asyncio.CancelledError):
        await engine.run(call("k2"), complete(second))
    await lapse_leases(setup.pool)
    with armed("complete.before_close=raise"):
        assert await resume_due(setup) == 2
    states = {(await engine.read(SCOPE, id_)).state for id_ in (first, second)}
    assert states == {State.COMPLETING, State.COMPLETED}
    await lapse_leases(setup.pool)
    assert await resume_due(setup) == 1
    assert events(setup) == ["authorised", "authorised"]


async def test_two_workers_share_what_is_due(engine: Engine, setup: Setup) -> None:
    for n in range(6):
        checkout_id = await new_checkout(engine)
        with armed("complete.sent=cancel"), pytest.raises(asyncio.CancelledError):
            await engine.run(call(f"k{n}"), complete(checkout_id))
    await lapse_leases(setup.pool)
    done = await asyncio.gather(resume_due(setup), resume_due(setup))
    assert sum(done) == 6
    assert await one(setup.pool, "select count(*) from orders") == 6
