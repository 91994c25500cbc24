"""The agent's own page: it frames a checkout, plays wallet and address book, and tells what is said."""

import asyncio
import secrets
from importlib.resources import files
from typing import Any, Final

import msgspec
from aiohttp import web

from ucp_server.agent.telling import Say
from ucp_server.agent.wallet import Stage

Wire = dict[str, Any]

_MEDIA_TYPES: Final = {"host.html": "text/html", "host.js": "text/javascript", "host.css": "text/css"}
_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'; frame-src {origin}"
)
# What is said of a message is its name; the page keeps the rest.
_SAID_BYTES_MAX: Final = 1_000


class _Said(msgspec.Struct):
    """``sender`` is the shop's page or ours, ``method`` what the message was called."""

    sender: str
    method: str


class Hosting:
    """Serves one page, at an address that nobody can guess, once there is something to show."""

    def __init__(self, say: Say) -> None:
        self._say = say
        self._stage: Stage | None = None
        self._path = f"/host/{secrets.token_urlsafe(16)}"
        self._completed = asyncio.Event()

    @property
    def path(self) -> str:
        return f"{self._path}/"

    def routes(self) -> list[web.RouteDef]:
        return [
            web.get(f"{self._path}/", self._page),
            web.get(f"{self._path}/stage.json", self._tell_stage),
            web.post(f"{self._path}/said", self._hear),
            web.get(f"{self._path}/{{name}}", self._file),
        ]

    async def show(self, stage: Stage, wait_s: float) -> bool:
        """Show it until the shop's page says that the order is placed; False where that took too long."""
        self._stage = stage
        try:
            await asyncio.wait_for(self._completed.wait(), wait_s)
        except TimeoutError:
            return False
        return True

    async def _page(self, _request: web.Request) -> web.Response:
        return self._answer("host.html")

    async def _file(self, request: web.Request) -> web.Response:
        name = request.match_info["name"]
        if name not in _MEDIA_TYPES:
            raise web.HTTPNotFound
        return self._answer(name)

    def _answer(self, name: str) -> web.Response:
        if self._stage is None:
            raise web.HTTPNotFound
        headers = {
            "Content-Security-Policy": _POLICY.format(origin=self._stage.origin),
            "Cache-Control": "no-store",
            "Referrer-Policy": "no-referrer",
        }
        text = files("ucp_server.agent").joinpath("host", name).read_text("utf-8")
        return web.Response(text=text, content_type=_MEDIA_TYPES[name], headers=headers)

    async def _tell_stage(self, _request: web.Request) -> web.Response:
        if self._stage is None:
            raise web.HTTPNotFound
        return web.Response(body=msgspec.json.encode(self._stage), content_type="application/json")

    async def _hear(self, request: web.Request) -> web.Response:
        raw = await request.content.read(_SAID_BYTES_MAX)
        try:
            said = msgspec.json.decode(raw, type=_Said)
        except msgspec.MsgspecError as error:
            raise web.HTTPBadRequest from error
        self._say("", f"{said.sender}: {said.method}")
        if said.method == "ec.complete":
            self._completed.set()
        return web.Response(status=204)
