"""The shop window at ``/``: what is sold here, and what an assistant can do with it."""

import asyncio
import hashlib
import time
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import urlencode

from msgspec.structs import replace
from starlette.requests import Request

from ucp_server.asgi.reply import Reply
from ucp_server.domain.catalog import Market, Product, Search, Variant
from ucp_server.engine.catalog import LIST_MAX, Browsing, Listed, Shelf
from ucp_server.languages import Language, message
from ucp_server.pages.bill import picture_path
from ucp_server.pages.contexts import Dialect, Shop, ShopAssets, Speaks, Tile, WindowPage
from ucp_server.pages.rendering import SHOP_ASSETS, show
from ucp_server.pages.words import web_url

ROUTE: Final = "/"
TILES_MAX: Final = 24
# Longer than anything that is sold is called.
_QUERY_LENGTH_MAX: Final = 100
# A price may be so old in front of somebody who only looks; the checkout has today's.
KEPT_S: Final = 60
# Within this time the page is made once for all who look: their number costs the shop nothing.
_SHARED_S: Final = 5.0
# Four languages, a few pages of each, and what many look for at once; some 30 kB each.
_SHARED_MAX: Final = 64

# What a merchant speaks at a site, with lines that buy an item ("" for none).
Speaking = Callable[[str, str, str], Awaitable[Speaks]]
_Seen = tuple[str, str, str, str, str, int]

_STATUSES: Final = {
    "in_stock": "",
    "backorder": message("Comes later"),
    "preorder": message("To be ordered ahead"),
    "out_of_stock": message("Sold out"),
    "discontinued": message("No longer made"),
}


@dataclass(frozen=True, kw_only=True)
class Window:
    """``now`` are seconds that never go back."""

    browsing: Browsing
    speaking: Speaking
    now: Callable[[], float] = time.monotonic
    _shared: dict[_Seen, tuple[float, asyncio.Task[Reply]]] = field(default_factory=dict)

    async def show_window(self, request: Request, shop: Shop) -> Reply:
        """Raises HandlerUnavailable and StoreUnavailable."""
        query = _query_of(request)
        skip = _skip_of(request)
        seen = (shop.merchant_id, shop.origin, shop.language.code, shop.chosen_language, query, skip)
        reply = await self._once_for_all(seen, lambda: self._make(shop, query, skip))
        etag = reply.header(b"etag")
        if etag is not None and etag in request.headers.get("if-none-match", "").encode():
            return Reply(status=304, headers=reply.headers)
        return reply

    async def _make(self, shop: Shop, query: str, skip: int) -> Reply:
        market = Market(country=shop.country or None, language=shop.language.code)
        search = Search(query=query or None, market=market)
        shelf = await self.browsing.shelf(shop.merchant_id, search, skip=skip, limit=TILES_MAX)
        first = next((variant.id for listed in shelf.products for variant in listed.variants), "")
        speaks = await self.speaking(shop.merchant_id, shop.origin, first)
        page = window_page(shelf, shop, query=query, skip=skip, speaks=speaks, assets=SHOP_ASSETS)
        reply = show(page, shared_s=KEPT_S)
        return reply.adding((b"etag", f'"{hashlib.sha256(reply.body).hexdigest()[:32]}"'.encode()))

    async def _once_for_all(self, seen: _Seen, make: Callable[[], Coroutine[Any, Any, Reply]]) -> Reply:
        """What was made a moment ago, or is being made for somebody else, or is made now."""
        until, made = self._shared.get(seen, (0.0, None))
        if made is None or self.now() >= until:
            made = asyncio.create_task(make())
            self._share(seen, made)
        try:
            # Whoever goes away does not take it from the others.
            return await asyncio.shield(made)
        finally:
            if made.done() and (made.cancelled() or made.exception() is not None):
                self._forget(seen, made)

    def _share(self, seen: _Seen, made: asyncio.Task[Reply]) -> None:
        self._shared.pop(seen, None)
        while len(self._shared) >= _SHARED_MAX:
            self._shared.pop(next(iter(self._shared)))
        self._shared[seen] = (self.now() + _SHARED_S, made)

    def _forget(self, seen: _Seen, made: asyncio.Task[Reply]) -> None:
        if self._shared.get(seen, (0.0, None))[1] is made:
            del self._shared[seen]


