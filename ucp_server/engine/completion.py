"""Complete, in three phases: hold, ask the provider with nothing open, write what it said.

Phase 1 is in `engine/opening.py`, phase 3 in `engine/closing.py`. Whoever dies in between leaves an
attempt whose lease runs out; the identical request or `engine/resume.py` goes on with it.
"""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from msgspec.structs import replace

from ucp_server.domain import problems
from ucp_server.domain.errors import AttemptInFlight, HandlerUnavailable, StoreUnavailable
from ucp_server.domain.money import Money
from ucp_server.engine.asking import ask, attempt_of
from ucp_server.engine.closing import (
    Ending,
    Hands,
    StockRefused,
    close,
    closing_for,
    wait_for_provider,
)
from ucp_server.engine.commands import Answer, Call, CompleteCheckout
from ucp_server.engine.commits import commit
from ucp_server.engine.faults import fault_point
from ucp_server.engine.opening import Held, Opener
from ucp_server.engine.placing import pieces_of
from ucp_server.engine.setup import Setup
from ucp_server.engine.twins import Twins, claim_of
from ucp_server.ports import Approved, Declined, NotSent, Outcome, Unknown
from ucp_server.store.attempts import OPEN_STATES, AttemptRow, load_attempt, mark_sent, renew_lease
from ucp_server.store.claims import keep_reply
from ucp_server.store.database import Read, Tx, statement

log = logging.getLogger(__name__)


class Completion:
    """One complete, from its request to its answer. ``held`` is set once phase 1 is committed."""

    def __init__(self, setup: Setup, twins: Twins, call: Call, command: CompleteCheckout) -> None:
        self._setup = setup
        self._twins = twins
        self._call = call
        self._command = command
        self.held: asyncio.Future[Held] = asyncio.get_running_loop().create_future()

    async def run(self) -> Answer:
        """Raises what `Engine.run` names."""
        opened = await Opener(self._setup, self._twins, self._call, self._command).open()
        if isinstance(opened, Answer):
            return opened
        self.held.set_result(opened)
        async with _renewing(self._setup, opened.attempt):
            answer = await self._finish(opened, await self._pay(opened))
        await fault_point("complete.answering")
        return answer

    async def answer_early(self) -> Answer:
        """Answer "in progress" while the payment runs on; what is sent first is what the key replays."""
        held = self.held.result()
        reply = self._call.render(held.checkout)
        if self._call.key is not None:
            claim = claim_of(self._call.scope, self._call.key)
            await fault_point("complete.before_early_answer")
            async with statement(self._setup.pool) as tx:
                is_kept = await keep_reply(tx, claim, reply)
            await fault_point("complete.early_answer")
            decided = None if is_kept else await self._twins.reply_of(claim)
            if decided is not None:
                return decided
        return Answer(reply=reply, checkout_id=held.checkout.id)

    # --- phase 2: nothing open ---

    async def _pay(self, held: Held) -> Ending | Unknown:
        attempt = held.attempt
        if isinstance(held.known, Declined):
            return held.known
        # Under an attempt that was sent before, the pieces were held before.
        if attempt.state == "created" or held.known is not None:
            refused = await self._reserve(held)
            if refused is not None:
                return refused
        if held.known is not None:
            return held.known
        if attempt.amount_minor == 0:
            return Approved(reference="", amount=Money(0, attempt.currency), captured=True)
        await fault_point("complete.before_sent")
        if not await self._mark_sent(attempt):
            raise AttemptInFlight
        await fault_point("complete.before_send")
        outcome = await self._authorise(held)
        await fault_point("complete.sent")
        if isinstance(outcome, NotSent) and attempt.state != "created":
            # This time it was not sent; by the holder before us it may have been.
            return Unknown(outcome.text)
        return outcome

    async def _authorise(self, held: Held) -> Outcome:
        attempt, page_url = held.attempt, self._call.page_url
        handler = self._setup.payments[attempt.merchant_id][attempt.handler_id]
        asked = replace(
            attempt_of(attempt),
            signals=self._command.signals,
            return_url=page_url(held.checkout) if page_url else "",
        )
        return await ask(
            handler.authorise(asked, self._command.instrument, self._command.credential),
            within_s=self._setup.timings.authorise_within_s,
            who=f"authorise at {attempt.handler_id}",
        )

    async def _reserve(self, held: Held) -> Ending | None:
        """Hold the pieces where the merchant counts them; anything but an explicit yes ends it."""
        attempt, wanted = held.attempt, pieces_of(held.checkout)
        stock = self._setup.stocks.get(attempt.merchant_id)
        if stock is None or self._setup.merchants[attempt.merchant_id].own_stock:
            return None
        await fault_point("complete.before_reserve")
        try:
            async with asyncio.timeout(self._setup.timings.ask_within_s):
                is_held = await stock.reserve(attempt.merchant_id, attempt.hold_id, wanted)
        except Exception as error:  # noqa: BLE001  a plug-in may raise anything; the attempt must end
            log.warning("the stock of %s raised %s", attempt.merchant_id, type(error).__name__)
            is_held = False
            problem = problems.stock_unknown()
        else:
            title = held.checkout.quote.lines[0].title if len(wanted) == 1 else "this order"
            problem = problems.out_of_stock(title, 0, "lines[0]")
        await fault_point("complete.reserved")
        return None if is_held else StockRefused(problem, is_money_held=held.known is not None)

    async def _mark_sent(self, attempt: AttemptRow) -> bool:
        lease_s = self._setup.timings.lease_s

        async def write(tx: Tx) -> bool:
            return await mark_sent(tx, attempt, lease_s)

        async def was_written(db: Read) -> bool | None:
            stored = await load_attempt(db, attempt.merchant_id, attempt.id)
            is_ours = stored is not None and stored.epoch == attempt.epoch
            return None if is_ours and stored and stored.state in OPEN_STATES else False

        return await commit(
            self._setup.pool,
            write,
            was_written,
            certain_within_s=self._setup.timings.certainty_within_s,
        )

    # --- phase 3: write ---

    async def _finish(self, held: Held, ending: Ending | Unknown) -> Answer:
        attempt, checkout = held.attempt, held.checkout
        if isinstance(ending, Unknown):
            reply = self._call.render(checkout)
            if not await wait_for_provider(self._setup, attempt, reply):
                raise AttemptInFlight
            return Answer(reply=reply, checkout_id=checkout.id)
        hands = Hands(self._call.render, self._call.render_refusal, self._call.refusing_problems)
        closing = closing_for(self._setup, attempt, checkout, ending, hands)
        if not await close(self._setup, closing):
            raise AttemptInFlight
        if closing.reply is None:
            raise HandlerUnavailable("The payment provider")
        return Answer(reply=closing.reply, checkout_id=checkout.id)


@asynccontextmanager
async def _renewing(setup: Setup, attempt: AttemptRow) -> AsyncIterator[None]:
    """Keep the lease while the body runs. A lost lease shows when the outcome is written."""
    renewing = asyncio.create_task(_renew(setup, attempt))
    try:
        yield
    finally:
        renewing.cancel()
        await asyncio.gather(renewing, return_exceptions=True)


async def _renew(setup: Setup, attempt: AttemptRow) -> None:
    is_ours = True
    while is_ours:
        await asyncio.sleep(setup.timings.renew_every_s)
        # A lease outlives two lost renewals.
        with suppress(StoreUnavailable):
            async with statement(setup.pool) as tx:
                is_ours = await renew_lease(tx, attempt, setup.timings.lease_s)
