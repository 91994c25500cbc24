"""Phase 1 of a complete: price, check; then one statement claims the key, holds stock, opens an attempt."""

import dataclasses
from dataclasses import dataclass

from msgspec.structs import replace

from ucp_server.domain.checkout import Buyer, Checkout, Instrument
from ucp_server.domain.errors import (
    AttemptInFlight,
    HandlerUnavailable,
    InvalidRequest,
    RevisionConflict,
    WrongState,
)
from ucp_server.domain.lifecycle import State, advance
from ucp_server.domain.money import Money
from ucp_server.domain.quote import Quote
from ucp_server.domain.submission import is_challenged
from ucp_server.engine.asking import look_up
from ucp_server.engine.checkout import REVISIONS_TRIED_MAX, commit_change
from ucp_server.engine.commands import Answer, Call, CompleteCheckout
from ucp_server.engine.commits import commit
from ucp_server.engine.eligibility import refusal_of, unverified_claims, verified
from ucp_server.engine.faults import fault_point
from ucp_server.engine.placing import pieces_of
from ucp_server.engine.readiness import look_at, price_again, price_without
from ucp_server.engine.reading import read_checkout
from ucp_server.engine.setup import Setup
from ucp_server.engine.twins import Twins, claim_of
from ucp_server.ports import Approved, Declined, Unknown
from ucp_server.store.attempts import (
    OPEN_STATES,
    AttemptRow,
    load_attempt,
    load_attempt_of_claim,
    load_challenged,
    take_over,
)
from ucp_server.store.checkouts import Write
from ucp_server.store.claims import keep_reply
from ucp_server.store.completion import Opening, open_attempt
from ucp_server.store.database import Read, Tx, read, statement
from ucp_server.store.ids import new_id
from ucp_server.store.violations import AttemptOpen, KeyTaken, StockShort


@dataclass(frozen=True, slots=True)
class Held:
    """An attempt in our hands. ``known`` is its outcome where the provider has told already."""

    attempt: AttemptRow
    checkout: Checkout
    known: Approved | Declined | None = None


