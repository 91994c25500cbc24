"""Looking for goods: search with its kept list, lookup by identifiers, one product with its choices.

Nothing here is a promise: what is shown has today's prices and stock, and the checkout decides.
"""

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final, Literal

import msgspec

from ucp_server.domain import problems
from ucp_server.domain.catalog import Choice, Filters, Market, Named, Place, Product, Search, Variant
from ucp_server.domain.errors import (
    CursorUnknown,
    InvalidRequest,
    ProductNotFound,
    RequestTooLarge,
)
from ucp_server.domain.fulfillment import Address, Option
from ucp_server.domain.merchant import Merchant
from ucp_server.domain.methods import PICKUP, SHIPPING
from ucp_server.domain.problems import Problem
from ucp_server.domain.quote import PricedLine
from ucp_server.domain.selection import (
    OptionShown,
    featured,
    featured_first,
    in_categories,
    passing,
    select,
)
from ucp_server.engine.asking import Asking
from ucp_server.engine.commands import Scope
from ucp_server.ports import Catalog, Rates
from ucp_server.store.database import Pool, read, statement
from ucp_server.store.ids import new_token
from ucp_server.store.search_lists import KeptList, insert_list, load_list

# A page is answered within 3 s or not at all: an agent asks several shops at once and does not wait.
SHOWN_WITHIN_S: Final = 3.0
# Nobody turns a hundred pages: who has not found it among these asks more exactly.
LIST_MAX: Final = 1_000
# Ten is what the specification recommends; fifty products with their variants are some 200 kB.
PAGE_DEFAULT: Final = 10
PAGE_MAX: Final = 50
LOOKUP_IDS_MAX: Final = 50
# An id or a text for search that is longer than any of ours finds nothing, at some cost.
ID_LENGTH_MAX: Final = 255
QUERY_LENGTH_MAX: Final = 500
# A barcode may stand for a few things; a handle that stands for more is a mistake of the shop.
MEANINGS_MAX: Final = 10
# A list shows what there is to choose; the product's own page tells of all.
VARIANTS_IN_LIST_MAX: Final = 20
# Half a megabyte with the longest descriptions. A product may have eight times as many that differ in
# one option alone; who chooses among them is told all there are by their labels.
VARIANTS_SHOWN_MAX: Final = 250
# Places to collect at, of those that there are.
PLACES_TOLD_MAX: Final = 5
# Products looked at in one statement where delivery decides which of them are shown, or where most of a
# list is gone by now.
LOOKED_THROUGH_AT_ONCE: Final = 100


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """Which part of a list: from its beginning, or from where a ``cursor`` of ours points."""

    cursor: str | None = None
    limit: int = PAGE_DEFAULT


class Way(msgspec.Struct, frozen=True, kw_only=True):
    """How a variant comes to its buyer: ``shipping``, or ``pickup`` at the place ``location_id``.

    ``options`` are the bounds of what it may cost, cheapest first: what it will cost depends on the
    whole order.
    """

    type: str
    options: tuple[Option, ...]
    location_id: str | None = None


Ways = Mapping[str, tuple[Way, ...]]  # by variant; what needs no delivery is not in it


class Listed(msgspec.Struct, frozen=True):
    """A product, and those of its ``variants`` that are shown: at least one, the featured one first."""

    product: Product
    variants: tuple[Variant, ...]


class Page(msgspec.Struct, frozen=True, kw_only=True):
    """``cursor`` leads to the next page, if there is one; ``total`` is None where it is not known."""

    products: tuple[Listed, ...]
    ways: Ways
    cursor: str | None = None
    total: int | None = None
    problems: tuple[Problem, ...] = ()


class Shelf(msgspec.Struct, frozen=True, kw_only=True):
    """A part of what is sold; ``next_skip`` is where the next one begins, None at the end."""

    products: tuple[Listed, ...]
    next_skip: int | None


class Match(msgspec.Struct, frozen=True):
    """``featured`` when ``id`` named the product alone, and the variant was our choice."""

    id: str
    kind: Literal["exact", "featured"]


class Looked(msgspec.Struct, frozen=True, kw_only=True):
    """Each product once, with the variants that ``matches`` (by variant) tell of and no others."""

    products: tuple[Listed, ...]
    matches: Mapping[str, tuple[Match, ...]]
    ways: Ways
    problems: tuple[Problem, ...] = ()


class Wish(msgspec.Struct, frozen=True, kw_only=True):
    """Which of a product's variants: see `domain.selection.select`."""

    choices: tuple[Choice, ...] = ()
    preferences: tuple[str, ...] = ()


