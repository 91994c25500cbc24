import asyncio

import asyncpg
import pytest
import pytest_asyncio

from tests.conftest import execute
from ucp_server.postgres import Cluster
from ucp_server.store.migrate import Migration, MigrationError, in_order, migrate, packaged, pending

FIRST = Migration(1, "first", "CREATE TABLE one (id int); CREATE TABLE two (id int)")
SECOND = Migration(2, "second", "ALTER TABLE one ADD COLUMN name text")


@pytest_asyncio.fixture
async def empty(postgres: Cluster):
    await execute(postgres, "CREATE DATABASE blank")
    yield postgres.url("blank")
    await execute(postgres, "DROP DATABASE blank WITH (FORCE)")


async def _tables(url: str) -> set[str]:
    connection = await asyncpg.connect(url)
    try:
        rows = await connection.fetch(
            "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace"
        )
        return {row["relname"] for row in rows}
    finally:
        await connection.close()


async def test_what_is_missing_is_applied_once_and_in_order(empty: str) -> None:
    assert await migrate(empty, [FIRST]) == ("0001_first",)
    assert await migrate(empty, [FIRST, SECOND]) == ("0002_second",)
    assert await migrate(empty, [FIRST, SECOND]) == ()


async def test_servers_that_start_together_apply_each_migration_once(empty: str) -> None:
    applied = await asyncio.gather(*(migrate(empty, [FIRST, SECOND]) for _ in range(4)))
    assert sorted(name for names in applied for name in names) == ["0001_first", "0002_second"]


async def test_a_migration_that_fails_leaves_nothing(empty: str) -> None:
    broken = Migration(2, "broken", "CREATE TABLE three (id int); SELECT 1 / 0")
    with pytest.raises(asyncpg.DivisionByZeroError):
        await migrate(empty, [FIRST, broken])
    assert "one" in await _tables(empty)
    assert "three" not in await _tables(empty)
    assert await migrate(empty, [FIRST, SECOND]) == ("0002_second",)


async def test_a_changed_file_is_noticed(empty: str) -> None:
    await migrate(empty, [FIRST])
    with pytest.raises(MigrationError, match="0001_first was changed"):
        await migrate(empty, [Migration(1, "first", "CREATE TABLE one (id bigint)")])


async def test_an_older_version_does_not_touch_a_newer_database(empty: str) -> None:
    await migrate(empty, [FIRST, SECOND])
    with pytest.raises(MigrationError, match="2 migrations, this version knows 1"):
        await migrate(empty, [FIRST])


@pytest.mark.parametrize("numbers", [(1, 3), (2,), (1, 1)])
def test_numbers_have_no_gaps_and_no_twins(numbers: tuple[int, ...]) -> None:
    with pytest.raises(MigrationError):
        in_order([Migration(number, f"m{index}", "") for index, number in enumerate(numbers)])


async def test_what_ships_is_complete_and_can_be_asked_for(empty: str) -> None:
    assert packaged()
    assert await pending(empty) == len(packaged())
    await migrate(empty)
    assert await pending(empty) == 0
