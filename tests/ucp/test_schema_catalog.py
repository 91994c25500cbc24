"""Catalogs and carts as they are asked for and answered: the schemas know what each release has."""

import json
from typing import Any

import pytest

from tests.ucp.samples import STANDARD
from tests.ucp.schema_damage import examples
from tests.ucp.schema_layout import RELEASES, SCHEMAS
from tests.ucp.schema_normal import normal
from ucp_server.domain.catalog import (
    Availability,
    Barcode,
    Category,
    Choice,
    Filters,
    Measure,
    Media,
    Place,
    Product,
    ProductOption,
    Rating,
    UnitPrice,
    Variant,
)
from ucp_server.domain.money import Money
from ucp_server.domain.problems import info
from ucp_server.domain.selection import OptionShown, OptionValue
from ucp_server.engine.catalog import Listed, Looked, Match, Page, Shown, Way
from ucp_server.ucp import catalog
from ucp_server.ucp.releases import BUYER_CONSENT, CHECKOUT, DISCOUNT, FULFILLMENT
from ucp_server.ucp.schema import Direction, Schemas

Body = dict[str, Any]

APRIL, AUGUST = RELEASES[2:]
BOTH = {APRIL, AUGUST}
ALL = frozenset({FULFILLMENT, DISCOUNT, BUYER_CONSENT})


@pytest.fixture(scope="module")
def schemas() -> Schemas:
    return Schemas(SCHEMAS, RELEASES)


def places(
    schemas: Schemas,
    release: str,
    row: tuple[Direction, str],
    body: Any,
    active: frozenset[str] = ALL,
) -> set[str]:
    """Where the body breaks the release."""
    return {fault.path for fault in schemas.checker(release, *row, active).check(body)}


# --- what is asked

LINES = [{"item": {"id": "mug-blue"}, "quantity": 2}]
BLUE = {"name": "Colour", "label": "Blue"}
CONSENTED = {"granted": True, "source": "platform"}


def filtered(**filters: Any) -> Body:
    return {"query": "mug", "filters": filters}


def told_words(consent: Any) -> Body:
    return {"line_items": LINES, "buyer": {"consent": consent}}


# (operation, what it shows, body, the releases that read it)
ASKED: list[tuple[str, str, Any, set[str]]] = [
    ("search_catalog", "nothing", {}, BOTH),
    ("search_catalog", "words", {"query": "mug"}, BOTH),
    ("search_catalog", "words that are a number", {"query": 7}, set()),
    ("search_catalog", "a page", {"query": "mug", "pagination": {"cursor": "c", "limit": 20}}, BOTH),
    ("search_catalog", "an empty page", {"pagination": {"limit": 0}}, set()),
    ("search_catalog", "categories", filtered(categories=["Kitchen"]), BOTH),
    ("search_catalog", "one category", filtered(categories="Kitchen"), set()),
    ("search_catalog", "prices", filtered(price={"min": 0, "max": 2000}), BOTH),
    ("search_catalog", "a price below nothing", filtered(price={"min": -1}), set()),
    ("search_catalog", "a price with a comma", filtered(price={"max": 19.9}), set()),
    ("search_catalog", "what can be had", filtered(available=True), BOTH),
    ("search_catalog", "what can be had, by a word", filtered(available="yes"), set()),
    ("search_catalog", "a choice", filtered(options=[BLUE]), BOTH),
    ("search_catalog", "a choice of nothing", filtered(options=[{"label": "Blue"}]), set()),
    ("search_catalog", "a filter of somebody else", filtered(mood=["calm"]), BOTH),
    ("search_catalog", "a place", filtered(fulfills_to={"address_country": "PT"}), BOTH),
    ("search_catalog", "a place that is a word", filtered(fulfills_to="Porto"), {APRIL}),
    ("search_catalog", "a way by a word", filtered(methods="pickup"), {APRIL}),
    ("search_catalog", "a claim of nobody", {"context": {"eligibility": ["member"]}}, set()),
    ("search_catalog", "a buyer's place", {"context": {"location": 7}}, {APRIL}),
    ("lookup_catalog", "an id", {"ids": ["mug"]}, BOTH),
    ("lookup_catalog", "no id", {"ids": []}, set()),
    ("lookup_catalog", "nothing", {}, set()),
    ("lookup_catalog", "an id with a filter", {"ids": ["mug"], "filters": {"available": 1}}, set()),
    ("get_product", "an id", {"id": "mug"}, BOTH),
    ("get_product", "choices", {"id": "mug", "selected": [BLUE], "preferences": ["Colour"]}, BOTH),
    ("get_product", "a choice of nothing", {"id": "mug", "selected": [{"label": "Blue"}]}, set()),
    ("get_product", "no id", {"selected": []}, set()),
    ("create_cart", "lines", {"line_items": LINES}, BOTH),
    ("create_cart", "no lines", {}, set()),
    ("create_cart", "codes", {"line_items": LINES, "discounts": {"codes": ["10OFF"]}}, BOTH),
    ("create_cart", "a code by itself", {"line_items": LINES, "discounts": {"codes": "10OFF"}}, set()),
    ("create_cart", "consent by words", told_words({"marketing": True}), {APRIL}),
    ("create_cart", "consent by purpose", told_words({"dev.ucp.consent.marketing": CONSENTED}), BOTH),
    ("update_cart", "the id in the path alone", {"line_items": LINES}, BOTH),
    ("update_cart", "the id in the body", {"id": "cart_1", "line_items": LINES}, BOTH),
]  # fmt: skip


