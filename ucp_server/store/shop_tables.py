"""A merchant's CSV files as values: which columns there are, and what they mean.

Money is in minor units of the merchant's currency. Only ``products.csv`` has to be there.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

import msgspec

from ucp_server.domain.addresses import id_of
from ucp_server.domain.catalog import is_absolute
from ucp_server.domain.discounts import DiscountRule
from ucp_server.domain.fulfillment import Address
from ucp_server.domain.taxes import TaxRule
from ucp_server.store.catalog import ItemDetail
from ucp_server.store.channel_tables import ChannelTables, Item, read_channels
from ucp_server.store.csv_rows import PPM_PER_PERCENT, BadRow, CellError, Cells, CsvFolder, by_id, once
from ucp_server.store.eligibility import ANY_CUSTOMER
from ucp_server.store.pictures import PICTURE_PATH
from ucp_server.store.rules import Category, PickupLocation, ShippingRate

# A basis point is a hundred millionths.
_PPM_PER_BASIS_POINT: Final = 100

# As the pages can show them; a picture is one small file, not a photo archive.
PICTURE_TYPES: Final = {
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".jpg": "image/jpeg",
    ".jpeg": "image/jpeg",
    ".webp": "image/webp",
    ".avif": "image/avif",
}
PICTURE_BYTES_MAX: Final = 1024 * 1024

_OPTION: Final = "option:"
_ADDRESS = (
    "full_name", "first_name", "last_name", "street_address", "extended_address", "city", "state",
    "postal_code", "country", "phone_number",
)  # fmt: skip
_ITEM = (
    "id", "title", "price", "image_url", "description", "category", "tax_category", "ships",
    "needs_review", "quantity_max", "weight_g",
)  # fmt: skip
_DISCOUNT = (
    "type", "value", "description", "min_subtotal", "eligible_item_ids", "eligible_categories",
    "starts_at", "ends_at", "combinable", "priority", "customers_only",
    "eligibility",
)  # fmt: skip


class ItemRow(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    title: str
    price_minor: int
    detail: ItemDetail


class CustomerRow(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    name: str
    email: str


class AddressRow(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    customer_id: str
    address: Address


class EntitledRow(msgspec.Struct, frozen=True, kw_only=True):
    """``holder``: an e-mail address, ``@`` and a domain, or `ANY_CUSTOMER`; in lower case."""

    claim: str
    holder: str


class Picture(msgspec.Struct, frozen=True, kw_only=True):
    path: str
    media_type: str
    content: bytes


class ShopTables(msgspec.Struct, frozen=True, kw_only=True):
    """A shop, read and checked. ``rules`` are by kind, then id; ``stock`` is by item."""

    items: tuple[ItemRow, ...]
    stock: Mapping[str, int]
    customers: tuple[CustomerRow, ...]
    addresses: tuple[AddressRow, ...]
    entitled: tuple[EntitledRow, ...]
    rules: Mapping[str, Mapping[str, msgspec.Struct]]
    pictures: tuple[Picture, ...]
    channels: ChannelTables


class Reading(msgspec.Struct, frozen=True, kw_only=True):
    """``tables`` count only when there is no ``bad`` row. ``ignored`` names columns we do not know."""

    tables: ShopTables
    bad: tuple[BadRow, ...]
    ignored: tuple[str, ...]


def read_shop(folder: Path) -> Reading:
    """Read the files of ``folder``. Nothing is raised for what stands in them."""
    files = CsvFolder(folder)
    if not (folder / "products.csv").is_file():
        files.bad.append(BadRow("products.csv", 1, f"there is no such file in {folder}"))
    categories = by_id(files, "categories.csv", ("id", "title", "tax_category", "ships"), _category)
    pictures = _Pictures(folder)
    items = _items(files, categories, pictures)
    customers = by_id(
        files, "customers.csv", ("id", "name", "email"), once("email", _customer, any_case=True)
    )
    tables = ShopTables(
        items=tuple(items.values()),
        stock=_stock(files, items),
        customers=tuple(customers.values()),
        addresses=tuple(
            files.rows("addresses.csv", ("id", "customer_id", *_ADDRESS), _address_reader(customers))
        ),
        entitled=tuple(dict.fromkeys(files.rows("eligibility.csv", ("claim", "holder"), _entitled))),
        rules={"category": categories, **_rules(files, items)},
        pictures=tuple(pictures.found.values()),
        channels=read_channels(files, _described(items)),
    )
    return Reading(tables=tables, bad=tuple(files.bad), ignored=tuple(files.ignored))


# --- products, variants, pictures ---


class _Pictures:
    """The pictures that rows name by a path inside the folder, each read once."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder.resolve()
        self.found: dict[str, Picture] = {}

    def named(self, image_url: str | None) -> str | None:
        if image_url is None or is_absolute(image_url) or image_url in self.found:
            return image_url
        if not PICTURE_PATH.fullmatch(image_url):
            raise CellError(f"image_url is neither a URL nor a plain path under pictures/: {image_url}")
        path = (self._folder / image_url).resolve()
        media_type = PICTURE_TYPES.get(path.suffix.lower())
        if media_type is None:
            raise CellError(f"image_url is none of {', '.join(PICTURE_TYPES)}: {image_url}")
        if not path.is_relative_to(self._folder) or not path.is_file():
            raise CellError(f"image_url names no file in the folder: {image_url}")
        if path.stat().st_size > PICTURE_BYTES_MAX:
            raise CellError(f"image_url is larger than {PICTURE_BYTES_MAX} bytes: {image_url}")
        self.found[image_url] = Picture(path=image_url, media_type=media_type, content=path.read_bytes())
        return image_url


