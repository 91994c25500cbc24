"""Deliver: takes due jobs from the outbox, renders each once, hands it over, records how it ended."""

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final, Protocol, TypeVar

from ucp_server.domain.events import (
    Delivered,
    DeliveryOutcome,
    Job,
    JobKind,
    Parked,
    Paused,
    Retry,
)
from ucp_server.engine.commits import commit
from ucp_server.engine.faults import fault_point
from ucp_server.store.database import Pool, Read, Tx, statement
from ucp_server.store.outbox import (
    DueJob,
    claim_due,
    keep_rendered,
    mark_done,
    mark_parked,
    mark_paused,
    mark_retry,
)

T = TypeVar("T")
Ended = tuple[DueJob, DeliveryOutcome]

log = logging.getLogger(__name__)

# Jobs in flight in one lane; a slow receiver holds its lane for at most one deadline.
BATCH_MAX: Final = 16
# Four times the longest deadline of a delivery (15 s): a job is never taken from a living worker.
LEASE_S: Final = 60.0
# Somebody waits for these, and a job taken from a living worker does no harm: they guard themselves.
SHORT_LEASES_S: Final[Mapping[JobKind, float]] = MappingProxyType({JobKind.SUBMIT: 20.0})
# A receiver may ask for patience, but not to be forgotten.
RETRY_AFTER_MAX_S: Final = 3600.0
RETRY_AFTER_MIN_S: Final = 5.0
# Jobs that failed together do not come back together.
SPREAD: Final = 0.1
ERROR_CHARACTERS_MAX: Final = 500
# A store that is away longer than that finds the job again when its lease has run out.
RECORDED_WITHIN_S: Final = 10.0

MINUTE_S: Final = 60.0
HOUR_S: Final = 60 * MINUTE_S
DAY_S: Final = 24 * HOUR_S


@dataclass(frozen=True, slots=True)
class RetryRule:
    """Pauses after the first tries, the last one for all later ones; parked after ``give_up_s``."""

    pauses_s: tuple[float, ...]
    give_up_s: float

    def pause_s(self, tries: int) -> float:
        return self.pauses_s[min(tries, len(self.pauses_s)) - 1]


_PAUSES_S: Final = (
    5.0,
    30.0,
    5 * MINUTE_S,
    30 * MINUTE_S,
    2 * HOUR_S,
    5 * HOUR_S,
    10 * HOUR_S,
    14 * HOUR_S,
    20 * HOUR_S,
    DAY_S,
)

RULES: Final[Mapping[JobKind, RetryRule]] = MappingProxyType(
    {
        # As long as anybody's in the field keeps trying: 30 days.
        JobKind.WEBHOOK: RetryRule(_PAUSES_S, 30 * DAY_S),
        # What mail servers do before they return a letter.
        JobKind.MAIL: RetryRule(_PAUSES_S, 5 * DAY_S),
        # Card authorisations lapse after about a week.
        JobKind.CAPTURE: RetryRule((5.0, 30.0, MINUTE_S, 5 * MINUTE_S, HOUR_S), 7 * DAY_S),
        JobKind.VOID: RetryRule(_PAUSES_S, 30 * DAY_S),
        JobKind.REFUND: RetryRule(_PAUSES_S, 30 * DAY_S),
        JobKind.RELEASE: RetryRule(_PAUSES_S, 30 * DAY_S),
        JobKind.CONFIRM: RetryRule(_PAUSES_S, 30 * DAY_S),
        # Somebody waits for what the tool makes; a person takes over soon.
        JobKind.TOOL: RetryRule((5.0, 30.0, 5 * MINUTE_S), 10 * MINUTE_S),
        # Its caller asks every two seconds. It ends with its checkout, or when the provider has spoken;
        # a buyer who comes back from a challenge does not wait longer than for any other page.
        JobKind.SUBMIT: RetryRule((1.0, 1.0, 2.0, 2.0, 5.0), 30 * DAY_S),
        JobKind.EVIDENCE: RetryRule(_PAUSES_S, 30 * DAY_S),
    }
)


class Deliverer(Protocol):
    """Hands one kind of job over, under its own deadline (at most 15 s).

    ``rendered`` is the same in every try. An exception counts as `Retry`.
    """

    async def deliver(self, job: Job, rendered: bytes) -> DeliveryOutcome: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """What jobs are delivered with.

    ``renderers`` write a webhook's body by the subscriber's binding, and mail under "mail"; jobs of
    other kinds are handed over as they are. ``on_parked`` hears of a job that is given up, before it
    is parked. Kinds without a deliverer are left to others.
    """

    pool: Pool
    renderers: Mapping[str, Callable[[Job], bytes]]
    deliverers: Mapping[JobKind, Deliverer]
    on_parked: Mapping[JobKind, Callable[[Job], Awaitable[None]]] = field(default_factory=dict)
    rules: Mapping[JobKind, RetryRule] = field(default_factory=lambda: RULES)


async def run_once(delivery: Delivery, limit: int = BATCH_MAX) -> int:
    """Deliver up to ``limit`` due jobs at once; returns how many were tried."""
    async with statement(delivery.pool) as tx:
        leases_s = {kind: SHORT_LEASES_S.get(kind, LEASE_S) for kind in delivery.deliverers}
        due = await claim_due(tx, limit=limit, leases_s=leases_s)
    if not due:
        return 0
    await fault_point("deliver.claimed")
    ready, spoiled = await _render(delivery, due)
    trying = {asyncio.create_task(_try(delivery, one, rendered)) for one, rendered in ready}
    try:
        await _record_ended(delivery, spoiled)
        while trying:
            # Those that end while others are written down share the next statement.
            ended, trying = await asyncio.wait(trying, return_when=asyncio.FIRST_COMPLETED)
            await _record_ended(delivery, [task.result() for task in ended])
    finally:
        for task in trying:
            task.cancel()
        await asyncio.gather(*trying, return_exceptions=True)
    return len(due)


