"""What a search costs in a shop of 1,000, 10,000 and 100,000 products, inside one process.

``python -m tests.bench.search [PRODUCTS ...]`` writes such shops into a Postgres of its own and asks
the catalog, one caller at a time: no HTTP, no schemas, but every statement. Times are milliseconds.
"""

import asyncio
import itertools
import random
import shutil
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from statistics import median, quantiles
from typing import Final

from tests.conftest import quick_folder
from ucp_server.domain.catalog import Category, Choice, Filters, Market, ProductOption, Search
from ucp_server.postgres import open_cluster
from ucp_server.store.catalog import ItemDetail, ItemRow, PostgresCatalog, ProductDetail, ProductRow
from ucp_server.store.database import Pool, open_pool, transaction
from ucp_server.store.migrate import migrate
from ucp_server.store.products import replace_products

SIZES: Final = (1_000, 10_000, 100_000)
CALLS: Final = 200
SEED: Final = 5
PAGE: Final = 10
LIST: Final = 1_000

COLOURS: Final = ("red", "blue", "green", "black", "white", "sand", "moss", "silver")
KINDS: Final = (
    "shirt", "trousers", "jacket", "shoe", "boot", "lamp", "chair", "table", "notebook", "pen", "teapot",
    "cup", "plate", "knife", "bag", "rucksack", "blanket", "pillow", "towel", "brush", "clock", "mirror",
    "basket", "candle", "vase",
)  # fmt: skip
ONSETS: Final = (
    "b",
    "ch",
    "d",
    "f",
    "g",
    "h",
    "k",
    "l",
    "m",
    "n",
    "p",
    "qu",
    "r",
    "s",
    "st",
    "t",
    "v",
    "w",
    "z",
)
REST: Final = ("a", "an", "ar", "e", "el", "en", "er", "i", "in", "is", "o", "or", "os", "u", "um", "y")


def words(random_: random.Random, count: int) -> list[str]:
    """Made-up words, each once."""
    made: dict[str, None] = {}
    while len(made) < count:
        syllables = range(random_.randint(2, 4))
        made["".join(random_.choice(ONSETS) + random_.choice(REST) for _ in syllables)] = None
    return list(made)


def shop(products: int) -> list[ProductRow]:
    """Titles of kind, two makers' words and a number; descriptions of 60 words, few of them frequent."""
    random_ = random.Random(SEED)
    known = words(random_, 20_000)
    weights = list(itertools.accumulate(1 / (rank + 10) for rank in range(len(known))))
    return [_product(number, random_, known, weights) for number in range(products)]


def _product(number: int, random_: random.Random, known: list[str], weights: list[float]) -> ProductRow:
    kind = random_.choice(KINDS)
    maker, model, *told = random_.choices(known, cum_weights=weights, k=62)
    id_ = f"p-{number:06d}"
    price_minor = random_.randint(500, 50_000)
    items = tuple(
        ItemRow(
            id=f"{id_}-{colour}",
            title=f"{maker} {kind} {model}, {colour}",
            price_minor=price_minor,
            detail=ItemDetail(product_id=id_, options={"Colour": colour}, sku=f"SKU{number:06d}-{colour}"),
        )
        for colour in random_.sample(COLOURS, k=random_.randint(1, 3))
    )
    labels = tuple(item.detail.options["Colour"] for item in items)
    detail = ProductDetail(
        description=" ".join(told),
        options=(ProductOption("Colour", labels),),
        brand=maker,
        categories=(Category(f"House > {kind} > {model[:2]}"),),
    )
    return ProductRow(id=id_, title=f"{maker} {kind} {model} {number % 997}", detail=detail, items=items)


