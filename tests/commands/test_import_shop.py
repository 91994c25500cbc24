import asyncio
import io
from pathlib import Path

import asyncpg
import pytest
from click.testing import CliRunner, Result

from tests.store.shops import written
from ucp_server.commands import progress
from ucp_server.commands.import_shop import import_command
from ucp_server.commands.progress import Progress

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


async def test_a_feed_is_loaded_as_a_file(database: str, tmp_path: Path) -> None:
    feed = tmp_path / "spring.jsonl"
    feed.write_text('{"id": "tea", "title": "Tea", "price": "5.00 EUR", "condition": "new"}\n')
    done = await in_thread(feed, "--mode", "demo", "--database-url", database)
    assert done.exit_code == 0, done.output
    assert "1 products" in done.output
    assert "ignored spring.jsonl: condition" in done.output
    assert "loaded in" in done.output
    assert await items(database) == [("demo", "tea", "EUR")]


async def test_a_bad_feed_is_told_line_by_line(database: str, tmp_path: Path) -> None:
    feed = tmp_path / "spring.jsonl"
    feed.write_text('{"id": "tea", "title": "Tea", "price": "5.00"}\n')
    done = await in_thread(feed, "--mode", "demo", "--database-url", database)
    assert done.exit_code == 1
    assert "spring.jsonl, line 1: price is not a whole number: 5.00" in done.output
    assert await items(database) == []


def test_a_single_table_is_no_shop(tmp_path: Path) -> None:
    table = written(tmp_path / "shop") / "products.csv"
    done = run(table, "--mode", "demo", "--data-dir", tmp_path)
    assert done.exit_code == 2
    assert "CSV files are named by their folder" in done.output


async def test_texts_that_are_cut_are_told(database: str, tmp_path: Path) -> None:
    rows = "".join(f"tea-{n},{'Tea ' * 100},5\n" for n in range(7))
    shop = written(tmp_path / "shop", products="id,title,price\n" + rows)
    done = await in_thread(shop, "--mode", "demo", "--database-url", database)
    assert done.exit_code == 0, done.output
    assert "products.csv, line 2: title was too long and is cut" in done.output
    assert done.output.count("is cut") == 5
    assert "and 2 more texts are cut" in done.output


# --- progress ---


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_person_sees_one_line_grow_and_go(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "BAR_EVERY_S", 0.0)
    out = Terminal()
    shown = Progress(out)
    shown("reading tea.jsonl", 1, 4)
    shown("writing products", 4, 4)
    shown.close()
    _, first, second, end = out.getvalue().split("\r\x1b[K")
    assert (first.split("█")[-1].strip("░"), second.strip("█")) == (
        "  25% reading tea.jsonl", " 100% writing products",
    )  # fmt: skip
    assert end == ""


def test_a_log_is_given_whole_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "LINE_EVERY_S", 0.0)
    out = io.StringIO()
    shown = Progress(out)
    shown("writing products", 0, 0)
    shown("writing products", 1, 3)
    shown.close()
    assert out.getvalue() == "writing products: 100%\nwriting products: 33%\n"


def test_what_is_quick_says_nothing() -> None:
    out = io.StringIO()
    shown = Progress(out)
    shown("writing products", 1, 3)
    shown.close()
    assert out.getvalue() == ""
