"""Looking for goods: lists and their cursors, lookup, one product, and who delivers where.

The catalog is a plug-in of the tests, as a merchant's own would be; the lists lie in Postgres.
"""

import dataclasses
from collections.abc import Mapping, Sequence

import msgspec
import pytest

from ucp_server.domain.catalog import (
    Availability,
    Category,
    Choice,
    Filters,
    Item,
    Market,
    Named,
    Place,
    Product,
    ProductOption,
    Search,
    Variant,
)
from ucp_server.domain.errors import (
    CursorUnknown,
    HandlerUnavailable,
    InvalidRequest,
    ProductNotFound,
    RequestTooLarge,
)
from ucp_server.domain.fulfillment import Address, Destination, Option
from ucp_server.domain.merchant import Merchant
from ucp_server.domain.money import Money
from ucp_server.domain.quote import PricedLine
from ucp_server.engine.catalog import (
    LIST_MAX,
    LOOKUP_IDS_MAX,
    PAGE_MAX,
    PLACES_TOLD_MAX,
    VARIANTS_SHOWN_MAX,
    Asked,
    Browsing,
    Page,
    Wish,
)
from ucp_server.engine.commands import Scope
from ucp_server.store.database import Pool, read

MERCHANT = Merchant(
    id="shop", title="Shop", currency="EUR", home_country="DE", mail_sender="shop@example.com"
)
SCOPE = Scope(merchant_id=MERCHANT.id, platform_id="https://platform.example/profile")
OTHER = Scope(merchant_id=MERCHANT.id, platform_id="https://other.example/profile")
ANYTHING = Search(query="cup")


def variant(
    id_: str,
    *,
    price: int = 1000,
    there: bool = True,
    ships: bool = True,
    weight_g: int = 100,
    **choices: str,
) -> Variant:
    return Variant(
        id=id_,
        title=id_,
        description="",
        price=Money(price, "EUR"),
        availability=Availability(available=there, status="in_stock" if there else "out_of_stock"),
        choices=tuple(Choice(name, label) for name, label in choices.items()),
        item=Item(id=id_, title=id_, price=Money(price, "EUR"), ships=ships, weight_g=weight_g),
    )


def product(id_: str, *variants: Variant, category: str = "Tableware") -> Product:
    names = dict.fromkeys(choice.name for one in variants for choice in one.choices)
    options = [
        ProductOption(
            name,
            tuple(dict.fromkeys(c.label for one in variants for c in one.choices if c.name == name)),
        )
        for name in names
    ]
    return Product(
        id=id_,
        title=id_,
        description="",
        variants=variants or (variant(id_),),
        options=tuple(options),
        categories=(Category(category),),
    )


class Shelf:
    """A merchant's own catalog: everything matches every query."""

    def __init__(self, *products: Product) -> None:
        self.known = {one.id: one for one in products}
        self.searched: list[Search] = []
        self.looks = 0

    async def items(self, merchant_id: str, item_ids: Sequence[str]) -> Mapping[str, Item]:
        raise AssertionError("nobody sells here")

    async def search(self, merchant_id: str, search: Search, limit: int) -> Sequence[str]:
        self.searched.append(search)
        return list(self.known)[:limit]

    async def resolve(self, merchant_id: str, ids: Sequence[str]) -> Mapping[str, Sequence[Named]]:
        found: dict[str, list[Named]] = {}
        for id_ in ids:
            if id_ in self.known:
                found.setdefault(id_, []).append(Named(id_))
            for one in self.known.values():
                found.setdefault(id_, []).extend(
                    Named(one.id, each.id) for each in one.variants if each.id == id_ != one.id
                )
        return found

    async def products(
        self, merchant_id: str, product_ids: Sequence[str], market: Market
    ) -> Mapping[str, Product]:
        self.looks += 1
        return {id_: self.known[id_] for id_ in product_ids if id_ in self.known}

    def price(self, id_: str, price: int) -> None:
        one = self.known[id_]
        variants = tuple(msgspec.structs.replace(each, price=Money(price, "EUR")) for each in one.variants)
        self.known[id_] = msgspec.structs.replace(one, variants=variants)


class Parcels:
    """Ships within Germany what is no heavier than a kilogram; all can be collected in one place."""

    async def options(self, merchant_id: str, to: Address, lines: Sequence[PricedLine]) -> Sequence[Option]:
        if to.country != "DE" or any(line.item.weight_g > 1000 for line in lines):
            return []
        prices = {"slow": 490, "quick": 690, "today": 1990}
        return [Option(id=name, title=name, price_minor=price) for name, price in prices.items()]

    async def locations(
        self, merchant_id: str, lines: Sequence[PricedLine]
    ) -> Sequence[tuple[Destination, Option]]:
        place = Destination(id="workshop", kind="business_location", name="Workshop")
        return [(place, Option(id="collect", title="Collect", price_minor=0))]


