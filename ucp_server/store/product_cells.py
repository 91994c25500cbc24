"""What a row of products or variants says, whether it came from a CSV file or from a feed.

Columns are ours where our other files have them (``price``, ``category``), and otherwise those that
product feeds share (``brand``, ``gtin``, ``unit_pricing_measure``).
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Final, NamedTuple

import msgspec

from ucp_server.domain.catalog import (
    Barcode,
    Category,
    Media,
    ProductOption,
    Rating,
    StockStatus,
    UnitPrice,
    is_absolute,
)
from ucp_server.store import notations, rules
from ucp_server.store.catalog import ItemDetail, ItemRow, ProductDetail, ProductRow, Translation
from ucp_server.store.csv_rows import CellError, Cells
from ucp_server.store.picture_files import PictureFiles
from ucp_server.store.plain_text import DESCRIPTION_CHARS_MAX, TITLE_CHARS_MAX, plain_text

OPTION: Final = "option:"
TITLE_IN: Final = "title:"
DESCRIPTION_IN: Final = "description:"
PREFIXES: Final = (OPTION, TITLE_IN, DESCRIPTION_IN)
_GOOGLE: Final = "google_product_category"
_MEASURES: Final = ("unit_pricing_measure", "unit_pricing_base_measure")
_RATING: Final = ("rating", "rating_count")
_BARCODES: Final = ("gtin", "ean", "upc", "isbn", "jan")
_ITEM: Final = (
    "id", "title", "price", "list_price", "sale_price", "sale_price_effective_date", "quantity",
    "availability", "image_url", "media", "description", "tax_category", "ships", "needs_review",
    "quantity_max", "weight_g", "shipping_weight", "sku", *_BARCODES, "handle", "url", "tags",
    *_RATING, *_MEASURES,
)  # fmt: skip
PRODUCT_COLUMNS: Final = (
    *_ITEM, "category", "product_type", _GOOGLE, "brand", "language",
)  # fmt: skip
VARIANT_COLUMNS: Final = ("product_id", *_ITEM)

# What the readers of CSV let through; a description is then cut, not refused.
_WRITTEN_CHARS_MAX: Final = 131_072
_URL_CHARS_MAX: Final = 2_000
# Folded to one letter case it may become three times as long, and has to be found by that.
_SKU_CHARS_MAX: Final = 80
# An agent is given all of them with every product; a page of ten shall stay readable.
_TAGS_MAX: Final = 50
_MEDIA_MAX: Final = 20
# More than a person chooses by; with all variants they still fit what Postgres indexes of a product.
_OPTIONS_MAX: Final = 10
_OPTION_NAME_CHARS_MAX: Final = 100
# Deeper than any taxonomy; each level is something to search by.
_CATEGORY_DEPTH_MAX: Final = 10
_CATEGORIES_MAX: Final = 10
_CATEGORY_CHARS_MAX: Final = 750
# As many as the largest shop platforms allow.
VARIANTS_MAX: Final = 2_048
_STATUSES: Final[Mapping[str, StockStatus]] = {
    "in_stock": "in_stock", "instock": "in_stock", "yes": "in_stock", "true": "in_stock",
    "limited_availability": "in_stock",
    "out_of_stock": "out_of_stock", "outofstock": "out_of_stock", "no": "out_of_stock",
    "false": "out_of_stock", "sold_out": "out_of_stock",
    "preorder": "preorder", "pre_order": "preorder",
    "backorder": "backorder", "back_order": "backorder", "available_for_order": "backorder",
    "discontinued": "discontinued",
}  # fmt: skip
_MEDIA_TYPES: Final = {
    ".mp4": "video", ".webm": "video", ".mov": "video", ".glb": "model_3d", ".gltf": "model_3d",
    ".usdz": "model_3d",
}  # fmt: skip


class Sold(NamedTuple):
    """What can be put on a line, and how many its row says there are (None: nothing is said)."""

    item: ItemRow
    quantity: int | None


class Shown(NamedTuple):
    """A product as its own row says, and what is sold where it has no variants."""

    id: str
    title: str
    detail: ProductDetail
    sold: Sold


class _Prices(NamedTuple):
    price_minor: int | None
    list_price_minor: int | None


class ProductReader:
    """Reads rows for one shop: its currency, categories and pictures, and the sales of this day.

    Raises `CellError` for a row that cannot be sold as it stands.
    """

    def __init__(
        self,
        categories: Mapping[str, rules.Category],
        pictures: PictureFiles,
        *,
        currency: str,
        now: datetime,
    ) -> None:
        self._categories = categories
        self._pictures = pictures
        self._currency = currency
        self._now = now

    def product(self, cells: Cells) -> Shown:
        id_, title = cells.required("id"), _title(cells, "title")
        if title is None:
            raise CellError("title is missing")
        prices = self._prices(cells)
        if prices.price_minor is None:
            raise CellError("price is missing")
        category = self._category(cells)
        status, quantity = _stock(cells)
        image_url = self._picture(cells)
        ships = cells.flag("ships")
        detail = ItemDetail(
            image_url=image_url,
            category=cells.text("category", most=255),
            tax_category=cells.text("tax_category") or (category.tax_category if category else None),
            ships=ships if ships is not None else category is None or category.ships,
            needs_review=cells.flag("needs_review") or False,
            quantity_max=cells.integer("quantity_max", least=1),
            weight_g=_weight_g(cells) or 0,
            description=_text(cells, "description", DESCRIPTION_CHARS_MAX),
            options=_chosen(cells),
            list_price_minor=prices.list_price_minor,
            sku=cells.text("sku", most=_SKU_CHARS_MAX),
            barcodes=_barcodes(cells),
            unit_price=_unit_price(cells),
            status=_beside_stock(status),
        )
        item = ItemRow(id=id_, title=title, price_minor=prices.price_minor, detail=detail)
        return Shown(id_, title, self._shown(cells, title, detail, category), Sold(item, quantity))

    def variant(self, cells: Cells, product: Shown) -> Sold:
        """A variant has its product's members where its own row says nothing."""
        chosen = _chosen(cells)
        title = _title(cells, "title") or _joined([product.title, *chosen.values()])
        image_url = self._picture(cells)
        prices = self._prices(cells)
        status, quantity = _stock(cells)
        told = {
            "image_url": image_url,
            "tax_category": cells.text("tax_category"),
            "ships": cells.flag("ships"),
            "needs_review": cells.flag("needs_review"),
            "quantity_max": cells.integer("quantity_max", least=1),
            "weight_g": _weight_g(cells),
            "description": _text(cells, "description", DESCRIPTION_CHARS_MAX),
            "unit_price": _unit_price(cells),
        }
        of_product = product.sold.item
        # A variant with a price of its own was not reduced from what another one cost.
        listed = prices if prices != _Prices(None, None) else _prices_of(of_product)
        detail = msgspec.structs.replace(
            of_product.detail,
            product_id=product.id,
            options=chosen,
            list_price_minor=listed.list_price_minor,
            sku=cells.text("sku", most=_SKU_CHARS_MAX),
            barcodes=_barcodes(cells),
            handle=_handle(cells),
            url=_url(cells, "url"),
            media=self._media(cells, title, image_url),
            status=_beside_stock(status) if status else of_product.detail.status,
            rating=_rating(cells),
            tags=_tags(cells),
            translations=_translations(cells),
            **{name: value for name, value in told.items() if value is not None},
        )
        price_minor = of_product.price_minor if prices.price_minor is None else prices.price_minor
        _not_below(listed.list_price_minor, price_minor)
        item = ItemRow(id=cells.required("id"), title=title, price_minor=price_minor, detail=detail)
        return Sold(item, quantity if status or quantity is not None else product.sold.quantity)

    def _shown(
        self, cells: Cells, title: str, item: ItemDetail, category: rules.Category | None
    ) -> ProductDetail:
        detail = ProductDetail(
            description=item.description or "",
            brand=cells.text("brand", most=255),
            handle=_handle(cells),
            url=_url(cells, "url"),
            categories=_categories(cells, category),
            media=self._media(cells, title, item.image_url),
            rating=_rating(cells),
            tags=_tags(cells),
            translations=_translations(cells),
        )
        language = cells.text("language", most=35)
        if language is None:
            return detail
        return msgspec.structs.replace(detail, language=notations.language("language", language))

    def _prices(self, cells: Cells) -> _Prices:
        """``sale_price`` on its days comes before ``price``, which is the list price then."""
        price, sale = self._amount(cells, "price"), self._amount(cells, "sale_price")
        told = self._amount(cells, "list_price")
        if sale is not None and self._is_today(cells):
            prices = _Prices(sale, told if told is not None else price)
        else:
            prices = _Prices(price, told)
        if prices.price_minor is not None:
            _not_below(prices.list_price_minor, prices.price_minor)
        # What costs what it always did is not reduced.
        return (
            prices if prices.list_price_minor != prices.price_minor else _Prices(prices.price_minor, None)
        )

    def _amount(self, cells: Cells, column: str) -> int | None:
        """Minor units, or an amount with its currency."""
        text = cells.text(column)
        if text is None or not any(letter.isalpha() for letter in text):
            return cells.integer(column)
        return notations.amount_minor(column, text, self._currency)

    def _is_today(self, cells: Cells) -> bool:
        text = cells.text("sale_price_effective_date")
        if text is None:
            return True
        try:
            begins, ends = (_moment(part) for part in text.split("/"))
        except ValueError as error:
            raise CellError(f"sale_price_effective_date is not two dates with / between: {text}") from error
        return begins <= self._now < ends

    def _category(self, cells: Cells) -> rules.Category | None:
        category_id = cells.text("category", most=255)
        category = self._categories.get(category_id) if category_id else None
        if category_id and category is None and self._categories:
            raise CellError(f"category {category_id} is not in categories.csv")
        return category

    def _picture(self, cells: Cells) -> str | None:
        return self._pictures.named("image_url", cells.text("image_url", most=_URL_CHARS_MAX))

    def _media(self, cells: Cells, title: str, image_url: str | None) -> tuple[Media, ...]:
        """The picture of the item first, then what ``media`` names, each once."""
        urls = dict.fromkeys([*([image_url] if image_url else []), *cells.names("media")])
        if len(urls) > _MEDIA_MAX:
            raise CellError(f"media names more than {_MEDIA_MAX}")
        for url in urls:
            if len(url) > _URL_CHARS_MAX:
                raise CellError(f"media names a URL longer than {_URL_CHARS_MAX} characters")
            self._pictures.named("media", url)
        return tuple(Media(type=_media_type(url), url=url, alt_text=title) for url in urls)


