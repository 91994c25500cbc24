from tests.store.shops import execute
from ucp_server.domain.catalog import Choice, Filters, Market, Search
from ucp_server.store.database import Pool, read, statement
from ucp_server.store.ids import new_token
from ucp_server.store.search_lists import KeptList, delete_expired_lists, insert_list, load_list


def kept(*product_ids: str) -> KeptList:
    return KeptList(
        token=new_token(),
        merchant_id="shop",
        platform_id="agent",
        product_ids=product_ids,
        search=Search(
            query="tea",
            filters=Filters(categories=("Tea",), price_max_minor=900, choices=(Choice("Size", "50 g"),)),
            market=Market(country="DE", language="de"),
        ),
    )


async def put(pool: Pool, one: KeptList) -> None:
    async with statement(pool) as tx:
        await insert_list(tx, one)


async def loaded(
    pool: Pool, one: KeptList, *, merchant: str = "shop", platform: str = "agent"
) -> KeptList | None:
    async with read(pool) as db:
        return await load_list(db, merchant, platform, one.token)


async def test_a_list_comes_back_as_it_was_to_its_own_platform(pool: Pool) -> None:
    one = kept(*(f"product-{n}" for n in range(1_000)))
    await put(pool, one)
    assert await loaded(pool, one) == one
    assert await loaded(pool, one, platform="other") is None
    assert await loaded(pool, one, merchant="other") is None
    async with read(pool) as db:
        assert await load_list(db, "shop", "agent", "a\0b") is None


async def test_a_list_is_gone_when_its_time_is_over(pool: Pool) -> None:
    old, new = kept("a"), kept("b")
    await put(pool, old)
    await execute(pool, "update search_lists set expires_at = now() - interval '1 second'")
    await put(pool, new)
    assert await loaded(pool, old) is None
    async with statement(pool) as tx:
        assert [await delete_expired_lists(tx, 500), await delete_expired_lists(tx, 500)] == [1, 0]
    assert await loaded(pool, new) == new


async def test_lists_live_ten_minutes_by_the_clock_of_the_database(pool: Pool) -> None:
    await put(pool, kept("a"))
    async with read(pool) as db:
        left = await db.fetchval("select expires_at - now() <= interval '10 minutes' from search_lists")
    assert left is True
