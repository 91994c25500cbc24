"""Questions to plug-ins: each has a deadline, and whatever is not an explicit answer is unknown."""

import asyncio
import logging
from collections.abc import Awaitable
from types import TracebackType
from typing import Final

from ucp_server.domain.errors import HandlerUnavailable, Refusal
from ucp_server.domain.money import Money
from ucp_server.engine.setup import Setup
from ucp_server.ports import (
    ActionNeeded,
    Approved,
    Attempt,
    Declined,
    NotSent,
    OnPage,
    Outcome,
    Payment,
    Settlement,
    Unknown,
)
from ucp_server.store.attempts import AttemptRow

log = logging.getLogger(__name__)

_ANSWERS: Final = (Approved, Declined, ActionNeeded, Unknown, NotSent)


class Asking:
    """Around a question for facts: whatever but a refusal a plug-in raises, ``who`` is not available.

    Its exits raise `HandlerUnavailable`; a `TimeoutError` from within counts as silence, like any other.
    """

    __slots__ = ("_who",)

    def __init__(self, who: str) -> None:
        self._who = who

    def __enter__(self) -> None:
        return None

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if isinstance(error, Exception) and not isinstance(error, Refusal):
            # Its text may quote what a buyer typed or looks for.
            log.warning("%s raised %s", self._who, type(error).__name__)
            raise HandlerUnavailable(self._who) from error


def attempt_of(row: AttemptRow) -> Attempt:
    """The attempt as a payment handler sees it."""
    return Attempt(
        id=row.id,
        merchant_id=row.merchant_id,
        checkout_id=row.checkout_id,
        psp_key=row.psp_key,
        handler_id=row.handler_id,
        amount=Money(row.amount_minor, row.currency),
    )


def handler_of(setup: Setup, row: AttemptRow) -> Payment | None:
    """None when the merchant's configuration has dropped it since."""
    return setup.payments.get(row.merchant_id, {}).get(row.handler_id)


async def ask(question: Awaitable[object], *, within_s: float, who: str) -> Outcome:
    """The handler's answer; `Unknown` for silence, an exception, or anything that is no outcome."""
    try:
        async with asyncio.timeout(within_s):
            answer = await question
    except TimeoutError:
        return Unknown("The payment provider did not answer in time.")
    except Exception as error:  # noqa: BLE001  a plug-in may raise anything, and money may have moved
        # Its text may quote what it was given; a credential must not reach a log.
        log.warning("%s raised %s", who, type(error).__name__)
        return Unknown("The payment provider's answer could not be read.")
    if not isinstance(answer, _ANSWERS):
        log.warning("%s answered %s", who, type(answer).__name__)
        return Unknown("The payment provider's answer could not be read.")
    return answer


async def look_up(setup: Setup, row: AttemptRow) -> Outcome:
    """What became of an attempt; moves nothing."""
    handler = handler_of(setup, row)
    if handler is None:
        return Unknown(f"The payment handler {row.handler_id} is not configured.")
    return await ask(
        handler.look_up(attempt_of(row)),
        within_s=setup.timings.ask_within_s,
        who=f"look-up at {row.handler_id}",
    )


async def ask_for_page(
    handler: Payment, merchant_id: str, total: Money, session: str, *, within_s: float
) -> OnPage | None:
    """What a buyer can pay with on our page (`Payment.on_page`). Raises HandlerUnavailable."""
    with Asking("The payment handler"):
        async with asyncio.timeout(within_s):
            answer: object = await handler.on_page(merchant_id, total, session)
        if answer is None or isinstance(answer, OnPage):
            return answer
        raise TypeError(f"on_page answered {type(answer).__name__}")


async def settle(
    setup: Setup, row: AttemptRow, action: Settlement, amount_minor: int, action_key: str
) -> Outcome:
    """Capture, void or refund; idempotent by ``action_key``."""
    handler = handler_of(setup, row)
    if handler is None:
        return Unknown(f"The payment handler {row.handler_id} is not configured.")
    return await ask(
        handler.settle(attempt_of(row), action, Money(amount_minor, row.currency), action_key),
        within_s=setup.timings.ask_within_s,
        who=f"{action} at {row.handler_id}",
    )
