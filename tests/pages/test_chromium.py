"""The pages in a real browser without JavaScript: widths, darkness, the keyboard, hostile texts.

Pictures of what was seen are left in the folder that SCREENSHOTS names, if it does.
"""

import asyncio
import contextlib
import os
import socket
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import hypercorn.asyncio
import pytest
from hypercorn.config import Config

from tests.pages.chromium import PROGRAM, Tab, chromium
from tests.pages.hostile import MARK, STRINGS
from tests.ucp.conftest import Agent, Open, Town, create_body, shipping
from tests.ucp.test_cart import filled

pytestmark = pytest.mark.skipif(
    not PROGRAM.exists(), reason=f"NO BROWSER: the pages were not looked at, {PROGRAM} is not installed"
)
WIDTHS = (320, 768, 1440)


@contextlib.asynccontextmanager
async def served(here: Town) -> AsyncIterator[Town]:
    """The same application on a port of loopback."""
    config, stop = Config(), asyncio.Event()
    config.errorlog = config.accesslog = None
    with socket.create_server(("127.0.0.1", 0)) as listening:
        config.bind = [f"fd://{os.dup(listening.fileno())}"]
        serving = asyncio.create_task(
            hypercorn.asyncio.serve(here.application, config, shutdown_trigger=stop.wait)
        )
        try:
            yield here.at(f"http://127.0.0.1:{listening.getsockname()[1]}")
        finally:
            stop.set()
            await serving


async def looks_right(tab: Tab, name: str) -> None:
    """At no width anything sticks out; pictures, also of the dark, are kept where asked for."""
    for width in WIDTHS:
        await tab.look(width=width)
        assert await tab.evaluate("document.documentElement.scrollWidth") <= width, (name, width)
        if "SCREENSHOTS" not in os.environ:
            continue
        for dark in (False, True):
            await tab.look(width=width, dark=dark)
            keep(f"{name}-{width}{'-dark' if dark else ''}.png", await tab.picture())


def keep(name: str, picture: bytes) -> None:
    folder = Path(os.environ["SCREENSHOTS"])
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(picture)


async def title(tab: Tab) -> Any:
    return await tab.evaluate("document.querySelector('h1').textContent")


async def test_a_person_finishes_an_order_without_javascript(town: Open):
    async with town(required_buyer_fields=("email",)) as local, served(local) as here, chromium() as tab:
        agent = here.agent()
        checkout = await agent.create(create_body("vase"))
        await tab.open(checkout["continue_url"])
        await looks_right(tab, "bare")
        await tab.type("#email", "ada@example.com")
        await tab.type('[name="m0.street_address"]', "1 Elm Street")
        await tab.type('[name="m0.locality"]', "Springfield")
        await tab.type('[name="m0.region"]', "IL")
        await tab.type('[name="m0.postal_code"]', "62704")
        await tab.go("button.main")
        await looks_right(tab, "options")
        await tab.click('[value="exp-ship"]')
        await tab.go("button.main")
        await looks_right(tab, "ready")
        await tab.type("#first_name", "Ada")
        await tab.press_enter()
        assert (await agent.get(checkout))["status"] == "ready_for_complete", "Enter never pays"
        await tab.go("button[value=pay]")
        assert await title(tab) == "Thank you for your order"
        await looks_right(tab, "order")
        done = await agent.get(checkout)
        assert (done["status"], done["buyer"]["first_name"]) == ("completed", "Ada")
        assert tab.complaints == []
        assert {url.partition("/")[0] for url in tab.requests} == {"http:"}


async def test_a_person_goes_from_a_cart_to_its_checkout(town: Open):
    async with town() as local, served(local) as here, chromium() as tab:
        lines = (("ink", 2), ("vase", 501), ("notebook-a6-lined", 1), ("gardenias", 1))
        cart = await filled(here.agent_of("2026-08-25"), *lines, discounts={"codes": ["10OFF", "NOPE"]})
        await tab.open(cart["continue_url"])
        await looks_right(tab, "cart")
        await tab.go("button[value=buy]")
        assert await title(tab) == "Finish your order"
        assert tab.complaints == []


async def test_an_address_is_written_only_where_another_is_wanted(town: Open):
    async with town() as local, served(local) as here, chromium() as tab:
        checkout = await here.agent().ready()
        await tab.open(checkout["continue_url"])
        street = "document.querySelector('[name=\"m0.street_address\"]').checkVisibility()"
        assert await tab.evaluate(street) is False
        await tab.click('.choice input[value="written"]')
        assert await tab.evaluate(street) is True
        await tab.type('[name="m0.street_address"]', "2 Oak Street")
        await tab.type('[name="m0.locality"]', "Springfield")
        await tab.type('[name="m0.region"]', "IL")
        await tab.type('[name="m0.postal_code"]', "62704")
        await tab.go("button[value=pay]")
        assert await title(tab) == "Thank you for your order"
        assert "2 Oak Street" in await tab.evaluate("document.body.innerText")


async def test_hostile_texts_run_no_script_and_load_nothing(town: Open):
    """With scripts on: only the page itself stands between these texts and the browser."""
    calm = [text for text in STRINGS if text.isprintable()]
    async with town() as local, served(local) as here, chromium() as tab:
        await tab.ask("Emulation.setScriptExecutionDisabled", value=False)
        checkout = await hostile(here.agent(), calm)
        await stays_calm(tab, checkout["continue_url"], "hostile")
        await stays_calm(tab, await bought(here.agent(), checkout), "hostile-order")


async def stays_calm(tab: Tab, url: str, name: str) -> None:
    await tab.open(url)
    assert await tab.evaluate("document.body.innerText.length") > 500
    assert MARK not in await tab.evaluate("document.title + window.name")
    assert [found for found in tab.requests if "evil" in found] == []
    assert tab.complaints == []
    await looks_right(tab, name)


async def hostile(agent: Agent, texts: list[str]) -> dict[str, Any]:
    """A checkout that holds all of them at once."""
    third = len(texts) // 3
    parts = [" ".join(texts[n * third : (n + 1) * third + 2]) for n in range(3)]
    return await agent.create(
        create_body("vase"),
        buyer={"email": "ada@example.com", "first_name": parts[0], "last_name": parts[1]},
        fulfillment=shipping(street_address=parts[2], full_name=parts[0], address_locality=parts[1]),
        discounts={"codes": texts[:20]},
    )


async def bought(agent: Agent, checkout: dict[str, Any]) -> str:
    reply = await agent.complete(checkout)
    assert reply.status_code == 200, reply.text
    return str(reply.json()["order"]["permalink_url"])
