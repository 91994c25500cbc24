"""A shop as the agent sees it: what it sends, and what it makes of answers that are none."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from aiohttp import web

from ucp_server.agent.shop import Shop, ShopError
from ucp_server.agent.speech import RELEASES, Offer, complete

PROFILE = {
    "ucp": {
        "version": "2026-01-11",
        "services": {"dev.ucp.shopping": {"rest": {"endpoint": "{origin}/api/"}}},
        "capabilities": [{"name": "dev.ucp.shopping.checkout"}],
    },
    "payment": {"handlers": [{"id": "mock"}]},
    "signing_keys": [{"kid": "1"}],
}


class Merchant:
    """Answers everything with what it was told, and remembers what it was asked."""

    def __init__(self, answer: Callable[[web.Request], Any]) -> None:
        self.asked: list[tuple[str, str, dict[str, str], bytes]] = []
        self._answer = answer

    async def take(self, request: web.Request) -> web.StreamResponse:
        headers = {name.lower(): text for name, text in request.headers.items()}
        self.asked.append((request.method, request.path, headers, await request.read()))
        answer = self._answer(request)
        return await answer if asyncio.iscoroutine(answer) else answer


@contextlib.asynccontextmanager
async def dealing(merchant: Merchant, api_key: str | None = None) -> AsyncIterator[Shop]:
    application = web.Application()
    application.router.add_route("*", "/{path:.*}", merchant.take)
    runner = web.AppRunner(application, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    origin = f"http://127.0.0.1:{runner.addresses[0][1]}"
    shop = Shop(f"{origin}/", profile_url="https://agent.example/p", api_key=api_key)
    try:
        yield shop
    finally:
        await shop.close()
        await runner.cleanup()


def told(document: Any, status: int = 200) -> Callable[[web.Request], web.Response]:
    def answer(request: web.Request) -> web.Response:
        text = json.dumps(document).replace("{origin}", f"http://{request.host}")
        return web.Response(text=text, status=status, content_type="application/json")

    return answer


async def test_a_profile_becomes_an_offer() -> None:
    merchant = Merchant(told(PROFILE))
    async with dealing(merchant) as shop:
        offer = await shop.discover()
    assert offer.endpoint.endswith("/api")
    assert (offer.release, offer.capabilities, offer.handlers) == (
        "2026-01-11",
        ("dev.ucp.shopping.checkout",),
        ("mock",),
    )
    assert offer.keys == ({"kid": "1"},)
    ((method, path, headers, _),) = merchant.asked
    assert (method, path) == ("GET", "/.well-known/ucp")
    assert headers["ucp-agent"] == 'profile="https://agent.example/p"'
    assert "x-api-key" not in headers


async def test_every_change_has_a_key_of_its_own_and_a_look_has_none() -> None:
    merchant = Merchant(told({"id": "chk_1"}))
    async with dealing(merchant, api_key="secret") as shop:
        offer = Offer(
            release="2026-01-11", endpoint=f"{shop._url}/api", capabilities=(), handlers=(), keys=()
        )
        await shop.create(offer, {})
        await shop.update(offer, "chk_1", {})
        await shop.complete(offer, "chk_1", {})
        await shop.get(offer, "chk_1")
    assert [(method, path) for method, path, _, _ in merchant.asked] == [
        ("POST", "/api/checkout-sessions"),
        ("PUT", "/api/checkout-sessions/chk_1"),
        ("POST", "/api/checkout-sessions/chk_1/complete"),
        ("GET", "/api/checkout-sessions/chk_1"),
    ]
    keys = [headers.get("idempotency-key") for _, _, headers, _ in merchant.asked]
    assert keys[3] is None
    assert len(set(keys)) == 4
    assert all(headers["x-api-key"] == "secret" for _, _, headers, _ in merchant.asked)


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (
            told({"ucp": {"version": "2026-04-08", "services": {"dev.ucp.shopping": []}}}),
            "none that is known",
        ),
        (told({"ucp": {"version": "2099-01-01"}}), "none that is known"),
        (
            told({"ucp": {"status": "error"}, "messages": [{"content": "Not here."}]}),
            "answered 200: Not here.",
        ),
        (told([]), "answered 200: no reason given"),
        (told({"messages": [{"content": "Sold"}, 7, {"content": "out."}]}, 400), "answered 400: Sold out."),
        (told({"code": "not_found", "content": "Not here."}, 404), "answered 404: Not here."),
        (told({"detail": "Nope"}, 409), "answered 409: Nope"),
        (lambda _: web.Response(text="<html>", status=502), "answered 502 without readable JSON"),
        (lambda _: web.Response(status=302, headers={"Location": "/elsewhere"}), "answered 302"),
        (lambda _: web.Response(text="[" * 100_000), "without readable JSON"),
        (lambda _: web.Response(body=b'{"a":"\xff"}'), "without readable JSON"),
        (lambda _: web.Response(text=f'"{"x" * 5_000_000}"'), "without readable JSON"),
    ],
)
async def test_what_is_no_profile_is_told(answer: Callable[[web.Request], web.Response], said: str) -> None:
    async with dealing(Merchant(answer)) as shop:
        with pytest.raises(ShopError) as raised:
            await shop.discover()
    assert said in raised.value.text


async def test_a_reply_that_comes_in_pieces_is_read_to_its_end() -> None:
    async def drip(request: web.Request) -> web.StreamResponse:
        reply = web.StreamResponse()
        await reply.prepare(request)
        for part in (b'{"id":', b'"chk_1",', b'"title":"' + b"x" * 300_000, b'"}'):
            await reply.write(part)
            await asyncio.sleep(0)
        return reply

    async with dealing(Merchant(drip)) as shop:
        offer = Offer(release="2026-01-11", endpoint=shop._url, capabilities=(), handlers=(), keys=())
        assert len((await shop.get(offer, "chk_1"))["title"]) == 300_000


async def test_a_shop_that_is_not_there_is_told() -> None:
    shop = Shop("http://127.0.0.1:1", profile_url="https://agent.example/p")
    try:
        with pytest.raises(ShopError, match=r"GET http://127.0.0.1:1/.well-known/ucp"):
            await shop.discover()
    finally:
        await shop.close()


def test_a_card_goes_to_the_handler_with_its_token() -> None:
    for release in RELEASES:
        body = complete(release, "mock", "success_token")
        paid = body["payment_data"] if release == RELEASES[0] else body["payment"]["instruments"][0]
        assert (paid["handler_id"], paid["credential"]["token"]) == ("mock", "success_token")


async def test_another_release_is_found_in_its_leaf() -> None:
    leaf = {
        "ucp": {
            "version": "2026-04-08",
            "services": {"dev.ucp.shopping": [{"transport": "rest", "endpoint": "{origin}/later"}]},
            "capabilities": {"dev.ucp.shopping.checkout": [{"version": "2026-04-08"}]},
            "payment_handlers": {"com.example.pay": [{"id": "pay"}]},
        },
        "signing_keys": [{"kid": "2"}],
    }
    listed = {"2026-04-08": "{origin}/leaf", "2026-01-11": 7}
    root = {"ucp": {**leaf["ucp"], "version": "2026-08-25", "supported_versions": listed}, "keys": []}

    def answer(request: web.Request) -> web.Response:
        return told(leaf if request.path == "/leaf" else root)(request)

    async with dealing(Merchant(answer)) as shop:
        offer = await shop.discover("2026-04-08")
        assert (offer.release, offer.handlers, offer.keys) == ("2026-04-08", ("pay",), ({"kid": "2"},))
        assert (await shop.discover()).release == "2026-08-25"
        for missing in ("2026-01-11", "2026-01-23"):
            with pytest.raises(ShopError, match=f"lists no {missing}"):
                await shop.discover(missing)
