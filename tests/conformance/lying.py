"""Somebody between the checks and a shop of ours who changes what the shop says."""

import contextlib
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass

import aiohttp
from aiohttp import web

# What belongs to a connection, or counts the bytes of a body that may be changed.
_OF_THE_LINE = {"content-length", "transfer-encoding", "connection", "keep-alive", "date"}


@dataclass
class Answer:
    """What a shop said; header names are lower case."""

    status: int
    headers: dict[str, str]
    body: bytes


# Changes the answer, in place, to what was asked with the body.
Change = Callable[[web.Request, bytes, Answer], None]


class Liar:
    """Passes everything on to a shop, and changes what it says."""

    def __init__(self, target: str) -> None:
        self.target = target
        self.change: Change | None = None
        self.url = ""

    async def answer(self, request: web.Request) -> web.Response:
        kept = {name: text for name, text in request.headers.items() if name.lower() != "content-length"}
        raw = await request.read()
        async with (
            aiohttp.ClientSession(auto_decompress=False) as session,
            session.request(
                request.method,
                self.target + request.path_qs,
                headers=kept,
                data=raw or None,
                allow_redirects=False,
            ) as reply,
        ):
            headers = {name.lower(): text for name, text in reply.headers.items()}
            headers = {name: text for name, text in headers.items() if name not in _OF_THE_LINE}
            said = Answer(reply.status, headers, await reply.read())
        if self.change is not None:
            self.change(request, raw, said)
        return web.Response(status=said.status, body=said.body, headers=said.headers)


@contextlib.asynccontextmanager
async def liar(target: str) -> AsyncIterator[Liar]:
    between = Liar(target)
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", between.answer)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    host, port = runner.addresses[0][:2]
    between.url = f"http://{host}:{port}"
    try:
        yield between
    finally:
        await runner.cleanup()
