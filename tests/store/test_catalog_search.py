from tests.store.products import product, sold
from ucp_server.domain.catalog import Search
from ucp_server.store.catalog import PostgresCatalog
from ucp_server.store.database import Pool


async def found(pool, query, **more):
    return await PostgresCatalog(pool).search("shop", Search(query=query, **more), 100)


async def test_words(pool: Pool) -> None:
    await sold(
        pool,
        product("Green tea", description="From the first harvest"),
        product("Teapot"),
        product("Fountain pen"),
    )
    assert await found(pool, "tea") == ["green-tea"]
    assert await found(pool, "foun") == ["fountain-pen"]
    assert await found(pool, "fontain") == ["fountain-pen"]
    assert await found(pool, "tea pot") == ["teapot"]
    assert await found(pool, "harvested green teas") == ["green-tea"]
    assert await found(pool, None) == ["green-tea", "teapot", "fountain-pen"]
    assert await found(pool, "tea rocket") == ["green-tea"]
