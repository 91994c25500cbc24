"""What a newcomer pastes: the commands of README.md and of the server's own last lines."""

import asyncio
import json
import re
import shlex
import ssl
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from tests.outside.calling import BASE, PINNED, Caller
from tests.outside.shops import DEMO_SHOP
from tests.serving import REPOSITORY, Server, server
from ucp_server.agent.listening import Listening
from ucp_server.ucp.releases import SERVED

pytestmark = pytest.mark.asyncio(loop_scope="module")

Wire = dict[str, Any]

_PURCHASE = re.compile(r"^## A first purchase$(.*?)^## ", re.DOTALL | re.MULTILINE)
_OTHERS = re.compile(r"^## The other protocols$(.*?)^## ", re.DOTALL | re.MULTILINE)
_BLOCK = re.compile(r"^```\n(.*?)^```$", re.DOTALL | re.MULTILINE)
# How the package is called where nothing was installed for it.
OURS = shlex.join([sys.executable, "-m", "ucp_server"])


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shop(module_database: str, folder: Path) -> AsyncIterator[Server]:
    """`make serve`, but for its ports and its database."""
    async with server(module_database, folder, mode="demo") as running:
        yield running


def blocks() -> list[str]:
    """What the README tells to type, to see a first purchase."""
    section = _PURCHASE.search((REPOSITORY / "README.md").read_text())
    assert section is not None
    return _BLOCK.findall(section[1])


def here(text: str, shop: Server) -> str:
    """The same for a shop on other ports."""
    text = text.replace(".venv/bin/ucp-server", OURS)
    return text.replace("http://localhost:8080", shop.http).replace("https://localhost:8443", shop.https)


async def shell(command: str) -> tuple[int, str]:
    """Exit code and output of what a person types."""
    process = await asyncio.create_subprocess_shell(
        command, cwd=REPOSITORY, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    output, _ = await process.communicate()
    return process.returncode or 0, output.decode()


async def curl(command: str) -> Wire:
    code, output = await shell(command.replace("curl ", "curl --silent --show-error ", 1))
    assert code == 0, output
    found: Wire = json.loads(output)
    return found


async def buy(*arguments: str) -> tuple[int, str]:
    return await shell(f"{OURS} buy {shlex.join(arguments)}")


async def test_the_readme_s_first_purchase(shop: Server) -> None:
    find, search, create, complete, agent = (here(block, shop) for block in blocks())
    assert (await curl(find))["ucp"]["version"] == SERVED[-1]
    assert [product["id"] for product in (await curl(search))["products"]] == ["notebook-meadow"]
    checkout = await curl(create)
    assert checkout["status"] == "ready_for_complete"
    done = await curl(complete.replace("CHECKOUT_ID", checkout["id"]))
    assert done["status"] == "completed"
    code, page = await shell(f"curl --silent --fail {done['order']['permalink_url']}")
    assert (code, "Gift card" in page) == (0, True)
    code, told = await shell(agent)
    assert code == 0, told
    assert "its signature is the shop's" in told


async def test_the_readme_s_other_protocols(shop: Server, folder: Path) -> None:
    section = _OTHERS.search((REPOSITORY / "README.md").read_text())
    assert section is not None
    keys, *protocols = _BLOCK.findall(section[1])
    keys = here(keys, shop).replace(".state/demo/", f"{folder / 'data'}/")
    said = []
    for protocol in protocols:
        # Each answer is JSON on a line of its own, however curl ends it.
        script = f"set -eu\n{keys}{protocol}".replace("\ncurl -s ", "\ncurl -s -w '\\n' ")
        code, output = await shell(shlex.join(["bash", "-c", script]))
        assert code == 0, output
        said.append([json.loads(line) for line in output.splitlines()])
    (handed_off, session), (sold,), (status,) = said
    assert handed_off["status"] == "awaiting_payment"
    assert session["session"]["status"] == "checkout"
    assert sold["data"]["checkout_session"]["status"] == "completed"
    assert status["status"]["messageCode"] == "CHECK_OUT_DONE"


async def test_the_readme_s_other_ways_to_end(shop: Server) -> None:
    said = " ".join((REPOSITORY / "README.md").read_text().split())
    for arguments, code in (("--item letter-opener", 3), ("--token fail_token", 1)):
        assert f"with {code} " in said
        assert f"(`{arguments}`)" in said
        assert (await buy(shop.http, *arguments.split()))[0] == code


async def test_what_the_server_says_to_try(shop: Server) -> None:
    _, _, told = shop.output.partition("Try, in another terminal:\n")
    find, search, create, agent = commands(told)
    assert (await curl(find))["ucp"]["version"] == SERVED[-1]
    assert [product["id"] for product in (await curl(search))["products"]] == ["tea-lapsang"]
    assert (await curl(create))["status"] == "ready_for_complete"
    code, output = await shell(agent.replace("ucp-server", OURS, 1))
    assert code == 0, output


def commands(told: str) -> Iterator[str]:
    """The indented lines, those that end with a backslash together with what follows."""
    lines = [line.strip() for line in told.splitlines() if line.startswith("  ")]
    for command in "\n".join(lines).replace("\\\n", " ").splitlines():
        if command.startswith(("curl", "ucp-server")):
            yield command


async def test_the_two_requests_of_the_published_page(shop: Server) -> None:
    """As printed there, but for the ids of the item and of the checkout."""
    line = {"item": {"id": "gift-card-25", "title": "Enamel mug", "price": 1490}, "quantity": 3}
    async with Caller(shop.http, PINNED) as caller:
        sent = {"UCP-Agent": f'profile="{PINNED}"', "Content-Type": "application/json"}
        created = await caller.client.post(
            f"{BASE}/checkout-sessions", headers=sent, json={"line_items": [line], "currency": "EUR"}
        )
        assert created.status_code == 201, created.text
        checkout = created.json()
        assert checkout["line_items"][0]["item"]["price"] == 2500
        paid = {
            "id": "pi_31",
            "handler_id": "com.google.pay",
            "type": "card",
            "credential": {"type": "PAYMENT_GATEWAY", "token": "tok_demo"},
        }
        done = await caller.client.post(
            f"{BASE}/checkout-sessions/{checkout['id']}/complete", headers=sent, json={"payment_data": paid}
        )
        assert (done.status_code, done.json()["status"]) == (200, "completed"), done.text


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--item", "gift-card-25", "--quantity", "2"], ["2 × Gift card 25 €", "total 50.00 EUR"]),
        (
            ["--item", "tea-darjeeling-50", "--quantity", "3", "--code", "TEATIME"],
            ["send it to Berlin", "by Standard delivery", "discount"],
        ),
        (["--token", "pending_2"], ["complete_in_progress", "after a while: completed"]),
        (
            ["--query", "notebok", "--code", "HELLO10"],
            [
                "“notebok” finds",
                "Ruling: dotted, also plain",
                "cart_",
                "discount -1.49 EUR",
                ": processing",
            ],
        ),
        (["--profile", PINNED, "--release", "2026-01-11"], ["order  ord_"]),
    ],
)
async def test_the_agent_buys(shop: Server, arguments: list[str], said: list[str]) -> None:
    code, told = await buy(shop.http, *arguments)
    assert code == 0, told
    for words in said:
        assert words in told


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["--item", "letter-opener"], 3, "/checkout/"),
        (["--token", "step_up_token"], 3, "/checkout/"),
        (["--token", "fail_token"], 1, "The payment was declined."),
        (["--item", "tea-lapsang"], 1, "None of these items is in stock."),
        (["--query", "xyzzyplugh"], 1, "There is nothing to be had for “xyzzyplugh”."),
        (["--query", "tea", "--release", "2026-01-23"], 1, "cannot be searched in UCP 2026-01-23"),
        (["--query", "tea", "--item", "tea-cup-sea"], 2, "not both"),
        (["--item", "no-such-item"], 1, "None of these items is sold in this shop."),
    ],
)
async def test_the_agent_says_why_it_did_not_buy(
    shop: Server, arguments: list[str], code: int, said: str
) -> None:
    ended, told = await buy(shop.http, *arguments)
    assert (ended, said in told) == (code, True), told


