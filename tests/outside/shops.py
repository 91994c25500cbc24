"""Shops for tests from outside: configuration files, and the server that is started with them."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from tests.serving import REPOSITORY, Server, server

DEMO_SHOP = REPOSITORY / "examples" / "demo_shop"
CARD = "card"


def card(psp_url: str, handler_id: str = CARD) -> str:
    """The simulated provider as a handler, for a merchant's ``handlers``."""
    about = '{ spec = "https://psp.example/ucp", config_schema = "https://psp.example/ucp/config.json" }'
    private = f'{{ base_url = "{psp_url}", api_key = "psp-key-of-{handler_id}" }}'
    return f'{{ id = "{handler_id}", name = "dev.ucp-server.http", config = {about}, private = {private} }}'


def paper_shop(folder: Path, psp_url: str) -> Path:
    """One merchant under every host, paid by the simulated provider; its mail goes into ``folder``."""
    file = folder / "server.toml"
    file.write_text(f"""
        [merchant.paper]
        title = "Kiosk & Kettle"
        currency = "EUR"
        tax = "included"
        home_country = "DE"
        escalate_above_minor = 50000
        handlers = [{card(psp_url)}]
        mail = {{ transport = "folder", folder = "mail", sender = "orders@paper.example" }}
    """)
    return file


@asynccontextmanager
async def serving_paper(
    database: str, folder: Path, psp_url: str, *arguments: str, **options: object
) -> AsyncIterator[Server]:
    """The demo shop's goods, sold by `paper_shop`; at its end it must have had nothing to complain of."""
    config = paper_shop(folder, psp_url)
    given = ("--config", str(config), "--import", str(DEMO_SHOP), *arguments)
    async with server(database, folder, *given, mode="demo", **options) as shop:
        yield shop
    assert complaints(shop) == []


def complaints(shop: Server) -> list[str]:
    """Lines of the log that ask somebody to look into the code."""
    signs = ('"level":"error"', '"event":"crash"', '"status":500', "Traceback")
    return [line for line in shop.output.splitlines() if any(sign in line for sign in signs)]
