"""A merchant's CSV files as values: which columns there are, and what they mean.

Money is in minor units of the merchant's currency. Only ``products.csv``, or a feed in its place,
has to be there.
"""

from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Final

import msgspec

from ucp_server.domain.addresses import id_of
from ucp_server.domain.discounts import DiscountRule
from ucp_server.domain.fulfillment import Address
from ucp_server.domain.taxes import TaxRule
from ucp_server.store.catalog import ItemRow, ProductRow
from ucp_server.store.channel_tables import ChannelTables, Item, read_channels
from ucp_server.store.csv_rows import (
    PPM_PER_PERCENT,
    BadRow,
    CellError,
    Cells,
    CsvFolder,
    CutText,
    Progress,
    by_id,
    once,
    unwatched,
)
from ucp_server.store.eligibility import ANY_CUSTOMER
from ucp_server.store.feed import FEED_FILE, read_feed
from ucp_server.store.picture_files import PictureFile, PictureFiles
from ucp_server.store.product_cells import ProductReader
from ucp_server.store.product_tables import Goods, limits, read_goods
from ucp_server.store.rules import Category, PickupLocation, ShippingRate

# A basis point is a hundred millionths.
_PPM_PER_BASIS_POINT: Final = 100

_ADDRESS = (
    "full_name", "first_name", "last_name", "street_address", "extended_address", "city", "state",
    "postal_code", "country", "phone_number",
)  # fmt: skip
_DISCOUNT = (
    "type", "value", "description", "min_subtotal", "eligible_item_ids", "eligible_categories",
    "starts_at", "ends_at", "combinable", "priority", "customers_only",
    "eligibility",
)  # fmt: skip


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


class ShopTables(msgspec.Struct, frozen=True, kw_only=True):
    """A shop, read and checked. ``rules`` are by kind, then id; ``stock`` is by item."""

    products: tuple[ProductRow, ...]
    stock: Mapping[str, int]
    customers: tuple[CustomerRow, ...]
    addresses: tuple[AddressRow, ...]
    entitled: tuple[EntitledRow, ...]
    rules: Mapping[str, Mapping[str, msgspec.Struct]]
    pictures: tuple[PictureFile, ...]
    channels: ChannelTables


class Reading(msgspec.Struct, frozen=True, kw_only=True):
    """``tables`` count only when there is no ``bad`` row.

    ``ignored`` names columns we do not know, ``cut`` texts of which only the beginning is kept.
    """

    tables: ShopTables
    bad: tuple[BadRow, ...]
    ignored: tuple[str, ...]
    cut: tuple[CutText, ...]


def read_shop(folder: Path, currency: str, now: datetime, progress: Progress = unwatched) -> Reading:
    """Read the files of ``folder``, with prices of ``currency`` and the sales that last at ``now``.

    Nothing is raised for what stands in them.
    """
    files = CsvFolder(folder, progress)
    categories = by_id(files, "categories.csv", ("id", "title", "tax_category", "ships"), _category)
    pictures = PictureFiles(folder)
    reader = ProductReader(categories, pictures, currency=currency, now=now)
    goods = _goods(files, reader)
    items = goods.items
    customers = by_id(
        files, "customers.csv", ("id", "name", "email"), once("email", _customer, any_case=True)
    )
    tables = ShopTables(
        products=goods.products,
        stock=limits({**goods.quantities, **_inventory(files, items)}, items),
        customers=tuple(customers.values()),
        addresses=tuple(
            files.rows("addresses.csv", ("id", "customer_id", *_ADDRESS), _address_reader(customers))
        ),
        entitled=tuple(dict.fromkeys(files.rows("eligibility.csv", ("claim", "holder"), _entitled))),
        rules={"category": categories, **_rules(files, items)},
        pictures=tuple(pictures.found.values()),
        channels=read_channels(files, _described(items)),
    )
    return Reading(tables=tables, bad=tuple(files.bad), ignored=tuple(files.ignored), cut=tuple(files.cut))


# --- what is sold ---


def _goods(files: CsvFolder, reader: ProductReader) -> Goods:
    """From a feed where the folder has one, otherwise from the two files with columns."""
    tables, feed = files.folder / "products.csv", files.folder / FEED_FILE
    if tables.is_file() and feed.is_file():
        files.bad.append(BadRow(FEED_FILE, 1, "there is a products.csv too"))
    if feed.is_file():
        return read_feed(files, feed, reader)
    if not tables.is_file():
        files.bad.append(BadRow("products.csv", 1, f"there is no such file in {files.folder}"))
    return read_goods(files, reader)


def _described(items: Mapping[str, ItemRow]) -> dict[str, Item]:
    return {id_: Item(item.title, item.detail.description or "") for id_, item in items.items()}


def _inventory(files: CsvFolder, items: Mapping[str, ItemRow]) -> dict[str, int]:
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
