"""Checkouts that are handed in whole: taken in here, paid by `engine/driving.py`, looked at by tracking.

A fresh card goes to the provider's vault before anything is written or answered; what is stored of
it is its sealed reference, until the payment has ended.
"""

import hashlib
import hmac
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import msgspec

from ucp_server.domain import problems
from ucp_server.domain.checkout import Basket, Checkout, Subscriber
from ucp_server.domain.errors import KeyReused, NotReady, ProblemRefused, Refusal, SubmissionNotFound
from ucp_server.domain.events import Job, JobKind
from ucp_server.domain.problems import Kind
from ucp_server.domain.submission import (
    ENDED,
    Progress,
    Submission,
    SubmissionState,
    progress_of,
)
from ucp_server.engine.commands import Call, CreateCheckout, Key, Rendering, Scope, Wanted
from ucp_server.engine.commits import commit
from ucp_server.engine.faults import fault_point
from ucp_server.engine.reading import read_checkout
from ucp_server.engine.runner import Engine
from ucp_server.engine.setup import Setup
from ucp_server.engine.stored_methods import StoredMethods
from ucp_server.engine.vaulting import KeptCard, References, forget_card, keep_card
from ucp_server.ports import Credential
from ucp_server.store.database import Read, Tx, read, statement
from ucp_server.store.documents import encode
from ucp_server.store.ids import new_id
from ucp_server.store.submissions import (
    SubmissionRow,
    Submitted,
    Terms,
    count_poll,
    insert_submission,
    load_correlated,
    load_submission,
    load_tracked,
)
from ucp_server.store.violations import CorrelationTaken, RowExists

BINDING: Final = "submission"
_RENDERING: Final = Rendering(binding=BINDING, terms=b"")
# A buyer's time for the provider's challenge, and a provider's for an answer; what is not paid by then
# has failed.
OPEN_FOR_S: Final = 30 * 60


class SubmissionRenderer:
    """Nobody reads the replies of a worker: what it did is looked up in the checkout."""

    def render(self, terms: bytes, checkout: Checkout) -> bytes:
        del terms
        return checkout.state.encode()

    def render_refusal(self, terms: bytes, refusal: Refusal) -> bytes:
        del terms
        return refusal.code.encode()


def call_of(
    scope: Scope, key: Key | None = None, page_url: Callable[[Checkout], str] | None = None
) -> Call:
    """A call that is made for a submission."""
    renderer = SubmissionRenderer()
    return Call(
        scope=scope,
        render=lambda checkout: renderer.render(b"", checkout),
        render_refusal=lambda refusal: renderer.render_refusal(b"", refusal),
        rendering=_RENDERING,
        key=key,
        page_url=page_url,
    )


class StoredMethodRef(msgspec.Struct, frozen=True, kw_only=True):
    """A stored method of the submission's owner."""

    id: str


class NewCard(msgspec.Struct, frozen=True, kw_only=True):
    """``card`` as `ports.Vault` has it. ``keep``: once it has paid it is a stored method, ``alias``."""

    card: Credential
    keep: bool = False
    alias: str | None = None


class SubmitCheckout(msgspec.Struct, frozen=True, kw_only=True):
    """A whole checkout: for whom, of what, at which total, paid how.

    ``correlation`` is the caller's own name for it, 1 to 255 characters; with the same
    ``fingerprint`` it is the same submission. ``tracking`` is the binding's, unguessable and new.
    """

    owner: str
    wanted: Wanted
    pay_with: StoredMethodRef | NewCard
    fingerprint: bytes
    tracking: str
    correlation: str | None = None
    expected_total_minor: int | None = None
    subscriber: Subscriber | None = None


@dataclass(frozen=True, slots=True)
class _Payment:
    card: KeptCard
    is_ours: bool
    is_to_keep: bool