class Opener:
    """Opens the attempt of one complete. Raises what `Engine.run` names."""

    def __init__(self, setup: Setup, twins: Twins, call: Call, command: CompleteCheckout) -> None:
        self._setup = setup
        self._twins = twins
        self._call = call
        self._command = command
        self._claim = claim_of(call.scope, call.key) if call.key else None
        # The key's claim is there and nobody runs it: this request goes on under it.
        self._goes_on = False
        # Our own stock refused the last try.
        self._is_short = False

    async def open(self) -> Held | Answer:
        """The attempt to pay with; an answer where there is nothing to pay, or nothing any more."""
        for _ in range(REVISIONS_TRIED_MAX):
            checkout = await read_checkout(self._setup, self._call.scope, self._command.checkout_id)
            await fault_point("complete.loaded")
            if checkout.state is State.OPEN:
                opened = await self._try_to_open(self._with_buyer(checkout))
            else:
                opened = await self._join(checkout)
            if opened is not None:
                return opened
        raise RevisionConflict

    def _with_buyer(self, checkout: Checkout) -> Checkout:
        """The checkout with what the command tells of its buyer; written with whatever comes of it."""
        told = self._command.buyer
        if told is None:
            return checkout
        known = checkout.basket.buyer or Buyer()
        return replace(checkout, basket=replace(checkout.basket, buyer=known.with_members(told)))

    async def _try_to_open(self, checkout: Checkout) -> Held | Answer | None:
        """None when it is worth another look."""
        if self._command.expected_revision not in (None, checkout.revision):
            raise RevisionConflict
        quote = await price_again(self._setup, self._call, checkout, is_short=self._is_short)
        await fault_point("complete.quoted")
        shown = look_at(self._call, self._command, checkout, quote, at=self._setup.clock.now())
        shown = shown or await self._verify_claims(checkout, quote)
        try:
            if shown is not None:
                return await self._show(shown)
            return await self._open(checkout, verified(quote))
        except StockShort:
            self._is_short = True
        except AttemptOpen:
            raise AttemptInFlight from None
        except KeyTaken:
            return await self._reply_of_twin()
        return None

    async def _verify_claims(self, checkout: Checkout, quote: Quote) -> Checkout | None:
        """None when ``quote`` holds, else the checkout to answer with. Raises NotReady."""
        unverified = await unverified_claims(self._setup, checkout, quote, self._command.instrument)
        if not unverified:
            return None
        if not self._command.by_buyer:
            raise refusal_of(checkout, unverified)
        return await price_without(self._setup, self._call, checkout, unverified)

    async def _open(self, checkout: Checkout, quote: Quote) -> Held | None:
        """None when others changed the checkout. Raises KeyTaken, StockShort, AttemptOpen."""
        self._check_instrument(quote)
        attempt, known = await self._choose_attempt(checkout, quote)
        completing = replace(
            checkout,
            revision=checkout.revision + 1,
            state=advance(checkout.state, State.COMPLETING),
            basket=replace(checkout.basket, instruments=self._instruments(checkout, known)),
            quote=quote,
            payment_problems=(),
            challenge_url=None,
            updated_at=self._setup.clock.now(),
        )
        own_stock = self._setup.merchants[checkout.merchant_id].own_stock
        opening = Opening(
            checkout=completing,
            attempt=attempt,
            claim=self._claim,
            goes_on=self._goes_on,
            lease_s=self._setup.timings.lease_s,
            pieces=pieces_of(completing) if own_stock else {},
        )
        await fault_point("complete.before_open")
        is_ours = await self._commit(opening)
        await fault_point("complete.opened")
        return Held(attempt, completing, known) if is_ours else None

    async def _commit(self, opening: Opening) -> bool:
        attempt = opening.attempt

        async def write(tx: Tx) -> bool:
            return await open_attempt(tx, opening) == attempt.epoch

        async def was_written(db: Read) -> bool | None:
            stored = await load_attempt(db, attempt.merchant_id, attempt.id)
            return True if stored is not None and stored.epoch == attempt.epoch else None

        return await commit(
            self._setup.pool,
            write,
            was_written,
            certain_within_s=self._setup.timings.certainty_within_s,
        )

    # --- which attempt ---

    async def _choose_attempt(
        self, checkout: Checkout, quote: Quote
    ) -> tuple[AttemptRow, Approved | Declined | None]:
        """A new attempt, or one that goes on under its provider's key, with its outcome if known."""
        call, handler_id, fresh_id = self._call, self._command.instrument.handler_id, new_id()
        fresh = AttemptRow(
            merchant_id=checkout.merchant_id,
            id=fresh_id,
            checkout_id=checkout.id,
            platform_id=checkout.platform_id,
            handler_id=handler_id,
            psp_key=fresh_id,
            hold_id=new_id(),
            amount_minor=quote.total_minor,
            currency=quote.currency,
            operation=call.key.operation if call.key else None,
            key=call.key.key if call.key else None,
            binding=call.rendering.binding,
            terms=call.rendering.terms,
            refusing_problems=sorted(call.refusing_problems),
        )
        if self._command.after_challenge:
            return await self._answered_challenge(checkout, fresh)
        never_sent = await self._attempt_of_our_claim(checkout.id) if self._goes_on else None
        if never_sent and never_sent.state == "released" and _asks_the_same(never_sent, fresh):
            return _gone_on_with(never_sent, fresh, state="created"), None
        passed = await self._passed_challenge(checkout, fresh)
        return passed or (fresh, None)

    async def _passed_challenge(
        self, checkout: Checkout, fresh: AttemptRow
    ) -> tuple[AttemptRow, Approved] | None:
        """The attempt whose buyer came back from the challenge with the provider's consent."""
        challenged = await self._challenged(checkout)
        if challenged is None:
            return None
        outcome = await look_up(self._setup, challenged)
        if isinstance(outcome, Unknown):
            # Never a second provider's key while one is unknown.
            raise AttemptInFlight
        if isinstance(outcome, Approved) and _asks_the_same(challenged, fresh):
            return _gone_on_with(challenged, fresh, state="sent"), outcome
        return None

    async def _answered_challenge(
        self, checkout: Checkout, fresh: AttemptRow
    ) -> tuple[AttemptRow, Approved | Declined]:
        """The same, or with the provider's refusal; raises AttemptInFlight until the buyer answered."""
        challenged = await self._challenged(checkout)
        if challenged is None or not _asks_the_same(challenged, fresh):
            raise WrongState(checkout.state)
        outcome = await look_up(self._setup, challenged)
        if not isinstance(outcome, Approved | Declined):
            raise AttemptInFlight
        return _gone_on_with(challenged, fresh, state="sent"), outcome

    async def _challenged(self, checkout: Checkout) -> AttemptRow | None:
        """An earlier one, of a basket that is no longer this one, may still wait to be taken back."""
        if not is_challenged(checkout):
            return None
        async with read(self._setup.pool) as db:
            return await load_challenged(db, checkout.merchant_id, checkout.id)

    async def _attempt_of_our_claim(self, checkout_id: str) -> AttemptRow | None:
        if self._claim is None:
            return None
        async with read(self._setup.pool) as db:
            return await load_attempt_of_claim(db, self._claim, checkout_id)

    def _check_instrument(self, quote: Quote) -> None:
        merchant_id, instrument = self._call.scope.merchant_id, self._command.instrument
        handler = self._setup.payments.get(merchant_id, {}).get(instrument.handler_id)
        total = Money(quote.total_minor, quote.currency)
        items = [line.item_id for line in quote.lines]
        try:
            listing = handler.describe(merchant_id, total, items) if handler else None
        except Exception as error:
            # A plug-in may raise anything; its text may quote anything.
            raise HandlerUnavailable("The payment handler") from error
        if listing is None:
            raise InvalidRequest(
                f"The payment handler {instrument.handler_id} is not offered for this checkout.",
                "instrument.handler_id",
            )
        taken = [offer.type for offer in listing.instruments]
        if taken and instrument.type not in taken:
            text = f"The payment handler {instrument.handler_id} takes no {instrument.type} here."
            raise InvalidRequest(text, "instrument.type")

    def _instruments(self, checkout: Checkout, known: Approved | Declined | None) -> tuple[Instrument, ...]:
        """What the checkout shows: the one that pays is selected, and none else."""
        if known is not None and any(i.selected for i in checkout.basket.instruments):
            # The provider was asked with that one.
            return checkout.basket.instruments
        ours = self._command.instrument
        others = (i for i in checkout.basket.instruments if i.id != ours.id)
        return (replace(ours, selected=True), *(replace(i, selected=False) for i in others))

    # --- instead of paying ---

    async def _reply_of_twin(self) -> Answer | None:
        """The reply of the key's first request; None when nobody runs it: then we go on with it."""
        if self._claim is None:
            return None
        answer = await self._twins.reply_of(self._claim)
        self._goes_on = answer is None
        return answer

    async def _join(self, checkout: Checkout) -> Held | Answer | None:
        """The checkout is not open: replay, or take over our own attempt if its holder died.

        None when the attempt ended while we looked. Raises WrongState, AttemptInFlight.
        """
        answer = await self._reply_of_twin()
        if answer is not None:
            return answer
        if checkout.state is not State.COMPLETING:
            raise WrongState(checkout.state)
        ours = await self._attempt_of_our_claim(checkout.id)
        if ours is None:
            raise AttemptInFlight
        if ours.state not in OPEN_STATES:
            return None
        async with statement(self._setup.pool) as tx:
            taken = await take_over(tx, ours, self._setup.timings.lease_s)
        if taken is None:
            raise AttemptInFlight
        return Held(taken, await read_checkout(self._setup, self._call.scope, checkout.id))

    async def _show(self, shown: Checkout) -> Answer | None:
        """Answer with the checkout as it is now; None when others changed it meanwhile."""
        reply = self._call.render(shown)
        new_claim = None if self._goes_on else self._claim
        if not await commit_change(self._setup, Write(shown, reply, new_claim)):
            return None
        if self._goes_on and self._claim is not None:
            async with statement(self._setup.pool) as tx:
                is_kept = await keep_reply(tx, self._claim, reply)
            if not is_kept:
                # A twin that went on, too, was answered first.
                return await self._twins.reply_of(self._claim)
        return Answer(reply=reply, checkout_id=shown.id)


def _asks_the_same(earlier: AttemptRow, now: AttemptRow) -> bool:
    """A provider's key stands for one amount at one provider, for ever."""
    return (earlier.handler_id, earlier.amount_minor, earlier.currency) == (
        now.handler_id,
        now.amount_minor,
        now.currency,
    )


def _gone_on_with(earlier: AttemptRow, now: AttemptRow, *, state: str) -> AttemptRow:
    return dataclasses.replace(
        now, id=earlier.id, psp_key=earlier.psp_key, epoch=earlier.epoch + 1, state=state
    )
