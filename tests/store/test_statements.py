"""Every statement of the store is one that Postgres understands."""

import importlib
import pkgutil

import asyncpg
import pytest

import ucp_server.store
from ucp_server.store.database import Pool


def statements() -> list[object]:
    found = []
    for module_info in pkgutil.iter_modules(ucp_server.store.__path__):
        module = importlib.import_module(f"ucp_server.store.{module_info.name}")
        for name, value in vars(module).items():
            is_sql = isinstance(value, str) and name.isupper() and not name.startswith("_")
            if is_sql and value.strip().lower().startswith(
                ("select", "with", "insert", "update", "delete")
            ):
                found.append(pytest.param(value, id=f"{module_info.name}.{name}"))
    return found


@pytest.mark.parametrize("sql", statements())
async def test_prepares(pool: Pool, sql: str) -> None:
    async with pool.connection() as connection:
        await connection.prepare(sql)


async def test_a_typo_would_be_noticed(pool: Pool) -> None:
    async with pool.connection() as connection:
        with pytest.raises(asyncpg.UndefinedColumnError):
            await connection.prepare("select no_such_column from checkouts")
