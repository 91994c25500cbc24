"""The worker's side of submissions: pays their checkouts, however long it takes and often it dies.

Every payment of a round has one key, so that a repeat joins, replays or goes on with what was begun.
A new round begins only where nothing of the one before can move money any more: when its buyer has
passed the challenge, and when what was told to be in progress turned out never to have been seen.
"""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from ucp_server.domain.checkout import Checkout, Instrument
from ucp_server.domain.errors import Refusal
from ucp_server.domain.events import Delivered, DeliveryOutcome, Job, Parked, Retry
from ucp_server.domain.lifecycle import State
from ucp_server.domain.submission import (
    ENDED,
    Submission,
    SubmissionState,
    errors_of,
    is_challenged,
    progress_of,
)
from ucp_server.engine.asking import look_up
from ucp_server.engine.commands import CancelCheckout, CompleteCheckout, Key, Scope
from ucp_server.engine.faults import fault_point
from ucp_server.engine.reading import read_checkout
from ucp_server.engine.runner import Engine
from ucp_server.engine.setup import Setup
from ucp_server.engine.submissions import call_of
from ucp_server.engine.twins import claim_of
from ucp_server.engine.vaulting import REFERENCE_TYPE, References, forget_card
from ucp_server.ports import Approved, Credential, Declined
from ucp_server.store.attempts import load_attempt_of_claim, load_challenged
from ucp_server.store.database import read, statement
from ucp_server.store.submissions import (
    SubmissionRow,
    begin_round,
    decode_submitted,
    drop_reference,
    keep_method,
    load_submission,
    record_progress,
)

log = logging.getLogger(__name__)

OPERATION: Final = "complete"
# Two per connection of the pool: while one waits for its provider, the other one writes. More of them
# would only fail to get a connection in time, and pay later.
PAYING_AT_ONCE_MAX: Final = 16
# A provider that loses so many in a row is not there.
ROUNDS_MAX: Final = 5
# While a provider owes an answer, resume asks it; the first look is quick, later ones need not be.
_PATIENT_AFTER_S: Final = 120.0
_PATIENT_PAUSE_S: Final = 30.0
# A card that its provider does not drop now will not be dropped a moment later.
_FORGET_PAUSE_S: Final = 30.0


