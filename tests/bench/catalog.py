"""What looking for goods costs over HTTP, in a shop of 100,000 products, beside an empty POST.

``python -m tests.bench.catalog [--products N] [--keep FOLDER] [--callers 1,16] [--seconds S]`` serves
the shop as deployed, over TLS, and asks it for first pages of the searches of ``tests.bench.search``,
for lookups of ten ids and for single products. Processor time is the server's and Postgres'.
"""

import argparse
import asyncio
import os
import random
import ssl
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from statistics import median, quantiles
from typing import Any, Final

import aiohttp
import msgspec
import uvloop

from conformance import forms
from tests.bench import process
from tests.bench.goods import CURRENCY, MERCHANT, SEED, kept, opened, searches, shop
from tests.bench.rivals import Empty, empty_posts
from tests.load.bodies import headers
from tests.load.serving import arguments as options
from tests.serving import Server, prepared
from tests.simulators.running import receiver
from ucp_server.domain.catalog import Search
from ucp_server.postgres import Cluster
from ucp_server.store.catalog import ProductRow
from ucp_server.ucp.releases import CATALOG_LOOKUP, CATALOG_SEARCH, CHECKOUT

RELEASE: Final = "2026-08-25"
LOOKED_UP: Final = 10
WARM_UP_S: Final = 2.0
REPLY_S: Final = 60.0
CONFIG: Final = f"""
[merchant.{MERCHANT}]
title = "Bench"
currency = "{CURRENCY}"
"""

Wire = dict[str, Any]
# Each makes one body after the other.
Bodies = Callable[[], bytes]


def wire_of(search: Search) -> Wire:
    filters = search.filters
    bounds = {"min": filters.price_min_minor, "max": filters.price_max_minor}
    wanted = {
        "categories": list(filters.categories),
        "price": {name: bound for name, bound in bounds.items() if bound is not None},
        "available": filters.available,
        "options": [{"name": choice.name, "label": choice.label} for choice in filters.choices],
    }
    given = {name: value for name, value in wanted.items() if value not in (None, [], {})}
    return ({"query": search.query} if search.query else {}) | ({"filters": given} if given else {})


def questions(rows: list[ProductRow]) -> Mapping[str, tuple[str, Bodies]]:
    """What is asked, where, and with which bodies."""
    random_ = random.Random(SEED + 3)
    kinds = list(searches(rows).values())

    def searched() -> bytes:
        return msgspec.json.encode(wire_of(random_.choice(kinds)()))

    def looked_up() -> bytes:
        ids = [row.items[0].id for row in random_.sample(rows, LOOKED_UP)]
        return msgspec.json.encode({"ids": ids})

    def shown() -> bytes:
        return msgspec.json.encode({"id": random_.choice(rows).id})

    return {
        "search": ("/catalog/search", searched),
        "lookup of ten": ("/catalog/lookup", looked_up),
        "product": ("/catalog/product", shown),
    }


class Asked(msgspec.Struct, frozen=True):
    """``times`` in milliseconds; ``cpu_ms`` of the server for each reply."""

    times: list[float]
    elapsed_s: float
    cpu_ms: float

    def line(self, name: str, callers: int) -> str:
        p95 = quantiles(self.times, n=20)[-1]
        rate = len(self.times) / self.elapsed_s
        return (
            f"{name:16}{callers:>8}{rate:>10.1f}{median(self.times):>10.2f}{p95:>10.2f}{self.cpu_ms:>10.2f}"
        )


