"""Orders after the sale: never more than what is there, and everybody is told once."""

import asyncio

import msgspec
import pytest

from tests.engine.rows import jobs, one, rows, stock
from tests.engine.world import SCOPE, call, complete, create, put_stock
from ucp_server.domain.errors import AdjustmentRefused, OrderNotFound
from ucp_server.domain.events import MoneyMove, Notice
from ucp_server.domain.order import Adjustment, FulfillmentEvent, Order, Quantity, line_counts, problems_of
from ucp_server.engine.commands import Scope
from ucp_server.engine.orders import Orders, Parcel
from ucp_server.engine.runner import Engine
from ucp_server.engine.setup import Setup
from ucp_server.store.database import recorded_statements

UNKNOWN = "01890a5d-ac96-774b-bcce-b302099a8057"


@pytest.fixture
def orders(setup: Setup) -> Orders:
    return Orders(setup)


@pytest.fixture
async def order(engine: Engine, setup: Setup) -> Order:
    """Two roses (li_1) and a vase (li_2): 5400 minor units."""
    await put_stock(setup.pool, rose=10)
    return await place(engine, rose=2, vase=1)


async def place(engine: Engine, **quantities: int) -> Order:
    answer = await engine.run(call(), create(**quantities))
    assert answer.checkout_id is not None
    await engine.run(call(), complete(answer.checkout_id))
    return await engine.read_order(SCOPE, answer.checkout_id)


def lines(**quantities: int) -> tuple[Quantity, ...]:
    return tuple(Quantity(line_id=line_id, quantity=n) for line_id, n in quantities.items())


def states(order: Order) -> dict[str, str]:
    return {line_id: count.state for line_id, count in line_counts(order).items()}


async def test_shipments_and_deliveries_move_the_lines(orders: Orders, order: Order) -> None:
    sent = await orders.ship(
        "shop", order.id, Parcel(lines=lines(li_1=1), tracking_number="T1", carrier="DHL")
    )
    assert states(sent) == {"li_1": "partial", "li_2": "processing"}
    assert sent.version == 2
    assert sent.events[0].tracking_number == "T1"
    everything = await orders.ship("shop", order.id, Parcel())
    assert everything.events[1].lines == lines(li_1=1, li_2=1)
    assert set(states(everything).values()) == {"fulfilled"}
    there = await orders.deliver("shop", order.id, Parcel())
    assert there.events[2].lines == lines(li_1=2, li_2=1)
    with pytest.raises(AdjustmentRefused):
        await orders.ship("shop", order.id, Parcel())
    with pytest.raises(AdjustmentRefused):
        await orders.deliver("shop", order.id, Parcel())


async def test_what_is_collected_needs_no_shipment(orders: Orders, order: Order) -> None:
    there = await orders.deliver("shop", order.id, Parcel())
    assert set(states(there).values()) == {"fulfilled"}
    with pytest.raises(AdjustmentRefused):
        await orders.ship("shop", order.id, Parcel(lines=lines(li_1=1)))


@pytest.mark.parametrize(
    "wanted",
    [lines(li_1=3), lines(li_9=1), lines(li_1=0), lines(li_1=-1), (*lines(li_1=2), *lines(li_1=1))],
)
async def test_no_more_travels_than_was_bought(
    orders: Orders, order: Order, wanted: tuple[Quantity, ...]
) -> None:
    for use in (orders.ship, orders.deliver):
        with pytest.raises(AdjustmentRefused):
            await use("shop", order.id, Parcel(lines=wanted))
    for cut in (orders.cancel, orders.return_):
        with pytest.raises(AdjustmentRefused):
            await cut("shop", order.id, wanted)


