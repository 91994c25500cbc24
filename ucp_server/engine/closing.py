"""From a provider's answer to what is written: the last phase of a complete, and all of a resume."""

import dataclasses
import logging
from collections.abc import Callable, Collection
from datetime import datetime
from typing import Final

import msgspec
from msgspec.structs import replace

from ucp_server.domain import problems
from ucp_server.domain.checkout import Checkout, PlacedOrder
from ucp_server.domain.declines import problems_after, state_after
from ucp_server.domain.errors import ProblemRefused, Refusal
from ucp_server.domain.events import Job, JobKind, Notice
from ucp_server.domain.lifecycle import State, advance
from ucp_server.domain.money import Money
from ucp_server.domain.order import PaymentState
from ucp_server.domain.problems import Problem
from ucp_server.engine.commits import commit
from ucp_server.engine.faults import fault_point
from ucp_server.engine.placing import capture_of, move_stock, place, serve, tell, tell_ledger, void_of
from ucp_server.engine.setup import Setup
from ucp_server.ports import ActionNeeded, Approved, Declined, NotSent
from ucp_server.store.attempts import OPEN_STATES, AttemptRow, load_attempt, mark_unknown
from ucp_server.store.completion import Closing, close_attempt
from ucp_server.store.database import Read, Tx

log = logging.getLogger(__name__)

_FAILED_TEXT: Final = "The payment did not go through; nothing was charged. Please try again."


@dataclasses.dataclass(frozen=True, slots=True)
class Hands:
    """A binding's functions for the answer of one request, and what its release refuses."""

    render: Callable[[Checkout], bytes]
    render_refusal: Callable[[Refusal], bytes]
    refusing_problems: Collection[str]


class StockRefused(msgspec.Struct, frozen=True, tag=True):
    """A stock kept elsewhere did not hold the pieces; the money may be held from a challenge."""

    problem: Problem
    is_money_held: bool = False


class Voided(msgspec.Struct, frozen=True, tag=True):
    """The provider never saw it, and was told to refuse it should it still come."""


# Whatever ends an attempt; `Unknown` does not.
Ending = Approved | Declined | ActionNeeded | NotSent | StockRefused | Voided


def closing_for(
    setup: Setup, attempt: AttemptRow, checkout: Checkout, ending: Ending, hands: Hands | None
) -> Closing:
    """What is written for ``ending``; without ``hands`` nobody can word a reply."""
    at = setup.clock.now()
    keeps_stock = setup.merchants[attempt.merchant_id].own_stock
    if isinstance(ending, Approved) and ending.amount == Money(attempt.amount_minor, attempt.currency):
        closing = _completed(attempt, checkout, ending, at)
        stock = JobKind.CONFIRM
    else:
        closing = _reopened(
            attempt, checkout, ending, setup.merchants[attempt.merchant_id].declines_max, at
        )
        stock = JobKind.RELEASE
    jobs = closing.jobs if keeps_stock else (*closing.jobs, move_stock(stock, attempt, at=at))
    return dataclasses.replace(closing, jobs=jobs, reply=_reply(closing, ending, hands))


def _completed(attempt: AttemptRow, checkout: Checkout, approved: Approved, at: datetime) -> Closing:
    payment: PaymentState = "captured" if approved.captured else "authorised"
    order = place(checkout, attempt, payment=payment, at=at)
    placed = replace(
        checkout,
        revision=checkout.revision + 1,
        state=advance(checkout.state, State.COMPLETED),
        order=PlacedOrder(id=order.id, permalink_token=order.permalink_token),
        updated_at=at,
    )
    jobs = tell(Notice(what="placed", order=order), by_mail=True, at=at)
    jobs += serve(checkout, order, at=at)
    jobs += tell_ledger(order, "placed", at=at)
    if not approved.captured:
        jobs.append(capture_of(order, attempt, at=at))
    return Closing(
        attempt=attempt,
        checkout=placed,
        state=payment,
        reference=approved.reference,
        captured_minor=attempt.amount_minor if approved.captured else 0,
        order=order,
        jobs=jobs,
    )


