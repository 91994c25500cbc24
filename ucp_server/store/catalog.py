"""What the merchant sells, in our own tables."""

from collections.abc import Mapping, Sequence

import msgspec

from ucp_server.domain.catalog import Item
from ucp_server.domain.money import Money
from ucp_server.store.database import Pool, read


class ItemDetail(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What ``items.detail`` holds: the members of `Item` that have no column."""

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
