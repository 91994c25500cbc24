"""Made-up shops of any size, what is asked of them, and a Postgres that keeps them between runs."""

import itertools
import random
import shutil
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

import asyncpg

from tests.conftest import quick_folder
from ucp_server.domain.catalog import Category, Choice, Filters, ProductOption, Search
from ucp_server.postgres import Cluster, open_cluster
from ucp_server.store.catalog import ItemDetail, ItemRow, ProductDetail, ProductRow
from ucp_server.store.database import open_pool, transaction
from ucp_server.store.migrate import migrate
from ucp_server.store.products import replace_products

MERCHANT: Final = "shop"
CURRENCY: Final = "EUR"
SEED: Final = 5

# Four of five items are counted, and of one in ten of these nothing is left.
STOCK: Final = """
insert into inventory (merchant_id, item_id, on_hand)
select merchant_id, id, case when hashtext(id) % 10 = 0 then 0 else 7 end
from items where hashtext(id) % 5 <> 4
"""

COLOURS: Final = ("red", "blue", "green", "black", "white", "sand", "moss", "silver")
KINDS: Final = (
    "shirt", "trousers", "jacket", "shoe", "boot", "lamp", "chair", "table", "notebook", "pen", "teapot",
    "cup", "plate", "knife", "bag", "rucksack", "blanket", "pillow", "towel", "brush", "clock", "mirror",
    "basket", "candle", "vase",
)  # fmt: skip
ONSETS: Final = (
    "b", "ch", "d", "f", "g", "h", "k", "l", "m", "n", "p", "qu", "r", "s", "st", "t", "v", "w", "z",
)  # fmt: skip
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
        "what is not there": lambda: Search(filters=Filters(available=False)),
    }


# --- where they are kept ---


@asynccontextmanager
async def kept(folder: Path | None) -> AsyncIterator[Cluster]:
    """A Postgres in ``folder``, whose shops are there again next time; without one, for this time."""
    where = folder or quick_folder()
    where.mkdir(exist_ok=True, parents=True)
    cluster = await open_cluster(where)
    await cluster.start()
    try:
        yield cluster
    finally:
        if not cluster.adopted:
            await cluster.stop()
        if folder is None:
            shutil.rmtree(where)


async def opened(cluster: Cluster, rows: list[ProductRow]) -> str:
    """The URL of the database of these products, which are written unless it is there."""
    name = f"shop_{len(rows)}"
    connection = await asyncpg.connect(cluster.url())
    try:
        known = await connection.fetchval("select true from pg_database where datname = $1", name)
        if known is None:
            await connection.execute(f"create database {name}")
    finally:
        await connection.close()
    if known is None:
        await migrate(cluster.url(name))
        await _fill(cluster.url(name), rows)
    return cluster.url(name)


async def _fill(url: str, rows: list[ProductRow]) -> None:
    started, spent = time.perf_counter(), time.process_time()
    async with open_pool(url, name="bench") as pool, transaction(pool) as tx:
        await replace_products(tx, MERCHANT, CURRENCY, rows)
        await tx.execute(STOCK)
    took, cpu = time.perf_counter() - started, time.process_time() - spent
    print(f"{len(rows):,} products, written in {took:.1f} s, {cpu:.1f} s of them ours")
    connection = await asyncpg.connect(url)
    try:
        await connection.execute("vacuum analyze")
    finally:
        await connection.close()
