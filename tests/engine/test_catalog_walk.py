"""Turning the pages of a list while the shop gives its goods other prices, over real tables."""

import asyncio
import random
from collections.abc import Sequence
from contextlib import suppress

import pytest

from tests.store.products import product, sold
from ucp_server.domain.catalog import Filters, Search
from ucp_server.domain.errors import StoreUnavailable
from ucp_server.domain.fulfillment import Address, Destination, Option
from ucp_server.domain.merchant import Merchant
from ucp_server.domain.quote import PricedLine
from ucp_server.engine.catalog import Asked, Browsing
from ucp_server.engine.commands import Scope
from ucp_server.store.catalog import PostgresCatalog
from ucp_server.store.database import Pool, open_pool, statement

MERCHANT = Merchant(
    id="shop", title="Shop", currency="EUR", home_country="DE", mail_sender="shop@example.com"
)
SCOPE = Scope(merchant_id="shop", platform_id="https://platform.example/profile")
AFFORDABLE = 1_000
PRODUCTS = 200
WRITERS = 100
# Prices that change between two pages.
CHANGES = 50
DEADLINE_S = 60.0

REPRICE = "update items set price_minor = $2 where merchant_id = 'shop' and id = $1"


class NoRates:
    async def options(self, merchant_id: str, to: Address, lines: Sequence[PricedLine]) -> Sequence[Option]:
        return []

    async def locations(
        self, merchant_id: str, lines: Sequence[PricedLine]
    ) -> Sequence[tuple[Destination, Option]]:
        return []


class Writers:
    """Give products other prices until they are told to stop; even ones stay affordable."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._changes = 0
        self._changed = asyncio.Condition()

    async def write(self, seed: int) -> None:
        random_ = random.Random(seed)
        while True:
            number = random_.randrange(PRODUCTS)
            price = random_.randint(1, AFFORDABLE if number % 2 == 0 else 2 * AFFORDABLE)
            # So many at once may have to wait for a connection longer than the pool lets them.
            with suppress(StoreUnavailable):
                async with statement(self._pool) as tx:
                    await tx.execute(REPRICE, f"cup-{number}", price)
                async with self._changed:
                    self._changes += 1
                    self._changed.notify_all()

    async def more(self) -> None:
        """Wait until CHANGES prices have changed from now on."""
        async with asyncio.timeout(DEADLINE_S), self._changed:
            wanted = self._changes + CHANGES
            await self._changed.wait_for(lambda: self._changes >= wanted)


async def walk(shop: Browsing, search: Search, writers: Writers) -> list[str]:
    """The ids on all pages of a list, after each of which prices change."""
    seen: list[str] = []
    asked = Asked()
    while True:
        page = await shop.search(SCOPE, search, asked)
        assert all(one.price.minor <= AFFORDABLE for listed in page.products for one in listed.variants)
        seen += [listed.product.id for listed in page.products]
        if page.cursor is None:
            return seen
        asked = Asked(cursor=page.cursor)
        await writers.more()


@pytest.mark.parametrize("query", [None, "cup"])
async def test_a_walk_shows_nothing_twice_and_misses_nothing_that_stays(
    pool: Pool, database: str, query: str | None
) -> None:
    await sold(pool, *(product(f"Cup {n}", 500) for n in range(PRODUCTS)))
    shop = Browsing(
        pool=pool,
        catalog=PostgresCatalog(pool),
        rates=NoRates(),
        merchants={MERCHANT.id: MERCHANT},
        within_s=DEADLINE_S,
    )
    search = Search(query=query, filters=Filters(price_max_minor=AFFORDABLE))
    async with open_pool(database, name="writers") as writing, asyncio.TaskGroup() as group:
        writers = Writers(writing)
        crowd = [group.create_task(writers.write(seed)) for seed in range(WRITERS)]
        await writers.more()
        seen = await walk(shop, search, writers)
        for writer in crowd:
            writer.cancel()
    assert len(seen) == len(set(seen))
    assert {f"cup-{n}" for n in range(0, PRODUCTS, 2)} <= set(seen)
    assert sorted(seen, key=lambda id_: int(id_.removeprefix("cup-"))) == seen
