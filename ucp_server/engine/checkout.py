"""Create, update, cancel: priced with nothing open, then written with their reply in one statement."""

import dataclasses
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Final

from msgspec.structs import replace

from ucp_server.domain.checkout import Basket, Checkout
from ucp_server.domain.errors import AttemptInFlight, ProblemRefused, RevisionConflict, WrongState
from ucp_server.domain.lifecycle import State, advance
from ucp_server.domain.merchant import Merchant
from ucp_server.domain.problems import Kind, Problem
from ucp_server.domain.quote import Quote
from ucp_server.engine.commands import (
    Answer,
    Call,
    CancelCheckout,
    CreateCheckout,
    Scope,
    UpdateCheckout,
)
from ucp_server.engine.commits import commit
from ucp_server.engine.faults import fault_point
from ucp_server.engine.reading import read_checkout
from ucp_server.engine.setup import Setup
from ucp_server.engine.twins import claim_of, find_claimed
from ucp_server.store.checkouts import (
    Write,
    insert_checkout,
    load_checkout_of_any,
    update_checkout,
)
from ucp_server.store.database import Read, Tx
from ucp_server.store.ids import new_id, new_token
from ucp_server.store.violations import RowExists

# A lost revision sends us back at most three times; after that others change the checkout faster
# than we can price it.
REVISIONS_TRIED_MAX: Final = 1 + 3


async def create(setup: Setup, call: Call, command: CreateCheckout) -> Answer:
    """Raises ProblemRefused, InvalidRequest, HandlerUnavailable, StoreUnavailable; KeyTaken for a twin."""
    merchant, at = setup.merchants[call.scope.merchant_id], setup.clock.now()
    basket, quote = await setup.quoting.quote(
        call.scope, merchant, Basket(lines=()), wanted=command.wanted, at=at
    )
    await fault_point("create.quoted")
    refuse(quote.problems, call)
    checkout = new_checkout(call.scope, merchant, command, basket=basket, quote=quote, at=at)
    write = write_of(call, checkout, quote)
    await fault_point("create.before_commit")
    await _commit_new(setup, write)
    await fault_point("create.committed")
    return Answer(reply=write.reply, checkout_id=checkout.id)


def new_checkout(
    scope: Scope,
    merchant: Merchant,
    command: CreateCheckout,
    *,
    basket: Basket,
    quote: Quote,
    at: datetime,
) -> Checkout:
    """As it is first written."""
    return Checkout(
        id=new_id(),
        merchant_id=merchant.id,
        platform_id=scope.platform_id,
        revision=1,
        state=State.OPEN,
        currency=quote.currency,
        basket=basket,
        quote=_without_addresses(quote),
        link_token=new_token(),
        created_at=at,
        updated_at=at,
        expires_at=at + timedelta(seconds=command.ttl_s or merchant.ttl_s),
        subscriber=command.subscriber,
        attribution=command.attribution,
        cart_id=command.cart_id,
    )


async def update(setup: Setup, call: Call, command: UpdateCheckout) -> Answer:
    """Replace the basket. Raises as `create`, and whatever `cancel` does."""
    merchant = setup.merchants[call.scope.merchant_id]
    for _ in range(REVISIONS_TRIED_MAX):
        before = await read_open(setup, call, command.checkout_id)
        await fault_point("update.loaded")
        at = setup.clock.now()
        basket, quote = await setup.quoting.quote(
            call.scope, merchant, before.basket, wanted=command.wanted, at=at
        )
        await fault_point("update.quoted")
        refuse(quote.problems, call)
        checkout = replace(
            before,
            revision=before.revision + 1,
            basket=basket,
            quote=_without_addresses(quote),
            subscriber=command.subscriber or before.subscriber,
            payment_problems=(),
            challenge_url=None,
            updated_at=at,
        )
        write = dataclasses.replace(
            write_of(call, checkout, quote), lines_changed=basket.lines != before.basket.lines
        )
        await fault_point("update.before_commit")
        if await commit_change(setup, write):
            await fault_point("update.committed")
            return Answer(reply=write.reply, checkout_id=checkout.id)
    raise RevisionConflict