@pytest.mark.parametrize("release", sorted(BOTH))
@pytest.mark.parametrize(
    ("operation", "shows", "body", "releases"),
    ASKED,
    ids=lambda part: "+".join(sorted(part)) if isinstance(part, set) else str(part)[:40],
)
def test_a_question_is_read_by_the_releases_that_know_it(
    schemas: Schemas, release: str, operation: str, shows: str, body: Any, releases: set[str]
) -> None:
    found = places(schemas, release, ("request", operation), body)
    assert (not found) is (release in releases), (shows, found)


@pytest.mark.parametrize("release", sorted(BOTH))
def test_a_checkout_is_made_of_a_cart_where_carts_are_negotiated(schemas: Schemas, release: str) -> None:
    row: tuple[Direction, str] = ("request", "create_checkout")
    cart = frozenset({"dev.ucp.shopping.cart"})
    assert places(schemas, release, row, {"cart_id": "cart_1", "line_items": []}, cart) == set()
    assert places(schemas, release, row, {"cart_id": 1, "line_items": []}, cart) == {"$.cart_id"}
    assert places(schemas, release, row, {"cart_id": 1, "line_items": []}) == set()


@pytest.mark.parametrize("release", sorted(BOTH))
def test_what_is_let_in_can_be_decoded(schemas: Schemas, release: str) -> None:
    decoders = {
        "search_catalog": catalog.decode_search,
        "lookup_catalog": catalog.decode_lookup,
        "get_product": catalog.decode_product,
    }
    for operation, decode in decoders.items():
        for active in (frozenset[str](), ALL):
            asked = examples(normal(schemas.inline(release, "request", operation, active)))
            assert asked
            for document in asked:
                decode(document, active)


def test_filters_of_an_extension_that_is_not_active_may_be_anything(schemas: Schemas) -> None:
    """The set of filters is open: what nobody agreed on is neither read nor refused."""
    asked = filtered(methods="pickup", fulfills_to=["Porto"], available=True)
    row: tuple[Direction, str] = ("request", "search_catalog")
    for release in BOTH:
        assert places(schemas, release, row, asked, frozenset()) == set()
    search, _ = catalog.decode_search(asked, frozenset())
    assert search.filters == Filters(available=True)

    delivered = filtered(methods=["pickup"], fulfills_to={"location": "centre"})
    search, _ = catalog.decode_search(delivered, ALL)
    assert search.filters == Filters(methods=("pickup",), fulfills_to=Place(location_id="centre"))


# --- what is answered

