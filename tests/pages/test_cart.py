"""A cart's page: from the link that an agent hands over to the checkout that is made of the cart."""

from pathlib import Path
from typing import Any

import pytest

from tests.pages.browser import Buyer, Page
from tests.pages.conftest import Counted, Sql
from tests.ucp.conftest import BUYER, Agent, Open, Town
from tests.ucp.listening import listening
from tests.ucp.test_cart import converted, filled

Wire = dict[str, Any]

RELEASE = "2026-08-25"
ADDRESS = {
    "m0__street_address": "1 Elm Street",
    "m0__locality": "Springfield",
    "m0__region": "IL",
    "m0__postal_code": "62704",
    "m0__country": "US",
}
FORM = "application/x-www-form-urlencoded"
OPTION = "m0.option.shipping_1_group_1"


@pytest.fixture
async def agent(here: Town) -> Agent:
    return here.agent_of(RELEASE)


async def opened(buyer: Buyer, cart: Wire) -> Page:
    page = await buyer.open(cart["continue_url"])
    assert (page.reply.status_code, page.title) == (200, "Your cart")
    return page


async def test_a_cart_shows_what_lies_in_it_and_what_it_comes_to(agent: Agent, buyer: Buyer):
    page = await opened(buyer, await filled(agent, ("roses", 2), ("vase", 1)))
    assert page.texts("title") == ["Bouquet of Roses", "Glass Vase"]
    assert page.texts("count") == ["2 ×", "1 ×"]
    assert page.texts("totals") == ["Subtotal", "$85.50", "Total", "$85.50"]
    assert page.buttons() == ["buy"]
    assert page.reply.headers["cache-control"] == "no-store"


async def test_the_button_leads_to_the_one_checkout_that_the_agent_gets_too(
    agent: Agent, buyer: Buyer, counted: Counted
):
    cart = await filled(agent, buyer=BUYER)
    first = await buyer.press(await opened(buyer, cart), "buy")
    again = await buyer.press(await opened(buyer, cart), "buy")
    assert (first.title, again.url) == ("Finish your order", first.url)
    theirs = await converted(agent, cart)
    assert (theirs.status_code, theirs.json()["continue_url"]) == (200, first.url)
    assert await counted("checkouts") == 1
    assert first.fields()["email"] == BUYER["email"]


async def test_an_order_that_a_buyer_makes_of_a_cart_is_told_to_its_platform(town: Open, tmp_path: Path):
    async with listening(town, tmp_path) as shop:
        buyer, agent = Buyer(shop.here.client), shop.here.agent_of(RELEASE)
        cart = await filled(agent, buyer=BUYER)
        page = await buyer.press(await opened(buyer, cart), "buy")
        page = await buyer.press(page, "update", **ADDRESS)
        page = await buyer.press(page, "update", **{OPTION: "std-ship"})
        page = await buyer.press(page, "pay")
        assert page.title == "Thank you for your order"
        order = await shop.last_event(RELEASE, 1)
        assert order["permalink_url"] == page.url
        page = await buyer.open(cart["continue_url"])
        assert (page.reply.status_code, page.title) == (404, "This cart is no longer there")


async def test_what_cannot_be_had_is_told_at_its_line(agent: Agent, buyer: Buyer, sql: Sql):
    cart = await filled(agent, ("roses", 1), ("vase", 501), discounts={"codes": ["NOPE"]})
    page = await opened(buyer, cart)
    assert page.texts("wrong") == ["Only 500 are left."]
    assert len(page.texts("notice")) == 1
    assert page.buttons() == ["buy"]
    # Prices and stock are those of the moment at which one looks.
    await sql("update inventory set on_hand = 0, reserved = 0")
    page = await opened(buyer, cart)
    assert len(page.texts("wrong")) == 2
    assert page.buttons() == []


async def test_an_empty_cart_leads_nowhere(agent: Agent, buyer: Buyer):
    reply = await agent.ask("POST", "/carts", {"line_items": []})
    assert (await opened(buyer, reply.json())).buttons() == []


async def test_a_cart_that_is_gone_says_so(agent: Agent, buyer: Buyer):
    cart = await filled(agent)
    page = await opened(buyer, cart)
    await agent.ask("POST", f"/carts/{cart['id']}/cancel", {})
    pressed = Page(await buyer.send(page.url, page.fields() | {"action": "buy"}))
    for gone in (pressed, await buyer.open(page.url)):
        assert (gone.reply.status_code, gone.title) == (404, "This cart is no longer there")


async def test_only_the_link_opens_a_cart_and_only_its_form_presses(
    agent: Agent, buyer: Buyer, counted: Counted
):
    cart, other = await filled(agent), await filled(agent)
    page, foreign = await opened(buyer, cart), await opened(buyer, other)
    path, _, token = page.url.rpartition("/")
    for url in (
        f"{path}/{'A' * len(token)}",
        f"{path}x/{token}",
        f"{path}/{foreign.url.rpartition('/')[2]}",
    ):
        assert (await buyer.open(url)).reply.status_code == 404
    pressed = page.fields() | {"action": "buy"}
    assert (await buyer.send(page.url, foreign.fields() | {"action": "buy"})).status_code == 403
    elsewhere = {"Sec-Fetch-Site": "cross-site", "Origin": "https://evil.example"}
    assert (await buyer.send(page.url, pressed, elsewhere)).status_code == 403
    raw = await buyer.client.post(page.url, content=b"a=%ff", headers={"Content-Type": FORM})
    assert raw.status_code == 400
    assert await counted("checkouts") == 0


async def test_what_keeps_from_a_checkout_is_told_on_the_carts_page(agent: Agent, buyer: Buyer):
    cart = await filled(agent)
    page = await opened(buyer, cart)
    page = await buyer.open(f"{page.url}?said=handler_unavailable")
    assert page.texts("notice") == ["Something we need does not answer at the moment; please try again."]
