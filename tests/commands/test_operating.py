"""The commands that an operator runs, as an operator runs them."""

import asyncio
import datetime
import shutil
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from tests.conftest import quick_folder
from ucp_server import resources
from ucp_server.cli import COMMANDS, main
from ucp_server.commands.show_config import toml
from ucp_server.config import DOTS, Settings
from ucp_server.engine.faults import FAULT_POINTS
from ucp_server.postgres import Cluster, open_cluster
from ucp_server.postgres.postmaster import read_pid_file
from ucp_server.supervisor import data_folder, tls


@pytest.fixture
def config(tmp_path: Path) -> Iterator[Path]:
    file = tmp_path / "shop.toml"
    file.write_text('[merchant.berlin]\nhosts = ["shop.example"]\n')
    return file


@pytest.fixture
def folder() -> Iterator[Path]:
    made = quick_folder()
    yield made
    shutil.rmtree(made)


def _run(*arguments: str, **environment: str) -> Result:
    return CliRunner(env=environment).invoke(main, list(arguments))


def test_every_command_explains_itself() -> None:
    overview = _run("--help").output
    assert "...\n" not in overview.partition("Commands:")[2], "first sentences fit into a line"
    for command in COMMANDS:
        assert command in overview
        described = _run(command, "--help")
        assert described.exit_code == 0
        assert "Usage:" in described.output


def test_an_unknown_command_is_said_so() -> None:
    assert "No such command 'sell'" in _run("sell").output


def test_show_config_shows_every_setting_and_no_secret(config: Path) -> None:
    shown = _run("show-config", "--config", str(config), UCP_SERVER_SECRET="5ecret" * 6).output
    for name in Settings.__struct_fields__:
        assert name in shown
    assert f'secret = "{DOTS}"' in shown
    assert "5ecret" not in shown
    assert "[merchant.berlin]" in shown
    assert 'hosts = ["shop.example"]' in shown
    assert "# [platform.<name>]: Known platforms, one table each. There is none." in shown


def test_what_show_config_prints_can_be_read_again(tmp_path: Path) -> None:
    printed = _run("show-config", "--mode", "demo", "--data-dir", str(tmp_path)).output
    assert "# relaxed in demo mode, other than in production:\n#   - " in printed
    (tmp_path / "again.toml").write_text(printed)
    assert _run("show-config", "--config", str(tmp_path / "again.toml")).output == printed


def test_values_are_toml() -> None:
    value = {"a b": [1, True, 'ü"\n'], "none": None, "in": {"x": {}}}
    read = tomllib.loads(f"value = {toml(value)}")["value"]
    assert read == {"a b": [1, True, 'ü"\n'], "in": {"x": {}}}


def test_the_config_file_may_stand_in_the_environment(config: Path) -> None:
    assert "[merchant.berlin]" in _run("show-config", UCP_SERVER_CONFIG=str(config)).output


def test_a_mistake_is_a_usage_error_that_names_the_setting(config: Path) -> None:
    config.write_text("prt = 1")
    result = _run("show-config", "--config", str(config))
    assert result.exit_code == 2
    assert f"{config}: Object contains unknown field `prt`" in result.output


@pytest.mark.parametrize("command", ["import", "orders ship ord_01900000-0000-7000-8000-000000000000"])
async def test_a_database_without_tables_is_told(postgres: Cluster, tmp_path: Path, command: str) -> None:
    folder = [str(resources.folder("demo_shop"))] if command == "import" else []
    options = ["--mode", "demo", "--data-dir", str(tmp_path), "--database-url", postgres.url("postgres")]
    result = await asyncio.to_thread(_run, *command.split(), *folder, *options)
    assert result.exit_code == 1
    assert "Error: the database is empty; run `ucp-server migrate` first" in result.output


def test_without_a_merchant_one_is_told_where_merchants_stand() -> None:
    assert "there is no merchant: name the file" in _run("keys", "list").output


def test_migrate_says_what_it_did(database: str) -> None:
    result = _run("migrate", "--database-url", database)
    assert (result.exit_code, result.output) == (0, "the database is up to date\n")


