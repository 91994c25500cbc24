"""``products.csv`` and ``variants.csv``: what a shop shows, and what of it can be put on a line."""

from collections.abc import Mapping, Sequence
from typing import Final

import msgspec

from ucp_server.store.catalog import ItemRow, ProductRow
from ucp_server.store.csv_rows import CellError, Cells, CsvFolder, by_id, once
from ucp_server.store.product_cells import (
    PREFIXES,
    PRODUCT_COLUMNS,
    VARIANT_COLUMNS,
    VARIANTS_MAX,
    ProductReader,
    Shown,
    Sold,
    whole,
)

_COMING: Final = frozenset({"preorder", "backorder"})


class Goods(msgspec.Struct, frozen=True, kw_only=True):
    """``products`` in the shop's order; ``quantities`` by item, as far as the rows count their pieces."""

    products: tuple[ProductRow, ...] = ()
    quantities: Mapping[str, int] = {}

    @property
    def items(self) -> dict[str, ItemRow]:
        """What can be put on a line, by its id."""
        return {item.id: item for product in self.products for item in product.items}


def read_goods(files: CsvFolder, reader: ProductReader) -> Goods:
    """What the two files say; bad rows are noted in ``files``."""
    shown = by_id(files, "products.csv", PRODUCT_COLUMNS, reader.product, prefix=PREFIXES)
    variants: dict[str, list[Sold]] = {}

    def read(cells: Cells) -> Sold:
        product = shown.get(cells.required("product_id"))
        if product is None:
            raise CellError(f"product_id {cells.text('product_id')} is not in products.csv")
        if cells.required("id") in shown and cells.text("id") != product.id:
            raise CellError(f"id {cells.text('id')} is a product in products.csv")
        sold = reader.variant(cells, product)
        of_product = variants.setdefault(product.id, [])
        if len(of_product) == VARIANTS_MAX:
            raise CellError(f"product {product.id} has more than {VARIANTS_MAX} variants")
        of_product.append(sold)
        return sold

    files.rows("variants.csv", VARIANT_COLUMNS, once("id", read), prefix=PREFIXES)
    return goods([(product, variants.get(product.id, [])) for product in shown.values()])


def goods(shown: Sequence[tuple[Shown, Sequence[Sold]]]) -> Goods:
    """Products with their variants; one without any is sold as itself."""
    sold = [one for product, variants in shown for one in (variants or [product.sold])]
    return Goods(
        products=tuple(whole(product, variants) for product, variants in shown),
        quantities={one.item.id: one.quantity for one in sold if one.quantity is not None},
    )


def limits(told: Mapping[str, int], items: Mapping[str, ItemRow]) -> dict[str, int]:
    """How many of each item can be had at most; one that is missing is not limited.

    What is ordered before it is there is limited by a count of it, not by the lack of one.
    """
    kept = {
        item_id: quantity
        for item_id, quantity in told.items()
        if item_id in items and not (quantity == 0 and items[item_id].detail.status in _COMING)
    }
    return kept | {id_: 0 for id_, item in items.items() if item.detail.status == "discontinued"}
