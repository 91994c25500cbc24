"""What is sold here, and what is spoken here."""

import asyncio
import html
import json
import re
import shlex
from typing import Any

import httpx2
import msgspec
import pytest
from starlette.requests import Request

from tests.pages.browser import Buyer
from tests.pages.conftest import Counted
from tests.ucp.conftest import Open, Town
from ucp_server.domain.catalog import Availability, Item, Media, Product, Variant
from ucp_server.domain.errors import HandlerUnavailable
from ucp_server.domain.money import Money
from ucp_server.engine.catalog import Listed, Shelf
from ucp_server.languages import LANGUAGES
from ucp_server.pages.contexts import Dialect, Endpoint, Shop, Speaks, Tile, Trial, WindowPage
from ucp_server.pages.rendering import SHOP_ASSETS, show
from ucp_server.pages.window import Window, window_page
from ucp_server.ucp.releases import SERVED

SHOP = Shop(merchant_id="demo", title="Kiosk", origin="https://shop.example")
SPEAKS = Speaks(
    profile_url="https://shop.example/.well-known/ucp",
    dialects=(
        Dialect(name="UCP", about="", addresses=(Endpoint(label="REST", url="https://shop.example"),)),
    ),
    older=(),
    capabilities=(Endpoint(label="Checkout", url="https://ucp.dev"),),
    handlers=("dev.ucp.mock",),
    keys=2,
    trials=(Trial(id="try", about="Read the profile", command="curl"),),
)


def variant(price: int = 1490, status: Any = "in_stock", **more: Any) -> Variant:
    return Variant(
        id=more.pop("id", "v"),
        title="",
        description="",
        price=Money(price, "USD"),
        availability=Availability(available=status == "in_stock", status=status),
        **more,
    )


def tile_of(*variants: Variant, **more: Any) -> Tile:
    product = Product(id="p", title="Vase", description="", variants=variants, **more)
    return page_of(Listed(product, variants)).tiles[0]


def page_of(
    *listed: Listed, shop: Shop = SHOP, query: str = "", skip: int = 0, next_skip: int | None = None
) -> WindowPage:
    shelf = Shelf(products=listed, next_skip=next_skip)
    return window_page(shelf, shop, query=query, skip=skip, speaks=SPEAKS, assets=SHOP_ASSETS)


# --- tiles ---


def test_a_price_is_the_lowest_where_they_differ():
    assert tile_of(variant()).price == "$14.90"
    assert tile_of(variant(), variant(990)).price == "from $9.90"


def test_a_former_price_is_told_where_it_was_higher():
    assert tile_of(variant(list_price_minor=1990)).before == "$19.90"
    assert tile_of(variant(list_price_minor=1490)).before == ""


def test_what_cannot_be_had_is_shown_and_says_so():
    assert tile_of(variant(status="out_of_stock")).note == "Sold out"
    assert tile_of(variant()).note == ""


def test_the_picture_is_the_first_of_all_that_there_are():
    item = Item(id="v", title="", price=Money(1, "USD"), image_url="pictures/item.svg")
    film = Media(type="video", url="https://shop.example/film.mp4")
    picture = Media(type="image", url="pictures/product.svg")
    assert tile_of(variant(item=item), media=(film, picture)).image_url == "/pictures/product.svg"
    assert tile_of(variant(item=item), media=(film,)).image_url == "/pictures/item.svg"
    assert tile_of(variant()).image_url is None


def test_only_the_web_is_linked_to():
    assert tile_of(variant(), url="https://shop.example/vase").url == "https://shop.example/vase"
    assert tile_of(variant(), url="javascript:alert(1)").url is None


# --- pages ---


def test_a_page_leads_on_and_back():
    page = page_of(Listed(tile_product(), (variant(),)), next_skip=24)
    assert (page.first_path, page.next_path) == ("", "/?from=24")
    shop = msgspec.structs.replace(SHOP, chosen_language="de", language=LANGUAGES["de"])
    page = page_of(Listed(tile_product(), (variant(),)), shop=shop, query="a&b", skip=24)
    assert (page.first_path, page.next_path) == ("/?q=a%26b&lang=de", "")


async def test_another_language_shows_what_was_looked_for(buyer: Buyer):
    page = await buyer.open("/?q=a%26b+roses&from=24")
    assert [link for link in page.links() if "lang=" in link] == [
        f"?q=a%26b%20roses&lang={code}" for code in LANGUAGES
    ]


def tile_product() -> Product:
    return Product(id="p", title="Vase", description="", variants=(variant(),))


def test_what_is_not_there_is_told_kindly():
    assert "Nothing here fits “rocket”" in page_of(query="rocket").found
    assert "come back soon" in page_of().found
    assert page_of(skip=24).found == "That was all."
    assert page_of(Listed(tile_product(), (variant(),))).found == ""


@pytest.mark.parametrize("code", LANGUAGES)
def test_it_is_shown_in_every_language(code: str):
    shop = msgspec.structs.replace(SHOP, language=LANGUAGES[code])
    assert f'<html lang="{code}"' in show(page_of(shop=shop)).body.decode()


# --- the shop itself ---


async def test_everything_on_sale_stands_in_the_window(buyer: Buyer):
    page = await buyer.open("/")
    assert page.reply.status_code == 200
    sold = page.texts("tiles")
    assert {"Bouquet of Roses", "$35.00", "from $10.90", "Sold out"} <= set(sold)


async def test_it_is_searched_without_a_script(buyer: Buyer):
    assert "Glass Vase" not in (await buyer.open("/?q=roses")).texts("tiles")
    page = await buyer.open("/?q=roses")
    assert "Bouquet of Roses" in page.texts("tiles")
    assert next(c.value for c in page.controls if c.name == "q") == "roses"


