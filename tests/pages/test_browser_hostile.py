"""Hostile strings in Chromium, with scripts on: all of them in every field of a page at once."""

from collections.abc import Callable

import pytest
from playwright.async_api import Page
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from tests.pages.chromium import BROWSER, Serve, Visits, go, heading, listening, looks_right
from tests.pages.hostile import MARK, STRINGS
from tests.pages.sights import run_sql
from tests.pages.test_hostile import cart_with, checkout_with, order_with, receipt_with, words_with
from tests.ucp.conftest import Agent, Wire, create_body, shipping
from ucp_server.pages.routes import Pages

pytestmark = BROWSER
ALL = " ".join(STRINGS)
CALM = [text for text in STRINGS if text.isprintable()]
# Where the pictures of `test_hostile` would lie. None is there.
HOST_OF_PICTURES = "https://x"
NO_PICTURE = ("net::ERR_NAME_NOT_RESOLVED", "404: ")


async def stays_calm(page: Page, name: str) -> None:
    """No script of a text left its mark, none became a part of the page or of its forms."""
    assert MARK not in (await page.title(), await page.evaluate("window.name")), name
    assert await page.evaluate("document.querySelectorAll('base, object, embed, svg script').length") == 0
    assert await page.evaluate("document.querySelectorAll('body script, [onerror], [onload]').length") == 0
    assert await page.locator("[formaction], form[action]").count() == 0, name


RENDERED = (checkout_with, cart_with, order_with, receipt_with, words_with)


@pytest.mark.parametrize("render", RENDERED)
async def test_a_page_that_is_full_of_them_runs_none(visit: Visits, render: Callable[[str], bytes]):
    """Without the policy that forbids scripts: only escaping stands between these texts and the browser."""

    async def show(_: Request) -> Response:
        return Response(render(ALL), media_type="text/html")

    assets = Pages(engine=None, shop_of=None, payments=None, secret=b"").routes()
    async with listening(Starlette(routes=[Route("/page", show), *assets])) as site:
        visit.sites.add(HOST_OF_PICTURES)
        page = await visit(f"{site}/page")
        assert len(await page.inner_text("main")) > len(STRINGS) * 10
        await stays_calm(page, render.__name__)
        await visit.close()
        visit.complaints = [told for told in visit.complaints if not any(why in told for why in NO_PICTURE)]


async def test_an_agent_that_sends_them_all_reaches_nobody(served: Serve, visit: Visits):
    here = await served()
    await run_sql(here, "update items set title = $1 where id = 'vase'", " ".join(CALM))
    agent = here.agent()
    checkout = await hostile(agent)
    page = await visit(checkout["continue_url"])
    await stays_calm(page, "checkout")
    await looks_right(page, "hostile")
    # What the script puts in the place of the page came by another way than a load.
    await page.fill('[name^="quantity."]', "3")
    async with page.expect_response(lambda reply: reply.request.method == "POST"):
        await page.press('[name^="quantity."]', "Enter")
    await page.wait_for_selector('[name^="quantity."][value="3"]')
    await stays_calm(page, "repriced checkout")
    await go(page, "button[value=pay]")
    assert await heading(page) == "Thank you for your order"
    await stays_calm(page, "order")
    await looks_right(page, "hostile-order")


async def test_a_buyer_who_types_them_reads_them(served: Serve, visit: Visits):
    here = await served()
    page = await visit((await here.agent().ready())["continue_url"])
    await page.check('.choice input[value="written"]')
    names = ("first_name", "last_name", "m0.street_address", "m0.locality")
    for text in CALM[::20]:
        for name in names:
            await page.fill(f'[name="{name}"]', text)
        async with page.expect_response(lambda reply: reply.request.method == "POST"):
            await page.press('[name="first_name"]', "Enter")
        await page.wait_for_selector("main:not([aria-busy=true])")
        assert await page.input_value('[name="first_name"]') == text.strip()
        await stays_calm(page, text)


async def hostile(agent: Agent) -> Wire:
    parts = [" ".join(CALM[n::8]) for n in range(8)]
    # What a form takes as one of its fields.
    assert max(map(len, parts)) <= 500
    names = ("street_address", "full_name", "address_locality", "extended_address", "phone_number")
    return await agent.create(
        create_body("vase"),
        buyer={"email": "ada@example.com", "first_name": parts[0], "last_name": parts[1]},
        fulfillment=shipping(**dict(zip(names, parts[2:], strict=False))),
        discounts={"codes": CALM[:8]},
    )
