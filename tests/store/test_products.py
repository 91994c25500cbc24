from tests.store.products import product, sold, with_variants
from ucp_server.domain.catalog import Barcode
from ucp_server.store.catalog import Translation
from ucp_server.store.database import Pool, read

TABLES = (
    "items",
    "products",
    "product_heads",
    "product_words",
    "product_names",
    "product_languages",
    "vocabulary",
)


async def versions(pool: Pool) -> dict[str, list[object]]:
    """Which versions of which rows there are: one that is written again has another place."""
    async with read(pool) as db:
        return {
            table: [tuple(row) for row in await db.fetch(f"select ctid, * from {table} order by 1")]
            for table in TABLES
        }


async def test_the_same_shop_again_writes_nothing(pool: Pool) -> None:
    rows = [
        product(
            "Green tea", description="Fine", sku="T-1", translations={"de": Translation(title="Grüner Tee")}
        ),
        with_variants("Notebook", ({"Size": "A5"}, 1_400), ({"Size": "A6"}, 500)),
    ]
    await sold(pool, *rows)
    before = await versions(pool)
    await sold(pool, *rows)
    assert await versions(pool) == before
    assert all(before.values())


async def test_what_is_no_longer_sold_leaves_nothing_behind(pool: Pool) -> None:
    await sold(pool, product("Kept"), product("Other"), merchant_id="other")
    before = await versions(pool)
    await sold(
        pool,
        product("Green tea", barcodes=(Barcode("EAN", "4006381333931"),), handle="tea"),
        with_variants("Notebook", ({"Size": "A5"}, 1_400)),
    )
    await sold(pool)
    assert await versions(pool) == before


async def test_a_word_counts_once_for_each_product(pool: Pool) -> None:
    await sold(pool, product("Tea tea", description="Tea"), product("Green tea 50"), product("緑茶"))
    async with read(pool) as db:
        rows = await db.fetch("select word, products from vocabulary order by word")
    assert [tuple(row) for row in rows] == [("50", 1), ("green", 1), ("tea", 2)]
