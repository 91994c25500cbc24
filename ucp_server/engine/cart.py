"""Carts: create, look, replace, cancel. Priced whenever they are shown, never paid, never delivered."""

from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Final

from msgspec.structs import replace

from ucp_server.domain.cart import Cart, PricedCart, as_estimate, nothing_to_be_had
from ucp_server.domain.checkout import Basket
from ucp_server.domain.errors import CartNotFound, ProblemRefused, RevisionConflict
from ucp_server.domain.fulfillment import Address, WantedDestination, WantedMethod
from ucp_server.domain.lines import WantedLine
from ucp_server.domain.methods import SHIPPING
from ucp_server.domain.quote import Quote
from ucp_server.engine.checkout import REVISIONS_TRIED_MAX
from ucp_server.engine.commands import (
    Answer,
    CancelCart,
    CartCall,
    CreateCart,
    Scope,
    UpdateCart,
    Wanted,
)
from ucp_server.engine.commits import commit
from ucp_server.engine.faults import fault_point
from ucp_server.engine.reading import is_same
from ucp_server.engine.setup import Setup
from ucp_server.engine.twins import claim_of, find_claimed
from ucp_server.store.carts import (
    CartWrite,
    StoredCart,
    delete_cart,
    insert_cart,
    load_cart,
    update_cart,
)
from ucp_server.store.database import Read, Tx, read
from ucp_server.store.ids import is_id, new_id, new_token
from ucp_server.store.violations import RowExists

# The name under which a quote is asked for the taxes of a place; nobody sees it.
_SOMEWHERE: Final = "somewhere"


async def create(setup: Setup, call: CartCall, command: CreateCart) -> Answer:
    """Raises ProblemRefused where nothing of it can be had; KeyTaken for a twin."""
    merchant, at = setup.merchants[call.scope.merchant_id], setup.clock.now()
    basket, quote = await _estimate(setup, call.scope, Basket(lines=()), command.wanted, at)
    missing = nothing_to_be_had(basket.lines, quote.problems)
    if missing is not None:
        raise ProblemRefused(missing)
    cart = Cart(
        id=new_id(),
        merchant_id=merchant.id,
        platform_id=call.scope.platform_id,
        revision=1,
        basket=basket,
        link_token=new_token(),
        created_at=at,
        updated_at=at,
        expires_at=at + timedelta(seconds=merchant.cart_ttl_s),
        subscriber=command.subscriber,
    )
    write = _write_of(call, PricedCart(cart=cart, quote=quote))
    await _commit(setup, write, _insert, _find_written)
    return Answer(reply=write.reply, checkout_id=cart.id)


async def update(setup: Setup, call: CartCall, command: UpdateCart) -> Answer:
    """Replace the basket; the cart's time begins anew.

    Raises CartNotFound, RevisionConflict; KeyTaken for a twin.
    """
    merchant = setup.merchants[call.scope.merchant_id]
    for _ in range(REVISIONS_TRIED_MAX):
        before = (await load(setup, call.scope, command.cart_id)).cart
        at = setup.clock.now()
        basket, quote = await _estimate(setup, call.scope, before.basket, command.wanted, at)
        cart = replace(
            before,
            revision=before.revision + 1,
            basket=basket,
            updated_at=at,
            expires_at=at + timedelta(seconds=merchant.cart_ttl_s),
            subscriber=command.subscriber or before.subscriber,
        )
        write = _write_of(call, PricedCart(cart=cart, quote=quote))
        if await _commit(setup, write, update_cart, _find_written):
            return Answer(reply=write.reply, checkout_id=cart.id)
    raise RevisionConflict


async def cancel(setup: Setup, call: CartCall, command: CancelCart) -> Answer:
    """Answer with the cart as it was; afterwards it is not found. Raises as `update`."""
    for _ in range(REVISIONS_TRIED_MAX):
        cart = (await load(setup, call.scope, command.cart_id)).cart
        write = _write_of(call, await _priced(setup, cart))
        if await _commit(setup, write, delete_cart, _find_gone):
            return Answer(reply=write.reply, checkout_id=cart.id)
    raise RevisionConflict


async def read_cart(setup: Setup, scope: Scope, cart_id: str) -> PricedCart:
    """The cart at today's prices. Raises CartNotFound, also for somebody else's."""
    return await _priced(setup, (await load(setup, scope, cart_id)).cart)


async def read_cart_by_link(setup: Setup, merchant_id: str, cart_id: str, token: str) -> PricedCart:
    """For whoever holds the link; a wrong token looks like an unknown cart."""
    cart = (await _load(setup, merchant_id, cart_id, None)).cart
    if not is_same(cart.link_token, token):
        raise CartNotFound(cart_id)
    return await _priced(setup, cart)


