"""What a call of a tool costs beside the same request over REST: create and get of a checkout.

``python -m tests.bench.tools [--rounds N] [--seconds S] [--callers N]`` serves a shop as deployed, over
TLS, with one process for it and its database on one processor and the callers on the other. Both ways
are measured in turn, in each round the other one first. Processor time is the server's and Postgres'.
"""

import argparse
import asyncio
import os
import time
import uuid
from collections.abc import Callable, Iterator
from itertools import cycle
from statistics import median
from typing import Any, Final, NamedTuple

import aiohttp
import msgspec
import uvloop

from tests.bench import process
from tests.bench.overload import OTHERS, SERVER, pin
from tests.bench.rivals import ITEMS, Town, hook, opened
from tests.load import bodies
from tests.load.shops import item
from ucp_server.asgi.mcp import VERSIONS

RELEASE: Final = "2026-08-25"
WAYS: Final = ("REST", "tools")
OPERATIONS: Final = ("create", "get")
WARM_UP_S: Final = 2.0
# Of REST's calls per second.
WANTED: Final = 0.8
REPLY_S: Final = 60.0

Wire = dict[str, Any]


class _Checkout(msgspec.Struct):
    id: str


class _Result(msgspec.Struct):
    checkout: _Checkout = msgspec.field(name="structuredContent")


class _Message(msgspec.Struct):
    result: _Result


class Request(NamedTuple):
    """``path`` is below the endpoint of the release."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes | None


class Rest:
    """Requests as REST has them."""

    _decoder = msgspec.json.Decoder(_Checkout)

    def __init__(self, profile_url: str) -> None:
        self._profile_url = profile_url

    def create(self, body: Wire) -> Request:
        headers = bodies.headers(self._profile_url, uuid.uuid4().hex)
        return Request("POST", "/checkout-sessions", headers, msgspec.json.encode(body))

    def get(self, checkout_id: str) -> Request:
        return Request("GET", f"/checkout-sessions/{checkout_id}", bodies.headers(self._profile_url), None)

    def id_in(self, raw: bytes) -> str:
        return self._decoder.decode(raw).id


class Tools:
    """The same wishes as calls of tools."""

    _decoder = msgspec.json.Decoder(_Message)
    _headers: Final = {
        "Content-Type": "application/json",
        "Accept": "application/json, text/event-stream",
        "MCP-Protocol-Version": VERSIONS[0],
    }

    def __init__(self, profile_url: str) -> None:
        self._agent = {"ucp-agent": {"profile": profile_url}}

    def create(self, body: Wire) -> Request:
        meta = {**self._agent, "idempotency-key": uuid.uuid4().hex}
        return self._call("create_checkout", {"meta": meta, "checkout": body})

    def get(self, checkout_id: str) -> Request:
        return self._call("get_checkout", {"meta": self._agent, "id": checkout_id})

    def id_in(self, raw: bytes) -> str:
        return self._decoder.decode(raw).result.checkout.id

    def _call(self, name: str, arguments: Wire) -> Request:
        params = {"name": name, "arguments": arguments}
        message = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}
        return Request("POST", "/mcp", self._headers, msgspec.json.encode(message))


class Measured(NamedTuple):
    per_s: float
    cpu_ms: float


class Callers:
    """Each waits for a reply before it asks again; what they made is what they look at."""

    def __init__(self, session: aiohttp.ClientSession, town: Town, profile_url: str) -> None:
        self._session = session
        self._town = town
        self._ways = {"REST": Rest(profile_url), "tools": Tools(profile_url)}
        # So many that none of them is asked for more often than one may be.
        self._made: list[str] = []
        self._items = cycle(map(item, range(ITEMS)))

    async def run(self, way: str, operation: str, callers: int, seconds: float) -> Measured:
        asking, known = self._ways[way], cycle(self._made)

        def next_request() -> Request:
            if operation == "get":
                return asking.get(next(known))
            return asking.create(bodies.create(next(self._items), release=RELEASE))

        before, started = self._cpu_s(), time.perf_counter()
        async with asyncio.TaskGroup() as group:
            loops = [
                group.create_task(self._ask_until(started + seconds, next_request, asking))
                for _ in range(callers)
            ]
        elapsed_s, used_s = time.perf_counter() - started, self._cpu_s() - before
        ids = [each for loop in loops for each in loop.result()]
        if operation == "create":
            self._made += ids
        return Measured(len(ids) / elapsed_s, used_s / len(ids) * 1e3)

    async def _ask_until(
        self, end: float, next_request: Callable[[], Request], asking: Rest | Tools
    ) -> list[str]:
        ids = []
        while time.perf_counter() < end:
            method, path, headers, body = next_request()
            url = f"{self._town.server.https}/ucp/{RELEASE}{path}"
            async with self._session.request(method, url, data=body, headers=headers) as reply:
                raw = await reply.read()
            if reply.status not in (200, 201):
                raise RuntimeError(f"{method} {path}: {reply.status} {raw[:2000]!r}")
            ids.append(asking.id_in(raw))
        return ids

    def _cpu_s(self) -> float:
        assert self._town.cluster.pid is not None
        return process.cpu_s([self._town.server.process.pid, self._town.cluster.pid])


def in_turn(rounds: int) -> Iterator[tuple[str, ...]]:
    for number in range(rounds):
        yield WAYS if number % 2 == 0 else WAYS[::-1]


async def main(given: argparse.Namespace) -> None:
    with process.open_folder() as folder:
        async with opened(folder, workers=1) as town, _session() as session:
            assert town.cluster.pid is not None
            pin(process.family([town.server.process.pid, town.cluster.pid]), SERVER)
            pin(set(process.family([os.getpid()])) - set(process.family([town.server.process.pid])), OTHERS)
            profile = bodies.profile(RELEASE, f"{town.platform.url}{hook(RELEASE)}")
            callers = Callers(session, town, await town.platform.serve_profile(RELEASE, profile))
            print(f"{RELEASE}, {given.callers} callers, {given.rounds} rounds in turn, medians")
            print(f"{'':16}{'per s':>10}{'CPU ms':>10}")
            for operation in OPERATIONS:
                await _compare(callers, operation, given)


async def _compare(callers: Callers, operation: str, given: argparse.Namespace) -> None:
    for way in WAYS:
        await callers.run(way, operation, given.callers, WARM_UP_S)
    rounds = [
        {way: await callers.run(way, operation, given.callers, given.seconds) for way in order}
        for order in in_turn(given.rounds)
    ]
    for way in WAYS:
        per_s = median(each[way].per_s for each in rounds)
        cpu_ms = median(each[way].cpu_ms for each in rounds)
        print(f"{operation + ', ' + way:16}{per_s:>10.1f}{cpu_ms:>10.2f}")
    ratio = median(each["tools"].per_s / each["REST"].per_s for each in rounds)
    cpu = median(each["REST"].cpu_ms / each["tools"].cpu_ms for each in rounds)
    print(f"  tools to REST: {ratio:.2f}, by processor time {cpu:.2f}    (at least {WANTED:g})", flush=True)


def _session() -> aiohttp.ClientSession:
    # What is measured is the server; its certificate is its own.
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=0, ssl=False),
        timeout=aiohttp.ClientTimeout(total=REPLY_S),
        cookie_jar=aiohttp.DummyCookieJar(),
    )


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.tools")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=4.0, help="of each measurement")
    parser.add_argument("--callers", type=int, default=16)
    return parser.parse_args()


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main(arguments()))
