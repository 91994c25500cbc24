"""The buying side that the shop meets: profiles on loopback and a receiver for order events."""

import asyncio
import contextlib
import socket
from collections.abc import Callable
from typing import Self

import msgspec
from aiohttp import web

from conformance import forms
from conformance.registry import Wire

# An order of a hundred lines is some 100 kB.
EVENT_LIMIT = 2 * 1024 * 1024
# Longer than any shop should wait for a profile, shorter than our own patience for its answer.
SILENCE_S = 15.0
SETTLE_S = 0.02

# The identities. Each has a profile at /profiles/<name> and a receiver at /hooks/<name>.
MAIN = "buyer-agent"
OTHER = "other-agent"
STUBBORN = "stubborn-agent"  # refuses the first try of every event
CHECKOUT_ONLY = "checkout-only"
WITHOUT_CHECKOUT = "without-checkout"
WITH_A_STRANGER = "with-a-stranger"
TOO_NEW = "too-new"
OLDER = "older"

EXTENSIONS = ("discount", "fulfillment", "buyer_consent")
STRANGER = "com.example.unheard_of"
FUTURE_RELEASE = "2099-01-01"
PAST_RELEASE = "2025-06-01"


class Delivery(msgspec.Struct, frozen=True):
    """One try of an order event; header names are lower case."""

    receiver: str
    headers: dict[str, str]
    body: bytes
    answered: int

    def document(self) -> Wire:
        return msgspec.json.decode(self.body, type=dict)


class Platform:
    """Serves profiles, good and broken, and keeps every event that arrives."""

    def __init__(self, release: str) -> None:
        self.release = release
        self.deliveries: list[Delivery] = []
        self.origin = ""
        self._arrived = asyncio.Condition()
        self._closing = asyncio.Event()
        self._listener = socket.socket()
        self._runner: web.AppRunner | None = None

    async def __aenter__(self) -> Self:
        app = web.Application(client_max_size=EVENT_LIMIT)
        app.router.add_get("/profiles/{name}", self._serve_profile)
        app.router.add_get("/broken/{kind}", self._serve_broken)
        app.router.add_post("/hooks/{name}", self._receive)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
        await self._runner.setup()
        self._listener.bind(("127.0.0.1", 0))
        self._listener.setblocking(False)
        await web.SockSite(self._runner, self._listener).start()
        self.origin = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        return self

    async def __aexit__(self, *_: object) -> None:
        self._closing.set()
        if self._runner is None:
            return
        # asyncio forgets a connection that it accepts while its server closes, and an event may be
        # on its way in just now: so accept no more first, and let the accepted ones settle.
        asyncio.get_running_loop().remove_reader(self._listener)
        await asyncio.sleep(SETTLE_S)
        await self._runner.cleanup()
        await asyncio.sleep(0)

    def profile_url(self, name: str) -> str:
        return f"{self.origin}/profiles/{name}"

    def hook_url(self, name: str) -> str:
        return f"{self.origin}/hooks/{name}"

    def broken_url(self, kind: str) -> str:
        return f"{self.origin}/broken/{kind}"

    async def delivered(
        self, wanted: Callable[[Delivery], bool], wait_s: float, count: int = 1
    ) -> list[Delivery]:
        """The deliveries that fit, once there are `count` of them or the wait is over."""

        def found() -> list[Delivery]:
            return [each for each in self.deliveries if wanted(each)]

        async with self._arrived:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(
                    self._arrived.wait_for(lambda: len(found()) >= count), timeout=wait_s
                )
        return found()

    async def _serve_profile(self, request: web.Request) -> web.Response:
        name = request.match_info["name"]
        document = profile(name, self.release, self.hook_url(name))
        return web.Response(
            body=msgspec.json.encode(document),
            content_type="application/json",
            headers={"Cache-Control": "public, max-age=60"},
        )

    async def _serve_broken(self, request: web.Request) -> web.Response:
        match request.match_info["kind"]:
            case "redirect":
                return web.Response(status=302, headers={"Location": self.profile_url(MAIN)})
            case "not-json":
                return web.Response(text="<html>hello</html>", content_type="text/html")
            case "not-a-profile":
                return web.json_response(["ucp"])
            case "silent":
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._closing.wait(), timeout=SILENCE_S)
        return web.Response(status=404)

    async def _receive(self, request: web.Request) -> web.Response:
        name = request.match_info["name"]
        body = await request.read()
        seen = any(each.receiver == name and each.body == body for each in self.deliveries)
        status = 503 if name == STUBBORN and not seen else 200
        headers = {key.lower(): value for key, value in request.headers.items()}
        async with self._arrived:
            self.deliveries.append(Delivery(name, headers, body, status))
            self._arrived.notify_all()
        return web.Response(status=status, body=b"{}", content_type="application/json")


def profile(name: str, release: str, webhook_url: str) -> Wire:
    """The profile of one identity in the form of the release."""
    version = {TOO_NEW: FUTURE_RELEASE, OLDER: PAST_RELEASE}.get(name, release)
    extensions = [f"{forms.SERVICE}.{each}" for each in EXTENSIONS]
    names = {
        CHECKOUT_ONLY: [forms.CHECKOUT],
        WITHOUT_CHECKOUT: [forms.ORDER, *extensions],
    }.get(name, [*forms.roots(release), *extensions])
    if name == WITH_A_STRANGER:
        names.append(STRANGER)
    return forms.platform_profile(release, names, webhook_url, version)
