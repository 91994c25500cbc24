"""Apps as their rows tell them; nothing of one is seen through another."""

import asyncio
import uuid

from tests.store.shops import execute
from ucp_server.store.apps import (
    App,
    AppProduct,
    Tool,
    WebhookSecrets,
    app_of_key,
    find_app,
    list_products,
    load_products,
    load_tool,
)
from ucp_server.store.database import Pool, read

APP, OTHER = (str(uuid.UUID(int=n)) for n in (1, 2))
FIRST, SECOND, HIDDEN = (str(uuid.UUID(int=n)) for n in (11, 12, 13))


async def put_app(pool: Pool, merchant: str, app: str) -> App:
    await execute(pool, "insert into handles values ('app', $1, $2)", app, merchant)
    await execute(pool, "insert into apps (merchant_id, id, name) values ($1, $2, 'Audits')", merchant, app)
    for product, tools, is_active in ((SECOND, [], True), (FIRST, ["a", "b"], True), (HIDDEN, [], False)):
        sql = "insert into app_products values ($1, $2, $3, 'audit', 'S', 'automatic', $4, $5)"
        await execute(pool, sql, merchant, app, product, tools, is_active)
    return App(merchant_id=merchant, id=app, name="Audits")


async def test_an_app_is_found_by_its_id_alone(pool: Pool) -> None:
    ours, theirs = await put_app(pool, "shop", APP), await put_app(pool, "elsewhere", OTHER)
    async with read(pool) as db:
        assert await find_app(db, APP) == ours
        assert await find_app(db, OTHER) == theirs
        assert await find_app(db, FIRST) is None


async def test_a_handle_that_leads_to_another_merchant_opens_nothing(pool: Pool) -> None:
    await put_app(pool, "shop", APP)
    await execute(pool, "update handles set merchant_id = 'elsewhere'")
    async with read(pool) as db:
        assert await find_app(db, APP) is None


async def test_products_are_those_that_are_offered(pool: Pool) -> None:
    app = await put_app(pool, "shop", APP)
    first = AppProduct(id=FIRST, item_id="audit", sku="S", fulfillment="automatic", tools=("a", "b"))
    second = AppProduct(id=SECOND, item_id="audit", sku="S", fulfillment="automatic", tools=())
    async with read(pool) as db:
        assert await list_products(db, app, 10) == [first, second]
        assert await list_products(db, app, 1) == [first]
        assert await load_products(db, app, [SECOND, HIDDEN, APP]) == {SECOND: second}
        assert await load_products(db, App(merchant_id="shop", id=OTHER, name=""), [SECOND]) == {}


async def test_a_key_opens_its_app_for_the_merchants_that_are_served(pool: Pool) -> None:
    sql = (
        "insert into credentials (merchant_id, id, platform_id, kind, secret_hash, revoked_at)"
        " values ('shop', $1, $2, $3, $4, $5::text::timestamptz)"
    )
    for kind, digest, revoked in (("app", b"1", None), ("agent", b"2", None), ("app", b"3", "2026-01-01")):
        await execute(pool, sql, str(uuid.uuid4()), APP, kind, digest, revoked)
    async with read(pool) as db:
        assert await app_of_key(db, ("elsewhere", "shop"), b"1") == APP
        assert await app_of_key(db, ("elsewhere",), b"1") is None
        assert await app_of_key(db, ("shop",), b"2") is None
        assert await app_of_key(db, ("shop",), b"3") is None


async def test_a_key_does_not_open_what_another_merchant_has_under_that_id_by_now(pool: Pool) -> None:
    sql = "insert into credentials (merchant_id, id, platform_id, kind, secret_hash)"
    await execute(pool, f"{sql} values ('shop', $1, $2, 'app', $3)", str(uuid.uuid4()), APP, b"1")
    async with read(pool) as db:
        assert await app_of_key(db, ("elsewhere", "shop"), b"1") == APP
    await put_app(pool, "elsewhere", APP)
    async with read(pool) as db:
        assert await app_of_key(db, ("elsewhere", "shop"), b"1") is None


async def test_a_tool_is_the_merchants_own(pool: Pool) -> None:
    await execute(pool, "insert into tools values ('shop', 'a', 'https://tools.test/', 7)")
    async with read(pool) as db:
        assert await load_tool(db, "shop", "a") == Tool(id="a", url="https://tools.test/", timeout_s=7)
        assert await load_tool(db, "elsewhere", "a") is None


async def test_those_who_make_the_first_secret_at_once_get_the_same(pool: Pool) -> None:
    secrets = WebhookSecrets(pool, b"a secret of thirty-two characters")
    made = await asyncio.gather(*(secrets.of("shop", APP) for _ in range(6)))
    assert len(set(made)) == 1
    assert await secrets.of("elsewhere", APP) not in made
