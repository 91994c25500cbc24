"""A shop from files into our tables: all of it, or nothing.

The merchant's own rows are replaced; what happened since stays: pieces reserved and sold, and the
addresses that buyers told us. A quote sees either the old shop or the new one.
"""

import contextlib
from collections.abc import Awaitable, Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import msgspec

from ucp_server.domain.addresses import content_hash
from ucp_server.domain.errors import StoreUnavailable
from ucp_server.store.bulk import insert_rows, read_rows
from ucp_server.store.channels import replace_channels
from ucp_server.store.csv_rows import BadRow, CsvFolder, CutText, Progress, unwatched
from ucp_server.store.database import Pool, Tx, read, retrying, statement, transaction
from ucp_server.store.feed import read_feed
from ucp_server.store.picture_files import PictureFile, PictureFiles
from ucp_server.store.product_cells import ProductReader
from ucp_server.store.product_tables import limits
from ucp_server.store.products import replace_products
from ucp_server.store.rules import Category
from ucp_server.store.shop_tables import ShopTables, read_shop

BAD_ROWS_TOLD_MAX: Final = 20


class Imported(msgspec.Struct, frozen=True, kw_only=True):
    """``counts`` by table; ``ignored`` names columns that mean nothing to us, ``cut`` shortened texts."""

    counts: Mapping[str, int]
    ignored: tuple[str, ...]
    cut: tuple[CutText, ...] = ()


class BadShop(Exception):
    """Nothing was loaded. ``bad`` are all bad rows; the text names the first of them."""

    def __init__(self, bad: Sequence[BadRow]) -> None:
        self.bad = tuple(bad)
        told = [str(row) for row in self.bad[:BAD_ROWS_TOLD_MAX]]
        more = len(self.bad) - len(told)
        super().__init__("\n".join([*told, *([f"and {more} more"] if more else [])]))


async def import_shop(
    pool: Pool, merchant_id: str, currency: str, folder: Path, *, progress: Progress = unwatched
) -> Imported:
    """Replace the merchant's shop by the files in ``folder``; prices are in ``currency``.

    Raises `BadShop`, and `StoreUnavailable` where Postgres does not take it; both change nothing.
    """
    reading = read_shop(folder, currency, datetime.now(UTC), progress)
    if reading.bad:
        raise BadShop(reading.bad)
    tables = reading.tables

    async def write(tx: Tx) -> None:
        await replace_products(tx, merchant_id, currency, tables.products, progress)
        await _write(tx, merchant_id, tables)
        taken = await replace_channels(tx, merchant_id, tables.channels)
        if taken:
            raise BadShop(taken)
        await _stock(tx, merchant_id, tables.stock, frozenset())

    await _written(pool, write)
    return Imported(counts=_counts(tables), ignored=reading.ignored, cut=reading.cut)


async def import_feed(
    pool: Pool, merchant_id: str, currency: str, file: Path, *, progress: Progress = unwatched
) -> Imported:
    """Replace the merchant's products by the lines of ``file``; all else of the shop stays.

    So do the pieces of items of which the feed counts none. Pictures that it names by a path stand
    beside it. Raises as `import_shop` does.
    """
    files, pictures = CsvFolder(file.parent, progress), PictureFiles(file.parent)
    categories = await _load_categories(pool, merchant_id)
    reader = ProductReader(categories, pictures, currency=currency, now=datetime.now(UTC))
    goods = read_feed(files, file, reader)
    if files.bad:
        raise BadShop(files.bad)
    items = goods.items
    stock = limits(goods.quantities, items)
    uncounted = items.keys() - goods.quantities.keys()

    async def write(tx: Tx) -> None:
        await replace_products(tx, merchant_id, currency, goods.products, progress)
        await _pictures(tx, merchant_id, tuple(pictures.found.values()))
        await _stock(tx, merchant_id, stock, uncounted)

    await _written(pool, write)
    counts = {
        "products": len(goods.products),
        "items": len(items),
        "inventory": len(stock),
        "pictures": len(pictures.found),
    }
    return Imported(counts=counts, ignored=tuple(files.ignored), cut=tuple(files.cut))


async def _written(pool: Pool, write: Callable[[Tx], Awaitable[None]]) -> None:
    async def whole() -> None:
        async with transaction(pool) as tx:
            await write(tx)

    await retrying(whole)
    for sql in ANALYZE:
        # The shop is loaded whatever comes of it; on a busy machine Postgres looks a minute later.
        with contextlib.suppress(StoreUnavailable):
            async with statement(pool) as tx:
                await tx.execute(sql)


async def _load_categories(pool: Pool, merchant_id: str) -> dict[str, Category]:
    async with read(pool) as db:
        rows = await db.fetch(LOAD_CATEGORIES, merchant_id)
    return {row["id"]: msgspec.json.decode(row["rule"], type=Category) for row in rows}


def _counts(tables: ShopTables) -> dict[str, int]:
    channels = tables.channels
    return {
        "products": len(tables.products),
        "items": sum(len(product.items) for product in tables.products),
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
ANALYZE: Final = tuple(
    f"analyze {table}"
    for table in (
        "items",
        "inventory",
        "addresses",
        "eligibility",
        "offers",
        "products",
        "product_heads",
        "product_words",
        "vocabulary",
    )
)

LOAD_CATEGORIES: Final = "select id, rule from shop_rules where merchant_id = $1 and kind = 'category'"

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
LOAD_COUNTED: Final = """
select item_id, on_hand, reserved from inventory where merchant_id = $1 and item_id > $2
order by item_id limit $3
"""
DELETE_INVENTORY: Final = "delete from inventory where merchant_id = $1 and item_id = any($2::text[])"

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


async def _write(tx: Tx, merchant_id: str, tables: ShopTables) -> None:
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
    await _pictures(tx, merchant_id, tables.pictures)


async def _pictures(tx: Tx, merchant_id: str, pictures: Sequence[PictureFile]) -> None:
    await tx.execute(DELETE_PICTURES, merchant_id)
    rows = ((one.path, one.media_type, one.content) for one in pictures)
    await insert_rows(tx, INSERT_PICTURES, merchant_id, rows=rows)


async def _stock(tx: Tx, merchant_id: str, stock: Mapping[str, int], uncounted: AbstractSet[str]) -> None:
    """Set the pieces that ``stock`` names, keep those of ``uncounted``; nothing else is limited then.

    Buyers wait for rows that are written here: it is the last that is done, it leaves alone what stays
    as it was, and rows are locked in the order in which attempts lock them.
    """
    rows = await read_rows(tx, LOAD_COUNTED, merchant_id)
    counted = {row["item_id"]: (row["on_hand"], row["reserved"]) for row in rows}
    gone = ((item_id,) for item_id in sorted(counted.keys() - stock.keys() - uncounted))
    changed = (
        (item_id, quantity)
        for item_id, quantity in sorted(stock.items())
        if item_id not in counted or counted[item_id][0] != max(quantity, counted[item_id][1])
    )
    await insert_rows(tx, DELETE_INVENTORY, merchant_id, rows=gone)
    await insert_rows(tx, UPSERT_INVENTORY, merchant_id, rows=changed)
