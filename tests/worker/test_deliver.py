"""Deliver: at least once, each stream in its order, nobody held up by somebody else's trouble."""

import asyncio
import dataclasses
from datetime import timedelta

import pytest

from tests.engine.rows import jobs, one, rows
from tests.engine.world import SCOPE, call, complete, create, psp_of
from tests.worker.world import Receiver, Writer, make_delivery, make_due
from ucp_server.domain.events import Delivered, Job, JobKind, Parked, Paused, Retry
from ucp_server.engine.faults import armed
from ucp_server.engine.orders import Orders, Parcel
from ucp_server.engine.runner import Engine
from ucp_server.engine.setup import Setup
from ucp_server.store.database import read, statement
from ucp_server.store.orders import list_unpaid
from ucp_server.store.outbox import list_waiting, pause_behind, send_again
from ucp_server.worker import deliver


async def place(engine: Engine) -> str:
    answer = await engine.run(call(), create())
    assert answer.checkout_id is not None
    await engine.run(call(), complete(answer.checkout_id))
    return answer.checkout_id


async def waits_s(setup: Setup) -> float:
    """How long the webhook job rests, counted from when it was put to rest (within a second)."""
    rest = await one(setup.pool, "select next_at - now() from outbox where kind = 'webhook'")
    assert isinstance(rest, timedelta)
    return rest.total_seconds()


async def drain(delivery: deliver.Delivery) -> int:
    done = 0
    while n := await deliver.run_once(delivery):
        done += n
    return done


async def test_an_order_is_told_mailed_and_captured_once(engine: Engine, setup: Setup) -> None:
    order_id = await place(engine)
    platform, mailbox = Receiver(), Receiver()
    delivery = make_delivery(setup, platform, mailbox)
    assert await drain(delivery) == 3
    assert await drain(delivery) == 0
    event_id = await one(setup.pool, "select id::text from outbox where kind = 'webhook'")
    assert platform.got == [(event_id, f"placed 1 {order_id}".encode())]
    assert [rendered for _, rendered in mailbox.got] == [f"placed 1 {order_id}".encode()]
    assert {state for _, state in await jobs(setup.pool)} == {"done"}
    assert (await engine.read_order(SCOPE, order_id)).payment == "captured"


@pytest.mark.parametrize(
    ("tries", "pause_s"),
    [(1, 5), (2, 30), (3, 300), (4, 1800), (5, 7200), (6, 18000), (9, 72000), (10, 86400), (30, 86400)],
)
async def test_the_schedule_is_the_published_one(
    engine: Engine, setup: Setup, tries: int, pause_s: int
) -> None:
    await place(engine)
    delivery = make_delivery(setup, Receiver(lambda _: Retry("503")))
    async with setup.pool.connection() as connection:
        await connection.execute("update outbox set tries = $1", tries - 1)
    await drain(delivery)
    assert pause_s - 1 <= await waits_s(setup) <= pause_s * 1.1


@pytest.mark.parametrize(("asked", "given"), [(120, 120), (0, 5), (90_000, 3600)])
async def test_a_receiver_may_name_its_pause_within_limits(
    engine: Engine, setup: Setup, asked: int, given: int
) -> None:
    await place(engine)
    await drain(make_delivery(setup, Receiver(lambda _: Retry("429", after_s=asked))))
    assert given - 1 <= await waits_s(setup) <= given


async def test_all_tries_send_the_same_bytes_under_the_same_id(engine: Engine, setup: Setup) -> None:
    await place(engine)
    answers = iter([Retry("reset"), Retry("reset"), Delivered()])
    platform = Receiver(lambda _: next(answers))
    delivery = make_delivery(setup, platform)
    for _ in range(3):
        await drain(delivery)
        await make_due(setup.pool)
    assert len(platform.got) == 3
    assert len(set(platform.got)) == 1
    writer = delivery.renderers["plain"]
    assert isinstance(writer, Writer)
    assert writer.written == 2  # the webhook and the mail, once each


