"""Catalogs on the wire of the newest release: what is asked into values, what is found into replies.

Digest 2.16. What is rendered here is brought to older releases by `steps`.
"""

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import Any

import msgspec

from ucp_server.domain.catalog import (
    Availability,
    Barcode,
    Category,
    Choice,
    Displayed,
    Filters,
    Market,
    Measure,
    Media,
    Place,
    Product,
    Rating,
    Search,
    UnitPrice,
    Variant,
    picture_url,
)
from ucp_server.domain.fulfillment import Option
from ucp_server.domain.money import Money
from ucp_server.domain.problems import Problem
from ucp_server.engine.catalog import PAGE_DEFAULT, Asked, Listed, Looked, Page, Shown, Way, Wish
from ucp_server.ucp.messages import render_messages
from ucp_server.ucp.releases import FULFILLMENT

Wire = dict[str, Any]
Active = AbstractSet[str]  # names of the capabilities that both sides have


# --- requests ---


class _ContextSent(msgspec.Struct):
    address_country: str | None = None
    address_region: str | None = None
    postal_code: str | None = None
    language: str | None = None
    currency: str | None = None


class _PriceSent(msgspec.Struct):
    min: int | None = None
    max: int | None = None


class _ChoiceSent(msgspec.Struct):
    name: str
    label: str


class _PlaceSent(msgspec.Struct):
    address_country: str | None = None
    address_region: str | None = None
    postal_code: str | None = None
    location: str | None = None


class _FiltersSent(msgspec.Struct):
    """``available`` and ``options`` are ours: the set of filters is open (S/types/search_filters)."""

    categories: tuple[str, ...] = ()
    price: _PriceSent | None = None
    available: bool | None = None
    options: tuple[_ChoiceSent, ...] = ()


class _DeliverySent(msgspec.Struct):
    """The filters that an extension adds; without it anybody may mean anything by these names."""

    fulfills_to: _PlaceSent | None = None
    methods: tuple[str, ...] = ()


class _PaginationSent(msgspec.Struct):
    cursor: str | None = None
    limit: int = PAGE_DEFAULT


class _AnySent(msgspec.Struct):
    context: _ContextSent | None = None
    filters: Wire = {}


class _SearchSent(_AnySent):
    query: str | None = None
    pagination: _PaginationSent | None = None


class _LookupSent(_AnySent, kw_only=True):
    ids: tuple[str, ...]


class _ProductSent(_AnySent, kw_only=True):
    id: str
    selected: tuple[_ChoiceSent, ...] = ()
    preferences: tuple[str, ...] = ()


def decode_search(document: Wire, active: Active, languages: str = "") -> tuple[Search, Asked]:
    """``languages`` is the request's ``Accept-Language``; these raise `msgspec.ValidationError`."""
    sent = msgspec.convert(document, _SearchSent)
    page = sent.pagination or _PaginationSent()
    search = Search(
        query=sent.query, filters=_filters(sent.filters, active), market=_market(sent.context, languages)
    )
    return search, Asked(cursor=page.cursor, limit=max(1, page.limit))


def decode_lookup(
    document: Wire, active: Active, languages: str = ""
) -> tuple[tuple[str, ...], Filters, Market]:
    sent = msgspec.convert(document, _LookupSent)
    return sent.ids, _filters(sent.filters, active), _market(sent.context, languages)


def decode_product(
    document: Wire, active: Active, languages: str = ""
) -> tuple[str, Wish, Filters, Market]:
    sent = msgspec.convert(document, _ProductSent)
    wish = Wish(choices=_choices(sent.selected), preferences=sent.preferences)
    return sent.id, wish, _filters(sent.filters, active), _market(sent.context, languages)


def _filters(told: Wire, active: Active) -> Filters:
    sent = msgspec.convert(told, _FiltersSent)
    delivery = msgspec.convert(told, _DeliverySent) if FULFILLMENT in active else _DeliverySent()
    price, to = sent.price or _PriceSent(), delivery.fulfills_to
    return Filters(
        categories=sent.categories,
        price_min_minor=price.min,
        price_max_minor=price.max,
        available=sent.available,
        choices=_choices(sent.options),
        methods=delivery.methods,
        fulfills_to=_place(to) if to else None,
    )


