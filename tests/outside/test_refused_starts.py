"""What production does not start with: each alone, in a configuration that is sound otherwise."""

from pathlib import Path

import pytest

from tests.serving import prepared
from ucp_server.engine.faults import VARIABLE

SOUND = """
    secret = "{secret}"
    certificate = "never-read.pem"
    certificate_key = "never-read.pem"
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
        ({"secret": "short"}, (), {}, "The server secret is shorter than 32 characters"),
        ({}, ("--http-port", "8080"), {}, "Plain http needs a proxy in front"),
        ({}, (), {"UCP_SERVER_UNLISTED_PLATFORMS": "open"}, "Anybody could write"),
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
    config = tmp_path / "server.toml"
    config.write_text(SOUND.format(**({"secret": "s" * 64, "auth": "api_key"} | change)))
    common = ["--config", str(config), "--database-url", NOBODY_ANSWERS, "--http-port", "0"]
    async with prepared(tmp_path, *common, *options, environment=environment) as shop:
        await shop.launch()
        assert await shop.process.wait() == 1
        assert sentence in shop.output
        complaints = [line for line in shop.output.splitlines() if line.startswith("  - ")]
        assert len(complaints) == (0 if "database" in sentence else 1), shop.output