class Shown(msgspec.Struct, frozen=True, kw_only=True):
    """A product with variants that fit ``choices``, the featured one first."""

    product: Product
    variants: tuple[Variant, ...]
    choices: tuple[Choice, ...]
    options: tuple[OptionShown, ...]
    ways: Ways
    problems: tuple[Problem, ...] = ()


class _Narrowing(msgspec.Struct, frozen=True, kw_only=True):
    """What of the catalog may be shown to this caller, and where the goods would go."""

    merchant: Merchant
    filters: Filters
    market: Market
    problems: tuple[Problem, ...]
    with_ways: bool

    @property
    def by_delivery(self) -> bool:
        return bool(self.filters.methods) or self.filters.fulfills_to is not None


@dataclass(frozen=True, kw_only=True, slots=True)
class Browsing:
    """The use cases of looking, over anybody's catalog and rates."""

    pool: Pool
    catalog: Catalog
    rates: Rates
    merchants: Mapping[str, Merchant]
    within_s: float = SHOWN_WITHIN_S

    async def search(self, scope: Scope, search: Search, asked: Asked, *, with_ways: bool = True) -> Page:
        """One page of what fits; a cursor goes on in its own list, whatever else is asked.

        Here and below nobody computes how goods would be delivered unless the caller tells it
        (``with_ways``), or filters by it.
        Raises InvalidRequest for a search that says nothing or too much, CursorUnknown,
        HandlerUnavailable, StoreUnavailable.
        """
        async with self._in_time():
            if asked.cursor is None:
                _check_search(search)
                narrowing = self._narrowing(scope, search.filters, search.market, with_ways=with_ways)
                begun = await self._begin(scope, search, narrowing)
                position = 0
            else:
                begun, position = await self._continue(scope, asked.cursor)
                narrowing = self._narrowing(
                    scope, begun.search.filters, begun.search.market, with_ways=with_ways
                )
            limit = min(asked.limit, PAGE_MAX)
            products, ways, end = await self._fill(begun.product_ids, position, limit, narrowing)
            cursor = None
            if end < len(begun.product_ids):
                if asked.cursor is None:
                    await self._keep(begun)
                cursor = f"{begun.token}.{end}"
        known = len(begun.product_ids) < LIST_MAX and not narrowing.by_delivery
        return Page(
            products=tuple(products),
            ways=ways,
            cursor=cursor,
            total=len(begun.product_ids) if known else None,
            problems=narrowing.problems,
        )

    async def shelf(self, merchant_id: str, search: Search, *, skip: int, limit: int) -> Shelf:
        """What is looked at without being a platform: all that there is where nothing is looked for.

        Nothing is kept, so that whoever opens a page writes no row; the same ``skip`` leads to another
        product where the shop has changed meanwhile.
        Raises InvalidRequest for a search that says too much, HandlerUnavailable, StoreUnavailable.
        """
        scope = Scope(merchant_id=merchant_id, platform_id="")
        if search.query and search.query.strip():
            _check_search(search)
        async with self._in_time():
            narrowing = self._narrowing(scope, search.filters, search.market, with_ways=False)
            found = (await self._begin(scope, search, narrowing)).product_ids
            listed, _, end = await self._fill(found, skip, min(limit, PAGE_MAX), narrowing)
        return Shelf(products=tuple(listed), next_skip=end if end < len(found) else None)

    async def lookup(
        self, scope: Scope, ids: Sequence[str], filters: Filters, market: Market, *, with_ways: bool = True
    ) -> Looked:
        """The products that ``ids`` name. An unknown id is told, and no reason to refuse.

        Raises RequestTooLarge, HandlerUnavailable, StoreUnavailable.
        """
        wanted = list(dict.fromkeys(ids))
        if len(wanted) > LOOKUP_IDS_MAX:
            raise RequestTooLarge(f"At most {LOOKUP_IDS_MAX} ids are looked up at once.")
        narrowing = self._narrowing(scope, filters, market, with_ways=with_ways)
        async with self._in_time():
            meanings, products = await self._resolve(scope, wanted, market)
            narrowed = {
                id_: await self._narrow(product, product.variants, narrowing)
                for id_, product in products.items()
            }
            shown: dict[str, dict[str, Variant]] = {}
            matches: dict[str, list[Match]] = {}
            ways: dict[str, tuple[Way, ...]] = {}
            for asked, named in _meant(wanted, meanings):
                fitting, theirs = narrowed.get(named.product_id, ((), {}))
                variant = _meant_variant(fitting, named)
                if variant is None:
                    continue
                shown.setdefault(named.product_id, {})[variant.id] = variant
                # What has no variants of its own is named as a variant too, and meant as such.
                is_exact = named.variant_id is not None or asked == variant.id
                kind: Literal["exact", "featured"] = "exact" if is_exact else "featured"
                matches.setdefault(variant.id, []).append(Match(asked, kind))
                ways |= {variant.id: theirs[variant.id]} if variant.id in theirs else {}
        unknown = [
            one for one in wanted if not any(n.product_id in products for n in meanings.get(one, ()))
        ]
        return Looked(
            products=tuple(Listed(products[id_], tuple(these.values())) for id_, these in shown.items()),
            matches={variant_id: tuple(these) for variant_id, these in matches.items()},
            ways=ways,
            problems=(*narrowing.problems, *(problems.product_unknown(one) for one in unknown)),
        )

    async def product(
        self,
        scope: Scope,
        product_id: str,
        wish: Wish,
        filters: Filters,
        market: Market,
        *,
        with_ways: bool = True,
    ) -> Shown:
        """One product, by its own id or a variant's, as far as ``wish`` can be followed.

        Raises ProductNotFound, also where the filters leave nothing of it; InvalidRequest for an
        option that is chosen twice; HandlerUnavailable, StoreUnavailable.
        """
        _check_wish(wish)
        narrowing = self._narrowing(scope, filters, market, with_ways=with_ways)
        async with self._in_time():
            meanings, products = await self._resolve(scope, [product_id], market)
            named = next((one for one in meanings.get(product_id, ()) if one.product_id in products), None)
            if named is None:
                raise ProductNotFound
            product = products[named.product_id]
            chosen = select(product, wish.choices, wish.preferences, named.variant_id)
            fitting, ways = await self._narrow(product, chosen.variants, narrowing)
        if not fitting:
            raise ProductNotFound
        return Shown(
            product=product,
            variants=tuple(fitting[:VARIANTS_SHOWN_MAX]),
            choices=chosen.choices,
            options=chosen.options,
            ways=ways,
            problems=narrowing.problems,
        )

    # --- lists ---

    async def _begin(self, scope: Scope, search: Search, narrowing: _Narrowing) -> KeptList:
        understood = msgspec.structs.replace(search, filters=narrowing.filters)
        found = await self.catalog.search(scope.merchant_id, understood, LIST_MAX)
        return KeptList(
            token=new_token(),
            merchant_id=scope.merchant_id,
            platform_id=scope.platform_id,
            product_ids=tuple(dict.fromkeys(found))[:LIST_MAX],
            search=search,
        )

    async def _keep(self, begun: KeptList) -> None:
        async with statement(self.pool) as tx:
            await insert_list(tx, begun)

    async def _continue(self, scope: Scope, cursor: str) -> tuple[KeptList, int]:
        token, _, position = cursor.rpartition(".")
        if not token or not position.isascii() or not position.isdigit() or len(position) > 4:
            raise CursorUnknown
        async with read(self.pool) as db:
            kept = await load_list(db, scope.merchant_id, scope.platform_id, token)
        if kept is None:
            raise CursorUnknown
        return kept, int(position)

    async def _fill(
        self, ids: Sequence[str], position: int, limit: int, narrowing: _Narrowing
    ) -> tuple[list[Listed], Ways, int]:
        """At most ``limit`` products from ``position`` on, and the position after the last of them.

        What is gone or no longer fits is passed over; every round goes on behind the one before.
        """
        step = LOOKED_THROUGH_AT_ONCE if narrowing.by_delivery else limit
        shown: list[Listed] = []
        ways: dict[str, tuple[Way, ...]] = {}
        while position < len(ids) and len(shown) < limit:
            some = ids[position : position + step]
            products = await self.catalog.products(narrowing.merchant.id, some, narrowing.market)
            for id_ in some:
                if len(shown) == limit:
                    break
                position += 1
                product = products.get(id_)
                if product is None:
                    continue
                fitting, theirs = await self._narrow(product, product.variants, narrowing)
                if fitting:
                    told = featured_first(fitting)[:VARIANTS_IN_LIST_MAX]
                    shown.append(Listed(product, told))
                    ways |= {one.id: theirs[one.id] for one in told if one.id in theirs}
            # Else a page of one would ask a thousand times for a shop that was emptied meanwhile.
            step = min(2 * step, LOOKED_THROUGH_AT_ONCE)
        return shown, ways, position

    async def _resolve(
        self, scope: Scope, ids: Sequence[str], market: Market
    ) -> tuple[Mapping[str, Sequence[Named]], Mapping[str, Product]]:
        known = [one for one in ids if 0 < len(one) <= ID_LENGTH_MAX and "\0" not in one]
        meanings = await self.catalog.resolve(scope.merchant_id, known) if known else {}
        wanted = dict.fromkeys(named.product_id for _, named in _meant(known, meanings))
        products = await self.catalog.products(scope.merchant_id, list(wanted), market) if wanted else {}
        return meanings, products

    # --- what may be shown ---

    def _narrowing(self, scope: Scope, filters: Filters, market: Market, *, with_ways: bool) -> _Narrowing:
        """A price in another currency than ours filters nothing: we do not convert, and say so."""
        merchant = self.merchants[scope.merchant_id]
        told: tuple[Problem, ...] = ()
        has_price = filters.price_min_minor is not None or filters.price_max_minor is not None
        if has_price and market.currency and market.currency != merchant.currency:
            filters = msgspec.structs.replace(filters, price_min_minor=None, price_max_minor=None)
            told = (problems.price_filter_ignored(market.currency, merchant.currency),)
        return _Narrowing(
            merchant=merchant, filters=filters, market=market, problems=told, with_ways=with_ways
        )

    async def _narrow(
        self, product: Product, variants: Iterable[Variant], narrowing: _Narrowing
    ) -> tuple[list[Variant], Ways]:
        """Those of ``variants`` that may be shown, and how each of them is delivered."""
        filters = narrowing.filters
        if not in_categories(product, filters.categories):
            return [], {}
        passes = passing(filters)
        fitting, ways = [], {}
        known: dict[tuple[bool, int, str | None], tuple[Way, ...]] = {}
        for variant in variants:
            if not passes(variant):
                continue
            item = variant.item
            theirs: tuple[Way, ...] = ()
            if item is not None and item.ships and (narrowing.with_ways or narrowing.by_delivery):
                # What delivery may depend on, as far as variants of one product differ in it.
                alike = (item.ships, item.weight_g, item.tax_category)
                if alike not in known:
                    known[alike] = await self._ways(variant, narrowing)
                theirs = known[alike]
                ways[variant.id] = theirs
            if _is_delivered(variant, theirs, filters):
                fitting.append(variant)
        return fitting, {one.id: ways[one.id] for one in fitting if one.id in ways}

    async def _ways(self, variant: Variant, narrowing: _Narrowing) -> tuple[Way, ...]:
        if variant.item is None:
            return ()
        merchant, market = narrowing.merchant, narrowing.market
        place = narrowing.filters.fulfills_to or Place(
            country=market.country, region=market.region, postal_code=market.postal_code
        )
        price = variant.price.minor
        lines = [PricedLine(line_id="li_1", item=variant.item, quantity=1, base_minor=price)]
        ways = []
        if place.location_id is None:
            country = place.country or merchant.home_country
            to = Address(country=country, region=place.region, postal_code=place.postal_code)
            options = tuple(await self.rates.options(merchant.id, to, lines))
            if options:
                ways.append(Way(type=SHIPPING, options=_bounds(options)))
        places = [
            Way(type=PICKUP, options=(option,), location_id=at.id)
            for at, option in await self.rates.locations(merchant.id, lines)
            if place.location_id in (None, at.id)
        ]
        return (*ways, *places[:PLACES_TOLD_MAX])

    @asynccontextmanager
    async def _in_time(self) -> AsyncIterator[None]:
        """Nobody waits for the catalog longer than is sensible."""
        with Asking("The catalog"):
            async with asyncio.timeout(self.within_s):
                yield


