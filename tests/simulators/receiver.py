"""A platform's side: its profile, its webhook endpoint with a log of raw bytes.

    POST <any path>             logged, then answered as ordered (200 unless told otherwise)
    GET  /profile.json          the good profile; order events go to /hooks/orders of this process
    GET  /profile/<name>.json   a broken one (`profiles.py`), or one told by PUT
    PUT  /profile/<name>.json   {document, headers: {name: value}} to serve from now on
    GET  /log?path=P&at_least=N&wait_s=S    entries; waits until there are N of them
    POST /control               {path: P, answers: [answer, ...], then: answer}

An answer: {status, headers, body, delay_s, drip_s, cut: "before" | "after_status", hang: true};
`answers` are given one by one, then `then` for ever. The path may be a profile's as well.
"""

import asyncio
import base64
import json
from pathlib import Path
from typing import Any

from aiohttp import web

from tests.simulators import profiles
from tests.simulators.serving import BODY_MAX, cut, listen, options, run

LOG_MAX = 100_000
HANG_S = 120.0
WAIT_MAX_S = 60.0
# A drip sends this many single bytes at most.
DRIPS_MAX = 600


class Receiver:
    def __init__(self, log: Path) -> None:
        self._log = log
        self._entries: list[dict[str, Any]] = []
        self._arrived = asyncio.Condition()
        self._answers: dict[str, list[dict[str, Any]]] = {}
        self._then: dict[str, dict[str, Any]] = {}
        self._told: dict[str, dict[str, Any]] = {}
        if log.exists():
            self._entries = [json.loads(line) for line in log.read_text().splitlines()]

    async def receive(self, request: web.Request) -> web.StreamResponse:
        await self._record(request)
        ordered = self._ordered(request.path)
        return await _given(request, ordered or {"status": 200, "body": ""})

    async def profile(self, request: web.Request) -> web.StreamResponse:
        await self._record(request)
        ordered = self._ordered(request.path)
        if ordered is not None:
            return await _given(request, ordered)
        name = request.match_info.get("name", "")
        if name in self._told:
            told = self._told[name]
            return web.json_response(told["document"], headers=told.get("headers"))
        if name in profiles.RAW:
            return web.Response(body=profiles.RAW[name], content_type="application/json")
        document: Any = profiles.good(f"http://{request.host}/hooks/orders")
        if name:
            if name not in profiles.VARIANTS:
                return web.json_response({"error": "no such profile"}, status=404)
            document = profiles.VARIANTS[name](document)
        return web.json_response(document)

    async def tell(self, request: web.Request) -> web.StreamResponse:
        self._told[request.match_info["name"]] = await request.json()
        return web.json_response({})

    async def control(self, request: web.Request) -> web.StreamResponse:
        orders = await request.json()
        self._answers[orders["path"]] = list(orders.get("answers", ()))
        self._then.pop(orders["path"], None)
        if "then" in orders:
            self._then[orders["path"]] = orders["then"]
        return web.json_response({})

    async def log(self, request: web.Request) -> web.StreamResponse:
        path = request.query.get("path")
        at_least = int(request.query.get("at_least", "0"))
        wait_s = min(float(request.query.get("wait_s", "0")), WAIT_MAX_S)

        def chosen() -> list[dict[str, Any]]:
            return [entry for entry in self._entries if path in {None, entry["path"]}]

        try:
            async with asyncio.timeout(wait_s), self._arrived:
                await self._arrived.wait_for(lambda: len(chosen()) >= at_least)
        except TimeoutError:
            pass
        return web.json_response(chosen())

    async def _record(self, request: web.Request) -> None:
        body = await request.read()
        entry = {
            "seq": len(self._entries) + 1,
            "arrived_at": asyncio.get_running_loop().time(),
            "method": request.method,
            "path": request.path,
            "query": request.query_string,
            "headers": [[name, value] for name, value in request.headers.items()],
            "body_base64": base64.b64encode(body).decode(),
        }
        if len(self._entries) >= LOG_MAX:
            return
        with self._log.open("a") as file:
            file.write(json.dumps(entry) + "\n")
        async with self._arrived:
            self._entries.append(entry)
            self._arrived.notify_all()

    def _ordered(self, path: str) -> dict[str, Any] | None:
        waiting = self._answers.get(path)
        return waiting.pop(0) if waiting else self._then.get(path)


async def _given(request: web.Request, answer: dict[str, Any]) -> web.StreamResponse:
    await asyncio.sleep(answer.get("delay_s", 0.0))
    if answer.get("hang"):
        await asyncio.sleep(HANG_S)
    if answer.get("cut") == "before":
        return cut(request)
    status = answer.get("status", 200)
    body = answer.get("body", "").encode()
    if "cut" not in answer and "drip_s" not in answer:
        return web.Response(status=status, headers=answer.get("headers"), body=body)
    reply = web.StreamResponse(status=status, headers=answer.get("headers"))
    reply.content_length = DRIPS_MAX
    await reply.prepare(request)
    if "cut" in answer:
        await reply.write(b"{")
        return cut(request)
    for _ in range(DRIPS_MAX):
        await reply.write(b" ")
        await asyncio.sleep(answer["drip_s"])
    return reply


def application(receiver: Receiver) -> web.Application:
    app = web.Application(client_max_size=BODY_MAX)
    app.add_routes(
        [
            web.get("/log", receiver.log),
            web.post("/control", receiver.control),
            web.get("/profile.json", receiver.profile),
            web.get("/profile/{name}.json", receiver.profile),
            web.put("/profile/{name}.json", receiver.tell),
            web.post("/{path:.*}", receiver.receive),
        ]
    )
    return app


def main() -> None:
    given = options("a platform: profiles and a webhook receiver").parse_args()
    given.folder.mkdir(parents=True, exist_ok=True)

    async def start() -> tuple[web.AppRunner, dict[str, int]]:
        receiver = Receiver(given.folder / "received.jsonl")
        runner, port = await listen(application(receiver), given.port)
        return runner, {"port": port}

    run(given, start)


if __name__ == "__main__":
    main()
