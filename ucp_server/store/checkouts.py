"""Rows of checkouts. Every write names the revision that was read and keeps the reply with it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import msgspec

from ucp_server.domain.addresses import content_hash
from ucp_server.domain.checkout import Checkout
from ucp_server.domain.fulfillment import Address, NewAddress
from ucp_server.store.carts import IS_THERE, reflecting
from ucp_server.store.claims import Claim, claim_parameters, claiming
from ucp_server.store.database import Read, Tx
from ucp_server.store.documents import decode_checkout, encode
from ucp_server.store.violations import violations


@dataclass(frozen=True, slots=True)
class StoredCheckout:
    """``is_over`` when it is still open in its row but its time has passed by Postgres's clock."""

    checkout: Checkout
    is_over: bool


@dataclass(frozen=True, slots=True)
class Write:
    """``checkout`` as it becomes, the claim and the bytes that answer it, addresses to remember.

    Without a key there is no ``claim``, and the reply is not kept. With ``lines_changed`` the cart that
    the checkout was made of gets its lines.
    """

    checkout: Checkout
    reply: bytes
    claim: Claim | None = None
    new_addresses: Sequence[NewAddress] = ()
    lines_changed: bool = False


@dataclass(frozen=True, slots=True)
class Source:
    """The cart of a new checkout, as it was read; ``checkout_id`` is that of its last one, now over."""

    cart_id: str
    revision: int
    checkout_id: str | None


class _Remembered(msgspec.Struct):
    """An address as the statement reads it."""

    owner: str
    id: str
    hash: str
    address: Address


LOAD_CHECKOUT: Final = """
select document, state = 'open' and expires_at <= now()
from checkouts where merchant_id = $1 and id = $2 and platform_id = $3
"""


async def load_checkout(
    db: Read, merchant_id: str, platform_id: str, checkout_id: str
) -> StoredCheckout | None:
    row = await db.fetchrow(LOAD_CHECKOUT, merchant_id, checkout_id, platform_id)
    return None if row is None else StoredCheckout(decode_checkout(row[0]), row[1])


LOAD_CHECKOUT_OF_ANY: Final = """
select document, state = 'open' and expires_at <= now()
from checkouts where merchant_id = $1 and id = $2
"""


async def load_checkout_of_any(db: Read, merchant_id: str, checkout_id: str) -> StoredCheckout | None:
    """Whichever platform it belongs to: for its buyer's link, and for resume."""
    row = await db.fetchrow(LOAD_CHECKOUT_OF_ANY, merchant_id, checkout_id)
    return None if row is None else StoredCheckout(decode_checkout(row[0]), row[1])


# Each part selects from what the part before it returned. Only the key's conflict undoes everything.
_FOLLOWING = f"""
{claiming(8)}, remembered as (
    insert into addresses (merchant_id, customer_id, id, content_hash, address)
    select w.merchant_id, a.owner, a.id, decode(a.hash, 'hex'), a.address
    from written w cross join jsonb_to_recordset($12::jsonb)
        as a (owner text, id text, hash text, address jsonb)
    on conflict do nothing
)
"""

INSERT_CHECKOUT: Final = f"""
with written as (
    insert into checkouts (merchant_id, id, platform_id, revision, state, expires_at, document)
    values ($1, $2, $3, $4, $5, $6, $7)
    returning merchant_id, id, platform_id
), {_FOLLOWING}
select count(*) from written
"""


# A cart is made into one checkout at a time: whoever names the checkout that stood there when the cart
# was read, in the revision that was read, makes the next one, unless that one became an order meanwhile.
INSERT_CHECKOUT_OF_CART: Final = f"""
with linked as (
    update carts c set checkout_id = $2
    where c.merchant_id = $1 and c.id = $13 and c.platform_id = $3 and c.revision = $14
      and c.checkout_id is not distinct from $15 and {IS_THERE}
    returning c.id
), written as (
    insert into checkouts (merchant_id, id, platform_id, revision, state, expires_at, document)
    select $1, $2, $3, $4, $5, $6, $7 from linked
    returning merchant_id, id, platform_id
), {_FOLLOWING}
select count(*) from written
"""


