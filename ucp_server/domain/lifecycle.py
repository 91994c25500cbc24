"""The states of a checkout and the only ways between them."""

from collections.abc import Iterable
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from ucp_server.domain.problems import Kind, Problem, Severity


class State(StrEnum):
    """What is stored. Everything else that a protocol calls status is a `Standing`."""

    OPEN = "open"
    COMPLETING = "completing"
    COMPLETED = "completed"
    CANCELED = "canceled"
    EXPIRED = "expired"


TRANSITIONS: Final = MappingProxyType(
    {
        State.OPEN: frozenset({State.OPEN, State.COMPLETING, State.CANCELED, State.EXPIRED}),
        State.COMPLETING: frozenset({State.OPEN, State.COMPLETED, State.CANCELED}),
        State.COMPLETED: frozenset[State](),
        State.CANCELED: frozenset[State](),
        State.EXPIRED: frozenset[State](),
    }
)


def is_over(state: State) -> bool:
    """Whether nothing can happen to the checkout any more."""
    return not TRANSITIONS[state]


class IllegalTransitionError(AssertionError):
    """Our own defect: code tried a way that the table does not know."""


def advance(now: State, to: State) -> State:
    """Return ``to`` when the table allows it; an error here is a defect of ours, never the caller's."""
    if to not in TRANSITIONS[now]:
        raise IllegalTransitionError(f"{now} -> {to}")
    return to


class Standing(StrEnum):
    """A view of (state, problems): what has to happen next, and who can make it happen."""

    INCOMPLETE = "incomplete"  # the platform can mend it
    NEEDS_BUYER = "needs_buyer"  # only the buyer can, on our pages
    READY = "ready"
    IN_PROGRESS = "in_progress"
    COMPLETED = "completed"
    CANCELED = "canceled"
    EXPIRED = "expired"


def standing_of(state: State, problems: Iterable[Problem]) -> Standing:
    """The status rule of digest 3.7: a buyer's error escalates, any other error is incomplete."""
    if state is not State.OPEN:
        return _SETTLED[state]
    severities = {problem.severity for problem in problems if problem.kind is Kind.ERROR}
    if severities & {Severity.BUYER_INPUT, Severity.BUYER_REVIEW}:
        return Standing.NEEDS_BUYER
    return Standing.INCOMPLETE if severities else Standing.READY


_SETTLED: Final = MappingProxyType(
    {
        State.COMPLETING: Standing.IN_PROGRESS,
        State.COMPLETED: Standing.COMPLETED,
        State.CANCELED: Standing.CANCELED,
        State.EXPIRED: Standing.EXPIRED,
    }
)
