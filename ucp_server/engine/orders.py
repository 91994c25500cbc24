"""What happens to an order after the sale: shipment, delivery, cancellation, return, refund."""

import dataclasses
import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Final, Literal

import msgspec
from msgspec.structs import replace

from ucp_server.domain.errors import AdjustmentRefused, OrderNotFound, RevisionConflict
from ucp_server.domain.events import Job, JobKind, MoneyMove, Notice
from ucp_server.domain.order import (
    Adjustment,
    FulfillmentEvent,
    Order,
    PaymentState,
    Quantity,
    delayed,
    handed_over,
    line_counts,
    problems_of,
    removed,
    returned,
    sent,
    shipped,
)
from ucp_server.domain.refunds import count, worth_of
from ucp_server.domain.tools import RunState
from ucp_server.engine.commands import Scope
from ucp_server.engine.commits import commit
from ucp_server.engine.faults import fault_point
from ucp_server.engine.placing import move_money, tell, tell_ledger
from ucp_server.engine.reading import read_order, read_order_of_any
from ucp_server.engine.setup import Setup
from ucp_server.store.database import Read, Tx
from ucp_server.store.ids import new_id
from ucp_server.store.orders import change_order, load_order

# A lost version sends us back at most three times; after that others change the order faster than
# we can look at it.
VERSIONS_TRIED_MAX: Final = 1 + 3

# RFC 3986, in the characters that a host, a path and a query have; as long as URLs work everywhere.
_LINK: Final = re.compile(r"https?://(?:[A-Za-z0-9._~!$&'()*+,;=:@/?#-]|%[0-9A-Fa-f]{2}){1,2000}", re.ASCII)


class Parcel(msgspec.Struct, frozen=True, kw_only=True):
    """What travels. Without ``lines`` everything that is still here (or still on its way)."""

    lines: tuple[Quantity, ...] = ()
    tracking_number: str | None = None
    tracking_url: str | None = None
    carrier: str | None = None
    description: str | None = None


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class _Change:
    """``order`` as it becomes, what is told of it, and what else follows."""

    order: Order
    notice: Notice | None = None
    by_mail: bool = False
    jobs: Sequence[Job] = ()
    restocked: Mapping[str, int] | None = None