async def insert_checkout(tx: Tx, write: Write) -> None:
    """Raises KeyTaken, and RowExists when this very checkout is there already."""
    with violations():
        await tx.fetchval(INSERT_CHECKOUT, *_parameters(write))


async def insert_checkout_of_cart(tx: Tx, write: Write, source: Source) -> bool:
    """Write the cart's next checkout and link them; False when others changed or converted the cart.

    Raises as `insert_checkout`.
    """
    linking = (source.cart_id, source.revision, source.checkout_id)
    with violations():
        return await tx.fetchval(INSERT_CHECKOUT_OF_CART, *_parameters(write), *linking) == 1


# A challenge that the buyer was sent to is about the basket as it was: let resume void it.
_UPDATING = """
written as (
    update checkouts set revision = $4, state = $5, expires_at = $6, document = $7
    where merchant_id = $1 and id = $2 and platform_id = $3
      and revision = $4 - 1 and state = 'open' and expires_at > now()
    returning merchant_id, id, platform_id
), superseded as (
    update attempts a set lease_until = now() from written w
    where a.merchant_id = w.merchant_id and a.checkout_id = w.id and a.state = 'action_needed'
)
"""

UPDATE_CHECKOUT: Final = f"""
with {_UPDATING}, {_FOLLOWING}
select count(*) from written
"""

# The buyer who goes back to the shop finds in the cart what is in the checkout now (UCP, cart,
# "Cart-to-Checkout Conversion").
UPDATE_CHECKOUT_OF_CART: Final = f"""
with {_UPDATING}, {_FOLLOWING}, {reflecting(once="written", cart="$13", lines="$14")}
select count(*) from written
"""


async def update_checkout(tx: Tx, write: Write) -> bool:
    """Write the checkout over the open revision before it; False when that one is gone.

    Raises KeyTaken.
    """
    checkout = write.checkout
    with violations():
        if checkout.cart_id is None or not write.lines_changed:
            return await tx.fetchval(UPDATE_CHECKOUT, *_parameters(write)) == 1
        lines = encode({"lines": checkout.basket.lines, "lines_made": checkout.basket.lines_made})
        reflected = (*_parameters(write), checkout.cart_id, lines)
        return await tx.fetchval(UPDATE_CHECKOUT_OF_CART, *reflected) == 1


def _parameters(write: Write) -> tuple[object, ...]:
    checkout = write.checkout
    return (
        checkout.merchant_id,
        checkout.id,
        checkout.platform_id,
        checkout.revision,
        checkout.state,
        checkout.expires_at,
        encode(checkout),
        *claim_parameters(write.claim, write.reply),
        encode(
            [
                _Remembered(a.owner, a.id, content_hash(a.address).hex(), a.address)
                for a in write.new_addresses
            ]
        ),
    )


_EXPIRED = """
set state = 'expired', revision = c.revision + 1,
    document = c.document || jsonb_build_object(
        'state', 'expired', 'revision', c.revision + 1, 'updated_at', now())
"""

EXPIRE_CHECKOUT: Final = f"""
update checkouts c {_EXPIRED}
where c.merchant_id = $1 and c.id = $2 and c.state = 'open' and c.expires_at <= now()
returning c.document
"""


async def expire_checkout(tx: Tx, merchant_id: str, checkout_id: str) -> Checkout | None:
    """Write down that its time is over; None when it was not open any more."""
    document = await tx.fetchval(EXPIRE_CHECKOUT, merchant_id, checkout_id)
    return decode_checkout(document) if isinstance(document, bytes) else None


EXPIRE_DUE: Final = f"""
update checkouts c {_EXPIRED}
from (
    select merchant_id, id from checkouts
    where state = 'open' and expires_at <= now()
    order by expires_at limit $1 for update skip locked
) due
where c.merchant_id = due.merchant_id and c.id = due.id
"""


async def expire_due(tx: Tx, limit: int) -> int:
    """Expire at most ``limit`` checkouts whose time is over."""
    return await tx.execute(EXPIRE_DUE, limit)
