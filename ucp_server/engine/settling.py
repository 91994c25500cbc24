"""Jobs that move money or pieces after the sale: capture, void, refund, and a stock kept elsewhere."""

import asyncio
import logging
from dataclasses import dataclass
from typing import Final

from ucp_server.domain.events import (
    Delivered,
    DeliveryOutcome,
    Job,
    JobKind,
    MoneyMove,
    Parked,
    Retry,
)
from ucp_server.engine.asking import settle
from ucp_server.engine.faults import fault_point
from ucp_server.engine.orders import Orders
from ucp_server.engine.setup import Setup
from ucp_server.ports import ActionNeeded, Approved, Declined, Outcome, Settlement
from ucp_server.store.attempts import AttemptRow, load_attempt
from ucp_server.store.database import read, statement
from ucp_server.store.documents import decode_money_move, decode_stock_move
from ucp_server.store.orders import mark_captured, mark_refunded

log = logging.getLogger(__name__)

_ACTIONS: Final = {
    JobKind.CAPTURE: Settlement.CAPTURE,
    JobKind.VOID: Settlement.VOID,
    JobKind.REFUND: Settlement.REFUND,
}


@dataclass(frozen=True, slots=True)
class MoneyDeliverer:
    """Does capture, void and refund jobs. The job's id is the provider's key: a repeat moves nothing."""

    setup: Setup

    async def deliver(self, job: Job, rendered: bytes) -> DeliveryOutcome:
        del rendered
        move = decode_money_move(job.payload)
        async with read(self.setup.pool) as db:
            attempt = await load_attempt(db, job.merchant_id, move.attempt_id)
        if attempt is None:
            return Parked("The attempt that this is about is not there.")
        if job.kind is JobKind.REFUND and attempt.state != "captured":
            # Its capture stands before it in the stream, so it has failed for good.
            return Parked("Nothing was captured that could be refunded.")
        await fault_point("settle.before_send")
        outcome = await settle(self.setup, attempt, _ACTIONS[job.kind], move.amount_minor, job.id)
        await fault_point("settle.sent")
        ended = await self._record(job, move, attempt, outcome)
        await fault_point("settle.recorded")
        return ended

    async def _record(
        self, job: Job, move: MoneyMove, attempt: AttemptRow, outcome: Outcome
    ) -> DeliveryOutcome:
        match outcome:
            case Approved():
                await self._done(job, move, attempt)
                return Delivered()
            case Declined(text) | ActionNeeded(text):
                return Parked(text)
            case _:
                return Retry(outcome.text)

    async def _done(self, job: Job, move: MoneyMove, attempt: AttemptRow) -> None:
        """Safe to repeat: each part is conditional on what it changes."""
        merchant_id, orders = job.merchant_id, Orders(self.setup)
        if job.kind is JobKind.CAPTURE:
            async with statement(self.setup.pool) as tx:
                await mark_captured(tx, merchant_id, attempt.id, move.amount_minor)
            if move.order_id is not None:
                await orders.record_payment(merchant_id, move.order_id, "captured")
        elif job.kind is JobKind.REFUND:
            if move.order_id is not None and move.adjustment_id is not None:
                await orders.record_refund(merchant_id, move.order_id, move.adjustment_id, is_paid=True)
            async with statement(self.setup.pool) as tx:
                await mark_refunded(tx, merchant_id, job.id, attempt.id, move.amount_minor)

    async def give_up(self, job: Job) -> None:
        """The job is to be parked: show it on the order, which is never undone. Safe to repeat."""
        move, orders = decode_money_move(job.payload), Orders(self.setup)
        if move.order_id is None:
            return
        if job.kind is JobKind.CAPTURE:
            await orders.record_payment(job.merchant_id, move.order_id, "payment_failed")
        elif job.kind is JobKind.REFUND and move.adjustment_id is not None:
            await orders.record_refund(job.merchant_id, move.order_id, move.adjustment_id, is_paid=False)


@dataclass(frozen=True, slots=True)
class StockDeliverer:
    """Tells a stock kept elsewhere what became of the pieces that an attempt holds there."""

    setup: Setup

    async def deliver(self, job: Job, rendered: bytes) -> DeliveryOutcome:
        del rendered
        stock = self.setup.stocks.get(job.merchant_id)
        if stock is None:
            return Retry("The merchant's stock is not configured.")
        hold_id = decode_stock_move(job.payload).hold_id
        tell = stock.confirm if job.kind is JobKind.CONFIRM else stock.release
        try:
            async with asyncio.timeout(self.setup.timings.ask_within_s):
                await tell(job.merchant_id, hold_id)
        except Exception as error:  # noqa: BLE001  a plug-in may raise anything
            log.warning("the stock of %s raised %s", job.merchant_id, type(error).__name__)
            return Retry("The stock does not answer.")
        return Delivered()
