"""Every statement of the store is one that Postgres understands."""

import importlib
import pkgutil

import asyncpg
import pytest

import ucp_server.store
from ucp_server.store import catalog_statements
from ucp_server.store.database import Pool
from ucp_server.store.offers import SEARCH_OFFERS_BY_WORDS


def statements() -> dict[str, str]:
    found = {}
    for module_info in pkgutil.iter_modules(ucp_server.store.__path__):
        module = importlib.import_module(f"ucp_server.store.{module_info.name}")
        for name, value in vars(module).items():
            is_sql = isinstance(value, str) and name.isupper() and not name.startswith("_")
            if is_sql and value.strip().lower().startswith(
                ("select", "with", "insert", "update", "delete")
            ):
                found[f"{module_info.name}.{name}"] = value
    return found


@pytest.mark.parametrize("sql", statements().values(), ids=statements())
async def test_prepares(pool: Pool, sql: str) -> None:
    async with pool.connection() as connection:
        await connection.prepare(sql)


async def plan_of(connection: asyncpg.Connection, sql: str) -> str:
    """The one plan that serves all parameters, as `SERVER_SETTINGS` ask for."""
    parameters = (await connection.prepare(sql)).get_parameters()
    await connection.execute(f"prepare planned as {sql}")
    nothing = f"({', '.join(['null'] * len(parameters))})" if parameters else ""
    lines = await connection.fetch(f"explain (costs off) execute planned{nothing}")
    await connection.execute("deallocate planned")
    return "\n".join(line[0] for line in lines)


async def test_every_search_has_an_index(pool: Pool) -> None:
    async with pool.connection() as connection:
        for name, sql in statements().items():
            plan = await plan_of(connection, sql)
            assert "Seq Scan" not in plan, f"{name}\n{plan}"
        assert "Seq Scan" in await plan_of(connection, "select 1 from items where title = $1")


async def test_offers_are_found_by_words_in_the_index_of_words(pool: Pool) -> None:
    async with pool.connection() as connection:
        assert "offers_search" in await plan_of(connection, SEARCH_OFFERS_BY_WORDS)


@pytest.mark.parametrize(
    ("sql", "index"),
    [
        (catalog_statements.FIND_ALL, "product_heads_head"),
        (catalog_statements.FIND_ALL, "product_words_words"),
        (catalog_statements.FIND_ANY, "product_words_words"),
        (catalog_statements.FIND_WITHIN, "product_heads_head"),
        (catalog_statements.FIND_WITHIN, "product_heads_in_order"),
        (catalog_statements.FIND_ALIKE, "vocabulary_trigrams"),
        (catalog_statements.FIND_LESS_ALIKE, "vocabulary_trigrams"),
        (catalog_statements.BROWSE, "product_heads_in_order"),
        (catalog_statements.BROWSE, "items_repriced"),
        (catalog_statements.BROWSE, "items_by_price"),
    ],
)
async def test_products_are_found_in_the_index_that_is_meant(pool: Pool, sql: str, index: str) -> None:
    async with pool.connection() as connection:
        assert index in await plan_of(connection, sql)


async def test_a_typo_would_be_noticed(pool: Pool) -> None:
    async with pool.connection() as connection:
        with pytest.raises(asyncpg.UndefinedColumnError):
            await connection.prepare("select no_such_column from checkouts")
