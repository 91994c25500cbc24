"""The ear of the application: takes events on this machine and keeps them as they came."""

import asyncio
import contextlib
from collections.abc import Callable
from typing import Self

import msgspec
from aiohttp import web

from conformance.registry import Wire

# An event has a few members; one of a megabyte is none.
EVENT_LIMIT = 1024 * 1024


class Event(msgspec.Struct, frozen=True):
    """One try; header names are lower case."""

    headers: dict[str, str]
    body: bytes

    def document(self) -> Wire:
        return msgspec.json.decode(self.body, type=dict)


class Hooks:
    """Listens at a port of 127.0.0.1, on every path."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._events: list[Event] = []
        self._arrived = asyncio.Condition()
        self._runner: web.AppRunner | None = None

    async def __aenter__(self) -> Self:
        app = web.Application(client_max_size=EVENT_LIMIT)
        app.router.add_post("/{path:.*}", self._receive)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", self._port).start()
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._runner is not None:
            await self._runner.cleanup()

    async def heard(self, wanted: Callable[[Wire], bool], wait_s: float) -> Event | None:
        """The first event that fits, once it is there; None when the wait is over."""

        def found() -> Event | None:
            return next((event for event in self._events if wanted(event.document())), None)

        async with self._arrived:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._arrived.wait_for(lambda: found() is not None), wait_s)
        return found()

    async def _receive(self, request: web.Request) -> web.Response:
        headers = {name.lower(): value for name, value in request.headers.items()}
        event = Event(headers, await request.read())
        async with self._arrived:
            self._events.append(event)
            self._arrived.notify_all()
        return web.Response()
