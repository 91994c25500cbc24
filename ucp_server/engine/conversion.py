"""From cart to checkout: one that is not over at a time, decided by the store."""

from msgspec.structs import replace

from ucp_server.domain.cart import Cart
from ucp_server.domain.checkout import Basket, Checkout
from ucp_server.domain.errors import RevisionConflict
from ucp_server.domain.lifecycle import is_over
from ucp_server.engine.cart import load, wanted_again
from ucp_server.engine.checkout import (
    REVISIONS_TRIED_MAX,
    find_written,
    new_checkout,
    refuse,
    write_of,
)
from ucp_server.engine.commands import Answer, Call, CreateCheckout, Wanted
from ucp_server.engine.commits import commit
from ucp_server.engine.faults import fault_point
from ucp_server.engine.reading import read_checkout
from ucp_server.engine.setup import Setup
from ucp_server.engine.twins import claim_of, find_claimed
from ucp_server.store.carts import StoredCart
from ucp_server.store.checkouts import Source, Write, insert_checkout_of_cart
from ucp_server.store.claims import Claim, claim_answer
from ucp_server.store.database import Read, Tx
from ucp_server.store.violations import RowExists


async def convert(setup: Setup, call: Call, command: CreateCheckout, cart_id: str) -> Answer:
    """The checkout that the cart has, or a new one.

    Raises CartNotFound, RevisionConflict, and whatever creating a checkout does.
    """
    for _ in range(REVISIONS_TRIED_MAX):
        stored = await load(setup, call.scope, cart_id)
        await fault_point("conversion.loaded")
        current = await _current(setup, call, stored)
        if current is not None:
            return await _answer_with(setup, call, current)
        write = await _quoted(setup, call, command, stored.cart)
        if await _commit(setup, write, Source(stored.cart.id, stored.cart.revision, stored.checkout_id)):
            return Answer(reply=write.reply, checkout_id=write.checkout.id)
    raise RevisionConflict


async def _current(setup: Setup, call: Call, stored: StoredCart) -> Checkout | None:
    """The checkout that was made of the cart, if it is not over: there is no second one beside it."""
    if stored.checkout_id is None:
        return None
    checkout = await read_checkout(setup, call.scope, stored.checkout_id)
    return None if is_over(checkout.state) else checkout


async def _quoted(setup: Setup, call: Call, command: CreateCheckout, cart: Cart) -> Write:
    merchant, at = setup.merchants[call.scope.merchant_id], setup.clock.now()
    # The lines keep their ids, so that what is changed in the checkout is found in the cart.
    before = Basket(lines=cart.basket.lines, lines_made=cart.basket.lines_made)
    basket, quote = await setup.quoting.quote(
        call.scope, merchant, before, wanted=_wanted(command.wanted, cart.basket), at=at
    )
    await fault_point("conversion.quoted")
    refuse(quote.problems, call)
    checkout = new_checkout(call.scope, merchant, command, basket=basket, quote=quote, at=at)
    return write_of(call, checkout, quote)


def _wanted(asked: Wanted, basket: Basket) -> Wanted:
    """What the cart knows holds; what it knows nothing of is taken from the request."""
    of_cart = wanted_again(basket)
    return replace(
        asked,
        lines=of_cart.lines,
        buyer=of_cart.buyer or asked.buyer,
        discount_codes=asked.discount_codes if of_cart.discount_codes is None else of_cart.discount_codes,
        claims=asked.claims if of_cart.context is None else of_cart.claims,
        context=asked.context if of_cart.context is None else of_cart.context,
        attribution=asked.attribution if asked.attribution is not None else of_cart.attribution,
        keep=frozenset(),
    )


async def _commit(setup: Setup, write: Write, source: Source) -> bool:
    """False when others changed or converted the cart meanwhile. Raises KeyTaken for a twin."""

    async def insert(tx: Tx) -> bool:
        try:
            return await insert_checkout_of_cart(tx, write, source)
        except RowExists:
            # The id is ours alone: it was written before the line broke.
            return True

    async def was_written(db: Read) -> bool | None:
        return await find_written(db, write)

    await fault_point("conversion.before_commit")
    is_ours = await commit(
        setup.pool, insert, was_written, certain_within_s=setup.timings.certainty_within_s
    )
    await fault_point("conversion.committed")
    return is_ours


async def _answer_with(setup: Setup, call: Call, checkout: Checkout) -> Answer:
    """Show the checkout; with a key the answer is kept, though nothing was changed."""
    reply = (call.render_known or call.render)(checkout)
    if call.key is not None:
        await _keep(setup, claim_of(call.scope, call.key), checkout.id, reply)
    return Answer(reply=reply, checkout_id=checkout.id)


async def _keep(setup: Setup, claim: Claim, checkout_id: str, reply: bytes) -> None:
    async def keep(tx: Tx) -> bool:
        await claim_answer(tx, claim, checkout_id, reply)
        return True

    async def was_written(db: Read) -> bool | None:
        return await find_claimed(db, claim, reply)

    await fault_point("conversion.before_answer")
    await commit(setup.pool, keep, was_written, certain_within_s=setup.timings.certainty_within_s)
    await fault_point("conversion.answered")