async def load(setup: Setup, scope: Scope, cart_id: str) -> StoredCart:
    """Raises CartNotFound: unknown, over, canceled, sold, or another platform's."""
    return await _load(setup, scope.merchant_id, cart_id, scope.platform_id)


async def _load(setup: Setup, merchant_id: str, cart_id: str, platform_id: str | None) -> StoredCart:
    if not is_id(cart_id):
        raise CartNotFound(cart_id)
    async with read(setup.pool) as db:
        stored = await load_cart(db, merchant_id, cart_id, platform_id=platform_id)
    if stored is None:
        raise CartNotFound(cart_id)
    await fault_point("cart.loaded")
    return stored


def wanted_again(basket: Basket) -> Wanted:
    """Everything that the cart holds, as if it were asked for once more."""
    lines = (
        WantedLine(
            item_id=line.item_id,
            quantity=line.quantity,
            id=line.id,
            parent_id=line.parent_id,
            sold_as=line.sold_as,
        )
        for line in basket.lines
    )
    return Wanted(
        lines=tuple(lines),
        buyer=basket.buyer,
        discount_codes=basket.discount_codes,
        claims=basket.claims,
        context=basket.context,
        attribution=basket.attribution,
        ship_to=basket.ship_to,
    )


async def _priced(setup: Setup, cart: Cart) -> PricedCart:
    scope = Scope(merchant_id=cart.merchant_id, platform_id=cart.platform_id)
    _, quote = await _estimate(setup, scope, cart.basket, wanted_again(cart.basket), setup.clock.now())
    return PricedCart(cart=cart, quote=quote)


async def _estimate(
    setup: Setup, scope: Scope, before: Basket, wanted: Wanted, at: datetime
) -> tuple[Basket, Quote]:
    """What the basket becomes and costs. Raises InvalidRequest, HandlerUnavailable, StoreUnavailable."""
    place = wanted.ship_to or (before.ship_to if "ship_to" in wanted.keep else None)
    asked = replace(
        wanted, methods=_bound_for(place), instruments=(), ship_to=None, keep=wanted.keep - {"methods"}
    )
    merchant = setup.merchants[scope.merchant_id]
    basket, quote = await setup.quoting.quote(scope, merchant, before, wanted=asked, at=at)
    await fault_point("cart.estimated")
    return replace(basket, methods=None, ship_to=place), as_estimate(quote)


def _bound_for(place: Address | None) -> tuple[WantedMethod, ...] | None:
    """A way to ``place`` on which nothing is chosen: its taxes count, its delivery costs nothing."""
    if place is None:
        return None
    destination = WantedDestination(id=_SOMEWHERE, address=place)
    return (WantedMethod(type=SHIPPING, destinations=(destination,), selected_destination_id=_SOMEWHERE),)


def _write_of(call: CartCall, priced: PricedCart) -> CartWrite:
    claim = claim_of(call.scope, call.key) if call.key else None
    return CartWrite(priced.cart, call.render(priced), claim)


async def _insert(tx: Tx, write: CartWrite) -> bool:
    try:
        await insert_cart(tx, write)
    except RowExists:
        # The id is ours alone: it was written before the line broke.
        return True
    return True


async def _commit(
    setup: Setup,
    write: CartWrite,
    statement: Callable[[Tx, CartWrite], Awaitable[bool]],
    find: Callable[[Read, CartWrite], Awaitable[bool | None]],
) -> bool:
    """False when the revision that was read is gone. Raises KeyTaken for a twin."""

    async def change(tx: Tx) -> bool:
        return await statement(tx, write)

    async def was_written(db: Read) -> bool | None:
        if write.claim is not None:
            return await find_claimed(db, write.claim, write.reply)
        return await find(db, write)

    await fault_point("cart.before_commit")
    is_ours = await commit(
        setup.pool, change, was_written, certain_within_s=setup.timings.certainty_within_s
    )
    await fault_point("cart.committed")
    return is_ours


async def _find_written(db: Read, write: CartWrite) -> bool | None:
    """Whether this very write is in the store; None when there is no trace of it."""
    cart = write.cart
    stored = await load_cart(db, cart.merchant_id, cart.id, platform_id=cart.platform_id)
    if stored is None or stored.cart.revision < cart.revision:
        return None
    return stored.cart == cart


async def _find_gone(db: Read, write: CartWrite) -> bool | None:
    """Whoever removed it: it is gone, as it was wanted."""
    cart = write.cart
    stored = await load_cart(db, cart.merchant_id, cart.id, platform_id=cart.platform_id)
    return True if stored is None else None