async def cancel(setup: Setup, call: Call, command: CancelCheckout) -> Answer:
    """Raises CheckoutNotFound, WrongState, AttemptInFlight, RevisionConflict; KeyTaken for a twin."""
    for _ in range(REVISIONS_TRIED_MAX):
        before = await read_open(setup, call, command.checkout_id)
        await fault_point("cancel.loaded")
        checkout = replace(
            before,
            revision=before.revision + 1,
            state=advance(before.state, State.CANCELED),
            challenge_url=None,
            updated_at=setup.clock.now(),
        )
        write = write_of(call, checkout)
        await fault_point("cancel.before_commit")
        if await commit_change(setup, write):
            await fault_point("cancel.committed")
            return Answer(reply=write.reply, checkout_id=checkout.id)
    raise RevisionConflict


async def show_change(setup: Setup, call: Call, checkout: Checkout) -> Answer | None:
    """Write ``checkout`` and answer with it instead of what was asked; None when others were faster."""
    write = write_of(call, checkout)
    if not await commit_change(setup, write):
        return None
    return Answer(reply=write.reply, checkout_id=checkout.id)


async def read_open(setup: Setup, call: Call, checkout_id: str) -> Checkout:
    """The checkout if it can be changed. Raises CheckoutNotFound, WrongState, AttemptInFlight."""
    checkout = await read_checkout(setup, call.scope, checkout_id)
    if checkout.state is State.COMPLETING:
        raise AttemptInFlight
    if checkout.state is not State.OPEN:
        raise WrongState(checkout.state)
    return checkout


def refuse(found: Iterable[Problem], call: Call) -> None:
    """Raise the first of ``found`` that the caller's release answers as a refusal."""
    for problem in found:
        if problem.kind is Kind.ERROR and problem.code in call.refusing_problems:
            raise ProblemRefused(problem)


def write_of(call: Call, checkout: Checkout, quote: Quote | None = None) -> Write:
    """``checkout`` with its reply, rendered, and what the shop may remember of ``quote``."""
    return Write(
        checkout,
        call.render(checkout),
        claim_of(call.scope, call.key) if call.key else None,
        quote.new_addresses if quote else (),
    )


def _without_addresses(quote: Quote) -> Quote:
    """They are remembered in a table of their own, not in every checkout that told them."""
    return replace(quote, new_addresses=()) if quote.new_addresses else quote


async def _commit_new(setup: Setup, write: Write) -> None:
    async def insert(tx: Tx) -> bool:
        try:
            await insert_checkout(tx, write)
        except RowExists:
            # The id is ours alone: it was written before the line broke.
            return True
        return True

    async def was_written(db: Read) -> bool | None:
        return await find_written(db, write)

    await commit(setup.pool, insert, was_written, certain_within_s=setup.timings.certainty_within_s)


async def commit_change(setup: Setup, write: Write) -> bool:
    """False when the revision that was read is gone. Raises KeyTaken for a twin."""

    async def change(tx: Tx) -> bool:
        return await update_checkout(tx, write)

    async def was_written(db: Read) -> bool | None:
        return await find_written(db, write)

    return await commit(setup.pool, change, was_written, certain_within_s=setup.timings.certainty_within_s)


async def find_written(db: Read, write: Write) -> bool | None:
    """Whether this very write is in the store; None when there is no trace of it."""
    if write.claim is not None:
        return await find_claimed(db, write.claim, write.reply)
    checkout = write.checkout
    stored = await load_checkout_of_any(db, checkout.merchant_id, checkout.id)
    if stored is None or stored.checkout.revision < checkout.revision:
        return None
    theirs = stored.checkout
    return (theirs.revision, theirs.updated_at, theirs.quote) == (
        checkout.revision,
        checkout.updated_at,
        checkout.quote,
    )