def _place(sent: _PlaceSent) -> Place:
    return Place(
        country=sent.address_country,
        region=sent.address_region,
        postal_code=sent.postal_code,
        location_id=sent.location,
    )


def _choices(sent: Sequence[_ChoiceSent]) -> tuple[Choice, ...]:
    return tuple(Choice(one.name, one.label) for one in sent)


def _market(sent: _ContextSent | None, languages: str) -> Market:
    told = sent or _ContextSent()
    return Market(
        country=told.address_country,
        region=told.address_region,
        postal_code=told.postal_code,
        language=told.language or first_language(languages),
        currency=told.currency.strip().upper() if told.currency else None,
    )


def first_language(languages: str) -> str | None:
    """The language that ``Accept-Language`` names first, which is the best liked one as a rule."""
    first = languages.partition(",")[0].partition(";")[0].strip()
    return first if first and first != "*" else None


# --- replies ---


class Around(msgspec.Struct, frozen=True, kw_only=True):
    """``site`` leads the URLs of pictures that came with the shop's tables."""

    site: str
    active: frozenset[str]


def render_page(page: Page, around: Around) -> Wire:
    """A search's reply, without ``ucp`` (S/catalog_search.json)."""
    pagination: Wire = {"has_next_page": page.cursor is not None}
    if page.cursor is not None:
        pagination["cursor"] = page.cursor
    if page.total is not None:
        pagination["total_count"] = page.total
    products = [_render_listed(listed, page.ways, around) for listed in page.products]
    return _with_messages({"products": products, "pagination": pagination}, page.problems)


def render_looked(looked: Looked, around: Around) -> Wire:
    """A lookup's reply: every variant says which ids led to it (S/catalog_lookup.json)."""
    products = [_render_listed(listed, looked.ways, around) for listed in looked.products]
    for product in products:
        for variant in product["variants"]:
            found = looked.matches[variant["id"]]
            variant["inputs"] = [{"id": match.id, "match": match.kind} for match in found]
    return _with_messages({"products": products}, looked.problems)


def render_shown(shown: Shown, around: Around) -> Wire:
    """One product with what other choices would lead to (S/catalog_lookup.json, detail_product)."""
    product = _render_listed(Listed(shown.product, shown.variants), shown.ways, around)
    if shown.options:
        product["selected"] = _render_choices(shown.choices)
        product["options"] = [
            {
                "name": option.name,
                "values": [
                    {"label": value.label, "available": value.available, "exists": value.exists}
                    for value in option.values
                ],
            }
            for option in shown.options
        ]
    return _with_messages({"product": product}, shown.problems)


def _with_messages(wire: Wire, problems: Sequence[Problem]) -> Wire:
    return wire | {"messages": render_messages(problems)} if problems else wire


def _render_listed(listed: Listed, ways: Mapping[str, Sequence[Way]], around: Around) -> Wire:
    product = listed.product
    wire: Wire = {
        "id": product.id,
        "title": product.title,
        "description": _render_description(product.description, product.title),
        **_render_prices(product),
        "variants": [_render_variant(one, ways, around) for one in listed.variants],
    }
    if product.options:
        wire["options"] = [
            {"name": option.name, "values": [{"label": label} for label in option.labels]}
            for option in product.options
        ]
    return wire | _render_common(product, around)


def _render_prices(product: Product) -> Wire:
    """The range over all variants, also those that are not shown."""
    currency = product.variants[0].price.currency
    prices = [variant.price.minor for variant in product.variants]
    wire: Wire = {"price_range": _render_range(prices, currency)}
    listed = [variant.list_price_minor or variant.price.minor for variant in product.variants]
    if listed != prices:
        wire["list_price_range"] = _render_range(listed, currency)
    return wire


def _render_range(prices: Sequence[int], currency: str) -> Wire:
    return {"min": _render_price(min(prices), currency), "max": _render_price(max(prices), currency)}


def _render_price(minor: int, currency: str) -> Wire:
    return {"amount": minor, "currency": currency}