async def _record_ended(delivery: Delivery, ended: Sequence[Ended]) -> None:
    """What cannot be written down is ours until its lease runs out, then it comes back by itself."""
    delivered = [due.job for due, outcome in ended if isinstance(outcome, Delivered)]
    others = [(due, outcome) for due, outcome in ended if not isinstance(outcome, Delivered)]
    if delivered:
        await _recorded(delivered, _patiently(delivery.pool, lambda tx: mark_done(tx, delivered)))
    for due, outcome in others:
        await _recorded([due.job], _record_trouble(delivery, due, outcome))
    if ended:
        await fault_point("deliver.marked")


async def _recorded(jobs: Sequence[Job], recording: Awaitable[object]) -> None:
    (failure,) = await asyncio.gather(recording, return_exceptions=True)
    if isinstance(failure, Exception):
        for job in jobs:
            log.error("job %s was not recorded: %s", job.id, type(failure).__name__)
    elif isinstance(failure, BaseException):
        raise failure


async def _record_trouble(delivery: Delivery, due: DueJob, outcome: DeliveryOutcome) -> None:
    rule = delivery.rules[due.job.kind]
    if isinstance(outcome, Retry) and due.age_s >= rule.give_up_s:
        outcome = Parked(f"given up after {due.tries} tries: {outcome.text}")
    if isinstance(outcome, Parked) and due.job.kind in delivery.on_parked:
        await delivery.on_parked[due.job.kind](due.job)
    pause_s = _pause_s(rule, due.tries, outcome.after_s) if isinstance(outcome, Retry) else 0.0

    async def record(tx: Tx) -> bool:
        await _record(tx, due.job, outcome, pause_s)
        return True

    await _patiently(delivery.pool, record)


async def _record(tx: Tx, job: Job, outcome: DeliveryOutcome, pause_s: float) -> None:
    match outcome:
        case Retry(text):
            await mark_retry(tx, job, after_s=pause_s, error=_cut(text))
        case Paused(text):
            await mark_paused(tx, job, _cut(text))
        case Parked(text):
            await mark_parked(tx, job, _cut(text))


async def _patiently(pool: Pool, write: Callable[[Tx], Awaitable[T]]) -> T:
    """A short write that may be repeated: the job was worked on, and unrecorded it would be again."""

    async def repeat(_: Read) -> T | None:
        return None

    return await commit(pool, write, repeat, certain_within_s=RECORDED_WITHIN_S, is_patient=True)


async def _try(delivery: Delivery, due: DueJob, rendered: bytes) -> Ended:
    """Whatever a deliverer raises is this job's trouble and nobody else's."""
    try:
        await fault_point("deliver.before_send")
        outcome = await delivery.deliverers[due.job.kind].deliver(due.job, rendered)
    except Exception as error:  # noqa: BLE001  whatever it is, the job comes back
        return due, _raised(due.job, error)
    await fault_point("deliver.sent")
    return due, outcome


def _raised(job: Job, error: Exception) -> Retry:
    # Its text may quote what was sent; a buyer's address does not belong in a log.
    log.warning("job %s raised %s", job.id, type(error).__name__)
    return Retry(type(error).__name__)


async def _render(
    delivery: Delivery, due: Sequence[DueJob]
) -> tuple[list[tuple[DueJob, bytes]], list[Ended]]:
    """What is sent for each job, and those that could not be written; kept before anything is sent."""
    ready: list[tuple[DueJob, bytes]] = []
    written: dict[str, tuple[DueJob, bytes]] = {}
    spoiled: list[Ended] = []
    for one in due:
        if one.rendered is not None:
            ready.append((one, one.rendered))
        elif not _is_written(one.job):
            ready.append((one, one.job.payload))
        else:
            try:
                written[one.job.id] = one, _write(delivery, one.job)
            except Exception as error:  # noqa: BLE001  whatever it is, the job comes back
                spoiled.append((one, _raised(one.job, error)))
    if written:
        texts = [(one.job, text) for one, text in written.values()]
        kept = await _patiently(delivery.pool, lambda tx: keep_rendered(tx, texts))
        ready += [(one, kept.get(id_, text)) for id_, (one, text) in written.items()]
        await fault_point("deliver.rendered")
    return ready, spoiled


def _is_written(job: Job) -> bool:
    return job.kind is JobKind.MAIL or (job.kind is JobKind.WEBHOOK and job.subscriber is not None)


def _write(delivery: Delivery, job: Job) -> bytes:
    binding = "mail" if job.subscriber is None or job.kind is JobKind.MAIL else job.subscriber.binding
    return delivery.renderers[binding](job)


def _pause_s(rule: RetryRule, tries: int, after_s: float | None) -> float:
    if after_s is not None:
        return min(max(after_s, RETRY_AFTER_MIN_S), RETRY_AFTER_MAX_S)
    return rule.pause_s(tries) * random.uniform(1, 1 + SPREAD)  # noqa: S311  spreads load, guards nothing


def _cut(text: str) -> str:
    return text.replace("\0", "")[:ERROR_CHARACTERS_MAX]