SIZES = tuple(
    Variant(
        id=f"tea-{grams}",
        title=f"Green tea, {grams} g",
        description="First picking",
        price=Money(minor, "EUR"),
        list_price_minor=minor + 100,
        availability=Availability(True, "in_stock"),
        choices=(Choice("Size", f"{grams} g"),),
        sku=f"T-{grams}",
        barcodes=(Barcode("EAN", "4006381333931"),),
        handle=f"green-tea-{grams}",
        url="https://shop.example/tea",
        categories=(Category("Tea"), Category("412", "google_product_category")),
        media=(Media(type="image", url="pictures/tea.jpg", alt_text="A tin", width=800, height=600),),
        rating=Rating(value_centi=455, count=12),
        tags=("green",),
        unit_price=UnitPrice(measure=Measure(grams, "GRM", 0, "g"), reference=Measure(100, "GRM", 0, "g")),
    )
    for grams, minor in ((50, 490), (250, 1990))
)
TEA = Product(
    id="tea",
    title="Green tea",
    description="",
    variants=SIZES,
    options=(ProductOption("Size", ("50 g", "250 g")),),
    handle="green-tea",
    url="https://shop.example/tea",
    categories=(Category("Tea"),),
    media=(Media(type="image", url="https://pictures.example/tea.jpg"),),
    rating=Rating(value_centi=455, count=12),
    tags=("green",),
)
LISTED = (Listed(TEA, SIZES),)
WAYS = {
    "tea-50": (
        Way(type="shipping", options=(STANDARD,)),
        Way(type="pickup", options=(), location_id="centre"),
    )
}
NOTED = (info("not_found", "Nothing is called so.", where="$.ids[1]"),)
PAGE = Page(products=LISTED, ways=WAYS, cursor="next", total=12, problems=NOTED)
LOOKED = Looked(
    products=LISTED,
    matches={one.id: (Match(one.id, "exact"), Match("tea", "featured")) for one in SIZES},
    ways=WAYS,
    problems=NOTED,
)
SHOWN = Shown(
    product=TEA,
    variants=SIZES,
    choices=(Choice("Size", "50 g"),),
    options=(OptionShown("Size", (OptionValue("50 g", True, True), OptionValue("250 g", False, True))),),
    ways=WAYS,
)


def answers(release: str, active: frozenset[str]) -> dict[str, Body]:
    around = catalog.Around(site="https://shop.example", active=active)
    named = {"dev.ucp.shopping.catalog.search": [{"version": release}]}
    ucp = {"version": release, "capabilities": named, "status": "success"}
    return {
        "search_catalog": {"ucp": ucp, **catalog.render_page(PAGE, around)},
        "lookup_catalog": {"ucp": ucp, **catalog.render_looked(LOOKED, around)},
        "get_product": {"ucp": ucp, **catalog.render_shown(SHOWN, around)},
    }


@pytest.mark.parametrize("active", [frozenset[str](), frozenset({FULFILLMENT})], ids=["bare", "delivered"])
def test_what_we_render_has_the_form_of_the_newest(schemas: Schemas, active: frozenset[str]) -> None:
    for operation, body in answers(AUGUST, active).items():
        assert places(schemas, AUGUST, ("response", operation), body, active) == set(), operation
        assert ("fulfillment" in json.dumps(body)) is bool(active)


def test_goods_by_measure_are_told_otherwise_in_april(schemas: Schemas) -> None:
    """A reference in steps of a unit is a whole number in both; the words of a unit are August's alone."""
    [product] = answers(AUGUST, frozenset())["search_catalog"]["products"]
    body = {"ucp": {"version": APRIL}, "products": [product]}
    row: tuple[Direction, str] = ("response", "search_catalog")
    price = product["variants"][0]["unit_price"]
    path = "$.products[0].variants[0].unit_price"

    price["measure"] = {"value": 0.75, "unit": "l"}
    price["reference"] = {"value": 1, "unit": "l"}
    assert places(schemas, APRIL, row, body) == set()
    found = places(schemas, AUGUST, row, body)
    assert {f"{path}.measure.value", f"{path}.reference.display_text"} <= found

    price["reference"]["value"] = 0.5
    assert places(schemas, APRIL, row, body) == {f"{path}.reference.value"}