def _items(files: CsvFolder, categories: Mapping[str, Category], pictures: _Pictures) -> dict[str, ItemRow]:
    """What can be put on a line: products, and instead of those that have variants their variants."""
    products = by_id(files, "products.csv", _ITEM, lambda cells: _product(cells, categories, pictures))
    variants = files.rows(
        "variants.csv",
        ("product_id", *_ITEM),
        once("id", lambda cells: _variant(cells, products, pictures)),
        prefix=_OPTION,
    )
    with_variants = {variant.detail.product_id for variant in variants}
    sold = {id_: product for id_, product in products.items() if id_ not in with_variants}
    return sold | {variant.id: variant for variant in variants}


def _described(items: Mapping[str, ItemRow]) -> dict[str, Item]:
    return {id_: Item(item.title, item.detail.description or "") for id_, item in items.items()}


def _product(cells: Cells, categories: Mapping[str, Category], pictures: _Pictures) -> ItemRow:
    category_id = cells.text("category")
    category = categories.get(category_id) if category_id else None
    if category_id and categories and category is None:
        raise CellError(f"category {category_id} is not in categories.csv")
    ships = cells.flag("ships")
    detail = ItemDetail(
        image_url=pictures.named(cells.text("image_url", most=2_000)),
        category=category_id,
        tax_category=cells.text("tax_category") or (category.tax_category if category else None),
        ships=ships if ships is not None else category is None or category.ships,
        needs_review=cells.flag("needs_review") or False,
        quantity_max=cells.integer("quantity_max", least=1),
        weight_g=cells.integer("weight_g") or 0,
        description=cells.text("description"),
    )
    return ItemRow(
        id=cells.required("id"),
        title=cells.required("title"),
        price_minor=cells.required_integer("price"),
        detail=detail,
    )