@dataclasses.dataclass(frozen=True, slots=True)
class Orders:
    """Each method is one conditional statement: the order, its event, and what follows from it.

    All raise OrderNotFound, AdjustmentRefused when there is less than what is asked for, and
    RevisionConflict when others changed the order each time we tried.
    """

    setup: Setup

    async def ship(self, merchant_id: str, order_id: str, parcel: Parcel) -> Order:
        """Hand pieces to a carrier; the platform and the buyer hear of it."""

        def change(order: Order, at: datetime) -> _Change:
            here = _bought(order) - removed(order) - shipped(order)
            event = _event("shipped", _taken(order, parcel.lines, here, "left to send"), parcel, at)
            return _happened(order, event, "shipped", by_mail=True)

        return await self._change(merchant_id, order_id, change)

    async def deliver(self, merchant_id: str, order_id: str, parcel: Parcel) -> Order:
        """Pieces reached the buyer, by a carrier or over the counter."""

        def change(order: Order, at: datetime) -> _Change:
            away = _bought(order) - removed(order) - handed_over(order)
            moving = +(sent(order) - handed_over(order))
            lines = _taken(
                order, parcel.lines, away if parcel.lines or not moving else moving, "left to deliver"
            )
            return _happened(order, _event("delivered", lines, parcel, at), "delivered")

        return await self._change(merchant_id, order_id, change)

    async def cancel(
        self, merchant_id: str, order_id: str, lines: Sequence[Quantity] = (), text: str | None = None
    ) -> Order:
        """Take ``lines`` (all that have not left, when empty) out of the order and pay them back."""
        own_stock = self.setup.merchants[merchant_id].own_stock

        def change(order: Order, at: datetime) -> _Change:
            here = _bought(order) - removed(order) - shipped(order)
            taken = _taken(order, lines, here, "left to send")
            # What was never paid needs no paying back.
            amount_minor = 0 if order.payment == "payment_failed" else worth_of(order, taken)
            adjustment = _adjustment("cancellation", taken, amount_minor, text, at)
            changed = _adjusted(order, adjustment, "canceled", at)
            return dataclasses.replace(changed, restocked=_items_of(order, taken) if own_stock else None)

        return await self._change(merchant_id, order_id, change)

    async def return_(
        self, merchant_id: str, order_id: str, lines: Sequence[Quantity], text: str | None = None
    ) -> Order:
        """Pieces came back; paying them back is `refund`."""

        def change(order: Order, at: datetime) -> _Change:
            taken = _taken(order, lines, shipped(order) - returned(order), "left to take back")
            return _adjusted(order, _adjustment("return", taken, 0, text, at), "returned", at)

        return await self._change(merchant_id, order_id, change)

    async def refund(
        self, merchant_id: str, order_id: str, amount_minor: int, text: str | None = None
    ) -> Order:
        """Pay ``amount_minor`` back; never more in all than what was paid."""

        def change(order: Order, at: datetime) -> _Change:
            adjustment = _adjustment("refund", (), amount_minor, text, at)
            if amount_minor <= 0:
                raise AdjustmentRefused("A refund is a positive amount.")
            return _adjusted(order, adjustment, "refunded", at)

        return await self._change(merchant_id, order_id, change)

    async def replace_events_and_adjustments(
        self,
        scope: Scope,
        order_id: str,
        events: Sequence[FulfillmentEvent],
        adjustments: Sequence[Adjustment],
    ) -> Order:
        """Write both lists as given (suite mode's PUT); no money moves."""
        await read_order(self.setup, scope, order_id)

        def change(order: Order, _at: datetime) -> _Change:
            new = replace(
                order, version=order.version + 1, events=tuple(events), adjustments=tuple(adjustments)
            )
            for event in events:
                _check_link(event.tracking_url)
            for lines in (*(event.lines for event in events), *(a.lines for a in adjustments)):
                _check_pieces(new, lines)
            return _Change(order=new, notice=Notice(what="changed", order=new))

        return await self._change(scope.merchant_id, order_id, change)

    async def record_payment(self, merchant_id: str, order_id: str, payment: PaymentState) -> Order:
        """Note what became of the money; told where it is the buyer's concern. Safe to repeat."""

        def change(order: Order, _at: datetime) -> _Change | None:
            if order.payment == payment:
                return None
            new = replace(order, version=order.version + 1, payment=payment)
            is_told = problems_of(new) != problems_of(order)
            return _Change(order=new, notice=Notice(what="changed", order=new) if is_told else None)

        return await self._change(merchant_id, order_id, change)

    async def record_refund(
        self, merchant_id: str, order_id: str, adjustment_id: str, *, is_paid: bool
    ) -> Order:
        """Note how a refund ended, and tell the platform. Safe to repeat."""

        def change(order: Order, _at: datetime) -> _Change | None:
            if not any(a.id == adjustment_id and _may_end(a, is_paid=is_paid) for a in order.adjustments):
                return None
            status: Literal["completed", "failed"] = "completed" if is_paid else "failed"
            adjustments = tuple(
                replace(a, status=status) if a.id == adjustment_id else a for a in order.adjustments
            )
            new = replace(order, version=order.version + 1, adjustments=adjustments)
            if is_paid and new.refunded_minor == new.total_minor:
                new = replace(new, payment="refunded")
            notice = Notice(what="refunded", order=new, about=adjustment_id)
            return _Change(order=new, notice=notice, by_mail=is_paid)

        return await self._change(merchant_id, order_id, change)

    async def record_run(
        self, merchant_id: str, order_id: str, run_id: str, state: RunState, output: str
    ) -> Order:
        """Note what a tool made of its line; whoever listens hears of the last one. Safe to repeat.

        The buyer hears of what was given up, once, when the last tool of the order has ended.
        """

        def change(order: Order, _at: datetime) -> _Change | None:
            runs = tuple(
                replace(run, state=state, output=output) if run.id == run_id else run for run in order.runs
            )
            is_done = any(run.id == run_id and run.state == "done" for run in order.runs)
            if is_done or runs == order.runs:
                return None
            new = replace(order, version=order.version + 1, runs=runs)
            if not all(run.is_over for run in runs):
                return _Change(order=new)
            is_news = not all(run.is_over for run in order.runs)
            is_late = bool(delayed(new, line_counts(new)))
            notice = Notice(what="served", order=new, about=run_id)
            return _Change(order=new, notice=notice, by_mail=is_news and is_late)

        return await self._change(merchant_id, order_id, change)

    async def _change(
        self, merchant_id: str, order_id: str, change: Callable[[Order, datetime], _Change | None]
    ) -> Order:
        for _ in range(VERSIONS_TRIED_MAX):
            order = await read_order_of_any(self.setup, merchant_id, order_id)
            at = self.setup.clock.now()
            wanted = change(order, at)
            if wanted is None:
                return order
            jobs = list(wanted.jobs)
            if wanted.notice is not None:
                jobs += tell(wanted.notice, by_mail=wanted.by_mail, at=at)
            jobs += _evidence(order, wanted.order, at)
            if await self._commit(wanted, jobs):
                if jobs:
                    self.setup.hint()
                return wanted.order
        raise RevisionConflict

    async def _commit(self, wanted: _Change, jobs: Sequence[Job]) -> bool:
        new = wanted.order

        async def write(tx: Tx) -> bool:
            return await change_order(tx, new, jobs=jobs, restocked=wanted.restocked)

        async def was_written(db: Read) -> bool | None:
            stored = await load_order(db, new.merchant_id, new.id)
            if stored is None:
                raise OrderNotFound(new.id)
            return None if stored.version < new.version else stored == new

        await fault_point("order.before_commit")
        is_written = await commit(
            self.setup.pool,
            write,
            was_written,
            certain_within_s=self.setup.timings.certainty_within_s,
        )
        await fault_point("order.committed")
        return is_written


