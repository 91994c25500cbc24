"""Items, stock and the buyer's addresses in one round trip: all that a quote reads afresh."""

from collections.abc import Sequence
from typing import Final

from asyncpg import Record

from ucp_server.domain.addresses import owner_of
from ucp_server.ports import Shelf
from ucp_server.store.catalog import item_of
from ucp_server.store.customers import customer_of, customer_rows
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
{_ITEMS}
union all
select c.kind, c.id, null, null, null, c.address, null, c.place
from ({customer_rows(email="$3", owner="$4")}) c
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
