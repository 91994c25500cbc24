"""The agent's own page: not there before there is something to show, and only for who knows its address."""

import asyncio
import re
from collections.abc import AsyncIterator
from importlib.resources import files

import aiohttp
import pytest

from ucp_server.agent.hosting import Hosting
from ucp_server.agent.listening import Listening
from ucp_server.agent.wallet import Stage

STAGE = Stage(
    url="https://shop.example/checkout?ec_version=2026-08-25",
    origin="https://shop.example",
    version="2026-08-25",
    tells_status=True,
    schemes=("light", "dark"),
    cards=(),
    places=(),
)


class Show:
    """A page that is shown, and what is told of it."""

    def __init__(self) -> None:
        self.told: list[str] = []
        self.hosting = Hosting(lambda _, text: self.told.append(text))


@pytest.fixture
async def show() -> AsyncIterator[tuple[Show, aiohttp.ClientSession]]:
    shown = Show()
    async with Listening(shown.hosting.routes()) as at, aiohttp.ClientSession(at.origin) as session:
        yield shown, session


async def test_a_page_that_shows_one_shop_s_checkout(show: tuple[Show, aiohttp.ClientSession]) -> None:
    shown, session = show
    path = shown.hosting.path
    async with session.get(path) as reply:
        assert reply.status == 404, "there is nothing yet"
    showing = asyncio.create_task(shown.hosting.show(STAGE, 5.0))
    await asyncio.sleep(0)
    async with session.get(path) as reply:
        policy = reply.headers["content-security-policy"]
        page = await reply.text()
    assert policy.endswith("frame-ancestors 'none'; frame-src https://shop.example")
    for name in re.findall(r'(?:href|src)="([^"]+)"', page):
        async with session.get(path + name) as reply:
            assert (reply.status, name) == (200, name)
    async with session.get(f"{path}stage.json") as reply:
        assert (await reply.json())["url"] == STAGE.url
    for name in ("other.js", "..%2fshop.py", "said"):
        async with session.get(path + name) as reply:
            assert reply.status in (404, 405)
    for body in (b"", b"[]", b'{"sender":1}', b'{"sender":"x","method":"ec.complete"' + b" " * 2000 + b"}"):
        async with session.post(f"{path}said", data=body) as reply:
            assert reply.status == 400
    assert not showing.done()
    async with session.post(f"{path}said", json={"sender": "shop", "method": "ec.complete"}) as reply:
        assert reply.status == 204
    assert await showing
    assert shown.told == ["shop: ec.complete"]


async def test_a_buyer_who_never_comes_is_not_waited_for(show: tuple[Show, aiohttp.ClientSession]) -> None:
    shown, _ = show
    assert not await shown.hosting.show(STAGE, 0.01)


def test_the_page_loads_nothing_foreign_and_runs_nothing_inline() -> None:
    page = files("ucp_server.agent").joinpath("host", "host.html").read_text()
    assert not re.search(r"https?://|style=|\son\w+=|<script(?![^>]*src=)", page)