class Chain(Parcels):
    """With a shop in each of many streets."""

    async def locations(
        self, merchant_id: str, lines: Sequence[PricedLine]
    ) -> Sequence[tuple[Destination, Option]]:
        (place, option), *_ = await super().locations(merchant_id, lines)
        return [(msgspec.structs.replace(place, id=f"shop{n}"), option) for n in range(PLACES_TOLD_MAX + 3)]


def browsing(pool: Pool, *products: Product) -> tuple[Browsing, Shelf]:
    shelf = Shelf(*products)
    shop = Browsing(pool=pool, catalog=shelf, rates=Parcels(), merchants={MERCHANT.id: MERCHANT})
    return shop, shelf


def shown(page: Page) -> list[str]:
    return [listed.product.id for listed in page.products]


# --- a shelf ---


async def test_a_shelf_shows_all_there_is_and_keeps_no_list(pool: Pool):
    shop, shelf = browsing(pool, *(product(f"p{n:02}") for n in range(25)))
    del shelf.known["p03"]
    first = await shop.shelf(MERCHANT.id, Search(), skip=0, limit=20)
    assert ([one.product.id for one in first.products][3], first.next_skip) == ("p04", 20)
    rest = await shop.shelf(MERCHANT.id, Search(), skip=20, limit=20)
    assert ([one.product.id for one in rest.products], rest.next_skip) == (
        ["p21", "p22", "p23", "p24"],
        None,
    )
    beyond = await shop.shelf(MERCHANT.id, Search(query="cup"), skip=900, limit=20)
    assert (beyond.products, beyond.next_skip) == ((), None)
    async with read(pool) as db:
        assert await db.fetchval("select count(*) from search_lists") == 0


async def test_a_shelf_is_not_looked_through_for_a_novel(pool: Pool):
    shop, _ = browsing(pool)
    with pytest.raises(InvalidRequest):
        await shop.shelf(MERCHANT.id, Search(query="a" * 501), skip=0, limit=20)


# --- lists ---


async def test_a_list_is_walked_by_its_cursor_at_today_s_prices(pool: Pool):
    shop, shelf = browsing(pool, *(product(f"p{n:02}") for n in range(25)))
    first = await shop.search(SCOPE, ANYTHING, Asked())
    assert (shown(first), first.total) == ([f"p{n:02}" for n in range(10)], 25)
    shelf.price("p10", 1)
    del shelf.known["p11"]
    second = await shop.search(SCOPE, ANYTHING, Asked(cursor=first.cursor))
    assert shown(second) == ["p10", *(f"p{n:02}" for n in range(12, 21))]
    assert second.products[0].variants[0].price.minor == 1
    third = await shop.search(SCOPE, Search(query="something else"), Asked(cursor=second.cursor))
    assert (shown(third), third.cursor) == ([f"p{n:02}" for n in range(21, 25)], None)
    assert len(shelf.searched) == 1


async def test_a_list_that_nearly_all_is_gone_of_takes_few_looks(pool: Pool):
    shop, shelf = browsing(pool, *(product(f"p{n}") for n in range(LIST_MAX)))
    first = await shop.search(SCOPE, ANYTHING, Asked(limit=1))
    shelf.known = {"p999": product("p999")}
    shelf.looks = 0
    last = await shop.search(SCOPE, ANYTHING, Asked(cursor=first.cursor, limit=1))
    assert (shown(last), last.cursor) == (["p999"], None)
    assert shelf.looks < 20


async def test_a_list_of_one_page_is_not_kept(pool: Pool):
    shop, _ = browsing(pool, product("p1"))
    page = await shop.search(SCOPE, ANYTHING, Asked(limit=1))
    assert (shown(page), page.cursor, page.total) == (["p1"], None, 1)


async def test_pages_and_lists_have_an_end(pool: Pool):
    shop, _ = browsing(pool, *(product(f"p{n}") for n in range(LIST_MAX + 5)))
    page = await shop.search(SCOPE, ANYTHING, Asked(limit=10_000))
    assert (len(page.products), page.total) == (PAGE_MAX, None)


@pytest.mark.parametrize("cursor", ["", ".", "abc", "abc.1", "abc.-1", "abc.99999", "abc.١", "a\0.1"])
async def test_what_is_no_cursor_of_ours_leads_nowhere(pool: Pool, cursor: str):
    shop, _ = browsing(pool, product("p1"))
    with pytest.raises(CursorUnknown):
        await shop.search(SCOPE, ANYTHING, Asked(cursor=cursor))


