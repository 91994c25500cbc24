"""A shop from CSV files into our tables: all of it, or nothing.

The merchant's own rows are replaced; what happened since stays: pieces reserved and sold, and the
addresses that buyers told us. A quote sees either the old shop or the new one.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import msgspec

from ucp_server.domain.addresses import content_hash
from ucp_server.store.bulk import insert_rows
from ucp_server.store.channels import replace_channels
from ucp_server.store.csv_rows import BadRow
from ucp_server.store.database import Pool, Tx, retrying, statement, transaction
from ucp_server.store.shop_tables import ShopTables, read_shop

BAD_ROWS_TOLD_MAX: Final = 20


class Imported(msgspec.Struct, frozen=True, kw_only=True):
    """``counts`` by table; ``ignored`` names columns that mean nothing to us."""

    counts: Mapping[str, int]
    ignored: tuple[str, ...]


class BadShop(Exception):
    """Nothing was loaded. ``bad`` are all bad rows; the text names the first of them."""

    def __init__(self, bad: Sequence[BadRow]) -> None:
        self.bad = tuple(bad)
        told = [str(row) for row in self.bad[:BAD_ROWS_TOLD_MAX]]
        more = len(self.bad) - len(told)
        super().__init__("\n".join([*told, *([f"and {more} more"] if more else [])]))


async def import_shop(pool: Pool, merchant_id: str, currency: str, folder: Path) -> Imported:
    """Replace the merchant's shop by the files in ``folder``; prices are in ``currency``.

    Raises `BadShop`, and `StoreUnavailable` where Postgres does not take it; both change nothing.
    """
    reading = read_shop(folder)
    if reading.bad:
        raise BadShop(reading.bad)
    tables = reading.tables

    async def write() -> None:
        async with transaction(pool) as tx:
            await _write(tx, merchant_id, currency, tables)
            taken = await replace_channels(tx, merchant_id, tables.channels)
            if taken:
                raise BadShop(taken)

    await retrying(write)
    async with statement(pool) as tx:
        await tx.execute(ANALYZE)
    return Imported(counts=_counts(tables), ignored=reading.ignored)


def _counts(tables: ShopTables) -> dict[str, int]:
    channels = tables.channels
    return {
        "items": len(tables.items),
        "inventory": len(tables.stock),
        "customers": len(tables.customers),
        "addresses": len(tables.addresses),
        "eligibility": len(tables.entitled),
        "pictures": len(tables.pictures),
        **{kind: len(rules) for kind, rules in tables.rules.items()},
        **{name: len(getattr(channels, name)) for name in channels.__struct_fields__},
    }


# Plans are made once and kept: they shall not be made as for empty tables in the minute before
# Postgres looks by itself.
ANALYZE: Final = "analyze items, inventory, addresses, eligibility, offers"

UPSERT_ITEMS: Final = """
insert into items (merchant_id, id, title, price_minor, currency, detail)
select $1, new.id, new.title, new.price_minor, $2, new.detail
from unnest($3::text[], $4::text[], $5::bigint[], $6::jsonb[]) as new (id, title, price_minor, detail)
on conflict (merchant_id, id) do update set
    title = excluded.title, price_minor = excluded.price_minor, currency = excluded.currency,
    detail = excluded.detail
