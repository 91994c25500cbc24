import asyncio

from tests.store.shops import execute
from ucp_server.domain.catalog import Choice, Filters, Market, Search
from ucp_server.store.database import Pool, read, statement
from ucp_server.store.ids import new_token
from ucp_server.store.search_lists import KeptList, delete_expired_lists, insert_list, load_list


def kept(*product_ids: str, platform: str = "agent") -> KeptList:
    return KeptList(
        token=new_token(),
        merchant_id="shop",
        platform_id=platform,
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


async def test_of_too_many_lists_of_a_platform_the_oldest_fall(pool: Pool) -> None:
    of_another = kept("a", platform="other")
    lists = [kept(str(n)) for n in range(5)]
    for one in (of_another, *lists):
        async with statement(pool) as tx:
            await insert_list(tx, one, lists_max=3)
    assert [await loaded(pool, one) for one in lists] == [None, None, *lists[2:]]
    assert await loaded(pool, of_another, platform="other") == of_another


async def test_who_searches_at_the_same_moment_waits_for_nobody(pool: Pool) -> None:
    """What somebody else is taking away, or looks at, is passed over and goes with the next one."""
    old, new, newest = kept("a"), kept("b"), kept("c")
    await put(pool, old)
    async with pool.connection() as other, other.transaction():
        await other.execute("select 1 from search_lists where token = $1 for update", old.token)
        async with statement(pool) as tx:
            await insert_list(tx, new, lists_max=1)
    assert [await loaded(pool, one) for one in (old, new)] == [old, new]
    async with statement(pool) as tx:
        await insert_list(tx, newest, lists_max=1)
    assert [await loaded(pool, one) for one in (old, new, newest)] == [None, None, newest]


async def test_a_crowd_of_searches_leaves_what_may_stay(pool: Pool) -> None:
    async def search(number: int) -> None:
        async with statement(pool) as tx:
            await insert_list(tx, kept(str(number)), lists_max=3)

    await asyncio.gather(*(search(number) for number in range(60)))
    await search(60)
    async with read(pool) as db:
        assert await db.fetchval("select count(*) from search_lists") == 3
