"""What the merchant sells, in our own tables."""

from collections.abc import Mapping, Sequence

import msgspec

from ucp_server.domain.catalog import (
    Barcode,
    Category,
    Item,
    Media,
    ProductOption,
    Rating,
    StockStatus,
    UnitPrice,
)
from ucp_server.domain.money import Money
from ucp_server.store.database import Pool, read


class Translation(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Texts in another language; one of None is as in the shop's own."""

    title: str | None = None
    description: str | None = None


class ItemDetail(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
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
    options: dict[str, str] = {}
    list_price_minor: int | None = None
    sku: str | None = None
    barcodes: tuple[Barcode, ...] = ()
    handle: str | None = None
    url: str | None = None
    categories: tuple[Category, ...] = ()
    media: tuple[Media, ...] = ()
    rating: Rating | None = None
    tags: tuple[str, ...] = ()
    unit_price: UnitPrice | None = None
    status: StockStatus | None = None
    translations: dict[str, Translation] = {}


class ItemRow(msgspec.Struct, frozen=True, kw_only=True):
    """What can be put on a line: a row of ``items``. Its price is in the merchant's currency."""

    id: str
    title: str
    price_minor: int
    detail: ItemDetail


class ProductDetail(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What ``products.detail`` holds: the members of `Product` that have no column.

    ``language`` (BCP 47) is that of the title and the description; ``brand`` is only searched.
    """

    description: str = ""
    language: str = "en"
    options: tuple[ProductOption, ...] = ()
    brand: str | None = None
    handle: str | None = None
    url: str | None = None
    categories: tuple[Category, ...] = ()
    media: tuple[Media, ...] = ()
    rating: Rating | None = None
    tags: tuple[str, ...] = ()
    translations: dict[str, Translation] = {}


class ProductRow(msgspec.Struct, frozen=True, kw_only=True):
    """A product with its variants, at least one, in the shop's order.

    What has no variants of its own is one item of the same id. The items' ``detail.product_id`` is
    ``id``, or None where both ids are one.
    """

    id: str
    title: str
    detail: ProductDetail
    items: tuple[ItemRow, ...]


_decode_detail = msgspec.json.Decoder(ItemDetail).decode

LOAD_ITEMS = """
select id, title, price_minor, currency, detail
from items where merchant_id = $1 and id = any($2::text[])
"""


class PostgresCatalog:
    """`Catalog` over the table ``items``."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def items(self, merchant_id: str, item_ids: Sequence[str]) -> Mapping[str, Item]:
        async with read(self._pool) as db:
            rows = await db.fetch(LOAD_ITEMS, merchant_id, list(item_ids))
        return {row["id"]: item_of(*row) for row in rows}


def item_of(item_id: str, title: str, price_minor: int, currency: str, detail: bytes) -> Item:
    """A row of ``items`` as a value."""
    more = _decode_detail(detail)
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