async def test_a_cancellation_pays_back_and_restocks(orders: Orders, order: Order, setup: Setup) -> None:
    assert await stock(setup.pool, "rose") == (8, 0, 2)
    less = await orders.cancel("shop", order.id, lines(li_1=1), "out of season")
    assert less.adjustments[0].amount_minor == 1200
    assert less.adjustments[0].status == "pending"
    assert states(less) == {"li_1": "processing", "li_2": "processing"}
    assert await stock(setup.pool, "rose") == (9, 0, 1)
    nothing = await orders.cancel("shop", order.id)
    assert nothing.adjustments[1].amount_minor == 4200
    assert states(nothing) == {"li_1": "removed", "li_2": "removed"}
    assert await stock(setup.pool, "rose") == (10, 0, 0)
    with pytest.raises(AdjustmentRefused):
        await orders.cancel("shop", order.id)
    with pytest.raises(AdjustmentRefused):
        await orders.refund("shop", order.id, 1)
    refunds = await rows(setup.pool, "select payload from outbox where kind = 'refund' order by sequence")
    moves = [msgspec.json.decode(row["payload"], type=MoneyMove) for row in refunds]
    assert [move.amount_minor for move in moves] == [1200, 4200]


async def test_what_was_shipped_is_returned_not_canceled(orders: Orders, order: Order) -> None:
    await orders.ship("shop", order.id, Parcel(lines=lines(li_1=2)))
    with pytest.raises(AdjustmentRefused):
        await orders.cancel("shop", order.id, lines(li_1=1))
    with pytest.raises(AdjustmentRefused):
        await orders.return_("shop", order.id, lines(li_2=1))
    back = await orders.return_("shop", order.id, lines(li_1=2))
    assert back.adjustments[0].type == "return"
    assert states(back)["li_1"] == "fulfilled"
    with pytest.raises(AdjustmentRefused):
        await orders.return_("shop", order.id, lines(li_1=1))


async def test_never_more_is_refunded_than_was_paid(engine: Engine, orders: Orders, order: Order) -> None:
    for amount in (0, -5, 5401):
        with pytest.raises(AdjustmentRefused):
            await orders.refund("shop", order.id, amount)
    outcomes = await asyncio.gather(
        *(orders.refund("shop", order.id, 2700) for _ in range(3)), return_exceptions=True
    )
    assert [type(o) for o in outcomes].count(AdjustmentRefused) == 1
    assert (await engine.read_order(SCOPE, order.id)).refunded_minor == 5400


async def test_every_change_tells_the_platform_in_order(orders: Orders, order: Order, setup: Setup) -> None:
    await orders.ship("shop", order.id, Parcel(lines=lines(li_1=2)))
    await orders.return_("shop", order.id, lines(li_1=1))
    await orders.refund("shop", order.id, 1200)
    found = await rows(
        setup.pool, "select stream, sequence, payload from outbox where kind = 'webhook' order by sequence"
    )
    notices = [msgspec.json.decode(row["payload"], type=Notice) for row in found]
    assert [row["sequence"] for row in found] == [1, 2, 3, 4]
    assert len({row["stream"] for row in found}) == 1
    assert [notice.what for notice in notices] == ["placed", "shipped", "returned", "refunded"]
    assert [notice.order.version for notice in notices] == [1, 2, 3, 4]
    assert [kind for kind, _ in await jobs(setup.pool)].count("mail") == 2


async def test_a_change_is_one_read_and_one_write(orders: Orders, order: Order) -> None:
    with recorded_statements() as statements:
        await orders.ship("shop", order.id, Parcel())
    # The hint to the worker may go out while we still look.
    assert len([s for s in statements if "pg_notify" not in s]) == 2


async def test_both_lists_can_be_replaced_without_money_moving(
    orders: Orders, order: Order, setup: Setup
) -> None:
    event = FulfillmentEvent(id="e1", type="shipped", occurred_at=order.placed_at, lines=lines(li_1=2))
    refund = Adjustment(
        id="a1", type="refund", occurred_at=order.placed_at, status="pending", amount_minor=500
    )
    changed = await orders.replace_events_and_adjustments(SCOPE, order.id, [event], [refund])
    assert (changed.events, changed.adjustments) == ((event,), (refund,))
    assert await one(setup.pool, "select count(*) from outbox where kind = 'refund'") == 0
    strange = msgspec.structs.replace(event, lines=lines(li_9=1))
    with pytest.raises(AdjustmentRefused):
        await orders.replace_events_and_adjustments(SCOPE, order.id, [strange], [])
    stranger = Scope(merchant_id="shop", platform_id="https://other.example/profile")
    with pytest.raises(OrderNotFound):
        await orders.replace_events_and_adjustments(stranger, order.id, [], [])


