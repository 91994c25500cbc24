"""The agent's own address on loopback: its profile, and where order events arrive."""

import asyncio
from collections.abc import Iterable
from types import TracebackType
from typing import Final, Self

import msgspec
from aiohttp import web

from ucp_server.agent.speech import RELEASES, profile

# The largest order event an agent accepts; a full order of a hundred lines is about 60 kB.
_EVENT_BYTES_MAX: Final = 1024 * 1024


class Event(msgspec.Struct, frozen=True):
    """An order event as it came: where to, headers in lower case, the body's bytes untouched."""

    url: str
    headers: dict[str, str]
    body: bytes


class Listening:
    """Serves ``profile_url`` and collects events while it is open.

    ``release`` is what the profile is of: the newest, until the agent knows what the shop speaks.
    ``routes`` are whatever else is served at the agent's address.
    """

    def __init__(self, routes: Iterable[web.RouteDef] = ()) -> None:
        self.release = RELEASES[-1]
        self._routes = tuple(routes)
        self._events: asyncio.Queue[Event] = asyncio.Queue(maxsize=100)
        self._runner: web.AppRunner | None = None
        self.origin = ""

    @property
    def profile_url(self) -> str:
        return f"{self.origin}/profile.json"

    async def __aenter__(self) -> Self:
        app = web.Application(client_max_size=_EVENT_BYTES_MAX)
        app.router.add_get("/profile.json", self._profile)
        app.router.add_post("/events", self._event)
        app.router.add_routes(self._routes)
        self._runner = web.AppRunner(app, access_log=None)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        host, port = self._runner.addresses[0][:2]
        self.origin = f"http://{host}:{port}"
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._runner is not None:
            await self._runner.cleanup()

    async def event(self, timeout_s: float) -> Event | None:
        """The next event, or None when none came in time."""
        try:
            return await asyncio.wait_for(self._events.get(), timeout_s)
        except TimeoutError:
            return None

    async def _profile(self, _request: web.Request) -> web.Response:
        return web.json_response(profile(self.release, f"{self.origin}/events"))

    async def _event(self, request: web.Request) -> web.Response:
        event = Event(
            url=f"{self.origin}{request.path_qs}",
            headers={name.lower(): text for name, text in request.headers.items()},
            body=await request.read(),
        )
        if self._events.full():
            return web.Response(status=503)
        self._events.put_nowait(event)
        return web.Response(status=200)