def _query_of(request: Request) -> str:
    """What is looked for, without what no text in a shop holds."""
    asked = request.query_params.get("q", "").replace("\0", " ")
    return " ".join(asked.split())[:_QUERY_LENGTH_MAX].strip()


def _skip_of(request: Request) -> int:
    """Where the page begins; what is no such number is the beginning."""
    given = request.query_params.get("from", "")
    return int(given) if given.isascii() and given.isdigit() and len(given) <= len(str(LIST_MAX)) else 0


# --- the page ---


def window_page(
    shelf: Shelf, shop: Shop, *, query: str, skip: int, speaks: Speaks, assets: ShopAssets
) -> WindowPage:
    language = shop.language
    return WindowPage(
        shop=shop,
        title=language.text("Search: %(query)s", query=query) if query else language.text("What we sell"),
        lead=language.text(
            "Tell your assistant what you would like: it fills the basket here, and you look it over and "
            "pay on our own page."
        ),
        assets=assets,
        query=query,
        found=_found(query, language, is_empty=not shelf.products, skip=skip),
        tiles=tuple(_tile(listed, language) for listed in shelf.products),
        first_path=_path(shop, query, 0) if skip or query else "",
        next_path=_path(shop, query, shelf.next_skip) if shelf.next_skip is not None else "",
        speaks=_said(speaks, language),
        language_asked=shop.chosen_language,
    )


def _said(speaks: Speaks, language: Language) -> Speaks:
    """With its messages in the language of the page."""
    return replace(
        speaks,
        dialects=tuple(_dialect(one, language) for one in speaks.dialects),
        older=tuple(_dialect(one, language) for one in speaks.older),
        trials=tuple(replace(one, about=language.text(one.about)) for one in speaks.trials),
    )


def _dialect(dialect: Dialect, language: Language) -> Dialect:
    addresses = tuple(replace(at, label=language.text(at.label)) for at in dialect.addresses)
    return replace(dialect, about=language.text(dialect.about), addresses=addresses)


def _found(query: str, language: Language, *, is_empty: bool, skip: int) -> str:
    if is_empty and query and not skip:
        return language.text("Nothing here fits “%(query)s”. Try fewer words, or others.", query=query)
    if is_empty and skip:
        return language.text("That was all.")
    if is_empty:
        return language.text("Nothing is on sale at the moment. Please come back soon.")
    return ""


def _path(shop: Shop, query: str, skip: int) -> str:
    asked = {"q": query, "from": str(skip) if skip else "", "lang": shop.chosen_language}
    given = {name: value for name, value in asked.items() if value}
    return f"{ROUTE}?{urlencode(given)}" if given else ROUTE


def _tile(listed: Listed, language: Language) -> Tile:
    product, variants = listed.product, listed.variants
    cheapest = min(variants, key=lambda one: one.price.minor)
    before_minor = cheapest.list_price_minor or 0
    price = language.amount(cheapest.price.minor, cheapest.price.currency)
    differ = any(one.price != cheapest.price for one in variants)
    return Tile(
        title=product.title,
        price=language.text("from %(price)s", price=price) if differ else price,
        before=(
            language.amount(before_minor, cheapest.price.currency)
            if before_minor > cheapest.price.minor
            else ""
        ),
        image_url=_picture(product, variants[0]),
        url=web_url(product.url),
        note=language.text(_STATUSES[variants[0].availability.status]),
    )


def _picture(product: Product, variant: Variant) -> str | None:
    pictures = (media.url for media in (*variant.media, *product.media) if media.type == "image")
    return picture_path(next(pictures, variant.item.image_url if variant.item else None))