@pytest.mark.parametrize("release", SERVED)
async def test_the_agent_speaks_every_release(shop: Server, release: str) -> None:
    code, told = await buy(shop.http, "--release", release, "--item", "tea-darjeeling-50")
    assert code == 0, told
    assert f"UCP {release} at {shop.http}/ucp/{release}" in told
    assert "its signature is the shop's" in told


async def test_the_agent_knows_whom_its_profile_speaks_for(shop: Server) -> None:
    async with Listening() as lent:
        lent.release = "2026-04-08"
        ended, told = await buy(shop.http, "--profile", lent.profile_url)
    assert (ended, "The profile is one of 2026-04-08" in told) == (1, True), told


async def test_the_agent_buys_over_tls(shop: Server, folder: Path) -> None:
    context = ssl.create_default_context(cafile=folder / "data" / "certificate.pem")
    async with Caller(shop.https, verify=context) as caller:
        assert (await caller.client.get("/healthz")).status_code == 200
    code, told = await buy(shop.https)
    assert code == 0, told
    assert f"UCP {SERVED[-1]} at {shop.https}" in told


async def test_a_shop_that_is_none_is_told(shop: Server) -> None:
    ended, told = await buy(shop.admin)
    assert (ended, "answered 404" in told) == (1, True), told


async def test_the_items_of_the_readme_are_in_the_shop() -> None:
    text = (REPOSITORY / "README.md").read_text()
    named = set(re.findall(r"--item ([a-z0-9-]+)", text)) | set(
        re.findall(r'"item":\{"id":"([^"]+)"', text)
    )
    rows = (DEMO_SHOP / "products.csv").read_text() + (DEMO_SHOP / "variants.csv").read_text()
    assert named
    assert all(re.search(rf"^{re.escape(item)},", rows, re.MULTILINE) for item in named)