async def test_after_thirty_days_it_is_parked_listed_and_can_be_sent_again(
    engine: Engine, setup: Setup
) -> None:
    await place(engine)
    platform = Receiver(lambda _: Retry("down"))
    delivery = make_delivery(setup, platform)
    async with setup.pool.connection() as connection:
        await connection.execute("update outbox set since = now() - interval '30 days 1 minute'")
    await drain(delivery)
    async with read(setup.pool) as db:
        waiting = await list_waiting(db, "shop", 10)
    assert [(job.kind, job.state) for job in waiting] == [(JobKind.WEBHOOK, "parked")]
    assert waiting[0].last_error == "given up after 1 tries: down"
    assert await drain(delivery) == 0
    async with statement(setup.pool) as tx:
        assert await send_again(tx, "other", waiting[0].id) == 0
        assert await send_again(tx, "shop", waiting[0].id) == 1
    platform.answer = lambda _: Delivered()
    assert await drain(delivery) == 1
    assert len({job_id for job_id, _ in platform.got}) == 1


async def test_versions_of_one_order_never_overtake(engine: Engine, setup: Setup) -> None:
    order_id = await place(engine)
    platform = Receiver(lambda _: Retry("down"))
    delivery = make_delivery(setup, platform)
    await drain(delivery)
    await Orders(setup).ship("shop", order_id, Parcel())
    await drain(delivery)
    assert platform.versions == [1]
    platform.answer = lambda _: Delivered()
    await make_due(setup.pool)
    await drain(delivery)
    version = (await engine.read_order(SCOPE, order_id)).version
    assert platform.versions == [1, 1, version]


async def test_gone_pauses_the_stream_and_keeps_everything(engine: Engine, setup: Setup) -> None:
    order_id = await place(engine)
    platform = Receiver(lambda _: Paused("410"))
    delivery = make_delivery(setup, platform)
    await drain(delivery)
    await Orders(setup).ship("shop", order_id, Parcel())
    await drain(delivery)
    assert platform.versions == [1]
    async with statement(setup.pool) as tx:
        assert await pause_behind(tx) == 1
        assert await pause_behind(tx) == 0
    platform.answer = lambda _: Delivered()
    assert await drain(delivery) == 0
    async with statement(setup.pool) as tx:
        assert await send_again(tx, "shop") == 2
    await drain(delivery)
    version = (await engine.read_order(SCOPE, order_id)).version
    assert platform.versions == [1, 1, version]


async def test_a_poison_job_keeps_nobody_waiting(engine: Engine, setup: Setup) -> None:
    bad, good = await place(engine), await place(engine)
    platform = Receiver()

    def poisoned(job: Job) -> bytes:
        if bad.encode() in job.payload:
            raise ValueError("poison")
        return b"ok 1"

    delivery = dataclasses.replace(
        make_delivery(setup, platform), renderers={"plain": poisoned, "mail": poisoned}
    )
    await drain(delivery)
    found = await rows(
        setup.pool, "select stream, state, last_error from outbox where kind = 'webhook' order by id"
    )
    assert [(row["stream"], row["state"]) for row in found] == [
        (f"webhook:{bad}", "pending"),
        (f"webhook:{good}", "done"),
    ]
    assert found[0]["last_error"] == "ValueError"


async def test_a_binding_that_is_gone_is_retried_not_lost(engine: Engine, setup: Setup) -> None:
    await place(engine)
    delivery = dataclasses.replace(make_delivery(setup, Receiver()), renderers={})
    await drain(delivery)
    assert await one(setup.pool, "select count(*) from outbox where state = 'pending'") == 2


async def test_a_parked_job_does_not_stop_its_stream(engine: Engine, setup: Setup) -> None:
    order_id = await place(engine)
    answers = iter([Parked("400"), Delivered()])
    platform = Receiver(lambda _: next(answers))
    delivery = make_delivery(setup, platform)
    await drain(delivery)
    await Orders(setup).ship("shop", order_id, Parcel())
    await drain(delivery)
    assert len(platform.versions) == 2


@pytest.mark.parametrize(
    ("point", "sent"),
    [("deliver.claimed", 1), ("deliver.rendered", 1), ("deliver.before_send", 1), ("deliver.sent", 2)],
)
async def test_a_worker_that_dies_loses_nothing(
    engine: Engine, setup: Setup, point: str, sent: int
) -> None:
    await place(engine)
    platform = Receiver()
    webhooks_only = dataclasses.replace(
        make_delivery(setup, platform), deliverers={JobKind.WEBHOOK: platform}
    )
    with armed(f"{point}=cancel"), pytest.raises(asyncio.CancelledError):
        await deliver.run_once(webhooks_only)
    assert await deliver.run_once(webhooks_only) == 0  # leased
    await make_due(setup.pool)
    await drain(webhooks_only)
    assert len(platform.got) == sent
    assert len(set(platform.got)) == 1