class Callers:
    """Each waits for a reply before it asks again, over a connection that it keeps."""

    def __init__(
        self, session: aiohttp.ClientSession, url: str, sent: Mapping[str, str], bodies: Bodies
    ) -> None:
        self._session = session
        self._url = url
        self._sent = sent
        self._bodies = bodies
        self._times: list[float] = []

    async def run(self, callers: int, seconds: float, cpu_s: Callable[[], float]) -> Asked:
        self._times = []
        before, started = cpu_s(), time.perf_counter()
        async with asyncio.TaskGroup() as group:
            for _ in range(callers):
                group.create_task(self._ask_until(started + seconds))
        used_s = cpu_s() - before
        return Asked(self._times, time.perf_counter() - started, used_s / len(self._times) * 1e3)

    async def _ask_until(self, end: float) -> None:
        while (started := time.perf_counter()) < end:
            async with self._session.post(self._url, data=self._bodies(), headers=self._sent) as reply:
                raw = await reply.read()
            if reply.status != 200:
                raise RuntimeError(f"{self._url}: {reply.status} {raw[:2000]!r}")
            self._times.append((time.perf_counter() - started) * 1e3)


async def main(given: argparse.Namespace) -> None:
    rows = shop(given.products)
    with tempfile.TemporaryDirectory(prefix="ucp-bench-") as name:
        folder = Path(name)
        async with (
            kept(given.keep) as cluster,
            receiver(folder / "platform") as platform,
            _served(folder, await opened(cluster, rows), given.workers) as server,
            empty_posts(folder, given.workers) as empty,
            _session() as session,
        ):
            profile = forms.platform_profile(RELEASE, (CHECKOUT, CATALOG_SEARCH, CATALOG_LOOKUP))
            sent = headers(await platform.serve_profile(RELEASE, profile))
            print(f"{os.cpu_count()} processors, {given.workers} workers, {len(rows):,} products")
            print(f"{'':16}{'callers':>8}{'per s':>10}{'p50 ms':>10}{'p95 ms':>10}{'CPU ms':>10}")
            for callers in map(int, given.callers.split(",")):
                await _measure(session, server, cluster, sent, rows, callers, given.seconds)
                await _measure_empty(empty, callers, given.seconds)


async def _measure(
    session: aiohttp.ClientSession,
    server: Server,
    cluster: Cluster,
    sent: Mapping[str, str],
    rows: list[ProductRow],
    callers: int,
    seconds: float,
) -> None:
    def cpu_s() -> float:
        assert cluster.pid is not None
        return process.cpu_s([server.process.pid, cluster.pid])

    for name, (path, bodies) in questions(rows).items():
        asking = Callers(session, f"{server.https}/ucp/{RELEASE}{path}", sent, bodies)
        await asking.run(callers, WARM_UP_S, cpu_s)
        print((await asking.run(callers, seconds, cpu_s)).line(name, callers), flush=True)


async def _measure_empty(empty: Empty, callers: int, seconds: float) -> None:
    await empty.run(callers, WARM_UP_S)
    before = empty.cpu_s()
    result = await empty.run(callers, seconds)
    used_ms = (empty.cpu_s() - before) / result.lifecycles * 1e3
    times = [taken * 1e3 for taken in result.times["empty"]]
    print(Asked(times, result.elapsed, used_ms).line("empty POST", callers), flush=True)


@asynccontextmanager
async def _served(folder: Path, database_url: str, workers: int) -> AsyncIterator[Server]:
    config = folder / "config.toml"
    config.write_text(CONFIG)
    given = {
        "--mode": "demo",
        "--config": config,
        "--database-url": database_url,
        "--data-dir": folder / "data",
        "--workers": workers,
    }
    async with prepared(folder, *options(given)) as server:
        await server.start()
        yield server


@asynccontextmanager
async def _session() -> AsyncIterator[aiohttp.ClientSession]:
    # What is measured is the server; its certificate is its own.
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    async with aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=0, ssl=context),
        timeout=aiohttp.ClientTimeout(total=REPLY_S),
        cookie_jar=aiohttp.DummyCookieJar(),
    ) as session:
        yield session


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.catalog")
    parser.add_argument("--products", type=int, default=100_000)
    parser.add_argument("--keep", type=Path, help="where the shop stays for the next time")
    parser.add_argument("--callers", default="1,16")
    parser.add_argument("--seconds", type=float, default=10.0, help="of each measurement")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    return parser.parse_args()


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main(arguments()))