def _check_search(search: Search) -> None:
    query = search.query
    if query is not None and len(query) > QUERY_LENGTH_MAX:
        raise InvalidRequest(f"A query has at most {QUERY_LENGTH_MAX} characters.", "query")
    if not (query and query.strip()) and search.filters == Filters():
        raise InvalidRequest("Say what to look for: a query, or filters.", "query")


def _check_wish(wish: Wish) -> None:
    names = [choice.name.strip().casefold() for choice in wish.choices]
    if len(set(names)) < len(names):
        raise InvalidRequest("Each option can be chosen once.", "selected")


def _meant(ids: Iterable[str], meanings: Mapping[str, Sequence[Named]]) -> Iterable[tuple[str, Named]]:
    for asked in ids:
        for named in meanings.get(asked, ())[:MEANINGS_MAX]:
            yield asked, named


def _meant_variant(fitting: Sequence[Variant], named: Named) -> Variant | None:
    if named.variant_id is None:
        return featured(fitting)
    return next((one for one in fitting if one.id == named.variant_id), None)


def _is_delivered(variant: Variant, ways: Sequence[Way], filters: Filters) -> bool:
    """What comes by mail or code needs no way to its buyer, and so is there for all places."""
    needs_none = variant.item is None or not variant.item.ships
    if filters.methods and not any(way.type in filters.methods for way in ways):
        return False
    return filters.fulfills_to is None or needs_none or bool(ways)


def _bounds(options: Sequence[Option]) -> tuple[Option, ...]:
    """The cheapest and the dearest: what lies between is chosen in the checkout."""
    return (options[0],) if len(options) == 1 else (options[0], options[-1])
