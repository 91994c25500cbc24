"""What a shop sells: as much as a checkout needs to know, and all that a buyer may want to see."""

from typing import Literal

import msgspec

from ucp_server.domain.money import Money


class Item(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Something that can be put on a line: a product, or one variant of it.

    ``tax_category`` and ``category`` name rows of the shop's own tables; ``needs_review`` sends the
    buyer to our page before it can be ordered; ``ships`` is False for what needs no fulfillment.
    """

    id: str
    title: str
    price: Money
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


# --- what a catalog shows (T3:D/catalog) ---


class Category(msgspec.Struct, frozen=True, omit_defaults=True):
    """``value`` is a name or a path (``Apparel > Shirts``); ``taxonomy`` says whose, if not the shop's."""

    value: str
    taxonomy: str | None = None


class Media(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """``url`` as in `Item.image_url`; ``type`` is ``image``, ``video`` or ``model_3d``."""

    type: str
    url: str
    alt_text: str | None = None
    width: int | None = None
    height: int | None = None


class Rating(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The mean of ``count`` votes, in hundredths: 4.75 of 5 is ``value_centi=475, max=5``."""

    value_centi: int
    max: int = 5
    min: int = 1
    count: int | None = None


class Barcode(msgspec.Struct, frozen=True):
    """``type`` is ``UPC``, ``EAN``, ``ISBN``, ``GTIN`` or ``JAN``."""

    type: str
    value: str


class Measure(msgspec.Struct, frozen=True, omit_defaults=True):
    """``value`` steps of 10^-``scale`` of ``unit`` (UN/CEFACT Rec 20): ``Measure(250, "GRM")``."""

    value: int
    unit: str
    scale: int = 0
    text: str | None = None


class UnitPrice(msgspec.Struct, frozen=True, kw_only=True):
    """What ``reference`` of it costs, when the whole contains ``measure``; both in the same unit."""

    measure: Measure
    reference: Measure


class Choice(msgspec.Struct, frozen=True):
    """One value of one option: ``Choice("Size", "A5")``. Compared without regard to letter case."""

    name: str
    label: str


StockStatus = Literal["in_stock", "backorder", "preorder", "out_of_stock", "discontinued"]


class Availability(msgspec.Struct, frozen=True):
    """Whether it can be bought at this moment, and why (not)."""

    available: bool
    status: StockStatus


class Displayed(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a product and each of its variants are shown with alike."""

    handle: str | None = None
    url: str | None = None
    categories: tuple[Category, ...] = ()
    media: tuple[Media, ...] = ()
    rating: Rating | None = None
    tags: tuple[str, ...] = ()


class Variant(Displayed, frozen=True, kw_only=True, omit_defaults=True):
    """What can be put on a line; ``id`` is that of its `Item`. All texts are plain.

    ``weight_g``, ``ships`` and the categories of the item are what delivery depends on.
    """

    id: str
    title: str
    description: str
    price: Money
    availability: Availability
    list_price_minor: int | None = None
    choices: tuple[Choice, ...] = ()
    sku: str | None = None
    barcodes: tuple[Barcode, ...] = ()
    unit_price: UnitPrice | None = None
    item: Item | None = None


class ProductOption(msgspec.Struct, frozen=True):
    """A way in which variants differ, and the labels that it can have, in the shop's order."""

    name: str
    labels: tuple[str, ...]


class Product(Displayed, frozen=True, kw_only=True, omit_defaults=True):
    """What is shown as one thing. ``variants`` are all of it, at least one, in the shop's order.

    What has no variants of its own is one variant of the same id. Texts are in one language, the
    asked one where the shop has it.
    """

    id: str
    title: str
    description: str
    variants: tuple[Variant, ...]
    options: tuple[ProductOption, ...] = ()


# --- what is asked of a catalog ---


class Market(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Where and for whom somebody looks (``context``): hints, none of them binding.

    ``country`` is ISO 3166-1 alpha-2, ``language`` BCP 47, ``currency`` ISO 4217 and that of the
    prices in filters.
    """

    country: str | None = None
    region: str | None = None
    postal_code: str | None = None
    language: str | None = None
    currency: str | None = None


class Place(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Where goods are to go: a coarse address, or a place of the shop's that it knows by id."""

    country: str | None = None
    region: str | None = None
    postal_code: str | None = None
    location_id: str | None = None


class Filters(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a product must fulfil: all members that are given, each by any of its own values.

    Prices are in minor units of the shop's currency, both ends included. ``choices`` hold for one
    variant together: one of the labels for each name. ``methods`` are ``shipping`` and ``pickup``.
    """

    categories: tuple[str, ...] = ()
    price_min_minor: int | None = None
    price_max_minor: int | None = None
    available: bool | None = None
    choices: tuple[Choice, ...] = ()
    methods: tuple[str, ...] = ()
    fulfills_to: Place | None = None


class Search(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Without ``query`` it is browsing: in the shop's own order."""

    query: str | None = None
    filters: Filters = Filters()
    market: Market = Market()


class Named(msgspec.Struct, frozen=True):
    """What an identifier stands for; ``variant_id`` is None when it names the product as a whole."""

    product_id: str
    variant_id: str | None = None


def is_absolute(image_url: str) -> bool:
    return image_url.startswith(("https://", "http://"))


def picture_url(image_url: str | None, public_url: str) -> str | None:
    """Where a picture is: a path that came with the shop's tables is served under ``public_url``."""
    if image_url is None or is_absolute(image_url):
        return image_url
    return f"{public_url.rstrip('/')}/{image_url}"