def _may_end(adjustment: Adjustment, *, is_paid: bool) -> bool:
    """A refund that was given up may be sent again. The pieces of a cancellation are back by then."""
    is_tried_again = adjustment.type == "refund" and adjustment.status == "failed"
    return adjustment.status == "pending" or (is_paid and is_tried_again)


def _evidence(before: Order, after: Order, at: datetime) -> list[Job]:
    """What the ledger of recommended sales hears when the money went another way than it was placed."""
    match before.payment, after.payment:
        case old, new if old == new:
            return []
        case _, "payment_failed":
            return tell_ledger(after, "unpaid", at=at)
        case "payment_failed", "captured":
            return tell_ledger(after, "paid", at=at)
        case _, "refunded":
            return tell_ledger(after, "undone", at=at)
    return []


# --- pieces ---


def _bought(order: Order) -> Counter[str]:
    return Counter({line.line_id: line.quantity for line in order.lines})


def _taken(
    order: Order, wanted: Sequence[Quantity], available: Counter[str], where: str
) -> tuple[Quantity, ...]:
    """``wanted``, or all that is ``available``; more than that, or nothing, is refused."""
    if not wanted:
        wanted = [Quantity(line_id=line_id, quantity=n) for line_id, n in (+available).items()]
    if not wanted:
        raise AdjustmentRefused(f"Nothing of this order is {where}.")
    _check_pieces(order, wanted)
    for line_id, quantity in count(wanted).items():
        if quantity > available[line_id]:
            raise AdjustmentRefused(
                f"Of line {line_id} only {max(available[line_id], 0)} are {where}, not {quantity}."
            )
    return tuple(wanted)


def _check_pieces(order: Order, wanted: Sequence[Quantity]) -> None:
    """Raises AdjustmentRefused for lines that the order does not have, and for no pieces."""
    for part in wanted:
        order.line(part.line_id)
        if part.quantity <= 0:
            raise AdjustmentRefused("Quantities are positive.")


def _check_link(url: str | None) -> None:
    """Platforms and buyers are sent there. Raises AdjustmentRefused."""
    if url is not None and not _LINK.fullmatch(url):
        raise AdjustmentRefused("A tracking URL is an absolute web address.")


def _event(
    type_: Literal["shipped", "delivered"], lines: tuple[Quantity, ...], parcel: Parcel, at: datetime
) -> FulfillmentEvent:
    _check_link(parcel.tracking_url)
    return FulfillmentEvent(
        id=new_id(),
        type=type_,
        occurred_at=at,
        lines=lines,
        tracking_number=parcel.tracking_number,
        tracking_url=parcel.tracking_url,
        carrier=parcel.carrier,
        description=parcel.description,
    )


def _happened(
    order: Order, event: FulfillmentEvent, what: Literal["shipped", "delivered"], *, by_mail: bool = False
) -> _Change:
    new = replace(order, version=order.version + 1, events=(*order.events, event))
    return _Change(order=new, notice=Notice(what=what, order=new, about=event.id), by_mail=by_mail)


def _items_of(order: Order, taken: Sequence[Quantity]) -> Counter[str]:
    """The pieces by item, as the stock counts them."""
    items = Counter[str]()
    for part in taken:
        items[order.line(part.line_id).item_id] += part.quantity
    return items


# --- money ---


def _adjustment(
    type_: Literal["cancellation", "return", "refund"],
    lines: tuple[Quantity, ...],
    amount_minor: int,
    text: str | None,
    at: datetime,
) -> Adjustment:
    return Adjustment(
        id=new_id(),
        type=type_,
        occurred_at=at,
        status="pending" if amount_minor else "completed",
        lines=lines,
        amount_minor=amount_minor,
        description=text,
    )


def _adjusted(
    order: Order,
    adjustment: Adjustment,
    what: Literal["canceled", "returned", "refunded"],
    at: datetime,
) -> _Change:
    """With the job that pays ``adjustment`` back. Raises AdjustmentRefused beyond what was paid."""
    if order.refunded_minor + adjustment.amount_minor > order.total_minor:
        left = order.total_minor - order.refunded_minor
        raise AdjustmentRefused(f"Only {left} of {order.total_minor} minor units are left to refund.")
    if adjustment.amount_minor and order.payment == "payment_failed":
        raise AdjustmentRefused("This order was never paid.")
    new = replace(order, version=order.version + 1, adjustments=(*order.adjustments, adjustment))
    jobs = []
    if adjustment.amount_minor and order.attempt_id is not None:
        move = MoneyMove(
            attempt_id=order.attempt_id,
            amount_minor=adjustment.amount_minor,
            order_id=order.id,
            adjustment_id=adjustment.id,
        )
        refund = JobKind.REFUND
        jobs.append(move_money(refund, order.merchant_id, move, sequence=new.version, at=at))
    notice = Notice(what=what, order=new, about=adjustment.id)
    # Who waits for goods is told at once; of a refund once it is paid; a return is the buyer's own.
    return _Change(order=new, notice=notice, by_mail=what == "canceled", jobs=jobs)
