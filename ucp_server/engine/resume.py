"""Finishes completes whose holder died or could not learn the outcome.

It never authorises, for it has no credential: it looks up, confirms or voids by the attempt's own
provider's key. What was never sent is given back, and the identical request goes on with it.
"""

import asyncio
import logging
from typing import Final

from ucp_server.domain.checkout import Checkout
from ucp_server.domain.lifecycle import State
from ucp_server.engine.asking import look_up, settle
from ucp_server.engine.closing import Ending, Hands, Voided, close, closing_for, wait_for_provider
from ucp_server.engine.faults import fault_point
from ucp_server.engine.placing import void_of
from ucp_server.engine.setup import Setup
from ucp_server.ports import Approved, Declined, NotSent, Settlement, Unknown
from ucp_server.store.attempts import AttemptRow, claim_due_attempts, retire_challenged
from ucp_server.store.checkouts import load_checkout_of_any
from ucp_server.store.completion import Closing
from ucp_server.store.database import read, statement

log = logging.getLogger(__name__)

# As many look-ups at once as one provider should bear from one worker.
BATCH_MAX: Final = 16
# Two questions of 10 s each and a patient write of 5 s fit in; if we die, others wait that long.
LEASE_S: Final = 30.0


async def resume_due(setup: Setup) -> int:
    """Settle attempts that nobody holds; returns how many were looked at.

    One that fails does not keep the others waiting; it comes back when its lease runs out.
    """
    async with statement(setup.pool) as tx:
        attempts = await claim_due_attempts(tx, BATCH_MAX, LEASE_S)
    if attempts:
        await fault_point("resume.claimed")
    failures = await asyncio.gather(
        *(_resume(setup, attempt) for attempt in attempts), return_exceptions=True
    )
    for attempt, failure in zip(attempts, failures, strict=True):
        if isinstance(failure, Exception):
            log.error("attempt %s could not be resumed: %s", attempt.id, type(failure).__name__)
        elif failure is not None:
            raise failure
    return len(attempts)


async def _resume(setup: Setup, attempt: AttemptRow) -> None:
    if attempt.state == "action_needed":
        await _retire(setup, attempt)
        return
    async with read(setup.pool) as db:
        stored = await load_checkout_of_any(db, attempt.merchant_id, attempt.checkout_id)
    if stored is None or stored.checkout.state is not State.COMPLETING:
        log.error("attempt %s is open, its checkout is not completing", attempt.id)
        return
    ending = await _ending_of(setup, attempt)
    if isinstance(ending, Unknown):
        reply = _render(_hands_of(setup, attempt), stored.checkout)
        await wait_for_provider(setup, attempt, reply)
    elif await close(setup, _closing_for(setup, attempt, stored.checkout, ending)):
        log.info("attempt %s was resumed: %s", attempt.id, type(ending).__name__)


async def _retire(setup: Setup, attempt: AttemptRow) -> None:
    """Its buyer left the challenge, or the checkout went on without it."""
    async with statement(setup.pool) as tx:
        retired = await retire_challenged(tx, attempt, [void_of(attempt, at=setup.clock.now())])
    if retired:
        setup.hint()


async def _ending_of(setup: Setup, attempt: AttemptRow) -> Ending | Unknown:
    if attempt.state == "created":
        return NotSent("It was never sent.")
    outcome = await look_up(setup, attempt)
    await fault_point("resume.looked_up")
    if not isinstance(outcome, NotSent):
        return outcome
    # Not there after the provider's settle time. Should it still come, it must find itself refused,
    # before anybody may pay under another key.
    await fault_point("resume.before_void")
    voided = await settle(setup, attempt, Settlement.VOID, attempt.amount_minor, f"{attempt.psp_key}:void")
    await fault_point("resume.voided")
    if isinstance(voided, Approved | Declined):
        return Voided()
    return Unknown("The provider could not be told to refuse it.")


def _hands_of(setup: Setup, attempt: AttemptRow) -> Hands | None:
    renderer = setup.renderers.get(attempt.binding)
    if renderer is None:
        log.error("nobody writes replies for binding %s any more", attempt.binding)
        return None
    return Hands(
        lambda checkout: renderer.render(attempt.terms, checkout),
        lambda refusal: renderer.render_refusal(attempt.terms, refusal),
        attempt.refusing_problems,
    )


def _closing_for(setup: Setup, attempt: AttemptRow, checkout: Checkout, ending: Ending) -> Closing:
    """A binding that cannot word the reply must not keep the money from being settled."""
    try:
        return closing_for(setup, attempt, checkout, ending, _hands_of(setup, attempt))
    except Exception as error:  # noqa: BLE001  a renderer's defect, and money to settle
        log.error("no reply to attempt %s: %s", attempt.id, type(error).__name__)  # noqa: TRY400
        return closing_for(setup, attempt, checkout, ending, None)


def _render(hands: Hands | None, checkout: Checkout) -> bytes | None:
    if hands is None:
        return None
    try:
        return hands.render(checkout)
    except Exception as error:  # noqa: BLE001  as above
        log.error("no reply to checkout %s: %s", checkout.id, type(error).__name__)  # noqa: TRY400
        return None