async def test_a_cursor_is_its_own_platform_s(pool: Pool):
    shop, _ = browsing(pool, product("p1"), product("p2"))
    page = await shop.search(SCOPE, ANYTHING, Asked(limit=1))
    with pytest.raises(CursorUnknown):
        await shop.search(OTHER, ANYTHING, Asked(cursor=page.cursor))
    assert shown(await shop.search(SCOPE, ANYTHING, Asked(cursor=page.cursor))) == ["p2"]


@pytest.mark.parametrize("search", [Search(), Search(query=" "), Search(query="a" * 501)])
async def test_a_search_says_something_and_not_too_much(pool: Pool, search: Search):
    shop, _ = browsing(pool)
    with pytest.raises(InvalidRequest):
        await shop.search(SCOPE, search, Asked())


async def test_filters_hold_for_the_variants_that_are_shown(pool: Pool):
    cheap, dear = variant("cheap", price=500), variant("dear", price=5000)
    shop, _ = browsing(pool, product("p1", dear, cheap), product("p2", dear), product("p3", category="Tea"))
    filters = Filters(price_max_minor=1000, categories=("tableware",))
    page = await shop.search(SCOPE, Search(filters=filters), Asked())
    assert [(one.product.id, [v.id for v in one.variants]) for one in page.products] == [("p1", ["cheap"])]


async def test_a_price_in_another_currency_filters_nothing_and_is_told(pool: Pool):
    shop, shelf = browsing(pool, product("p1"))
    search = Search(filters=Filters(price_max_minor=1), market=Market(currency="USD"))
    page = await shop.search(SCOPE, search, Asked())
    assert (shown(page), [told.code for told in page.problems]) == (["p1"], ["price_filter_ignored"])
    assert shelf.searched[0].filters == Filters()


# --- delivery ---


HEAVY = product("anvil", variant("anvil", weight_g=9000))
CARD = product("card", variant("card", ships=False))


@pytest.mark.parametrize(
    ("filters", "left"),
    [
        (Filters(methods=("shipping",)), ["p1"]),
        (Filters(methods=("pickup",)), ["p1", "anvil"]),
        (Filters(methods=("drone",)), []),
        (Filters(fulfills_to=Place(country="DE")), ["p1", "anvil", "card"]),
        (Filters(fulfills_to=Place(country="FR"), methods=("shipping",)), []),
        (Filters(fulfills_to=Place(location_id="workshop")), ["p1", "anvil", "card"]),
        (Filters(fulfills_to=Place(location_id="elsewhere")), ["card"]),
    ],
)
async def test_what_cannot_come_is_not_shown(pool: Pool, filters: Filters, left: list[str]):
    shop, _ = browsing(pool, product("p1"), HEAVY, CARD)
    page = await shop.search(SCOPE, Search(query="cup", filters=filters), Asked())
    assert (shown(page), page.total) == (left, None)


async def test_the_bounds_of_what_delivery_costs_are_shown(pool: Pool):
    shop, _ = browsing(pool, product("p1"), HEAVY, CARD)
    page = await shop.search(SCOPE, ANYTHING, Asked())
    told = {
        id_: [(way.type, [option.id for option in way.options], way.location_id) for way in ways]
        for id_, ways in page.ways.items()
    }
    collected = ("pickup", ["collect"], "workshop")
    assert told == {"p1": [("shipping", ["slow", "today"], None), collected], "anvil": [collected]}


async def test_a_few_of_many_places_are_told(pool: Pool):
    """As many for what is only collected as for what is sent, too."""
    shop, _ = browsing(pool, product("p1"), HEAVY)
    shop = dataclasses.replace(shop, rates=Chain())
    page = await shop.search(SCOPE, ANYTHING, Asked())
    told = {id_: sum(way.type == "pickup" for way in ways) for id_, ways in page.ways.items()}
    assert told == {"p1": PLACES_TOLD_MAX, "anvil": PLACES_TOLD_MAX}


async def test_where_nobody_is_told_of_delivery_it_is_asked_for_by_filters_alone(pool: Pool):
    class Unasked(Parcels):
        async def options(
            self, merchant_id: str, to: Address, lines: Sequence[PricedLine]
        ) -> Sequence[Option]:
            raise RuntimeError("nobody wanted to know")

    shop, _ = browsing(pool, product("p1"), HEAVY)
    shop = dataclasses.replace(shop, rates=Unasked())
    page = await shop.search(SCOPE, ANYTHING, Asked(), with_ways=False)
    assert (shown(page), page.ways) == (["p1", "anvil"], {})
    with pytest.raises(HandlerUnavailable):
        await shop.search(SCOPE, Search(filters=Filters(methods=("pickup",))), Asked(), with_ways=False)


# --- lookup ---


