"""Starts that must not succeed, and what they say."""

import datetime
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from tests.serving import reserved_ports
from ucp_server.cli import main
from ucp_server.supervisor import tls

CONFIG = f"""
    secret = "{"x" * 32}"
    certificate = "certificate.pem"
    certificate_key = "certificate-key.pem"
    [merchant.berlin]
    hosts = ["shop.example"]
    public_url = "https://shop.example"
    mail = {{ transport = "off" }}
"""


def _served(*arguments: str | Path) -> Result:
    return CliRunner().invoke(main, ["serve", *map(str, arguments)])


def test_production_says_all_that_is_unsafe() -> None:
    result = _served("--mode", "production")
    assert result.exit_code == 1
    for sentence in ("no server secret", "no database", "no merchant"):
        assert sentence in result.output


def test_production_does_not_run_on_a_postgres_that_may_lose_orders(database: str, tmp_path: Path) -> None:
    (tmp_path / "shop.toml").write_text(CONFIG)
    tls.self_signed(tmp_path, datetime.datetime.now(datetime.UTC))
    result = _served("--config", tmp_path / "shop.toml", "--database-url", database)
    assert result.exit_code == 1
    assert "fsync = off and may lose paid orders" in result.output


def test_a_certificate_that_cannot_be_shown_is_told_before_anything_is_started(tmp_path: Path) -> None:
    (tmp_path / "shop.toml").write_text(CONFIG)
    result = _served("--config", tmp_path / "shop.toml", "--database-url", "postgresql:///nowhere")
    assert result.exit_code == 1
    assert "certificate.pem with" in result.output
    assert "(No such file or directory)" in result.output


@pytest.fixture
def suite(database: str, tmp_path: Path) -> list[str | Path]:
    return ["--mode", "suite", "--database-url", database, "--data-dir", tmp_path / "data"]


def test_an_address_of_another_machine_is_one_sentence(suite: list[str | Path]) -> None:
    result = _served(*suite, "--host", "192.0.2.1")
    assert result.exit_code == 1
    assert "Error: One cannot listen on 192.0.2.1:8443: Cannot assign" in result.output


def test_a_process_that_can_never_serve_ends_the_start(
    suite: list[str | Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    interpreter = tmp_path / "python"
    interpreter.write_text('#!/bin/sh\ncase "$*" in *" prepare") exit 0;; *) exit 3;; esac\n')
    interpreter.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(interpreter))
    with reserved_ports(1) as (port,):
        result = _served(*suite, "--port", "0", "--http-port", str(port), "--admin-port", "0")
    assert result.exit_code == 1
    assert "process ended 3 times before it served." in result.output


def test_a_plug_in_that_nobody_offers_is_one_sentence(suite: list[str | Path], tmp_path: Path) -> None:
    config = tmp_path / "shop.toml"
    config.write_text('[merchant.shop]\nhandlers = [{ id = "card", name = "none.psp" }]\n')
    with reserved_ports(1) as (port,):
        listening = ["--port", "0", "--http-port", str(port), "--admin-port", "0"]
        result = _served("--config", config, *suite, *listening)
    assert result.exit_code == 1
    assert "merchant.shop.handlers: no installed package offers 'none.psp'" in result.output