def whole(shown: Shown, variants: Sequence[Sold]) -> ProductRow:
    """The product with what is sold of it: its variants, or itself where there are none."""
    items = tuple(sold.item for sold in variants) or (shown.sold.item,)
    # One option, however its letters are written from row to row.
    found: dict[str, tuple[str, dict[str, str]]] = {}
    for item in items:
        for name, label in item.detail.options.items():
            _, labels = found.setdefault(name.casefold(), (name, {}))
            labels.setdefault(label.casefold(), label)
    options = tuple(ProductOption(name, tuple(labels.values())) for name, labels in found.values())
    detail = msgspec.structs.replace(shown.detail, options=options)
    return ProductRow(id=shown.id, title=shown.title, detail=detail, items=items)


# --- texts ---


def _text(cells: Cells, column: str, chars_max: int) -> str | None:
    written = cells.text(column, most=_WRITTEN_CHARS_MAX)
    if written is None:
        return None
    text, is_cut = plain_text(written, chars_max)
    if is_cut:
        cells.cut.append(column)
    return text or None


def _title(cells: Cells, column: str) -> str | None:
    return _text(cells, column, TITLE_CHARS_MAX)


def _joined(parts: Sequence[str]) -> str:
    return plain_text(", ".join(parts), TITLE_CHARS_MAX).text


