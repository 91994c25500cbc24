"""Tools: queued with the order, tried at once, written into it whatever they answer."""

import asyncio
import dataclasses
from collections.abc import Sequence

import msgspec
import pytest

from tests.engine.rows import one, rows
from tests.engine.world import (
    SCOPE,
    call,
    complete,
    create_served,
    put_stock,
    put_tools,
)
from tests.worker.world import Receiver, ToolShed, make_delivery, make_due
from ucp_server.domain.errors import OrderNotFound
from ucp_server.domain.events import JobKind, Notice, Retry
from ucp_server.domain.order import Order
from ucp_server.engine.orders import Orders
from ucp_server.engine.runner import Engine
from ucp_server.engine.setup import Setup
from ucp_server.engine.tooling import ToolDeliverer, wait_until_tried
from ucp_server.ports import Failed, Ran, ToolAnswer, ToolCall, Unreached
from ucp_server.store.database import Pool, statement
from ucp_server.store.outbox import claim_due, send_again
from ucp_server.worker.deliver import Delivery, RetryRule, run_once

HERE_AT_ONCE_S = 0.0


async def sold(engine: Engine, *tools: str) -> str:
    created = await engine.run(call(), create_served(*tools))
    assert created.checkout_id is not None
    await engine.run(call(), complete(created.checkout_id))
    return created.checkout_id


async def work_off(pool: Pool, delivery: Delivery, rounds: int = 4) -> None:
    for _ in range(rounds):
        await make_due(pool)
        await run_once(delivery)


async def states(engine: Engine, order_id: str) -> list[tuple[str, str, str]]:
    order = await engine.read_order(SCOPE, order_id)
    return [(run.tool_id, run.state, run.output) for run in order.runs]


async def mails(pool: Pool) -> list[str]:
    """What the buyer was written to about."""
    written = await rows(pool, "select payload from outbox where kind = 'mail' order by id")
    return [msgspec.json.decode(row["payload"], type=Notice).what for row in written]


def answering(**answers: ToolAnswer | Sequence[ToolAnswer]) -> ToolShed:
    """Each tool gives its answers one by one, the last for ever."""
    left = {tool: list(given) if isinstance(given, list) else [given] for tool, given in answers.items()}

    def answer(asked: ToolCall) -> ToolAnswer:
        given = left[asked.tool_id]
        return given.pop(0) if len(given) > 1 else given[0]

    return ToolShed(answer)


@pytest.fixture(autouse=True)
async def stocked(pool: Pool) -> None:
    await put_stock(pool, rose=50)
    await put_tools(pool, "polish", "wrap", "label")


async def test_a_tool_is_told_what_was_sold_and_its_word_stands_in_the_order(
    pool: Pool, engine: Engine, setup: Setup
) -> None:
    order_id = await sold(engine)
    assert await states(engine, order_id) == [("polish", "waiting", "")]
    shed, platform = ToolShed(), Receiver()
    await work_off(pool, make_delivery(setup, platform, tools=shed))
    assert await states(engine, order_id) == [("polish", "done", "polish done")]
    (asked,) = shed.calls
    order = await engine.read_order(SCOPE, order_id)
    assert asked == ToolCall(
        id=order.runs[0].id,
        tool_id="polish",
        url="https://tools.test/polish",
        timeout_s=2,
        merchant_id="shop",
        order_id=order_id,
        product_id="p1",
        sku="R-1",
        item_id="rose",
        title="Rose",
        quantity=1,
        buyer_email="buyer@example.com",
    )
    assert [text.split()[0] for _, text in platform.got] == [b"placed", b"served"]
    assert await mails(pool) == ["placed"]


async def test_all_tools_of_an_order_end_at_once_and_each_is_written(
    pool: Pool, engine: Engine, setup: Setup
) -> None:
    tools = ("polish", "wrap", "label") * 4
    order_id = await sold(engine, *tools)
    platform = Receiver()
    delivery = make_delivery(setup, platform)
    await asyncio.gather(*(run_once(delivery) for _ in range(2)))
    await work_off(pool, delivery)
    assert await states(engine, order_id) == [(tool, "done", f"{tool} done") for tool in tools]
    assert [text.split()[0] for _, text in platform.got].count(b"served") == 1


async def test_a_no_is_final_and_the_order_is_told_as_it_is(
    pool: Pool, engine: Engine, setup: Setup
) -> None:
    order_id = await sold(engine, "polish", "wrap")
    platform = Receiver()
    shed = answering(polish=Failed("too thorny"), wrap=Ran("wrapped"))
    await work_off(pool, make_delivery(setup, platform, tools=shed))
    assert await states(engine, order_id) == [
        ("polish", "failed", "too thorny"),
        ("wrap", "done", "wrapped"),
    ]
    assert [asked.tool_id for asked in shed.calls].count("polish") == 1
    assert await mails(pool) == ["placed"], "another tool has supplied it"
    assert await one(pool, "select count(*) from outbox where state <> 'done'") == 0


async def test_silence_is_shown_at_once_and_tried_again(pool: Pool, engine: Engine, setup: Setup) -> None:
    order_id = await sold(engine)
    platform = Receiver()
    shed = answering(polish=[Unreached("nobody there"), Unreached("still nobody"), Ran("shiny")])
    delivery = make_delivery(setup, platform, tools=shed)
    await work_off(pool, delivery, 1)
    assert await states(engine, order_id) == [("polish", "failing", "nobody there")]
    await work_off(pool, delivery)
    assert await states(engine, order_id) == [("polish", "done", "shiny")]
    assert len({asked.id for asked in shed.calls}) == 1
    assert [text.split()[0] for _, text in platform.got] == [b"placed", b"served"]


