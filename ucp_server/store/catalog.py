"""What the merchant sells, in our own tables: what can be put on a line, and what is shown of it."""

from collections.abc import Callable, Mapping, Sequence
from itertools import groupby
from operator import itemgetter
from typing import Final

import msgspec
from asyncpg import Record

from ucp_server.domain.catalog import (
    Availability,
    Barcode,
    Choice,
    Displayed,
    Item,
    Market,
    Media,
    Named,
    Product,
    ProductOption,
    Search,
    StockStatus,
    UnitPrice,
    Variant,
)
from ucp_server.domain.money import Money
from ucp_server.store.catalog_search import Finder, Stage
from ucp_server.store.database import Pool, Read, read
from ucp_server.store.search_text import looks_like_a_code


class Translation(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Texts in another language; one of None is as in the shop's own."""

    title: str | None = None
    description: str | None = None


class ItemDetail(Displayed, frozen=True, kw_only=True, omit_defaults=True):
    """What ``items.detail`` holds: the members of `Item` that have no column, and of `Variant`.

    ``options`` are the choices that lead to it. ``status`` is what the shop says beside its stock:
    what can be bought without being there (``preorder``, ``backorder``), or never again
    (``discontinued``). ``translations`` are by BCP 47 tag.
    """

    product_id: str | None = None
    image_url: str | None = None
    category: str | None = None
    tax_category: str | None = None
    ships: bool = True
    needs_review: bool = False
    quantity_max: int | None = None
    weight_g: int = 0
    description: str | None = None
    options: dict[str, str] = msgspec.field(default_factory=dict)
    list_price_minor: int | None = None
    sku: str | None = None
    barcodes: tuple[Barcode, ...] = ()
    unit_price: UnitPrice | None = None
    status: StockStatus | None = None
    translations: dict[str, Translation] = msgspec.field(default_factory=dict)


class ItemRow(msgspec.Struct, frozen=True, kw_only=True):
    """What can be put on a line: a row of ``items``. Its price is in the merchant's currency."""

    id: str
    title: str
    price_minor: int
    detail: ItemDetail


class ProductDetail(Displayed, frozen=True, kw_only=True, omit_defaults=True):
    """What ``products.detail`` holds: the members of `Product` that have no column.

    ``language`` (BCP 47) is that of the title and the description; ``brand`` is only searched.
    """

    description: str = ""
    language: str = "en"
    options: tuple[ProductOption, ...] = ()
    brand: str | None = None
    translations: dict[str, Translation] = msgspec.field(default_factory=dict)


class ProductRow(msgspec.Struct, frozen=True, kw_only=True):
    """A product with its variants, at least one, in the shop's order.

    What has no variants of its own is one item of the same id. The items' ``detail.product_id`` is
    ``id``, or None where both ids are one.
    """

    id: str
    title: str
    detail: ProductDetail
    items: tuple[ItemRow, ...]


# What is for sale in no way, however many there are; `items.is_sold` says the same.
UNSOLD: Final[tuple[StockStatus, ...]] = ("out_of_stock", "discontinued")

_decode_detail: Final = msgspec.json.Decoder(ItemDetail).decode
_decode_product_detail: Final = msgspec.json.Decoder(ProductDetail).decode

LOAD_ITEMS = """
select id, title, price_minor, currency, detail
from items where merchant_id = $1 and id = any($2::text[])
"""

# An id comes before a name that reads the same, and a product before its variant of the same id.
RESOLVE: Final = """
with asked as (select * from unnest($2::text[], $3::text[]) as asked (id, name))
select a.id as asked, p.id as product_id, null as item_id, 1 as rank
from asked a join products p on p.merchant_id = $1 and p.id = a.id
union all
select a.id, i.product_id, i.id, 2
from asked a
join items i on i.merchant_id = $1 and i.id = a.id
join products p on p.merchant_id = $1 and p.id = i.product_id
where i.id <> i.product_id
union all
select a.id, n.product_id, nullif(n.item_id, ''), 3
from asked a join product_names n on n.merchant_id = $1 and n.name = a.name
order by rank, product_id, item_id
"""

# The product's own row is sent once, with the first of its items.
LOAD_PRODUCTS: Final = """
select p.id as product_id, i.id, i.title, i.price_minor, i.currency, i.detail,
       v.on_hand - v.reserved as left_over,
       case when row_number() over of_product = 1 then p.title end as product_title,
       case when row_number() over of_product = 1 then p.detail end as product_detail
from products p
join items i on i.merchant_id = p.merchant_id and i.product_id = p.id
left join inventory v on v.merchant_id = i.merchant_id and v.item_id = i.id
where p.merchant_id = $1 and p.id = any($2::text[])
window of_product as (partition by p.id order by i.position, i.id)
order by p.id, i.position, i.id
"""


class PostgresCatalog:
    """`Catalog` over our own tables.

    ``stages`` counts how searches found what they found, and ``note`` is told each time.
    """

    def __init__(self, pool: Pool, note: Callable[[str], None] | None = None) -> None:
        self._pool = pool
        self._finder = Finder(note)

    @property
    def stages(self) -> Mapping[Stage, int]:
        return self._finder.stages

    async def items(self, merchant_id: str, item_ids: Sequence[str]) -> Mapping[str, Item]:
        async with read(self._pool) as db:
            rows = await db.fetch(LOAD_ITEMS, merchant_id, list(item_ids))
        return {row["id"]: item_of(*row) for row in rows}

    async def search(self, merchant_id: str, search: Search, limit: int) -> Sequence[str]:
        async with read(self._pool) as db:
            named = await self._named(db, merchant_id, search.query)
            return await self._finder.find(db, merchant_id, search, limit, named)

    async def _named(self, db: Read, merchant_id: str, query: str | None) -> list[str]:
        """Products that a query names by a number or a code; a mere word is no name."""
        asked = (query or "").strip()
        if not looks_like_a_code(asked):
            return []
        rows = await db.fetch(RESOLVE, merchant_id, [asked], [asked.casefold()])
        return [row["product_id"] for row in rows]

    async def resolve(self, merchant_id: str, ids: Sequence[str]) -> Mapping[str, Sequence[Named]]:
        names = [one.strip().casefold() for one in ids]
        async with read(self._pool) as db:
            rows = await db.fetch(RESOLVE, merchant_id, list(ids), names)
        meanings: dict[str, dict[Named, None]] = {}
        for row in rows:
            named = Named(row["product_id"], row["item_id"])
            meanings.setdefault(row["asked"], {})[named] = None
        return {asked: tuple(these) for asked, these in meanings.items()}

    async def products(
        self, merchant_id: str, product_ids: Sequence[str], market: Market
    ) -> Mapping[str, Product]:
        async with read(self._pool) as db:
            rows = await db.fetch(LOAD_PRODUCTS, merchant_id, list(product_ids))
        return {
            id_: _product(id_, list(theirs), market.language)
            for id_, theirs in groupby(rows, key=itemgetter("product_id"))
        }


def _product(product_id: str, rows: Sequence[Record], language: str | None) -> Product:
    title, detail = rows[0]["product_title"], _decode_product_detail(rows[0]["product_detail"])
    told = _translated(detail.translations, language)
    variants = tuple(_in_words_of(_variant(row, language), title, detail.description, told) for row in rows)
    return Product(
        id=product_id,
        title=told.title or title,
        description=told.description or detail.description,
        variants=variants,
        options=detail.options,
        handle=detail.handle,
        url=detail.url,
        categories=detail.categories,
        media=detail.media or variants[0].media,
        rating=detail.rating,
        tags=detail.tags,
    )


def _variant(row: Record, language: str | None) -> Variant:
    more = _decode_detail(row["detail"])
    told = _translated(more.translations, language)
    item = _item(row["id"], row["title"], row["price_minor"], row["currency"], more)
    return Variant(
        id=item.id,
        title=told.title or item.title,
        description=told.description or more.description or "",
        price=item.price,
        availability=_availability(more.status, row["left_over"]),
        list_price_minor=more.list_price_minor,
        choices=tuple(Choice(name, label) for name, label in more.options.items()),
        sku=more.sku,
        barcodes=more.barcodes,
        handle=more.handle,
        url=more.url,
        categories=more.categories,
        media=more.media or ((Media(type="image", url=more.image_url),) if more.image_url else ()),
        rating=more.rating,
        tags=more.tags,
        unit_price=more.unit_price,
        item=item,
    )


def _in_words_of(variant: Variant, title: str, description: str, told: Translation) -> Variant:
    """What a variant says in its product's words, it says in those that its product is ``told`` in."""
    if told.title and variant.title.startswith(title):
        variant = msgspec.structs.replace(variant, title=told.title + variant.title.removeprefix(title))
    if told.description and variant.description == description:
        variant = msgspec.structs.replace(variant, description=told.description)
    return variant


def _translated(translations: Mapping[str, Translation], language: str | None) -> Translation:
    """In the asked language, or in one with the same first subtag: ``de`` for ``de-AT``."""
    wanted = (language or "").lower()
    by_tag = {tag.lower(): texts for tag, texts in translations.items()}
    return by_tag.get(wanted) or by_tag.get(wanted.partition("-")[0]) or Translation()


def _availability(status: StockStatus | None, left_over: int | None) -> Availability:
    """What a checkout would say: pieces that are counted have to be there, whatever is promised."""
    if status in UNSOLD:
        return Availability(available=False, status=status)
    if left_over is not None and left_over <= 0:
        return Availability(available=False, status="out_of_stock")
    return Availability(available=True, status=status or "in_stock")


def item_of(item_id: str, title: str, price_minor: int, currency: str, detail: bytes) -> Item:
    """A row of ``items`` as a value."""
    return _item(item_id, title, price_minor, currency, _decode_detail(detail))


def _item(item_id: str, title: str, price_minor: int, currency: str, more: ItemDetail) -> Item:
    return Item(
        id=item_id,
        title=title,
        price=Money(price_minor, currency),
        product_id=more.product_id,
        image_url=more.image_url,
        category=more.category,
        tax_category=more.tax_category,
        ships=more.ships,
        needs_review=more.needs_review,
        quantity_max=more.quantity_max,
        weight_g=more.weight_g,
        description=more.description,
        options=more.options,
    )
