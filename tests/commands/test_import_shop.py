import asyncio
from pathlib import Path

import asyncpg
import pytest
from click.testing import CliRunner, Result

from tests.store.shops import written
from ucp_server.commands.import_shop import import_command

TWO_MERCHANTS = '[merchant.paper]\ncurrency = "EUR"\n[merchant.tea]\ncurrency = "JPY"\n'


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(import_command, [str(each) for each in arguments])


async def items(database: str) -> list[tuple[str, str, str]]:
    connection = await asyncpg.connect(database)
    try:
        rows = await connection.fetch("select merchant_id, id, currency from items order by 1, 2")
    finally:
        await connection.close()
    return [tuple(row) for row in rows]


async def in_thread(*arguments: str | Path) -> Result:
    """The command has a loop of its own."""
    return await asyncio.to_thread(run, *arguments)


async def test_a_shop_is_loaded_and_counted(database: str, tmp_path: Path) -> None:
    shop = written(tmp_path / "shop", taxes="country,rate_basis_points,note\nDE,1900,x\n")
    done = await in_thread(shop, "--mode", "demo", "--database-url", database)
    assert done.exit_code == 0, done.output
    assert "2 items" in done.output
    assert "1 tax" in done.output
    assert "ignored taxes.csv: note" in done.output
    assert await items(database) == [("demo", "pen", "EUR"), ("demo", "tea", "EUR")]


async def test_a_bad_shop_is_told_row_by_row(database: str, tmp_path: Path) -> None:
    shop = written(tmp_path / "shop", products="id,title,price\ntea,Tea,4.99\n,Pen,5\n")
    done = await in_thread(shop, "--mode", "demo", "--database-url", database)
    assert done.exit_code == 1
    assert "nothing was loaded" in done.output
    assert "products.csv, line 2: price is not a whole number: 4.99" in done.output
    assert "products.csv, line 3: id is missing" in done.output
    assert await items(database) == []


@pytest.mark.parametrize("named", [(), ("--merchant", "ink")])
async def test_among_several_merchants_one_is_named(
    database: str, tmp_path: Path, named: tuple[str, ...]
) -> None:
    shop, config = written(tmp_path / "shop"), tmp_path / "server.toml"
    config.write_text(TWO_MERCHANTS)
    options = ("--mode", "demo", "--config", config, "--database-url", database)
    done = await in_thread(shop, *options, *named)
    assert done.exit_code == 2
    assert "--merchant is one of paper, tea" in done.output


async def test_each_merchant_has_its_currency(database: str, tmp_path: Path) -> None:
    shop, config = written(tmp_path / "shop"), tmp_path / "server.toml"
    config.write_text(TWO_MERCHANTS)
    options = ("--mode", "demo", "--config", config, "--database-url", database)
    done = await in_thread(shop, *options, "--merchant", "tea")
    assert done.exit_code == 0, done.output
    assert await items(database) == [("tea", "pen", "JPY"), ("tea", "tea", "JPY")]