MUG = product(
    "mug",
    variant("mug-s", there=False, Size="S"),
    variant("mug-m", Size="M"),
    variant("mug-l", Size="L", price=2000),
)


async def test_ids_lead_to_products_once_and_say_how(pool: Pool):
    shop, _ = browsing(pool, MUG, product("cup"))
    looked = await shop.lookup(SCOPE, ["mug", "mug-l", "mug", "cup", "nothing"], Filters(), Market())
    assert [(one.product.id, [v.id for v in one.variants]) for one in looked.products] == [
        ("mug", ["mug-m", "mug-l"]),
        ("cup", ["cup"]),
    ]
    kinds = {id_: [(m.id, m.kind) for m in these] for id_, these in looked.matches.items()}
    assert kinds == {
        "mug-m": [("mug", "featured")],
        "mug-l": [("mug-l", "exact")],
        "cup": [("cup", "exact")],
    }
    assert [(told.code, "nothing" in told.text) for told in looked.problems] == [("not_found", True)]


async def test_filters_take_products_out_of_a_lookup(pool: Pool):
    shop, _ = browsing(pool, MUG, product("cup"))
    looked = await shop.lookup(SCOPE, ["mug-s", "cup"], Filters(available=True), Market())
    assert ([one.product.id for one in looked.products], looked.problems) == (["cup"], ())


async def test_too_many_ids_are_refused_and_strange_ones_unknown(pool: Pool):
    shop, _ = browsing(pool, product("cup"))
    with pytest.raises(RequestTooLarge):
        await shop.lookup(SCOPE, [str(n) for n in range(LOOKUP_IDS_MAX + 1)], Filters(), Market())
    looked = await shop.lookup(SCOPE, ["", "a\0b", "x" * 1000], Filters(), Market())
    assert ([told.code for told in looked.problems], looked.products) == (["not_found"] * 3, ())


# --- one product ---


async def test_a_product_is_shown_as_far_as_it_is_chosen(pool: Pool):
    shop, _ = browsing(pool, MUG)
    bare = await shop.product(SCOPE, "mug", Wish(), Filters(), Market())
    assert (bare.choices, [v.id for v in bare.variants]) == ((Choice("Size", "M"),), ["mug-m"])
    named = await shop.product(SCOPE, "mug-s", Wish(choices=(Choice("Size", "L"),)), Filters(), Market())
    assert (named.choices, [v.id for v in named.variants]) == ((Choice("Size", "S"),), ["mug-s"])
    (option,) = bare.options
    assert [(v.label, v.available, v.exists) for v in option.values] == [
        ("S", False, True),
        ("M", True, True),
        ("L", True, True),
    ]


async def test_of_a_thousand_that_fit_some_are_shown_and_all_can_be_chosen(pool: Pool):
    sizes = [f"size{n}" for n in range(VARIANTS_SHOWN_MAX + 10)]
    rug = product("rug", *(variant(size, Colour="red", Size=size) for size in sizes))
    shop, _ = browsing(pool, rug)
    found = await shop.product(SCOPE, "rug", Wish(choices=(Choice("Colour", "red"),)), Filters(), Market())
    assert [one.id for one in found.variants] == sizes[:VARIANTS_SHOWN_MAX]
    assert [value.label for value in found.options[1].values if value.exists] == sizes
    last = await shop.product(SCOPE, sizes[-1], Wish(), Filters(), Market())
    assert [one.id for one in last.variants] == [sizes[-1]]


async def test_an_unknown_product_and_one_of_which_nothing_fits_are_not_found(pool: Pool):
    shop, _ = browsing(pool, MUG)
    with pytest.raises(ProductNotFound):
        await shop.product(SCOPE, "jug", Wish(), Filters(), Market())
    with pytest.raises(ProductNotFound):
        await shop.product(SCOPE, "mug", Wish(), Filters(price_min_minor=9999), Market())
    with pytest.raises(InvalidRequest):
        await shop.product(
            SCOPE, "mug", Wish(choices=(Choice("Size", "S"), Choice("size", "M"))), Filters(), Market()
        )


async def test_a_catalog_that_fails_does_not_answer(pool: Pool, caplog: pytest.LogCaptureFixture):
    class Broken(Shelf):
        async def search(self, merchant_id: str, search: Search, limit: int) -> Sequence[str]:
            raise RuntimeError("out of order")

    shop, _ = browsing(pool)
    with pytest.raises(HandlerUnavailable):
        await over(shop, Broken()).search(SCOPE, ANYTHING, Asked())
    assert "The catalog raised RuntimeError" in caplog.text


def over(shop: Browsing, catalog: Shelf) -> Browsing:
    return Browsing(pool=shop.pool, catalog=catalog, rates=shop.rates, merchants=shop.merchants)