def _reopened(
    attempt: AttemptRow, checkout: Checkout, ending: Ending, declines_max: int, at: datetime
) -> Closing:
    state, problem, jobs = _trouble(attempt, ending, at)
    # Only what the provider said of the card itself counts.
    declines = checkout.declines + (1 if isinstance(ending, Declined) else 0)
    back = replace(
        checkout,
        revision=checkout.revision + 1,
        state=advance(checkout.state, state_after(declines, declines_max)),
        declines=declines,
        lasting_problems=problems_after(declines, declines_max),
        payment_problems=(problem,) if problem else (),
        challenge_url=ending.url if isinstance(ending, ActionNeeded) else None,
        updated_at=at,
    )
    reference = ending.reference if isinstance(ending, Approved) else attempt.reference
    return Closing(attempt=attempt, checkout=back, state=state, reference=reference, jobs=jobs)


def _trouble(attempt: AttemptRow, ending: Ending, at: datetime) -> tuple[str, Problem | None, list[Job]]:
    """The attempt's last state, what the checkout shows of it, what has to be undone."""
    match ending:
        case Approved():
            # Another amount or currency than was asked for is never an order.
            log.error("attempt %s was authorised for another amount: void it", attempt.id)
            return "voided", problems.payment_failed(_FAILED_TEXT), [void_of(attempt, at=at)]
        case Declined(text):
            return "declined", problems.payment_failed(text), []
        case ActionNeeded(text):
            return "action_needed", problems.payment_needs_buyer(text), []
        case NotSent():
            return "released", None, []
        case StockRefused(problem, is_money_held):
            if is_money_held:
                return "voided", problem, [void_of(attempt, at=at)]
            return "released", problem, []
        case Voided():
            return "voided", problems.payment_failed(_FAILED_TEXT), []


def _reply(closing: Closing, ending: Ending, hands: Hands | None) -> bytes | None:
    """The bytes for the key. What was never decided keeps none: the identical request goes on."""
    if hands is None or isinstance(ending, NotSent | Voided):
        return None
    for problem in closing.checkout.payment_problems:
        if problem.code in hands.refusing_problems:
            return hands.render_refusal(ProblemRefused(problem))
    return hands.render(closing.checkout)


async def close(setup: Setup, closing: Closing) -> bool:
    """Write it; False when somebody else took the attempt over. Patient: money may be held."""
    attempt = closing.attempt

    async def write(tx: Tx) -> bool:
        return await close_attempt(tx, closing)

    async def was_written(db: Read) -> bool | None:
        stored = await load_attempt(db, attempt.merchant_id, attempt.id)
        if stored is None or stored.epoch != attempt.epoch:
            return False
        return None if stored.state in OPEN_STATES else stored.state == closing.state

    await fault_point("complete.before_close")
    closed = await commit(
        setup.pool,
        write,
        was_written,
        certain_within_s=setup.timings.certainty_within_s,
        is_patient=True,
    )
    await fault_point("complete.closed")
    if closed and closing.jobs:
        setup.hint()
    return closed


async def wait_for_provider(setup: Setup, attempt: AttemptRow, reply: bytes | None) -> bool:
    """The provider did not say: the checkout stays in progress and ``reply``, if any, tells so.

    False when somebody else took the attempt over.
    """

    async def write(tx: Tx) -> bool:
        return await mark_unknown(tx, attempt, reply)

    async def was_written(db: Read) -> bool | None:
        stored = await load_attempt(db, attempt.merchant_id, attempt.id)
        if stored is None or stored.epoch != attempt.epoch:
            return False
        return True if stored.state == "unknown" else None

    await fault_point("complete.before_unknown")
    marked = await commit(
        setup.pool,
        write,
        was_written,
        certain_within_s=setup.timings.certainty_within_s,
        is_patient=True,
    )
    await fault_point("complete.unknown")
    return marked