class Submissions:
    """What a caller can do: hand in a checkout, and ask where it stands."""

    def __init__(self, setup: Setup, engine: Engine, secret: bytes) -> None:
        self._setup = setup
        self._engine = engine
        self._secret = secret
        self._references = References(secret)
        self._methods = StoredMethods(setup, secret)

    async def submit(self, scope: Scope, order: SubmitCheckout) -> Submission:
        """Take ``order`` in; it is paid by a worker. The same correlation again is the first one.

        Raises KeyReused (the correlation names another order), NotReady (it cannot be sold like
        that), ProblemRefused (``totals_changed``), MethodNotFound, CardDeclined, VaultUnavailable,
        and what `Engine.run` names for a create.
        """
        earlier = await self.find(scope, order.correlation, order.fingerprint)
        if earlier is not None:
            return earlier
        await self._check(scope, order)
        payment = await self._payment(scope, order)
        try:
            checkout_id = await self._create(scope, order)
        except Refusal:
            await self._take_back(scope, order, payment)
            raise
        row = self._row(scope, order, payment, checkout_id)
        await fault_point("submit.before_commit")
        try:
            await self._commit(row)
        except CorrelationTaken:
            return await self._join_twin(scope, order, payment)
        await fault_point("submit.committed")
        self._setup.hint()
        return row.submission

    async def find(self, scope: Scope, correlation: str | None, fingerprint: bytes) -> Submission | None:
        """What ``correlation`` names already. Raises KeyReused where that is another order."""
        if correlation is None:
            return None
        async with read(self._setup.pool) as db:
            row = await load_correlated(db, scope.merchant_id, scope.platform_id, correlation)
        if row is None:
            return None
        if not hmac.compare_digest(row.fingerprint, fingerprint):
            raise KeyReused
        return row.submission

    async def poll(self, scope: Scope, tracking: str) -> Submission:
        """Where it stands now; counts the look. Raises SubmissionNotFound, also for somebody else's."""
        async with read(self._setup.pool) as db:
            found = await load_tracked(db, scope.merchant_id, scope.platform_id, tracking)
        if found is None:
            raise SubmissionNotFound
        progress = await self._progress(scope, found)
        await fault_point("poll.before_commit")
        async with statement(self._setup.pool) as tx:
            counted = await count_poll(tx, found, progress)
        await fault_point("poll.committed")
        if counted is None:
            raise SubmissionNotFound
        return msgspec.structs.replace(counted, action_url=progress.action_url)

    async def _progress(self, scope: Scope, found: Submission) -> Progress:
        if found.state in ENDED:
            return Progress(state=found.state, failure=found.failure)
        return progress_of(await read_checkout(self._setup, scope, found.checkout_id))

    # --- before anything is written ---

    async def _check(self, scope: Scope, order: SubmitCheckout) -> None:
        """No card leaves for the vault for something that cannot be sold."""
        merchant = self._setup.merchants[scope.merchant_id]
        _, quote = await self._setup.quoting.quote(
            scope, merchant, Basket(lines=()), wanted=order.wanted, at=self._setup.clock.now()
        )
        errors = tuple(problem for problem in quote.problems if problem.kind is Kind.ERROR)
        if errors:
            raise NotReady(errors)
        if order.expected_total_minor not in {None, quote.total_minor}:
            raise ProblemRefused(problems.price_changed())

    async def _payment(self, scope: Scope, order: SubmitCheckout) -> _Payment:
        merchant_id, chosen = scope.merchant_id, order.pay_with
        if isinstance(chosen, StoredMethodRef):
            method, reference = await self._methods.payable(merchant_id, order.owner, chosen.id)
            card = KeptCard(method.handler_id, reference, method.display)
            return _Payment(card, is_ours=False, is_to_keep=False)
        key = self._vault_key(scope, order)
        card = await keep_card(self._setup, merchant_id, chosen.card, key, alias=chosen.alias)
        return _Payment(card, is_ours=True, is_to_keep=chosen.keep)

    def _vault_key(self, scope: Scope, order: SubmitCheckout) -> str:
        """Twins, and the repeat after a death, put the same card into the vault once."""
        if order.correlation is None:
            return new_id()
        whole = hmac.new(self._secret, b"vault key", hashlib.sha256)
        for part in (scope.merchant_id, scope.platform_id, order.correlation, order.fingerprint.hex()):
            whole.update(part.encode() + b"\0")
        return whole.hexdigest()

    async def _take_back(self, scope: Scope, order: SubmitCheckout, payment: _Payment) -> None:
        """Nothing came of it. A correlated card may be a twin's by now, and waits for the repeat."""
        if payment.is_ours and order.correlation is None:
            card = payment.card
            await forget_card(self._setup, scope.merchant_id, card.handler_id, card.reference)

    # --- writing ---

    async def _create(self, scope: Scope, order: SubmitCheckout) -> str:
        command = CreateCheckout(wanted=order.wanted, subscriber=order.subscriber, ttl_s=OPEN_FOR_S)
        answer = await self._engine.run(call_of(scope), command)
        assert answer.checkout_id is not None, "a create answers with its checkout"
        return answer.checkout_id

    def _row(
        self, scope: Scope, order: SubmitCheckout, payment: _Payment, checkout_id: str
    ) -> SubmissionRow:
        id_, at, card = new_id(), self._setup.clock.now(), payment.card
        return SubmissionRow(
            submission=Submission(
                id=id_,
                merchant_id=scope.merchant_id,
                platform_id=scope.platform_id,
                tracking=order.tracking,
                correlation=order.correlation,
                checkout_id=checkout_id,
                state=SubmissionState.PROCESSING,
                owner=order.owner,
                created_at=at,
                updated_at=at,
            ),
            fingerprint=order.fingerprint,
            terms=Terms(
                handler_id=card.handler_id,
                display=card.display,
                is_ours=payment.is_ours,
                is_to_keep=payment.is_to_keep,
                expected_total_minor=order.expected_total_minor,
            ),
            reference_sealed=self._references.close(scope.merchant_id, id_, card.reference),
        )

    async def _commit(self, row: SubmissionRow) -> None:
        submission = row.submission

        async def insert(tx: Tx) -> bool:
            try:
                await insert_submission(tx, row, [_job_of(submission)])
            except RowExists:
                # The id is ours alone: it was written before the line broke.
                return True
            return True

        async def was_written(db: Read) -> bool | None:
            stored = await load_submission(db, submission.merchant_id, submission.id)
            return None if stored is None else True

        await commit(
            self._setup.pool,
            insert,
            was_written,
            certain_within_s=self._setup.timings.certainty_within_s,
        )

    async def _join_twin(self, scope: Scope, order: SubmitCheckout, payment: _Payment) -> Submission:
        """The twin was quicker. Under the same order its card is ours; our checkout expires unpaid."""
        try:
            first = await self.find(scope, order.correlation, order.fingerprint)
        except KeyReused:
            if payment.is_ours:
                card = payment.card
                await forget_card(self._setup, scope.merchant_id, card.handler_id, card.reference)
            raise
        assert first is not None, "the constraint has seen it"
        return first


def _job_of(submission: Submission) -> Job:
    return Job(
        id=new_id(),
        merchant_id=submission.merchant_id,
        kind=JobKind.SUBMIT,
        stream=f"submit:{submission.id}",
        sequence=1,
        payload=encode(Submitted(submission_id=submission.id)),
        created_at=submission.created_at,
    )