async def test_what_never_answers_is_given_to_a_person_and_may_be_sent_again(
    pool: Pool, engine: Engine, setup: Setup
) -> None:
    order_id = await sold(engine)
    shed = answering(polish=[Unreached("nobody there"), Unreached("nobody there"), Ran("shiny")])
    delivery = make_delivery(setup, Receiver(), tools=shed)
    impatient = {**delivery.rules, JobKind.TOOL: RetryRule((1.0,), HERE_AT_ONCE_S)}
    given_up = Delivery(
        pool=pool,
        renderers=delivery.renderers,
        deliverers=delivery.deliverers,
        on_parked=delivery.on_parked,
        rules=impatient,
    )
    await work_off(pool, given_up)
    assert await states(engine, order_id) == [("polish", "failed", "nobody there")]
    (parked,) = await rows(pool, "select kind, state, last_error from outbox where state = 'parked'")
    assert parked["kind"] == "tool"
    async with statement(pool) as tx:
        assert await send_again(tx, "shop") == 1
    assert await mails(pool) == ["placed", "served"]
    await work_off(pool, given_up, 1)
    async with statement(pool) as tx:
        await send_again(tx, "shop")
    await work_off(pool, delivery)
    assert await states(engine, order_id) == [("polish", "done", "shiny")]
    assert await mails(pool) == ["placed", "served"], "once is enough"


@pytest.mark.parametrize("tries", [0, 1])
async def test_nothing_is_made_for_a_line_that_was_canceled_meanwhile(
    pool: Pool, engine: Engine, setup: Setup, tries: int
) -> None:
    order_id = await sold(engine)
    shed = answering(polish=[Unreached("busy"), Ran("made for nobody")])
    delivery = make_delivery(setup, Receiver(), tools=shed)
    await work_off(pool, delivery, rounds=tries)
    await Orders(setup).cancel("shop", order_id)
    await work_off(pool, delivery)
    assert await states(engine, order_id) == [
        ("polish", "failed", "Nothing of this line is left in the order.")
    ]
    assert "served" not in await mails(pool)
    assert len(shed.calls) == tries


async def test_a_tool_that_is_not_there_is_a_no(pool: Pool, engine: Engine, setup: Setup) -> None:
    order_id = await sold(engine, "engrave")
    await work_off(pool, make_delivery(setup, Receiver()))
    assert await states(engine, order_id) == [("engrave", "failed", "The tool engrave is not configured.")]


async def test_a_tool_that_raises_or_hangs_is_silent(pool: Pool, engine: Engine, setup: Setup) -> None:
    def burst(_: ToolCall) -> ToolAnswer:
        raise RuntimeError("4242424242424242")

    order_id = await sold(engine)
    await work_off(pool, make_delivery(setup, Receiver(), tools=ToolShed(burst)), 1)
    assert await states(engine, order_id) == [("polish", "failing", "The tool's answer could not be read.")]

    class Hanging:
        async def run(self, _: ToolCall) -> ToolAnswer:
            await asyncio.Event().wait()
            raise AssertionError

    async with pool.connection() as connection:
        await connection.execute("update tools set timeout_s = 1")
    await make_due(pool)
    async with statement(pool) as tx:
        (due,) = await claim_due(tx, limit=1, leases_s={JobKind.TOOL: 60})
    outcome = await ToolDeliverer(setup, Hanging()).deliver(due.job, b"")
    assert outcome == Retry("The tool did not answer in time.")


async def test_a_result_that_was_written_is_not_made_again(
    pool: Pool, engine: Engine, setup: Setup
) -> None:
    order_id = await sold(engine)
    shed = ToolShed()
    delivery = make_delivery(setup, Receiver(), tools=shed)
    await work_off(pool, delivery)
    async with pool.connection() as connection:
        await connection.execute("update outbox set state = 'pending' where kind = 'tool'")
    await work_off(pool, delivery)
    assert len(shed.calls) == 1
    assert await states(engine, order_id) == [("polish", "done", "polish done")]


def _timed(setup: Setup, served_within_s: float) -> Setup:
    timings = dataclasses.replace(setup.timings, served_within_s=served_within_s)
    return dataclasses.replace(setup, timings=timings)


async def test_whoever_waits_is_served_when_the_tools_were_tried(
    pool: Pool, engine: Engine, setup: Setup
) -> None:
    order_id = await sold(engine)
    delivery = make_delivery(setup, Receiver())
    waiting = asyncio.create_task(wait_until_tried(_timed(setup, 20.0), SCOPE, order_id))
    await work_off(pool, delivery)
    order: Order = await waiting
    assert [run.state for run in order.runs] == ["done"]


async def test_nobody_waits_for_ever_nor_for_nothing(engine: Engine, setup: Setup) -> None:
    order_id = await sold(engine)
    order = await wait_until_tried(_timed(setup, 0.0), SCOPE, order_id)
    assert [run.state for run in order.runs] == ["waiting"]
    with pytest.raises(OrderNotFound):
        await wait_until_tried(setup, SCOPE, "00000000-0000-7000-8000-000000000000")