def _translations(cells: Cells) -> dict[str, Translation]:
    titles = _by_language(cells, TITLE_IN, TITLE_CHARS_MAX)
    descriptions = _by_language(cells, DESCRIPTION_IN, DESCRIPTION_CHARS_MAX)
    return {
        language: Translation(title=titles.get(language), description=descriptions.get(language))
        for language in titles | descriptions
    }


def _by_language(cells: Cells, prefix: str, chars_max: int) -> dict[str, str]:
    return {
        notations.language(column, column.removeprefix(prefix)): text
        for column in cells.columns
        if column.startswith(prefix) and (text := _text(cells, column, chars_max)) is not None
    }


# --- what is told in one cell or a few ---


def _chosen(cells: Cells) -> dict[str, str]:
    chosen = {
        column.removeprefix(OPTION).strip(): text
        for column in cells.columns
        if column.startswith(OPTION) and (text := cells.text(column, most=255)) is not None
    }
    if len(chosen) > _OPTIONS_MAX:
        raise CellError(f"there are more than {_OPTIONS_MAX} options")
    for name in chosen:
        if not 1 <= len(name) <= _OPTION_NAME_CHARS_MAX or not name.isprintable():
            raise CellError(f"an option has a name of 1 to {_OPTION_NAME_CHARS_MAX} printable characters")
    return chosen


