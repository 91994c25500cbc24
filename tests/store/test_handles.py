from ucp_server.store.database import Pool, read
from ucp_server.store.handles import handles_of, merchant_of, take_tenants


async def tenants(pool: Pool) -> dict[str, tuple[str, ...]]:
    async with read(pool) as db:
        return {name: await handles_of(db, name, "tenant") for name in ("paper", "tea")}


async def test_each_merchant_has_the_tenant_of_its_table(pool: Pool) -> None:
    assert await take_tenants(pool, {"paper": "1", "tea": "2"}) == ()
    assert await tenants(pool) == {"paper": ("1",), "tea": ("2",)}
    async with read(pool) as db:
        assert await merchant_of(db, "tenant", "2") == "tea"
        assert await merchant_of(db, "app", "2") is None


async def test_merchants_may_swap_theirs_and_go_without(pool: Pool) -> None:
    await take_tenants(pool, {"paper": "1", "tea": "2"})
    assert await take_tenants(pool, {"paper": "2", "tea": "1"}) == ()
    assert await tenants(pool) == {"paper": ("2",), "tea": ("1",)}
    assert await take_tenants(pool, {"paper": "", "tea": "1"}) == ()
    assert await tenants(pool) == {"paper": (), "tea": ("1",)}


async def test_one_that_is_taken_is_refused_and_nothing_changes(pool: Pool) -> None:
    await take_tenants(pool, {"paper": "1"})
    assert await take_tenants(pool, {"tea": "1", "third": "3"}) == ("tea",)
    assert await tenants(pool) == {"paper": ("1",), "tea": ()}
    async with read(pool) as db:
        assert await merchant_of(db, "tenant", "3") is None
