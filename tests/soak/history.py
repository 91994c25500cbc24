"""What buyers saw, and whether one shop could have told them all of it (reliability.md, section 4).

Each checkout is one object that is looked at and changed by concurrent requests. A request whose
answer never came may have been carried out once, at any time after it was sent, or never.
"""

import math
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

Kind = Literal["create", "update", "get", "complete", "cancel"]
Outcome = Literal["ok", "refused", "unknown"]
Phase = Literal["open", "completing", "completed", "canceled"]

PHASES: Mapping[str, Phase] = {
    "incomplete": "open",
    "ready_for_complete": "open",
    "requires_escalation": "open",
    "complete_in_progress": "completing",
    "completed": "completed",
    "canceled": "canceled",
}


class State(NamedTuple):
    """``mark`` is what the last applied write left in the checkout."""

    phase: Phase
    mark: str


@dataclass
class Op:
    """One request with all its repeats. ``state`` is what an ``ok`` answer showed.

    ``answers`` are (status, digest) of every success that was answered to its key and bytes.
    """

    kind: Kind
    checkout: str
    begun: float
    key: str = ""
    mark: str = ""
    ended: float = math.inf
    outcome: Outcome = "unknown"
    state: State | None = None
    answers: list[tuple[int, str]] = field(default_factory=list)


@dataclass(frozen=True)
class Probe:
    """A known key with another body: what was answered."""

    key: str
    status: int
    code: str


@dataclass
class History:
    ops: list[Op] = field(default_factory=list)
    probes: list[Probe] = field(default_factory=list)
    # (status, content type, whether it has a form) of answers that should not be.
    odd_answers: list[str] = field(default_factory=list)

    def checkouts(self) -> dict[str, list[Op]]:
        """The requests about each checkout that is known by its id."""
        by_id = defaultdict(list)
        for op in self.ops:
            if op.checkout:
                by_id[op.checkout].append(op)
        return by_id


def broken(history: History, final: Mapping[str, State]) -> list[str]:
    """All that cannot be, in words that begin with the invariant's number. ``final`` is the database."""
    return [
        *_keys(history),
        *(f"24: {odd}" for odd in history.odd_answers),
        *_checkouts(history.checkouts(), final),
    ]


def _keys(history: History) -> Iterator[str]:
    for op in history.ops:
        if len(set(op.answers)) > 1:
            yield f"12: key {op.key} was answered in {len(set(op.answers))} ways"
    for probe in history.probes:
        if (probe.status, probe.code) != (409, "idempotency_key_reused"):
            yield f"13: key {probe.key} with another body was answered {probe.status} {probe.code}"


def _checkouts(by_id: Mapping[str, Sequence[Op]], final: Mapping[str, State]) -> Iterator[str]:
    for checkout, ops in by_id.items():
        if checkout not in final:
            yield f"15: checkout {checkout} was acknowledged and is lost"
            continue
        payers = {
            op.key for op in ops if op.kind == "complete" and op.state and op.state.phase == "completed"
        }
        if len(payers) > 1:
            yield f"12: checkout {checkout} was completed under {len(payers)} keys"
        seen = Op("get", checkout, math.inf, ended=math.inf, outcome="ok", state=final[checkout])
        if not is_possible([*ops, seen]):
            yield f"15-19: no order of events explains what was seen of checkout {checkout}"


# --- one checkout as an object (Wing and Gong, with the states that were tried remembered) ---


def is_possible(ops: Sequence[Op]) -> bool:
    """Whether the requests about one checkout can be put in an order that explains every answer.

    The order respects time: what was answered before another was sent comes before it.
    """
    (created,) = (op for op in ops if op.kind == "create")
    others = sorted((op for op in ops if op.kind != "create"), key=lambda op: op.begun)
    certain = frozenset(n for n, op in enumerate(others) if op.outcome == "ok")
    tried: set[tuple[frozenset[int], State]] = set()
    waiting = [(frozenset[int](), State("open", created.mark))]
    while waiting:
        done, state = waiting.pop()
        if (done, state) in tried:
            continue
        tried.add((done, state))
        if certain <= done:
            return True
        waiting += _moves(others, done, state)
    return False


def _moves(ops: Sequence[Op], done: frozenset[int], state: State) -> Iterator[tuple[frozenset[int], State]]:
    """What may happen next: a request takes effect, or a payment goes its way by itself."""
    left = [n for n in range(len(ops)) if n not in done]
    # A request that was answered before this one was sent cannot come after it.
    earliest_end = min((ops[n].ended for n in left if ops[n].outcome == "ok"), default=math.inf)
    ready = [n for n in left if ops[n].begun <= earliest_end]
    for n in ready:
        after = _after(ops[n], state)
        if after is not None:
            yield done | {n}, after
    begun = [ops[n] for n in (*ready, *done) if ops[n].kind == "complete"]
    if state.phase == "open" and begun:
        yield done, State("completing", state.mark)
    if state.phase == "completing":
        yield done, State("open", state.mark)
        yield done, State("completed", state.mark)


def _after(op: Op, state: State) -> State | None:
    """The state when ``op`` takes effect in ``state``; None when it cannot, or showed another one."""
    after: State | None = state
    match op.kind:
        case "update":
            after = State("open", op.mark) if state.phase == "open" else None
        case "cancel":
            after = State("canceled", state.mark) if state.phase == "open" else None
        case "complete" if op.state is not None and op.state.phase == "completed":
            after = State("completed", state.mark) if state.phase != "canceled" else None
    if op.outcome == "refused":
        return state
    if op.outcome == "ok" and op.state is not None and after != op.state:
        return None
    return after


def unknown(ops: Iterable[Op]) -> int:
    return sum(op.outcome == "unknown" for op in ops)