@pytest.mark.parametrize("order_id", [UNKNOWN, "nonsense", ""])
async def test_an_unknown_order_is_not_found(engine: Engine, orders: Orders, order_id: str) -> None:
    with pytest.raises(OrderNotFound):
        await engine.read_order(SCOPE, order_id)
    with pytest.raises(OrderNotFound):
        await orders.ship("shop", order_id, Parcel())


async def test_an_order_belongs_to_its_platform_and_its_link(engine: Engine, order: Order) -> None:
    stranger = Scope(merchant_id="shop", platform_id="https://other.example/profile")
    with pytest.raises(OrderNotFound):
        await engine.read_order(stranger, order.id)
    shown = await engine.read_order_by_permalink("shop", order.id, order.permalink_token)
    assert shown == order
    with pytest.raises(OrderNotFound):
        await engine.read_order_by_permalink("shop", order.id, "x" * 22)


async def test_an_order_that_was_never_paid_is_canceled_without_a_refund(
    orders: Orders, order: Order, setup: Setup
) -> None:
    await orders.record_payment("shop", order.id, "payment_failed")
    with pytest.raises(AdjustmentRefused):
        await orders.refund("shop", order.id, 100)
    canceled = await orders.cancel("shop", order.id)
    assert canceled.adjustments[0].amount_minor == 0
    assert canceled.adjustments[0].status == "completed"
    assert await one(setup.pool, "select count(*) from outbox where kind = 'refund'") == 0


async def test_platforms_hear_of_money_where_it_is_the_buyers_concern(
    orders: Orders, order: Order, setup: Setup
) -> None:
    async def events() -> list[Notice]:
        told = await rows(setup.pool, "select payload from outbox where kind = 'webhook' order by sequence")
        return [msgspec.json.decode(row["payload"], type=Notice) for row in told]

    await orders.record_payment("shop", order.id, "captured")
    assert [notice.what for notice in await events()] == ["placed"]
    for payment in ("payment_failed", "payment_failed", "captured"):
        await orders.record_payment("shop", order.id, payment)
    _, failed, came = await events()
    assert [(n.what, n.order.payment) for n in (failed, came)] == [
        ("changed", "payment_failed"),
        ("changed", "captured"),
    ]
    assert ([p.code for p in problems_of(failed.order)], problems_of(came.order)) == (
        ["payment_failed"],
        (),
    )


async def test_a_refund_that_was_given_up_and_sent_again_is_paid(orders: Orders, order: Order) -> None:
    begun = await orders.refund("shop", order.id, 500)
    (refund,) = begun.adjustments
    failed = await orders.record_refund("shop", order.id, refund.id, is_paid=False)
    assert [p.code for p in problems_of(failed)] == ["refund_failed"]
    paid = await orders.record_refund("shop", order.id, refund.id, is_paid=True)
    assert (paid.adjustments[0].status, paid.refunded_minor, problems_of(paid)) == ("completed", 500, ())
    assert await orders.record_refund("shop", order.id, refund.id, is_paid=False) == paid


async def test_a_cancellation_whose_money_failed_stays_failed(orders: Orders, order: Order) -> None:
    """Its pieces are in the order again, and may have left since."""
    begun = await orders.cancel("shop", order.id, lines(li_1=1))
    (canceled,) = begun.adjustments
    failed = await orders.record_refund("shop", order.id, canceled.id, is_paid=False)
    assert await orders.record_refund("shop", order.id, canceled.id, is_paid=True) == failed
