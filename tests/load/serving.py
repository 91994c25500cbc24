"""The server as deployed, with the simulated provider in place of the mock: for load and for soaks."""

from collections.abc import Mapping
from pathlib import Path

from tests.load.shops import CURRENCY

MERCHANT = "load"
HANDLER = "psp"
RELEASE = "2026-01-11"

_CONFIG = """
[merchant.{merchant}]
title = "Load"
currency = "{currency}"
remembers_addresses = true
{handlers}"""
_HANDLERS = """
[[merchant.{merchant}.handlers]]
id = "{handler}"
name = "dev.ucp-server.http"
config = {{ spec = "https://psp.example/spec", config_schema = "https://psp.example/config.json" }}
private = {{ base_url = "{url}" }}
"""


def write_config(folder: Path, *, psp_url: str | None = None) -> Path:
    """A configuration of one merchant, which takes payments through the provider at ``psp_url``."""
    handlers = _HANDLERS.format(merchant=MERCHANT, handler=HANDLER, url=psp_url) if psp_url else ""
    file = folder / "config.toml"
    file.write_text(_CONFIG.format(merchant=MERCHANT, currency=CURRENCY, handlers=handlers))
    return file


def arguments(options: Mapping[str, object]) -> list[str]:
    """Options of the command line."""
    return [str(part) for option in options.items() for part in option]
