"""What the agent makes of a catalog's answers: whom it chooses, and what a person reads of it."""

from typing import Any

import pytest
from aiohttp import web

from tests.agent.test_shop import Merchant, dealing, told
from ucp_server.agent.browsing import find
from ucp_server.agent.shop import ShopError
from ucp_server.agent.speech import Offer

Wire = dict[str, Any]

CATALOG = ("dev.ucp.shopping.catalog.search", "dev.ucp.shopping.catalog.lookup")


def offer(endpoint: str, *capabilities: str, release: str = "2026-08-25") -> Offer:
    return Offer(release=release, endpoint=endpoint, capabilities=capabilities, handlers=(), keys=())


def price(minor: int) -> Wire:
    return {"amount": minor, "currency": "EUR"}


def variant(id_: str, *, available: bool = True, **members: Any) -> Wire:
    told = {"id": id_, "title": id_.title(), "price": price(1490), "availability": {"available": available}}
    return told | members


def product(title: str, *variants: Wire, most: int = 1490, **members: Any) -> Wire:
    prices = {"min": price(1490), "max": price(most)}
    return {"title": title, "price_range": prices, "variants": list(variants), **members}


class Catalog:
    """A merchant that finds ``products`` and shows ``shown``."""

    def __init__(self, products: list[Wire], shown: Wire) -> None:
        answers = {"/catalog/search": {"products": products}, "/catalog/product": {"product": shown}}
        self.merchant = Merchant(lambda request: told(answers[request.path])(request))


async def found(catalog: Catalog, *, release: str = "2026-08-25") -> tuple[str, list[str]]:
    said: list[str] = []
    async with dealing(catalog.merchant) as shop:
        dealt = offer(shop._url, *CATALOG, release=release)
        chosen = await find(shop, dealt, "mug", "DE", lambda step, text: said.append(f"{step}: {text}"))
    return chosen, said


async def test_the_first_that_can_be_had_is_chosen_and_shown() -> None:
    lamp = product("Lamp", variant("lamp", available=False))
    mug = product("Mug", variant("mug-red", available=False), variant("mug-blue"), most=1990)
    colours = [{"name": "Colour", "values": [{"label": "red"}, {"label": "blue"}]}]
    shown = mug | {
        "variants": [variant("mug-blue")],
        "options": colours,
        "selected": [{"name": "Colour", "label": "blue"}],
    }
    catalog = Catalog([lamp, mug], shown)
    chosen, said = await found(catalog)
    assert chosen == "mug-blue"
    assert said == [
        "search: “mug” finds 2",
        ": Lamp, 14.90 EUR, not to be had",
        ": Mug, from 14.90 EUR",
        "product: Mug-Blue, 14.90 EUR",
        ": Colour: blue, also red",
    ]
    assert [path for _, path, _, _ in catalog.merchant.asked] == ["/catalog/search", "/catalog/product"]
    assert b'"id":"mug-blue"' in catalog.merchant.asked[1][3]


async def test_a_question_has_no_key() -> None:
    catalog = Catalog([product("Mug", variant("mug"))], product("Mug", variant("mug")))
    await found(catalog)
    assert all("idempotency-key" not in headers for _, _, headers, _ in catalog.merchant.asked)


@pytest.mark.parametrize("products", [[], [product("Lamp", variant("lamp", available=False))]])
async def test_nothing_to_be_had_is_told(products: list[Wire]) -> None:
    with pytest.raises(ShopError, match="nothing to be had for “mug”"):
        await found(Catalog(products, {}))


@pytest.mark.parametrize(("release", "names"), [("2026-01-23", CATALOG), ("2026-08-25", CATALOG[:1])])
async def test_a_shop_that_cannot_be_searched_is_told(release: str, names: tuple[str, ...]) -> None:
    async with dealing(Merchant(lambda _: web.Response(status=500))) as shop:
        with pytest.raises(ShopError, match="cannot be searched"):
            await find(shop, offer(shop._url, *names, release=release), "mug", "DE", lambda *_: None)
