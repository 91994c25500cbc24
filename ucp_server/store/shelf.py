"""Items, stock and the buyer's addresses in one round trip: all that a quote reads afresh."""

from collections.abc import Sequence
from typing import Final

from asyncpg import Record

from ucp_server.domain.addresses import owner_of
from ucp_server.ports import Shelf
from ucp_server.store.catalog import item_of
from ucp_server.store.customers import ADDRESSES_SHOWN_MAX, customer_of
from ucp_server.store.database import Pool, read

_ITEMS = """
select 'item' as kind, i.id, i.title, i.price_minor, i.currency, i.detail as document,
       v.on_hand - v.reserved as available, 0 as place
from items i
left join inventory v on v.merchant_id = i.merchant_id and v.item_id = i.id
where i.merchant_id = $1 and i.id = any($2::text[])
"""

LOOK: Final = _ITEMS

LOOK_FOR_CUSTOMER: Final = f"""
with customer as (
    select c.id from customers c where c.merchant_id = $1 and lower(c.email) = lower($3)
)
{_ITEMS}
union all
select 'customer', c.id, null, null, null, null, null, 0 from customer c
union all
(select 'address', a.id, null, null, null, a.address, null,
        row_number() over (order by a.position nulls last, a.created_at desc, a.id) as place
 from addresses a
 where a.merchant_id = $1 and a.customer_id in (select $4 union all select c.id from customer c)
 order by place
 limit {ADDRESSES_SHOWN_MAX})
order by place
"""


class PostgresShop:
    """`Shop` over our tables, in one statement."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def look(self, merchant_id: str, item_ids: Sequence[str], email: str | None) -> Shelf:
        async with read(self._pool) as db:
            if email is None:
                rows = await db.fetch(LOOK, merchant_id, list(item_ids))
            else:
                rows = await db.fetch(
                    LOOK_FOR_CUSTOMER, merchant_id, list(item_ids), email.strip(), owner_of(email)
                )
        return _shelf(rows, with_customer=email is not None)


def _shelf(rows: Sequence[Record], *, with_customer: bool) -> Shelf:
    items = [row for row in rows if row["kind"] == "item"]
    about = [(row["kind"], row["id"], row["document"]) for row in rows if row["kind"] != "item"]
    return Shelf(
        items={
            row["id"]: item_of(
                row["id"], row["title"], row["price_minor"], row["currency"], row["document"]
            )
            for row in items
        },
        available={row["id"]: row["available"] for row in items if row["available"] is not None},
        customer=customer_of(about) if with_customer else None,
    )
