"""Rows of carts. Every write names the revision that was read and keeps the reply with it."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from ucp_server.domain.cart import Cart
from ucp_server.store.claims import Claim, claim_parameters, claiming
from ucp_server.store.database import Read, Tx
from ucp_server.store.documents import decode_cart, encode
from ucp_server.store.violations import violations


@dataclass(frozen=True, slots=True)
class StoredCart:
    """``checkout_id`` is that of the last checkout that was made of it."""

    cart: Cart
    checkout_id: str | None


@dataclass(frozen=True, slots=True)
class CartWrite:
    """``cart`` as it becomes, or was at last; without a key there is no ``claim``."""

    cart: Cart
    reply: bytes
    claim: Claim | None = None


# Of the row c. What became an order is sold; whoever wants more begins anew.
IS_THERE: Final = """
c.expires_at > now() and not exists (
    select from checkouts k
    where k.merchant_id = c.merchant_id and k.id = c.checkout_id and k.state = 'completed')
"""

LOAD_CART: Final = f"""
select c.document, c.checkout_id from carts c
where c.merchant_id = $1 and c.id = $2 and ($3::text is null or c.platform_id = $3) and {IS_THERE}
"""


async def load_cart(
    db: Read, merchant_id: str, cart_id: str, *, platform_id: str | None
) -> StoredCart | None:
    """The cart if it is still one; with a ``platform_id`` only that platform's."""
    row = await db.fetchrow(LOAD_CART, merchant_id, cart_id, platform_id)
    if row is None:
        return None
    document, checkout_id = row
    return StoredCart(decode_cart(document), None if checkout_id is None else str(checkout_id))


INSERT_CART: Final = f"""
with written as (
    insert into carts (merchant_id, id, platform_id, revision, expires_at, document)
    values ($1, $2, $3, $4, $5, $6)
    returning merchant_id, id, platform_id
), {claiming(7)}
select count(*) from written
"""


async def insert_cart(tx: Tx, write: CartWrite) -> None:
    """Raises KeyTaken, and RowExists when this very cart is there already."""
    with violations():
        await tx.fetchval(INSERT_CART, *_parameters(write))


UPDATE_CART: Final = f"""
with written as (
    update carts c set revision = $4, expires_at = $5, document = $6
    where c.merchant_id = $1 and c.id = $2 and c.platform_id = $3 and c.revision = $4 - 1 and {IS_THERE}
    returning c.merchant_id, c.id, c.platform_id
), {claiming(7)}
select count(*) from written
"""


async def update_cart(tx: Tx, write: CartWrite) -> bool:
    """Write the cart over the revision before it; False when that one is gone. Raises KeyTaken."""
    with violations():
        return await tx.fetchval(UPDATE_CART, *_parameters(write)) == 1


DELETE_CART: Final = f"""
with written as (
    delete from carts c
    where c.merchant_id = $1 and c.id = $2 and c.platform_id = $3 and c.revision = $4 and {IS_THERE}
    returning c.merchant_id, c.id, c.platform_id
), {claiming(5)}
select count(*) from written
"""


async def delete_cart(tx: Tx, write: CartWrite) -> bool:
    """Remove the cart in the revision that was read; False when that one is gone. Raises KeyTaken."""
    cart = write.cart
    scope = (cart.merchant_id, cart.id, cart.platform_id, cart.revision)
    with violations():
        return await tx.fetchval(DELETE_CART, *scope, *claim_parameters(write.claim, write.reply)) == 1


def _parameters(write: CartWrite) -> tuple[object, ...]:
    cart = write.cart
    return (
        cart.merchant_id,
        cart.id,
        cart.platform_id,
        cart.revision,
        cart.expires_at,
        encode(cart),
        *claim_parameters(write.claim, write.reply),
    )


def reflecting(*, once: str, cart: str, lines: str) -> str:
    """A part that puts ``lines`` (jsonb, members of a basket) into the cart of a checkout.

    The checkout is the row (merchant_id, id) of the part named ``once``; a cart that has a later one,
    or is gone, is left alone.
    """
    return f"""
reflected as (
    update carts c set
        revision = c.revision + 1,
        document = c.document || jsonb_build_object(
            'revision', c.revision + 1, 'basket', (c.document -> 'basket') || {lines}::jsonb)
    from {once} o
    where c.merchant_id = o.merchant_id and c.id = {cart}::uuid and c.checkout_id = o.id
)
"""


DELETE_EXPIRED_CARTS: Final = """
delete from carts c using (
    select merchant_id, id from carts
    where expires_at <= $1 order by expires_at limit $2
    for update skip locked
) old
where c.merchant_id = old.merchant_id and c.id = old.id
"""


async def delete_expired_carts(tx: Tx, now: datetime, limit: int) -> int:
    """Remove at most ``limit`` carts whose time is over; nobody finds those anyhow."""
    return await tx.execute(DELETE_EXPIRED_CARTS, now, limit)