def _render_variant(variant: Variant, ways: Mapping[str, Sequence[Way]], around: Around) -> Wire:
    currency = variant.price.currency
    wire: Wire = {
        "id": variant.id,
        "title": variant.title,
        "description": _render_description(variant.description, variant.title),
        "price": _render_price(variant.price.minor, currency),
        "availability": _render_availability(variant.availability),
    }
    if variant.list_price_minor is not None:
        wire["list_price"] = _render_price(variant.list_price_minor, currency)
    if variant.sku is not None:
        wire["sku"] = variant.sku
    if variant.barcodes:
        wire["barcodes"] = [_render_barcode(barcode) for barcode in variant.barcodes]
    if variant.choices:
        wire["options"] = _render_choices(variant.choices)
    if variant.unit_price is not None:
        wire["unit_price"] = _render_unit_price(variant.price, variant.unit_price)
    if FULFILLMENT in around.active and variant.id in ways:
        methods = [_render_way(way, variant.availability) for way in ways[variant.id]]
        wire["fulfillment"] = {"methods": methods}
    return wire | _render_common(variant, around)


def _render_common(shown: Displayed, around: Around) -> Wire:
    """What products and variants have alike."""
    wire: Wire = {}
    if shown.handle is not None:
        wire["handle"] = shown.handle
    if shown.url is not None:
        wire["url"] = shown.url
    if shown.categories:
        wire["categories"] = [_render_category(category) for category in shown.categories]
    if shown.media:
        wire["media"] = [_render_media(media, around.site) for media in shown.media]
    if shown.rating is not None:
        wire["rating"] = _render_rating(shown.rating)
    if shown.tags:
        wire["tags"] = list(shown.tags)
    return wire


def _render_description(text: str, title: str) -> Wire:
    """At least one form has to be there (S/types/description.json)."""
    return {"plain": text or title}


def _render_availability(availability: Availability) -> Wire:
    return {"available": availability.available, "status": availability.status}


def _render_barcode(barcode: Barcode) -> Wire:
    return {"type": barcode.type, "value": barcode.value}


def _render_choices(choices: Sequence[Choice]) -> list[Wire]:
    return [{"name": choice.name, "label": choice.label} for choice in choices]


def _render_category(category: Category) -> Wire:
    taxonomy = {"taxonomy": category.taxonomy} if category.taxonomy is not None else {}
    return {"value": category.value, **taxonomy}


def _render_media(media: Media, site: str) -> Wire:
    told: Wire = {"alt_text": media.alt_text, "width": media.width, "height": media.height}
    known = {member: value for member, value in told.items() if value is not None}
    return {"type": media.type, "url": picture_url(media.url, site), **known}


def _render_rating(rating: Rating) -> Wire:
    wire: Wire = {"value": rating.value_centi / 100, "scale_min": rating.min, "scale_max": rating.max}
    return wire | {"count": rating.count} if rating.count is not None else wire


def _render_unit_price(price: Money, unit_price: UnitPrice) -> Wire:
    measure, reference = unit_price.measure, unit_price.reference
    return {
        "amount": amount_per_reference(price.minor, unit_price),
        "currency": price.currency,
        "measure": _render_measure(measure),
        "reference": _render_measure(reference),
    }


def amount_per_reference(price_minor: int, unit_price: UnitPrice) -> int:
    """What the reference costs in minor units, rounded once, halves up (M:D/catalog, Unit price)."""
    measure, reference = unit_price.measure, unit_price.reference
    dividend = price_minor * reference.value * _steps(measure)
    divisor = measure.value * _steps(reference)
    return (2 * dividend + divisor) // (2 * divisor)


def _steps(measure: Measure) -> int:
    """How many steps make one whole unit."""
    return int(10**measure.scale)


def _render_measure(measure: Measure) -> Wire:
    wire: Wire = {"value": measure.value, "unit": measure.unit}
    if measure.scale:
        wire["scale"] = measure.scale
    return wire | {"display_text": measure.text} if measure.text is not None else wire


def _render_way(way: Way, availability: Availability) -> Wire:
    wire: Wire = {"type": way.type, "availability": _render_availability(availability)}
    if way.location_id is not None:
        wire["location"] = way.location_id
    return wire | {"options": [_render_option(option) for option in way.options]}


def _render_option(option: Option) -> Wire:
    wire: Wire = {"id": option.id, "title": option.title}
    return wire | {"description": {"plain": option.description}} if option.description else wire