def _stock(cells: Cells) -> tuple[StockStatus | None, int | None]:
    """What the row says of it; what is sold out or discontinued is none, whatever was counted."""
    text, quantity = cells.text("availability"), cells.integer("quantity")
    if text is None:
        return None, quantity
    status = _STATUSES.get("_".join(text.lower().rpartition("/")[2].replace("-", " ").split()))
    if status is None:
        raise CellError(
            f"availability is none of {', '.join(dict.fromkeys(_STATUSES.values()))}: {text[:40]}"
        )
    return status, 0 if status in {"out_of_stock", "discontinued"} else quantity


def _beside_stock(status: StockStatus | None) -> StockStatus | None:
    """The rest is told by the pieces that are there."""
    return status if status in {"preorder", "backorder", "discontinued"} else None


def _prices_of(item: ItemRow) -> _Prices:
    return _Prices(item.price_minor, item.detail.list_price_minor)


def _not_below(list_price_minor: int | None, price_minor: int) -> None:
    if list_price_minor is not None and list_price_minor < price_minor:
        raise CellError(f"list_price {list_price_minor} is below the price {price_minor}")


def _moment(text: str) -> datetime:
    moment = datetime.fromisoformat(text.strip())
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment


def _weight_g(cells: Cells) -> int | None:
    told = cells.integer("weight_g")
    weight = cells.text("shipping_weight")
    return notations.weight_g("shipping_weight", weight) if told is None and weight is not None else told


def _barcodes(cells: Cells) -> tuple[Barcode, ...]:
    told = ((column, cells.names(column)) for column in _BARCODES)
    return tuple(dict.fromkeys(notations.barcode(column, one) for column, all_ in told for one in all_))


def _unit_price(cells: Cells) -> UnitPrice | None:
    return notations.unit_price(_MEASURES, cells.text(_MEASURES[0]), cells.text(_MEASURES[1]))


def _rating(cells: Cells) -> Rating | None:
    return notations.rating(_RATING, cells.text(_RATING[0]), cells.integer(_RATING[1]))


def _handle(cells: Cells) -> str | None:
    text = cells.text("handle")
    return notations.handle("handle", text) if text is not None else None


def _url(cells: Cells, column: str) -> str | None:
    text = cells.text(column, most=_URL_CHARS_MAX)
    if text is not None and (not is_absolute(text) or " " in text):
        raise CellError(f"{column} is not a URL: {text[:80]}")
    return text


def _tags(cells: Cells) -> tuple[str, ...]:
    tags = tuple(dict.fromkeys(cells.names("tags")))
    if len(tags) > _TAGS_MAX:
        raise CellError(f"tags names more than {_TAGS_MAX}")
    return tags


def _categories(cells: Cells, known: rules.Category | None) -> tuple[Category, ...]:
    """The shop's own categories by their titles, then where others put such goods."""
    category_id = cells.text("category", most=255)
    own = [known.title if known else category_id, *_paths(cells, "product_type")]
    google = (Category(path, _GOOGLE) for path in _paths(cells, _GOOGLE))
    return tuple(dict.fromkeys([*(Category(path) for path in own if path), *google]))


def _paths(cells: Cells, column: str) -> tuple[str, ...]:
    paths = tuple(_path(column, path) for path in cells.names(column))
    if len(paths) > _CATEGORIES_MAX:
        raise CellError(f"{column} names more than {_CATEGORIES_MAX}")
    return paths


def _path(column: str, written: str) -> str:
    parts = [part.strip() for part in written.split(">")]
    if len(written) > _CATEGORY_CHARS_MAX or len(parts) > _CATEGORY_DEPTH_MAX or not all(parts):
        raise CellError(f"{column} is not a path such as Tea > Green tea: {written[:80]}")
    return " > ".join(parts)


def _media_type(url: str) -> str:
    path = url.partition("?")[0].partition("#")[0]
    return _MEDIA_TYPES.get("." + path.rpartition(".")[2].lower(), "image")
