"""What production does not start with: each alone, in a configuration that is sound otherwise."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.outside import broken_payment
from tests.serving import prepared
from ucp_server.engine.faults import VARIABLE
from ucp_server.supervisor import tls

SOUND = """
    secret = "{secret}"
    certificate = "certificate.pem"
    certificate_key = "certificate-key.pem"
    [merchant.paper]
    hosts = ["paper.example"]
    public_url = "https://paper.example"
    mail = {{ transport = "off" }}
    [platform.assistant]
    profile = "https://assistant.example/ucp.json"
    auth = "{auth}"
"""
NOBODY_ANSWERS = "postgresql://ucp@127.0.0.1:1/nowhere"


@pytest.mark.parametrize(
    ("change", "options", "environment", "sentence"),
    [
        ({"auth": "open"}, (), {}, "platform.assistant could write without proof"),
        ({}, (), {VARIABLE: "create.quoted=kill"}, "Hooks for tests are on"),
        ({}, ("--simulation-secret", "s"), {}, "Hooks for tests are on"),
        ({"secret": ""}, (), {}, "The server secret is shorter than 32 characters"),
        # Nothing is wrong with the settings: it gets as far as the database.
        ({}, (), {}, "The database cannot be used"),
    ],
)
async def test_production_does_not_start_with(
    tmp_path: Path,
    change: dict[str, str],
    options: tuple[str, ...],
    environment: dict[str, str],
    sentence: str,
) -> None:
    tls.self_signed(tmp_path, datetime.now(UTC))
    config = tmp_path / "server.toml"
    config.write_text(SOUND.format(**({"secret": "s" * 64, "auth": "api_key"} | change)))
    common = ["--config", str(config), "--database-url", NOBODY_ANSWERS, "--http-port", "0"]
    async with prepared(tmp_path, *common, *options, environment=environment) as shop:
        await shop.launch()
        assert await shop.process.wait() == 1
        assert sentence in shop.output
        complaints = [line for line in shop.output.splitlines() if line.startswith("  - ")]
        assert len(complaints) == (0 if "database" in sentence else 1), shop.output


@pytest.mark.parametrize(
    ("handler", "sentence"),
    [
        ('name = "nobody.knows"', "no installed package offers 'nobody.knows' in ucp_server.payment"),
        (
            'name = "example.broken", config = { quoted = true }, private = { key = "s3cret" }',
            "example.broken cannot be made (RuntimeError)",
        ),
    ],
)
async def test_no_mode_starts_with_a_plug_in_that_cannot_be_made(
    database: str, tmp_path: Path, handler: str, sentence: str
) -> None:
    config = tmp_path / "server.toml"
    config.write_text(f'[merchant.paper]\nhandlers = [{{ id = "card", {handler} }}]\n')
    options = ["--mode", "demo", "--config", str(config), "--database-url", database]
    options += ["--data-dir", str(tmp_path / "data")]
    environment = broken_payment.installed(tmp_path / "packages")
    async with prepared(tmp_path, *options, environment=environment) as shop:
        await shop.launch()
        assert await shop.process.wait() == 1
        assert sentence in shop.output
        assert "Traceback" not in shop.output
        assert "s3cret" not in shop.output