"""
DELETE_OTHER_ITEMS: Final = "delete from items where merchant_id = $1 and id <> all($2::text[])"

# Pieces that attempts hold at this moment are part of what is on hand, whatever the file says.
UPSERT_INVENTORY: Final = """
insert into inventory (merchant_id, item_id, on_hand, reserved)
select $1, new.item_id, greatest(new.on_hand, held.quantity), held.quantity
from unnest($2::text[], $3::bigint[]) as new (item_id, on_hand)
cross join lateral (
    select coalesce(sum(r.quantity), 0)::bigint as quantity from reservations r
    where r.merchant_id = $1 and r.item_id = new.item_id
) as held
order by new.item_id
on conflict (merchant_id, item_id) do update set on_hand = greatest(excluded.on_hand, inventory.reserved)
"""
DELETE_OTHER_INVENTORY: Final = (
    "delete from inventory where merchant_id = $1 and item_id <> all($2::text[])"
)

DELETE_CUSTOMERS: Final = "delete from customers where merchant_id = $1"
INSERT_CUSTOMERS: Final = """
insert into customers (merchant_id, id, name, email)
select $1, new.id, new.name, new.email
from unnest($2::text[], $3::text[], $4::text[]) as new (id, name, email)
"""

DELETE_OWN_ADDRESSES: Final = "delete from addresses where merchant_id = $1 and position is not null"
# The same address twice for one customer is one address.
INSERT_ADDRESSES: Final = """
insert into addresses (merchant_id, customer_id, id, content_hash, address, position)
select $1, new.customer_id, new.id, new.content_hash, new.address, new.position
from unnest($2::text[], $3::text[], $4::bytea[], $5::jsonb[], $6::integer[])
    as new (customer_id, id, content_hash, address, position)
on conflict do nothing
"""

DELETE_ENTITLED: Final = "delete from eligibility where merchant_id = $1"
INSERT_ENTITLED: Final = """
insert into eligibility (merchant_id, claim, holder)
select $1, new.claim, new.holder from unnest($2::text[], $3::text[]) as new (claim, holder)
"""

DELETE_RULES: Final = "delete from shop_rules where merchant_id = $1"
INSERT_RULES: Final = """
insert into shop_rules (merchant_id, kind, id, rule)
select $1, new.kind, new.id, new.rule
from unnest($2::text[], $3::text[], $4::jsonb[]) as new (kind, id, rule)
"""

DELETE_PICTURES: Final = "delete from pictures where merchant_id = $1"
INSERT_PICTURES: Final = """
insert into pictures (merchant_id, path, media_type, content)
select $1, new.path, new.media_type, new.content
from unnest($2::text[], $3::text[], $4::bytea[]) as new (path, media_type, content)
"""


async def _write(tx: Tx, merchant_id: str, currency: str, tables: ShopTables) -> None:
    await _items(tx, merchant_id, currency, tables)
    await tx.execute(DELETE_CUSTOMERS, merchant_id)
    customers = ((one.id, one.name, one.email) for one in tables.customers)
    await insert_rows(tx, INSERT_CUSTOMERS, merchant_id, rows=customers)
    await tx.execute(DELETE_OWN_ADDRESSES, merchant_id)
    addresses = (
        (one.customer_id, one.id, content_hash(one.address), msgspec.json.encode(one.address), position)
        for position, one in enumerate(tables.addresses)
    )
    await insert_rows(tx, INSERT_ADDRESSES, merchant_id, rows=addresses)
    await tx.execute(DELETE_ENTITLED, merchant_id)
    entitled = ((one.claim, one.holder) for one in tables.entitled)
    await insert_rows(tx, INSERT_ENTITLED, merchant_id, rows=entitled)
    await tx.execute(DELETE_RULES, merchant_id)
    rules = (
        (kind, id_, msgspec.json.encode(rule))
        for kind, by_id in tables.rules.items()
        for id_, rule in by_id.items()
    )
    await insert_rows(tx, INSERT_RULES, merchant_id, rows=rules)
    await tx.execute(DELETE_PICTURES, merchant_id)
    pictures = ((one.path, one.media_type, one.content) for one in tables.pictures)
    await insert_rows(tx, INSERT_PICTURES, merchant_id, rows=pictures)


async def _items(tx: Tx, merchant_id: str, currency: str, tables: ShopTables) -> None:
    items = (
        (item.id, item.title, item.price_minor, msgspec.json.encode(item.detail)) for item in tables.items
    )
    await insert_rows(tx, UPSERT_ITEMS, merchant_id, currency, rows=items)
    await tx.execute(DELETE_OTHER_ITEMS, merchant_id, [item.id for item in tables.items])
    # Rows are locked in the order in which attempts lock them.
    stock = sorted(tables.stock.items())
    await insert_rows(tx, UPSERT_INVENTORY, merchant_id, rows=stock)
    await tx.execute(DELETE_OTHER_INVENTORY, merchant_id, list(tables.stock))