@dataclass(frozen=True, slots=True)
class SubmissionDeliverer:
    """Does submit jobs. Any number of workers may work on the same one.

    ``page_url`` as in `Call`.
    """

    setup: Setup
    engine: Engine
    secret: bytes = field(repr=False)
    page_url: Callable[[Checkout], str] | None = None
    _paying: asyncio.Semaphore = field(
        default_factory=lambda: asyncio.Semaphore(PAYING_AT_ONCE_MAX), init=False, repr=False
    )

    async def deliver(self, job: Job, rendered: bytes) -> DeliveryOutcome:
        """Drive it as far as it goes now; `Retry` until it has ended and its card is let go."""
        del rendered
        submission_id = decode_submitted(job.payload).submission_id
        async with read(self.setup.pool) as db:
            row = await load_submission(db, job.merchant_id, submission_id)
        if row is None:
            return Parked("The submission that this is about is not there.")
        await fault_point("submission.loaded")
        state = row.submission.state
        if state not in ENDED:
            async with self._paying:
                state = await self._drive(row)
        if state not in ENDED:
            return self._later(row, state)
        return await self._let_go(row, state)

    def _later(self, row: SubmissionRow, state: SubmissionState) -> Retry:
        age = self.setup.clock.now() - row.submission.created_at
        is_old = state is SubmissionState.PROCESSING and age.total_seconds() > _PATIENT_AFTER_S
        return Retry(f"It is {state}.", after_s=_PATIENT_PAUSE_S if is_old else None)

    # --- paying ---

    async def _drive(self, row: SubmissionRow) -> SubmissionState:
        checkout = await self._read(row)
        if is_challenged(checkout) and checkout.state is State.OPEN:
            await self._look_at_challenge(row, checkout)
        elif progress_of(checkout).state not in ENDED:
            await self._pay(row, checkout.id)
        progress = progress_of(await self._read(row))
        if progress.state is not row.submission.state:
            await fault_point("submission.before_record")
            async with statement(self.setup.pool) as tx:
                await record_progress(tx, row.submission, progress)
            await fault_point("submission.recorded")
        return progress.state

    async def _pay(self, row: SubmissionRow, checkout_id: str) -> None:
        """Complete it under the round's key; what is then still open has been decided against."""
        key = Key(
            operation=OPERATION,
            key=f"{row.submission.id}/{row.round}",
            fingerprint=row.fingerprint,
        )
        is_answered = True
        try:
            call = call_of(_scope_of(row.submission), key, self.page_url)
            await self.engine.run(call, self._complete(row, checkout_id))
        except Refusal as refusal:
            if refusal.retry_after_s is not None:
                return
            log.info("submission %s was refused: %s", row.submission.id, refusal.code)
            is_answered = False
        await fault_point("submission.ran")
        checkout = await self._read(row)
        if checkout.state is not State.OPEN or is_challenged(checkout):
            return
        is_lost = is_answered and row.round < ROUNDS_MAX and await self._was_never_seen(row, key)
        if is_lost:
            # "In progress" was the answer, so that key is used up.
            await self._begin_round(row)
        elif errors_of(checkout) or not is_answered:
            # What was refused without a word on when to come again is refused the next time, too.
            await self._give_up(row, checkout)

    async def _was_never_seen(self, row: SubmissionRow, key: Key) -> bool:
        """Whether the round's last attempt was not sent, or taken back before the provider knew of it."""
        claim = claim_of(_scope_of(row.submission), key)
        async with read(self.setup.pool) as db:
            attempt = await load_attempt_of_claim(db, claim, row.submission.checkout_id)
        if attempt is None:
            return False
        return attempt.state == "released" or (attempt.state == "voided" and attempt.reference is None)

    def _complete(self, row: SubmissionRow, checkout_id: str) -> CompleteCheckout:
        submission, terms = row.submission, row.terms
        assert row.reference_sealed is not None, "it is kept until the payment has ended"
        reference = References(self.secret).open(
            submission.merchant_id, submission.id, row.reference_sealed
        )
        return CompleteCheckout(
            checkout_id=checkout_id,
            instrument=Instrument(
                id=submission.id, handler_id=terms.handler_id, type="card", display=terms.display
            ),
            credential=Credential(type=REFERENCE_TYPE, members={"reference": reference}),
            expected_total_minor=terms.expected_total_minor,
        )

    async def _look_at_challenge(self, row: SubmissionRow, checkout: Checkout) -> None:
        """Go on where the buyer has passed it; otherwise it is left to them until the checkout expires."""
        async with read(self.setup.pool) as db:
            challenged = await load_challenged(db, checkout.merchant_id, checkout.id)
        if challenged is None:
            # It was taken back already; nobody can pass it any more.
            await self._give_up(row, checkout)
            return
        match await look_up(self.setup, challenged):
            case Approved():
                if await self._begin_round(row):
                    async with read(self.setup.pool) as db:
                        fresh = await load_submission(db, checkout.merchant_id, row.submission.id)
                    if fresh is not None:
                        await self._pay(fresh, checkout.id)
            case Declined():
                await self._give_up(row, checkout)
            case _:
                return

    async def _begin_round(self, row: SubmissionRow) -> bool:
        await fault_point("submission.before_round")
        async with statement(self.setup.pool) as tx:
            is_ours = await begin_round(tx, row)
        await fault_point("submission.next_round")
        return is_ours

    async def _give_up(self, row: SubmissionRow, checkout: Checkout) -> None:
        """Nothing can be paid any more once "failed" is told; a cancel that lost a race comes again."""
        await fault_point("submission.before_cancel")
        try:
            await self.engine.run(
                call_of(_scope_of(row.submission)), CancelCheckout(checkout_id=checkout.id)
            )
        except Refusal as refusal:
            log.info("submission %s goes on: %s", row.submission.id, refusal.code)
        await fault_point("submission.canceled")

    async def _read(self, row: SubmissionRow) -> Checkout:
        return await read_checkout(self.setup, _scope_of(row.submission), row.submission.checkout_id)

    # --- afterwards ---

    async def _let_go(self, row: SubmissionRow, state: SubmissionState) -> DeliveryOutcome:
        """The card becomes a stored method, or is forgotten; a stored method's own stays where it is."""
        if row.reference_sealed is None:
            return Delivered()
        submission, terms = row.submission, row.terms
        is_kept = terms.is_ours and terms.is_to_keep and state is SubmissionState.DONE
        if terms.is_ours and not is_kept and not await self._forget(row, row.reference_sealed):
            return Retry("The vault does not confirm.", after_s=_FORGET_PAUSE_S)
        await fault_point("submission.before_let_go")
        async with statement(self.setup.pool) as tx:
            await (keep_method if is_kept else drop_reference)(tx, submission)
        await fault_point("submission.let_go")
        return Delivered()

    async def _forget(self, row: SubmissionRow, sealed: bytes) -> bool:
        submission = row.submission
        reference = References(self.secret).open_if_whole(submission.merchant_id, submission.id, sealed)
        return reference is None or await forget_card(
            self.setup, submission.merchant_id, row.terms.handler_id, reference
        )


def _scope_of(submission: Submission) -> Scope:
    return Scope(merchant_id=submission.merchant_id, platform_id=submission.platform_id)