async def test_many_workers_send_each_job_once(engine: Engine, setup: Setup) -> None:
    for _ in range(10):
        await place(engine)
    platform = Receiver()
    delivery = make_delivery(setup, platform)
    await asyncio.gather(*(drain(delivery) for _ in range(4)))
    assert len(platform.got) == 10
    assert len(set(platform.got)) == 10


# --- money ---


async def test_a_capture_that_fails_for_good_is_shown_and_undoes_nothing(
    engine: Engine, setup: Setup
) -> None:
    order_id = await place(engine)
    psp_of(setup).declines_settlements = True
    await drain(make_delivery(setup, Receiver()))
    order = await engine.read_order(SCOPE, order_id)
    assert order.payment == "payment_failed"
    assert ("capture", "parked") in await jobs(setup.pool)
    async with read(setup.pool) as db:
        assert [id_ for id_, _ in await list_unpaid(db, "shop", 10)] == [order_id]


async def test_a_capture_without_an_answer_is_tried_again_for_days_then_given_up(
    engine: Engine, setup: Setup
) -> None:
    order_id = await place(engine)
    psp_of(setup).is_deaf = True
    delivery = make_delivery(setup, Receiver())
    await drain(delivery)
    assert ("capture", "pending") in await jobs(setup.pool)
    async with setup.pool.connection() as connection:
        await connection.execute("update outbox set since = now() - interval '8 days', next_at = now()")
    await drain(delivery)
    assert ("capture", "parked") in await jobs(setup.pool)
    assert (await engine.read_order(SCOPE, order_id)).payment == "payment_failed"


@pytest.mark.parametrize("point", ["settle.sent", "settle.recorded", "order.before_commit"])
async def test_a_capture_or_refund_that_is_repeated_moves_money_once(
    engine: Engine, setup: Setup, point: str
) -> None:
    order_id = await place(engine)
    delivery = make_delivery(setup, Receiver())
    with armed(f"{point}=cancel"), pytest.raises(asyncio.CancelledError):
        await deliver.run_once(delivery)
    await make_due(setup.pool)
    await drain(delivery)
    await Orders(setup).refund("shop", order_id, 500)
    with armed(f"{point}=cancel"), pytest.raises(asyncio.CancelledError):
        await deliver.run_once(delivery)
    await make_due(setup.pool)
    await drain(delivery)
    with psp_of(setup).books() as books:
        assert [entry.event for entry in books.entries] == ["authorised", "captured", "refunded"]
    attempt = await rows(setup.pool, "select captured_minor, refunded_minor from attempts")
    assert attempt == [{"captured_minor": 1200, "refunded_minor": 500}]
    order = await engine.read_order(SCOPE, order_id)
    assert [(a.status, a.amount_minor) for a in order.adjustments] == [("completed", 500)]


async def test_a_refund_waits_for_its_capture(engine: Engine, setup: Setup) -> None:
    order_id = await place(engine)
    psp_of(setup).is_deaf = True
    delivery = make_delivery(setup, Receiver())
    await drain(delivery)
    await Orders(setup).cancel("shop", order_id)
    await drain(delivery)
    with psp_of(setup).books() as books:
        assert [entry.event for entry in books.entries] == ["authorised"]
    psp_of(setup).is_deaf = False
    await make_due(setup.pool)
    await drain(delivery)
    with psp_of(setup).books() as books:
        assert [entry.event for entry in books.entries] == ["authorised", "captured", "refunded"]
    assert (await engine.read_order(SCOPE, order_id)).payment == "refunded"


async def test_a_refund_of_what_was_never_captured_fails(engine: Engine, setup: Setup) -> None:
    order_id = await place(engine)
    await Orders(setup).refund("shop", order_id, 500)
    psp_of(setup).declines_settlements = True
    await drain(make_delivery(setup, Receiver()))
    order = await engine.read_order(SCOPE, order_id)
    assert [a.status for a in order.adjustments] == ["failed"]
    assert order.refunded_minor == 0


async def test_an_authorisation_for_another_amount_is_given_back(engine: Engine, setup: Setup) -> None:
    answer = await engine.run(call(), create())
    assert answer.checkout_id is not None
    await engine.run(call(), complete(answer.checkout_id, "off_by_one_token"))
    await drain(make_delivery(setup, Receiver()))
    with psp_of(setup).books() as books:
        assert [entry.event for entry in books.entries] == ["authorised", "voided"]
