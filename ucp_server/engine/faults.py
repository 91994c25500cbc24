"""Named points at which a test may make a request die, to see that nothing is lost.

The variable UCP_SERVER_FAULTS makes a process a test build: ``complete.opened=kill`` there kills it
(SIGKILL) at that point; several are separated by commas, ``@3`` behind one means its third time.
Actions: ``kill``, ``raise`` (as if the store were gone), ``cancel``, ``delay:MS``. Without the
variable every point is one look at an empty mapping. Production refuses to start with it.
"""

import asyncio
import os
import signal
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

from ucp_server.domain.errors import StoreUnavailable

VARIABLE: Final = "UCP_SERVER_FAULTS"

# Each name stands once in the source. W0 to W8 are the windows in which a complete may die.
FAULT_POINTS: Final = (
    "create.quoted",
    "create.before_commit",
    "create.committed",
    "update.loaded",
    "update.quoted",
    "update.before_commit",
    "update.committed",
    "cancel.loaded",
    "cancel.before_commit",
    "cancel.committed",
    "cart.loaded",
    "cart.estimated",
    "cart.before_commit",
    "cart.committed",
    "conversion.loaded",
    "conversion.quoted",
    "conversion.before_commit",
    "conversion.committed",
    "conversion.before_answer",
    "conversion.answered",
    "complete.loaded",
    "complete.quoted",
    "complete.before_open",  # W0
    "complete.opened",  # W1
    "complete.before_reserve",
    "complete.reserved",
    "complete.before_sent",
    "complete.before_send",  # W2: marked as sent, nothing gone out yet
    "complete.sent",  # W2, W3: the provider has decided, we have not heard or not written
    "complete.before_close",  # W3, W8
    "complete.closed",  # W4, W5: committed, nobody told
    "complete.before_unknown",
    "complete.unknown",
    "complete.before_early_answer",
    "complete.early_answer",
    "complete.answering",  # W6
    "resume.claimed",
    "resume.looked_up",
    "resume.before_void",
    "resume.voided",
    "deliver.claimed",
    "deliver.rendered",
    "deliver.before_send",
    "deliver.sent",
    "deliver.marked",
    "settle.before_send",
    "settle.sent",
    "settle.recorded",
    "tool.before_run",
    "tool.ran",
    "tool.recorded",
    "order.before_commit",
    "order.committed",
    "hand_off.created",
    "hand_off.marked",
    "ledger.before_append",
    "ledger.appended",
    "expire.before_commit",
    "expire.committed",
    "vault.before_send",
    "vault.sent",
    "forget.before_send",
    "forget.sent",
    "method.before_commit",
    "method.committed",
    "method.before_delete",
    "method.deleted",
    "submit.before_commit",
    "submit.committed",
    "poll.before_commit",
    "poll.committed",
    "submission.loaded",
    "submission.ran",
    "submission.before_cancel",
    "submission.canceled",
    "submission.before_round",
    "submission.next_round",
    "submission.before_record",
    "submission.recorded",
    "submission.before_let_go",
    "submission.let_go",
)


@dataclass(slots=True)
class _Fault:
    action: str
    on_hit: int
    delay_s: float = 0.0


_armed: dict[str, _Fault] = {}
_struck: list[str] = []


async def fault_point(name: str) -> None:
    """Die here if a test wants it."""
    if _armed:
        await _strike(name)


def is_test_build() -> bool:
    """Whether this process may be made to die; a server that sells must not be one."""
    return VARIABLE in os.environ


async def _strike(name: str) -> None:
    fault = _armed.get(name)
    if fault is None:
        return
    fault.on_hit -= 1
    if fault.on_hit != 0:
        return
    _struck.append(name)
    match fault.action:
        case "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        case "raise":
            raise StoreUnavailable
        case "cancel":
            raise asyncio.CancelledError
        case "delay":
            await asyncio.sleep(fault.delay_s)


def _parse(plan: str) -> Mapping[str, _Fault]:
    faults = {}
    for part in filter(None, (part.strip() for part in plan.split(","))):
        name, _, what = part.partition("=")
        action, _, hit = what.partition("@")
        action, _, delay_ms = action.partition(":")
        if name not in FAULT_POINTS or action not in {"kill", "raise", "cancel", "delay"}:
            raise ValueError(f"{VARIABLE}: {part!r} names no fault point, or no action")
        faults[name] = _Fault(action, int(hit or 1), int(delay_ms or 0) / 1000)
    return faults


@contextmanager
def armed(plan: str) -> Iterator[list[str]]:
    """Arm ``plan`` in this process, for tests that go on living; gives the names that struck."""
    _armed.update(_parse(plan))
    try:
        yield _struck
    finally:
        _armed.clear()
        _struck.clear()


_armed.update(_parse(os.environ.get(VARIABLE, "")))