def without(body: Body, *steps: str | int) -> Body:
    copy: Body = json.loads(json.dumps(body))
    node: Any = copy
    for step in steps[:-1]:
        node = node[step]
    del node[steps[-1]]
    return copy


@pytest.mark.parametrize("release", sorted(BOTH))
@pytest.mark.parametrize(
    ("operation", "steps", "place"),
    [
        ("search_catalog", ("ucp",), "$.ucp"),
        ("search_catalog", ("products",), "$.products"),
        ("search_catalog", ("pagination", "cursor"), "$.pagination.cursor"),
        ("search_catalog", ("pagination", "has_next_page"), "$.pagination.has_next_page"),
        ("search_catalog", ("products", 0, "price_range", "max"), "$.products[0].price_range.max"),
        ("search_catalog", ("products", 0, "variants", 0, "price"), "$.products[0].variants[0].price"),
        ("lookup_catalog", ("products", 0, "variants", 1, "inputs"), "$.products[0].variants[1].inputs"),
        ("get_product", ("product",), "$.product"),
        ("get_product", ("product", "options", 0, "values"), "$.product.options[0].values"),
        ("get_product", ("product", "selected", 0, "label"), "$.product.selected[0].label"),
    ],
)
def test_an_answer_that_lacks_something_is_seen(
    schemas: Schemas, release: str, operation: str, steps: tuple[str | int, ...], place: str
) -> None:
    body = without(answers(release, frozenset())[operation], *steps)
    assert place in places(schemas, release, ("response", operation), body)


TOTALS = [{"type": "subtotal", "amount": 2980}, {"type": "total", "amount": 2980}]
LINE = {"id": "li_1", "item": {"id": "mug", "title": "Mug", "price": 1490}, "quantity": 2, "totals": TOTALS}


def cart(release: str, **members: Any) -> Body:
    named = {"dev.ucp.shopping.cart": [{"version": release}]}
    ucp = {"version": release, "capabilities": named}
    return {
        "ucp": ucp, "id": "cart_1", "currency": "EUR", "line_items": [LINE], "totals": TOTALS, **members,
    }  # fmt: skip


@pytest.mark.parametrize("release", sorted(BOTH))
@pytest.mark.parametrize(
    ("member", "value", "releases"),
    [
        ("continue_url", "https://shop.example/carts/1", BOTH),
        ("continue_url", "/carts/1", set()),
        ("expires_at", "2026-11-29T06:00:00Z", BOTH),
        ("expires_at", "next week", set()),
        ("discounts", {"codes": ["10OFF"], "applied": [{"title": "10 %", "amount": 298}]}, BOTH),
        ("discounts", {"applied": [{"title": "10 %"}]}, set()),
        ("buyer", {"consent": {"marketing": True}}, {APRIL}),
        ("policies", [{"type": "returns"}], {APRIL}),
        ("actions", {"dev.example.look": []}, {APRIL}),
        ("ucp", {"version": "newest"}, set()),
        ("totals", TOTALS[:1], set()),
        ("currency", None, set()),
    ],
)
def test_a_cart_holds_only_what_its_release_has(
    schemas: Schemas, release: str, member: str, value: Any, releases: set[str]
) -> None:
    for operation in ("create_cart", "get_cart", "update_cart", "cancel_cart"):
        row: tuple[Direction, str] = ("response", operation)
        assert places(schemas, release, row, cart(release)) == set()
        found = places(schemas, release, row, cart(release, **{member: value}))
        assert (not found) is (release in releases), found


def test_a_cart_has_neither_handlers_nor_a_status(schemas: Schemas) -> None:
    for release in BOTH:
        known = schemas.inline(release, "response", "get_cart", schemas.extensions(release))["properties"]
        assert {"status", "payment", "fulfillment", "cart_id", "order"}.isdisjoint(known)
        names = schemas.inline(release, "response", "get_checkout", frozenset({CHECKOUT}))["properties"]
        assert {"status", "payment"} <= set(names)