def _variant(cells: Cells, products: Mapping[str, ItemRow], pictures: _Pictures) -> ItemRow:
    """A variant has its product's members where its own row says nothing."""
    product = products.get(cells.required("product_id"))
    if product is None:
        raise CellError(f"product_id {cells.text('product_id')} is not in products.csv")
    if cells.required("id") in products and cells.text("id") != product.id:
        raise CellError(f"id {cells.text('id')} is a product in products.csv")
    chosen = {
        column.removeprefix(_OPTION): text
        for column in cells.columns
        if column.startswith(_OPTION) and (text := cells.text(column)) is not None
    }
    own = {
        "image_url": pictures.named(cells.text("image_url", most=2_000)),
        "tax_category": cells.text("tax_category"),
        "ships": cells.flag("ships"),
        "needs_review": cells.flag("needs_review"),
        "quantity_max": cells.integer("quantity_max", least=1),
        "weight_g": cells.integer("weight_g"),
        "description": cells.text("description"),
    }
    told = {name: value for name, value in own.items() if value is not None}
    price_minor = cells.integer("price")
    return ItemRow(
        id=cells.required("id"),
        title=cells.text("title") or ", ".join([product.title, *chosen.values()]),
        price_minor=product.price_minor if price_minor is None else price_minor,
        detail=msgspec.structs.replace(product.detail, product_id=product.id, options=chosen, **told),
    )


def _stock(files: CsvFolder, items: Mapping[str, ItemRow]) -> dict[str, int]:
    def read(cells: Cells) -> int:
        item_id = cells.required("product_id")
        if item_id not in items:
            raise CellError(f"product_id {item_id} is not for sale")
        return cells.required_integer("quantity")

    return by_id(files, "inventory.csv", ("product_id", "quantity"), read, key="product_id")


# --- customers ---


def _customer(cells: Cells) -> CustomerRow:
    email = cells.required("email", most=320)
    if email.count("@") != 1:
        raise CellError(f"email is none: {email}")
    return CustomerRow(id=cells.required("id"), name=cells.text("name") or "", email=email)


def _address_reader(customers: Mapping[str, CustomerRow]) -> Callable[[Cells], AddressRow]:
    def read(cells: Cells) -> AddressRow:
        customer_id = cells.required("customer_id")
        if customer_id not in customers:
            raise CellError(f"customer_id {customer_id} is not in customers.csv")
        address = _address(cells)
        return AddressRow(
            id=cells.text("id", most=255) or id_of(address), customer_id=customer_id, address=address
        )

    return once("id", read)


def _address(cells: Cells) -> Address:
    country = cells.country("country")
    if country is None:
        raise CellError("country is missing")
    return Address(
        street_address=cells.text("street_address"),
        extended_address=cells.text("extended_address"),
        locality=cells.text("city"),
        region=cells.text("state"),
        country=country,
        postal_code=cells.text("postal_code"),
        first_name=cells.text("first_name"),
        last_name=cells.text("last_name"),
        full_name=cells.text("full_name"),
        phone_number=cells.text("phone_number"),
    )


def _entitled(cells: Cells) -> EntitledRow:
    holder = cells.required("holder", most=320).lower()
    if holder != ANY_CUSTOMER and (holder.count("@") != 1 or holder.endswith("@")):
        raise CellError(f"holder is no e-mail address, no @domain and not {ANY_CUSTOMER}: {holder}")
    claim = cells.claim("claim")
    if claim is None:
        raise CellError("claim is missing")
    return EntitledRow(claim=claim, holder=holder)


# --- rules ---


def _rules(files: CsvFolder, items: Mapping[str, ItemRow]) -> dict[str, dict[str, msgspec.Struct]]:
    def discount(cells: Cells) -> DiscountRule:
        return _discount(cells, items)

    codes = files.rows("discounts.csv", ("code", *_DISCOUNT), _coded(discount))
    promotions = by_id(files, "promotions.csv", ("id", *_DISCOUNT), discount)
    return {
        "discount": {rule.code.casefold() if rule.code else f"#{n}": rule for n, rule in enumerate(codes)},
        "promotion": dict(promotions),
        "shipping_rate": dict(by_id(files, "shipping_rates.csv", _RATE, _rate)),
        "pickup_location": dict(by_id(files, "pickup_locations.csv", _LOCATION, _location)),
        "tax": {_tax_id(rule): rule for rule in files.rows("taxes.csv", _TAX, _untwinned_tax())},
    }


