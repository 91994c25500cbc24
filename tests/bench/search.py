"""What a search costs in a shop of 1,000, 10,000 and 100,000 products, inside one process.

``python -m tests.bench.search [PRODUCTS ...] [--keep FOLDER] [--calls N]`` writes such shops into a
Postgres of its own, which stays in FOLDER for the next time, and asks the catalog, one caller at a
time: no HTTP, no schemas, but every statement. Milliseconds as they pass, and of processor (ours and
Postgres') beside them, since nobody else's work counts there.
"""

import argparse
import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from statistics import median, quantiles
from typing import Final

import msgspec

from tests.bench.goods import MERCHANT, SEED, kept, opened, searches, shop
from ucp_server.domain.catalog import Market, Search
from ucp_server.store.catalog import PostgresCatalog, ProductRow
from ucp_server.store.database import Pool, open_pool, read

SIZES: Final = (1_000, 10_000, 100_000)
CALLS: Final = 200
WARM_UP: Final = 30
PAGE: Final = 10
LIST: Final = 1_000
# One that asks, and one that is kept for whoever only reads.
CONNECTIONS: Final = 2
LIST_BACKENDS: Final = """
select pid from pg_stat_activity
where datname = current_database() and application_name like '%bench'
"""


class Times(msgspec.Struct, frozen=True):
    """Of each call: milliseconds that passed, and those of processor."""

    passed: list[float]
    used: list[float]

    def line(self, name: str) -> str:
        figures = (
            f"{median(each):8.2f} {quantiles(each, n=20)[-1]:8.2f}" for each in (self.passed, self.used)
        )
        return f"{name:28} {'   '.join(figures)}"


class Clock:
    """The processor's time of this process and of its connections to Postgres (proc(5), schedstat)."""

    def __init__(self, backends: list[int]) -> None:
        self._files = [Path(f"/proc/{pid}/schedstat") for pid in backends]

    def used_ms(self) -> float:
        backends_ns = sum(int(file.read_text().split()[0]) for file in self._files)
        return backends_ns / 1e6 + time.process_time() * 1e3

    async def timed(self, call: Callable[[], Awaitable[object]], calls: int) -> Times:
        for _ in range(WARM_UP):
            await call()
        passed, used = [], []
        for _ in range(calls):
            before, started = self.used_ms(), time.perf_counter()
            await call()
            passed.append((time.perf_counter() - started) * 1e3)
            used.append(self.used_ms() - before)
        return Times(passed, used)


async def measure(pool: Pool, clock: Clock, rows: list[ProductRow], calls: int) -> None:
    catalog = PostgresCatalog(pool)
    everything = Times([], [])

    def search(next_search: Callable[[], Search]) -> Awaitable[object]:
        return catalog.search(MERCHANT, next_search(), LIST)

    for name, next_search in searches(rows).items():
        times = await clock.timed(partial(search, next_search), calls)
        everything.passed.extend(times.passed)
        everything.used.extend(times.used)
        print(times.line(name), flush=True)
    print(everything.line("all searches"))
    for name, call in others(catalog, rows).items():
        print((await clock.timed(call, calls)).line(name), flush=True)
    print(f"stages: { {str(stage): count for stage, count in catalog.stages.items()} }")


def others(catalog: PostgresCatalog, rows: list[ProductRow]) -> dict[str, Callable[[], Awaitable[object]]]:
    """What is not searched for."""
    random_ = random.Random(SEED + 2)

    async def page() -> None:
        ids = [row.id for row in random_.sample(rows, PAGE)]
        await catalog.products(MERCHANT, ids, Market())

    async def one() -> None:
        wanted = random_.choice(rows).items[0].id
        [named] = (await catalog.resolve(MERCHANT, [wanted]))[wanted]
        await catalog.products(MERCHANT, [named.product_id], Market())

    async def looked_up() -> None:
        skus = [row.items[0].detail.sku or "" for row in random_.sample(rows, PAGE)]
        named = await catalog.resolve(MERCHANT, skus)
        ids = [each.product_id for these in named.values() for each in these]
        await catalog.products(MERCHANT, ids, Market())

    return {"a page of ten": page, "a product": one, "lookup of ten SKUs": looked_up}


async def main(given: argparse.Namespace) -> None:
    async with kept(given.keep) as cluster:
        for size in given.products or SIZES:
            rows = shop(size)
            async with open_pool(await opened(cluster, rows), size=CONNECTIONS, name="bench") as pool:
                clock = Clock(await _backends(pool))
                print(f"\n{size:,} products {'passed p50':>24} {'p95':>8} {'cpu p50':>10} {'p95':>8}")
                await measure(pool, clock, rows, given.calls)


async def _backends(pool: Pool) -> list[int]:
    async with read(pool) as db:
        return [row["pid"] for row in await db.fetch(LIST_BACKENDS)]


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.search")
    parser.add_argument("products", nargs="*", type=int)
    parser.add_argument("--keep", type=Path, help="where the shops stay for the next time")
    parser.add_argument("--calls", type=int, default=CALLS, help="of each kind")
    return parser.parse_args()


if __name__ == "__main__":
    asyncio.run(main(arguments()))
