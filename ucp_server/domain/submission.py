"""A checkout that was handed in whole and is paid later, and the methods that it may be paid with."""

from datetime import datetime
from enum import StrEnum
from typing import Final, Literal

import msgspec

from ucp_server.domain.checkout import Checkout
from ucp_server.domain.lifecycle import State
from ucp_server.domain.problems import Kind, Problem, Severity


class SubmissionState(StrEnum):
    """What the caller can be told. The last two never change again."""

    PROCESSING = "processing"
    ACTION_NEEDED = "action_needed"  # the buyer is at the provider's challenge
    DONE = "done"
    FAILED = "failed"


ENDED: Final = frozenset({SubmissionState.DONE, SubmissionState.FAILED})


class Submission(msgspec.Struct, frozen=True, kw_only=True):
    """One checkout in the hands of a worker. ``tracking`` is the caller's way back to it.

    ``failure`` is a stable code, set when it failed: a problem's own (``payment_failed``,
    ``out_of_stock``, ``totals_changed``, ...), ``challenge_failed``, ``expired`` or ``canceled``.
    ``polls`` counts the looks so far, ``owner`` is the customer in the merchant's own words.
    ``order_id`` is there once it is done, ``action_url`` while the buyer has to act, if the provider
    has a page for it.
    """

    id: str
    merchant_id: str
    platform_id: str
    tracking: str
    checkout_id: str
    state: SubmissionState
    owner: str
    created_at: datetime
    updated_at: datetime
    correlation: str | None = None
    failure: str | None = None
    polls: int = 0
    action_url: str | None = None

    @property
    def order_id(self) -> str | None:
        """An order has the id of its checkout."""
        return self.checkout_id if self.state is SubmissionState.DONE else None


class Progress(msgspec.Struct, frozen=True, kw_only=True):
    """Where a submission stands by its checkout."""

    state: SubmissionState
    failure: str | None = None
    action_url: str | None = None


def progress_of(checkout: Checkout) -> Progress:
    """A submission has no life of its own: it stands where its checkout does.

    An open checkout is still worked on, whatever its last payment said: whoever gives it up cancels
    it first, so that nothing can be paid after "failed" was told.
    """
    match checkout.state:
        case State.COMPLETED:
            return Progress(state=SubmissionState.DONE)
        case State.EXPIRED:
            return Progress(state=SubmissionState.FAILED, failure="expired")
        case State.CANCELED:
            return Progress(state=SubmissionState.FAILED, failure=_failure_of(checkout))
        case State.OPEN if is_challenged(checkout):
            return Progress(state=SubmissionState.ACTION_NEEDED, action_url=checkout.challenge_url)
        case _:
            return Progress(state=SubmissionState.PROCESSING)


def is_challenged(checkout: Checkout) -> bool:
    """Whether the last payment waits for the buyer."""
    return any(problem.severity is Severity.BUYER_INPUT for problem in checkout.payment_problems)


def errors_of(checkout: Checkout) -> tuple[Problem, ...]:
    """What keeps it from being paid, the payment's own trouble first."""
    found = checkout.payment_problems + checkout.quote.problems + checkout.lasting_problems
    return tuple(problem for problem in found if problem.kind is Kind.ERROR)


def _failure_of(checkout: Checkout) -> str:
    if is_challenged(checkout):
        return "challenge_failed"
    return next((problem.code for problem in errors_of(checkout)), "canceled")


class StoredMethod(msgspec.Struct, frozen=True, kw_only=True):
    """A card that a payment handler keeps for an owner; here is only what may be shown of it.

    ``display`` as in `Instrument`; ``description`` is what its owner calls it.
    """

    id: str
    merchant_id: str
    owner: str
    handler_id: str
    display: dict[str, str | int]
    state: Literal["active", "inactive", "deleted"]
    created_at: datetime