def _category(cells: Cells) -> Category:
    ships = cells.flag("ships")
    return Category(
        id=cells.required("id"),
        title=cells.required("title"),
        tax_category=cells.text("tax_category"),
        ships=True if ships is None else ships,
    )


def _coded(read: Callable[[Cells], DiscountRule]) -> Callable[[Cells], DiscountRule]:
    """Rows with a code, each code once; without one the discount is automatic."""
    unlike_others = once("code", read, any_case=True)

    def read_coded(cells: Cells) -> DiscountRule:
        code = cells.text("code", most=100)
        if code and cells.text("eligibility"):
            raise CellError("a discount has a code or an eligibility, not both")
        rule = (unlike_others if code else read)(cells)
        return msgspec.structs.replace(rule, code=code)

    return read_coded


def _discount(cells: Cells, items: Mapping[str, ItemRow]) -> DiscountRule:
    type_ = cells.choice("type", ("percentage", "fixed_amount", "free_shipping"))
    item_ids = cells.names("eligible_item_ids")
    products = {row.detail.product_id for row in items.values()}
    for item_id in item_ids:
        if item_id not in items and item_id not in products:
            raise CellError(f"eligible_item_ids names {item_id}, which is not for sale")
    combinable = cells.flag("combinable")
    return DiscountRule(
        title=cells.required("description"),
        rate_ppm=cells.parts_per_million("value", PPM_PER_PERCENT) if type_ == "percentage" else None,
        amount_minor=cells.required_integer("value", least=1) if type_ == "fixed_amount" else None,
        free_shipping=type_ == "free_shipping",
        item_ids=item_ids,
        categories=cells.names("eligible_categories"),
        subtotal_min_minor=cells.integer("min_subtotal") or 0,
        starts_at=cells.moment("starts_at"),
        ends_at=cells.moment("ends_at"),
        combinable=True if combinable is None else combinable,
        priority=cells.integer("priority", most=1_000) or 1,
        buyers_only=cells.flag("customers_only") or False,
        claim=cells.claim("eligibility"),
    )


_RATE: Final = (
    "id", "country_code", "region", "service_level", "price", "title", "weight_max_g", "description",
    "carrier",
)  # fmt: skip


def _rate(cells: Cells) -> ShippingRate:
    """``country_code`` is ``default`` for everywhere else; an empty price: not to this place."""
    is_default = cells.required("country_code") == "default"
    return ShippingRate(
        id=cells.required("id"),
        title=cells.required("title"),
        service_level=cells.required("service_level"),
        price_minor=cells.integer("price"),
        country=None if is_default else cells.country("country_code"),
        region=cells.text("region"),
        weight_max_g=cells.integer("weight_max_g", least=1),
        description=cells.text("description"),
        carrier=cells.text("carrier"),
    )


_LOCATION: Final = ("id", "name", "opening_hours", "price", *_ADDRESS)


def _location(cells: Cells) -> PickupLocation:
    return PickupLocation(
        id=cells.required("id"),
        name=cells.required("name"),
        address=_address(cells),
        opening_hours=cells.text("opening_hours"),
        price_minor=cells.integer("price") or 0,
    )


_TAX: Final = ("country", "region", "category", "rate_basis_points", "included")


def _untwinned_tax() -> Callable[[Cells], TaxRule]:
    seen: dict[str, int] = {}

    def read(cells: Cells) -> TaxRule:
        rule = _tax(cells)
        first = seen.setdefault(_tax_id(rule), cells.line)
        if first != cells.line:
            raise CellError(f"line {first} says already what is taxed here")
        return rule

    return read


def _tax(cells: Cells) -> TaxRule:
    country = cells.country("country")
    if country is None:
        raise CellError("country is missing")
    return TaxRule(
        rate_ppm=cells.parts_per_million("rate_basis_points", _PPM_PER_BASIS_POINT),
        country=country,
        region=cells.text("region"),
        category=cells.text("category"),
        included=cells.flag("included"),
    )


def _tax_id(rule: TaxRule) -> str:
    return "/".join((rule.country, (rule.region or "").casefold(), rule.category or ""))