def test_migrate_without_a_database_is_told_what_to_name() -> None:
    result = _run("migrate")
    assert result.exit_code == 1
    assert "database_url" in result.output


def test_an_unreachable_database_is_one_sentence() -> None:
    result = _run("migrate", "--database-url", "postgresql://nobody@127.0.0.1:1/none")
    assert result.exit_code == 1
    assert result.output.startswith("Error: The database cannot be used: ")
    assert result.output.count("\n") == 1


def test_doctor_finds_what_is_wrong_and_says_what_to_do(database: str, config: Path) -> None:
    result = _run("doctor", "--config", str(config), "--database-url", database)
    assert result.exit_code == 1
    asked = [line for line in result.output.splitlines() if line.startswith("do this")]
    for what in ("set UCP_SERVER_SECRET", "set certificate", "ALTER SYSTEM SET fsync = on"):
        assert any(what in line for line in asked), what
    assert "well     PostgreSQL 18 answers" in result.output
    assert "well     the database's schema is this version's" in result.output
    assert result.output.endswith(" lines ask for something to be done.\n")


def test_doctor_lists_where_a_process_can_be_made_to_die() -> None:
    assert _run("doctor", "--fault-points").output.split() == list(FAULT_POINTS)


def test_doctor_reads_certificates(database: str, config: Path) -> None:
    config.write_text('certificate = "shop.toml"\ncertificate_key = "shop.toml"\n')
    result = _run("doctor", "--config", str(config), "--database-url", database)
    assert "cannot be used (not PEM, or with a password): correct the two." in result.output


def test_doctor_counts_the_days_of_a_certificate(database: str, config: Path) -> None:
    began = datetime.datetime.now(datetime.UTC) - datetime.timedelta(days=390)
    chain = tls.self_signed(config.parent, began).chain
    config.write_text('certificate = "certificate.pem"\ncertificate_key = "certificate-key.pem"\n')
    result = _run("doctor", "--config", str(config), "--database-url", database)
    assert f"do this  {chain} is valid for 6 more days: renew it" in result.output


def test_doctor_finds_a_plug_in_that_nobody_offers(config: Path) -> None:
    config.write_text('[merchant.shop]\nhandlers = [{ id = "card", name = "none.psp" }]\n')
    result = _run("doctor", "--config", str(config))
    assert "do this  merchant.shop.handlers: no installed package offers 'none.psp'" in result.output


def test_doctor_makes_nothing(tmp_path: Path) -> None:
    result = _run("doctor", "--mode", "demo", "--data-dir", str(tmp_path / "data"))
    assert (result.exit_code, result.output.splitlines()[-1]) == (0, "All is well.")
    assert f"nothing is kept in {tmp_path / 'data'} yet" in result.output
    assert not (tmp_path / "data").exists()


def test_doctor_goes_on_without_a_database(config: Path) -> None:
    result = _run(
        "doctor", "--config", str(config), "--database-url", "postgresql://nobody@127.0.0.1:1/none"
    )
    assert "do this  The database cannot be used" in result.output
    assert "set UCP_SERVER_SECRET" in result.output


async def test_a_command_beside_a_running_server_uses_its_postgres(folder: Path) -> None:
    data = folder / "data"
    data_folder.make(data)
    with data_folder.locked(data):
        cluster = await open_cluster(data, volatile=True)
        await cluster.start()
        try:
            result = await asyncio.to_thread(_run, "migrate", "--mode", "suite", "--data-dir", str(data))
            assert "applied 0001_" in result.output
            assert cluster.alive()
        finally:
            await cluster.stop()


def test_a_command_without_a_server_starts_postgres_and_stops_it_again(folder: Path) -> None:
    options = ["--mode", "suite", "--data-dir", str(folder / "data")]
    assert "applied 0001_" in _run("migrate", *options).output
    assert _run("migrate", *options).output == "the database is up to date\n"
    assert read_pid_file(folder / "data" / "postgres") is None