def searches(rows: list[ProductRow]) -> dict[str, Callable[[], Search]]:
    """Kinds of searches, each making one after the other."""
    random_ = random.Random(SEED + 1)

    def title_words(count: int) -> list[str]:
        return random_.choice(rows).title.split()[:count]

    def misspelt() -> str:
        maker, kind, _ = title_words(3)
        at = random_.randrange(1, len(maker) - 1)
        return f"{maker[:at]}{maker[at + 1]}{maker[at]}{maker[at + 2 :]} {kind}"

    cheap = Filters(price_max_minor=5_000, available=True)
    return {
        "a common word": lambda: Search(query=random_.choice(KINDS)),
        "two words of a title": lambda: Search(query=" ".join(title_words(2))),
        "three words of a title": lambda: Search(query=" ".join(title_words(3))),
        "words of a description": lambda: Search(
            query=" ".join(random_.choice(rows).detail.description.split()[:3])
        ),
        "the beginning of a word": lambda: Search(query=title_words(3)[2][:-1]),
        "a misspelt word": lambda: Search(query=misspelt()),
        "any of the words": lambda: Search(
            query=f"gift for a {random_.choice(KINDS)} {title_words(1)[0]} lover"
        ),
        "common word, cheap": lambda: Search(query=random_.choice(KINDS), filters=cheap),
        "common word, colour": lambda: Search(
            query=random_.choice(KINDS), filters=Filters(choices=(Choice("colour", "red"),))
        ),
        "a category": lambda: Search(filters=Filters(categories=(f"House > {random_.choice(KINDS)}",))),
        "by price": lambda: Search(filters=Filters(price_min_minor=1_000, price_max_minor=1_400)),
        "by a wide price": lambda: Search(filters=cheap),
    }


async def timed(call: Callable[[], Awaitable[object]], calls: int) -> list[float]:
    times = []
    for _ in range(calls):
        started = time.perf_counter()
        await call()
        times.append((time.perf_counter() - started) * 1_000)
    return times


def line(name: str, times: list[float]) -> str:
    p95 = quantiles(times, n=20)[-1]
    return f"{name:28} {median(times):8.2f} {p95:8.2f} {max(times):8.2f}"


async def measure(pool: Pool, rows: list[ProductRow]) -> list[str]:
    catalog = PostgresCatalog(pool)
    random_ = random.Random(SEED + 2)
    lines, everything = [], []
    for name, next_search in searches(rows).items():
        await timed(lambda: catalog.search("shop", next_search(), LIST), 20)  # noqa: B023  called here
        times = await timed(lambda: catalog.search("shop", next_search(), LIST), CALLS)  # noqa: B023  called here
        everything += times
        lines.append(line(name, times))
    lines.append(line("all searches", everything))

    async def page() -> None:
        ids = [row.id for row in random_.sample(rows, PAGE)]
        await catalog.products("shop", ids, Market())

    async def one() -> None:
        wanted = random_.choice(rows).items[0].id
        [named] = (await catalog.resolve("shop", [wanted]))[wanted]
        await catalog.products("shop", [named.product_id], Market())

    async def looked_up() -> None:
        skus = [row.items[0].detail.sku or "" for row in random_.sample(rows, PAGE)]
        named = await catalog.resolve("shop", skus)
        await catalog.products(
            "shop", [each.product_id for these in named.values() for each in these], Market()
        )

    for name, call in {"a page of ten": page, "a product": one, "lookup of ten SKUs": looked_up}.items():
        await timed(call, 20)
        lines.append(line(name, await timed(call, CALLS)))
    return [*lines, f"stages: {dict(catalog.stages)}"]


async def main(sizes: tuple[int, ...]) -> None:
    folder = quick_folder()
    cluster = await open_cluster(Path(folder))
    await cluster.start()
    try:
        await migrate(cluster.url("postgres"))
        async with open_pool(cluster.url("postgres"), name="bench") as pool:
            for size in sizes:
                rows = shop(size)
                started, spent = time.perf_counter(), time.process_time()
                async with transaction(pool) as tx:
                    await replace_products(tx, "shop", "EUR", rows)
                took = time.perf_counter() - started
                cpu = time.process_time() - spent
                print(f"\n{size:,} products, written in {took:.1f} s, {cpu:.1f} s of them ours")
                print(f"{'':28} {'p50':>8} {'p95':>8} {'max':>8}")
                print("\n".join(await measure(pool, rows)), flush=True)
    finally:
        await cluster.stop()
        shutil.rmtree(folder)


if __name__ == "__main__":
    asyncio.run(main(tuple(map(int, sys.argv[1:])) or SIZES))