async def test_a_product_has_the_name_of_the_page_s_language(buyer: Buyer):
    assert "Notizbuch" in (await buyer.open("/?lang=de")).texts("tiles")


ODD = ("q=%00", "q=" + "a" * 1000, "q=%F0%9F%8C%B9", "q=%ff", "from=-1", "from=x", "from=99999", "from=٣")


async def test_whatever_is_asked_is_answered(buyer: Buyer):
    for query in ODD:
        assert (await buyer.open(f"/?{query}")).reply.status_code == 200, query


async def test_anybody_may_keep_and_find_it(buyer: Buyer):
    reply = (await buyer.open("/")).reply
    assert reply.headers["cache-control"] == "public, max-age=60"
    assert reply.headers["vary"] == "accept-language"
    assert "x-robots-tag" not in reply.headers
    assert "noindex" not in reply.text
    etag = reply.headers["etag"]
    reply = await buyer.client.get("/", headers={"If-None-Match": etag})
    assert (reply.status_code, reply.content) == (304, b"")
    assert (await buyer.client.get("/", headers={"If-None-Match": '"other"'})).status_code == 200


async def test_looking_writes_nothing(buyer: Buyer, counted: Counted):
    await buyer.open("/")
    await buyer.open("/?q=roses")
    assert await counted("search_lists") == 0


class Counting:
    """A shop that takes a while, and fails the first time it is looked at."""

    def __init__(self) -> None:
        self.looks = 0

    async def shelf(self, *_: object, **__: object) -> Shelf:
        self.looks += 1
        await asyncio.sleep(0)
        if self.looks == 1:
            raise HandlerUnavailable("The catalog")
        return Shelf(products=(), next_skip=None)


async def test_all_who_come_within_five_seconds_cost_one_look():
    async def speaking(*_: str) -> Speaks:
        return SPEAKS

    shop, clock = Counting(), [0.0]
    window = Window(browsing=shop, speaking=speaking, now=lambda: clock[0])  # type: ignore[arg-type]  # all that is asked of it
    request = Request({"type": "http", "method": "GET", "path": "/", "query_string": b"", "headers": []})

    async def crowd() -> set[str]:
        looks = (window.show_window(request, SHOP) for _ in range(5))
        return {type(told).__name__ for told in await asyncio.gather(*looks, return_exceptions=True)}

    assert (await crowd(), shop.looks) == ({"HandlerUnavailable"}, 1)
    assert (await crowd(), shop.looks) == ({"Reply"}, 2)
    clock[0] = 4.9
    assert (await crowd(), shop.looks) == ({"Reply"}, 2)
    clock[0] = 5.0
    assert (await crowd(), shop.looks) == ({"Reply"}, 3)


async def test_an_unknown_host_has_no_window(town: Open):
    async with town(hosts=("shop.test",)) as here:
        page = await Buyer(here.at("http://stranger.test").client).open("/")
        assert (page.reply.status_code, page.title) == (421, "No shop is here")


async def test_other_ways_to_ask_are_told_in_a_page(buyer: Buyer):
    reply = await buyer.client.put("/")
    assert (reply.status_code, reply.headers["content-type"]) == (405, "text/html; charset=utf-8")


# --- what is spoken ---


async def test_every_release_stands_there_with_where_it_answers(here: Town, buyer: Buyer):
    page = await buyer.open("/")
    for version in SERVED:
        assert f"UCP {version}" in page.text
        assert f"http://shop.test/ucp/{version}/mcp" in page.text
    profile = (await here.client.get("/.well-known/ucp")).json()["ucp"]
    for handler in profile["payment_handlers"]:
        assert handler in page.text
    specs = [each["spec"] for capability in profile["capabilities"].values() for each in capability]
    assert set(specs) <= set(page.links())
    assert "1 public key" in page.text


async def test_other_protocols_are_named_where_the_shop_has_something_for_them(town: Open):
    async with town(tenant="") as here:
        page = await Buyer(here.client).open("/")
        assert [name for name in ("AAP", "Chipp ACP", "Azotte C2A") if name in page.text] == []
    async with town(tenant="5b0c2d4e-6f70-4a81-9b2c-3d4e5f607182") as here:
        assert "Azotte C2A" in (await Buyer(here.client).open("/")).text


async def test_pages_that_may_not_be_framed_are_not_offered(town: Open):
    async with town(embedded=False) as here:
        assert "Embedded pages" not in (await Buyer(here.client).open("/")).text


async def test_the_lines_to_try_work_as_they_are_pasted(here: Town, buyer: Buyer):
    page = await buyer.open("/")
    commands = re.findall("<pre[^>]*><code[^>]*>(.*?)</code>", page.reply.text, re.DOTALL)
    assert len(commands) == 3
    for command in commands:
        reply = await pasted(here.client, html.unescape(command))
        assert reply.status_code in (200, 201), reply.text


async def pasted(client: httpx2.AsyncClient, command: str) -> httpx2.Response:
    """What a shell makes of a curl of ours, asked of this client."""
    words = shlex.split(command.replace("\\\n", " "))
    url = next(word for word in words if word.startswith("http"))
    headers = dict(words[i + 1].split(": ", 1) for i, word in enumerate(words) if word == "-H")
    body = next((words[i + 1] for i, word in enumerate(words) if word == "-d"), None)
    if body is None:
        return await client.get(url, headers=headers)
    return await client.post(url, json=json.loads(body), headers=headers)
