"""A TCP proxy that breaks the line on order: between us and Postgres, a PSP or a caller.

    python -m tests.simulators.proxy --folder DIR --upstream HOST:PORT | /path/to/unix.socket
    prints {"port": the broken line, "control": its HTTP side}

    POST /control {latency_s, slice: {bytes, pause_s}, frozen, refusing, cut_after: {bytes, way},
                   cut_on: {text | base64, way, when, nth}, cut_all: true}     each optional
    GET  /control -> {connections, open, cuts, up_bytes, down_bytes}

`way` is up (towards the upstream) or down. `cut_on.when`: `before` the bytes are passed on,
`after` they were, or once they were `answered` (and the answer is lost). Each cut order strikes
once. `frozen` keeps the line open and silent. `{}` changes nothing; `{"reset": true}` heals all.
"""

import asyncio
import base64
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Literal

from aiohttp import web

from tests.simulators.serving import BODY_MAX, listen, options, run

Way = Literal["up", "down"]
READ_BYTES = 65_536
# Long enough for a server to take in what was passed on before its side of the line is closed.
LINGER_S = 5.0


@dataclass
class CutOn:
    pattern: bytes
    way: Way
    when: Literal["before", "after", "answered"]
    nth: int


@dataclass
class Orders:
    latency_s: float = 0.0
    slice_bytes: int = 0
    slice_pause_s: float = 0.0
    refusing: bool = False
    cut_on: CutOn | None = None
    cut_after: dict[Way, int] = field(default_factory=dict)


class Line:
    """One connection and its twin towards the upstream."""

    def __init__(self, proxy: "Proxy", near: asyncio.StreamWriter, far: asyncio.StreamWriter) -> None:
        self.proxy, self.near, self.far = proxy, near, far
        self.answer_is_lost = False
        self._tail: dict[Way, bytes] = {"up": b"", "down": b""}

    async def pump(self, way: Way, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        try:
            while data := await source.read(READ_BYTES):
                await self.proxy.going.wait()
                if way == "down" and self.answer_is_lost:
                    return self.cut()
                passed, verdict = self._judged(way, data)
                await self._pass(sink, passed)
                self.proxy.passed[way] += len(passed)
                if verdict == "cut":
                    return self.cut()
                self.answer_is_lost = self.answer_is_lost or verdict == "answered"
            sink.write_eof()
        except OSError:
            self._close()
        return None

    def cut(self) -> None:
        self.proxy.cuts += 1
        self._close()

    def _close(self) -> None:
        """The near side is reset; the far one is closed in order, so that it reads what it got."""
        self.near.transport.abort()
        self.far.close()

    def _judged(self, way: Way, data: bytes) -> tuple[bytes, Literal["go", "cut", "answered"]]:
        orders = self.proxy.orders
        if way in orders.cut_after:
            left = orders.cut_after[way] - len(data)
            if left <= 0:
                return data[: orders.cut_after.pop(way)], "cut"
            orders.cut_after[way] = left
        cut_on = orders.cut_on
        if cut_on is None or cut_on.way != way:
            return data, "go"
        seen = self._tail[way] + data
        self._tail[way] = seen[-(len(cut_on.pattern) - 1) :] if len(cut_on.pattern) > 1 else b""
        cut_on.nth -= seen.count(cut_on.pattern)
        if cut_on.nth > 0:
            return data, "go"
        orders.cut_on = None
        if cut_on.when == "before":
            return b"", "cut"
        return data, "cut" if cut_on.when == "after" else "answered"

    async def _pass(self, sink: asyncio.StreamWriter, data: bytes) -> None:
        orders = self.proxy.orders
        await asyncio.sleep(orders.latency_s)
        step = orders.slice_bytes or len(data) or 1
        for start in range(0, len(data), step):
            sink.write(data[start : start + step])
            await sink.drain()
            if orders.slice_bytes:
                await asyncio.sleep(orders.slice_pause_s)


class Proxy:
    def __init__(self, upstream: str) -> None:
        self._upstream = upstream
        self.orders = Orders()
        self.going = asyncio.Event()
        self.going.set()
        self.lines: set[Line] = set()
        self.passed: dict[Way, int] = {"up": 0, "down": 0}
        self.connections = 0
        self.cuts = 0

    async def take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        if self.orders.refusing:
            writer.transport.abort()
            return
        try:
            far_reader, far = await self._reach()
        except OSError:
            writer.transport.abort()
            return
        line = Line(self, writer, far)
        self.lines.add(line)
        try:
            async with asyncio.TaskGroup() as both:
                both.create_task(line.pump("up", reader, far))
                both.create_task(line.pump("down", far_reader, writer))
        finally:
            self.lines.discard(line)
            writer.close()
            far.close()
            with suppress(OSError, TimeoutError):
                async with asyncio.timeout(LINGER_S):
                    await far.wait_closed()

    async def control(self, request: web.Request) -> web.StreamResponse:
        asked: dict[str, Any] = await request.json()
        if asked.get("reset"):
            self.orders = Orders()
            self.going.set()
        orders = self.orders
        orders.latency_s = asked.get("latency_s", orders.latency_s)
        orders.refusing = asked.get("refusing", orders.refusing)
        if "slice" in asked:
            orders.slice_bytes = asked["slice"]["bytes"]
            orders.slice_pause_s = asked["slice"].get("pause_s", 0.0)
        if "frozen" in asked:
            (self.going.clear if asked["frozen"] else self.going.set)()
        if "cut_after" in asked:
            orders.cut_after[asked["cut_after"].get("way", "down")] = asked["cut_after"]["bytes"]
        if "cut_on" in asked:
            orders.cut_on = _cut_on(asked["cut_on"])
        if asked.get("cut_all"):
            for line in list(self.lines):
                line.cut()
        return self._facts()

    async def show(self, _request: web.Request) -> web.StreamResponse:
        return self._facts()

    def _facts(self) -> web.Response:
        facts = {"connections": self.connections, "open": len(self.lines), "cuts": self.cuts}
        return web.json_response(facts | {"up_bytes": self.passed["up"], "down_bytes": self.passed["down"]})

    async def _reach(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        if self._upstream.startswith("/"):
            return await asyncio.open_unix_connection(self._upstream)
        host, _, port = self._upstream.rpartition(":")
        return await asyncio.open_connection(host, int(port))


def _cut_on(asked: dict[str, Any]) -> CutOn:
    text: str = asked.get("text", "")
    pattern = text.encode() or base64.b64decode(asked["base64"])
    return CutOn(pattern, asked.get("way", "up"), asked.get("when", "before"), asked.get("nth", 1))


def main() -> None:
    parser = options("a TCP proxy that breaks the line on order")
    parser.add_argument("--upstream", required=True)
    given = parser.parse_args()

    async def start() -> tuple[web.AppRunner, dict[str, int]]:
        proxy = Proxy(given.upstream)
        app = web.Application(client_max_size=BODY_MAX)
        app.add_routes([web.get("/control", proxy.show), web.post("/control", proxy.control)])
        server = await asyncio.start_server(proxy.take, "127.0.0.1", given.port)
        runner, control = await listen(app, 0)
        app["server"] = server
        return runner, {"port": server.sockets[0].getsockname()[1], "control": control}

    run(given, start)


if __name__ == "__main__":
    main()
