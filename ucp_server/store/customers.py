"""Who the merchant knows, and the addresses that may be offered to a buyer again.

Registered customers and their addresses come from the merchant's tables. What buyers use in
checkouts is remembered under a hash of their e-mail address, registered or not.
"""

from collections.abc import Iterable, Sequence
from typing import Final

import msgspec

from ucp_server.domain.addresses import content_hash, owner_of
from ucp_server.domain.fulfillment import Address, Destination, NewAddress
from ucp_server.ports import Customer
from ucp_server.store.database import Pool, Read, Tx, read

# More than a person can choose from; it also bounds what one e-mail address can make us keep.
ADDRESSES_SHOWN_MAX: Final = 20
ADDRESSES_KEPT_MAX: Final = 50

_decode_address = msgspec.json.Decoder(Address).decode


_ORDER: Final = "a.position nulls last, a.created_at desc, a.id"


def customer_rows(*, email: str, owner: str) -> str:
    """A select of (kind, id, address, place) of merchant $1's customer; the arguments name parameters.

    By ``place`` the merchant's own addresses come first, then those the buyer used, newest first. The
    inner limit makes each owner a search of its own, however many addresses the merchant has.
    """
    return f"""
with customer as (
    select c.id from customers c where c.merchant_id = $1 and lower(c.email) = lower({email})
)
select 'customer' as kind, c.id, null::jsonb as address, 0 as place from customer c
union all
(select 'address', a.id, a.address, row_number() over (order by {_ORDER})
 from (select {owner}::text as id union all select c.id from customer c) as whose
 cross join lateral (
     select a.id, a.address, a.position, a.created_at from addresses a
     where a.merchant_id = $1 and a.customer_id = whose.id
     order by {_ORDER} limit {ADDRESSES_SHOWN_MAX}
 ) a
 order by {_ORDER} limit {ADDRESSES_SHOWN_MAX})
"""


FIND: Final = customer_rows(email="$2", owner="$3") + "order by place"

REMEMBER: Final = f"""
insert into addresses (merchant_id, customer_id, id, content_hash, address)
select $1, new.owner, new.id, new.content_hash, new.address
from unnest($2::text[], $3::text[], $4::bytea[], $5::jsonb[]) as new (owner, id, content_hash, address)
where (
    select count(*) from addresses a where a.merchant_id = $1 and a.customer_id = new.owner
) < {ADDRESSES_KEPT_MAX}
on conflict do nothing
"""


class PostgresCustomers:
    """`Customers` over our tables."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def find(self, merchant_id: str, email: str) -> Customer:
        async with read(self._pool) as db:
            rows = await db.fetch(FIND, merchant_id, email.strip(), owner_of(email))
        return customer_of((row["kind"], row["id"], row["address"]) for row in rows)


class Registered(msgspec.Struct, frozen=True, kw_only=True):
    """A customer of the merchant's own tables; ``address`` is the first of theirs."""

    name: str
    email: str
    address: Address | None = None


LOAD_REGISTERED: Final = """
select c.name, c.email, a.address from customers c
left join lateral (
    select a.address from addresses a
    where a.merchant_id = c.merchant_id and a.customer_id = c.id and a.position is not null
    order by a.position, a.id limit 1
) a on true
where c.merchant_id = $1 and c.id = $2
"""


async def load_registered(db: Read, merchant_id: str, customer_id: str) -> Registered | None:
    """Whom the merchant calls ``customer_id``; None where its tables know nobody of that name."""
    row = await db.fetchrow(LOAD_REGISTERED, merchant_id, customer_id)
    if row is None:
        return None
    address = None if row["address"] is None else _decode_address(row["address"])
    return Registered(name=row["name"], email=row["email"], address=address)


FIRST_CUSTOMER: Final = "select id from customers where merchant_id = $1 order by id limit 1"


async def first_customer(db: Read, merchant_id: str) -> str | None:
    """Somebody for an example; None where the merchant's tables know nobody."""
    found = await db.fetchval(FIRST_CUSTOMER, merchant_id)
    return None if found is None else str(found)


def customer_of(rows: Iterable[tuple[str, str, bytes | None]]) -> Customer:
    """Rows of (kind, id, address) as a value."""
    known = False
    addresses = []
    for kind, id_, address in rows:
        if address is None:
            known = known or kind == "customer"
        else:
            addresses.append(Destination(id=id_, kind="shipping_address", address=_decode_address(address)))
    return Customer(known=known, addresses=tuple(addresses))


def address_columns(new: Sequence[NewAddress]) -> tuple[list[str], list[str], list[bytes], list[bytes]]:
    """``new`` as the arrays that REMEMBER takes after the merchant: owner, id, hash, address."""
    return (
        [one.owner for one in new],
        [one.id for one in new],
        [content_hash(one.address) for one in new],
        [msgspec.json.encode(one.address) for one in new],
    )


async def remember_addresses(tx: Tx, merchant_id: str, new: Sequence[NewAddress]) -> None:
    """Keep addresses for next time; those that are kept already, and any beyond the limit, are not."""
    await tx.execute(REMEMBER, merchant_id, *address_columns(new))
