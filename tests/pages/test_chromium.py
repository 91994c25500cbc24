"""The pages in a real browser: widths, darkness, the keyboard, hostile texts."""

from typing import Any

from playwright.async_api import Page

from tests.pages.chromium import BROWSER, Serve, Visits, go, heading, looks_right
from tests.pages.hostile import MARK, STRINGS
from tests.ucp.conftest import Agent, create_body, shipping
from tests.ucp.test_cart import filled

pytestmark = BROWSER


async def test_a_person_finishes_an_order_without_javascript(served: Serve, visit: Visits):
    here = await served(required_buyer_fields=("email",))
    agent = here.agent()
    checkout = await agent.create(create_body("vase"))
    page = await visit(checkout["continue_url"], scripts=False)
    await looks_right(page, "bare")
    await page.fill("#email", "ada@example.com")
    await page.fill('[name="m0.street_address"]', "1 Elm Street")
    await page.fill('[name="m0.locality"]', "Springfield")
    await page.fill('[name="m0.region"]', "IL")
    await page.fill('[name="m0.postal_code"]', "62704")
    await go(page, "button.main")
    await looks_right(page, "options")
    await page.check('[value="exp-ship"]')
    await go(page, "button.main")
    await looks_right(page, "ready")
    await page.fill("#first_name", "Ada")
    async with page.expect_navigation():
        await page.press("#first_name", "Enter")
    assert (await agent.get(checkout))["status"] == "ready_for_complete", "Enter never pays"
    await go(page, "button[value=pay]")
    assert await heading(page) == "Thank you for your order"
    await looks_right(page, "order")
    done = await agent.get(checkout)
    assert (done["status"], done["buyer"]["first_name"]) == ("completed", "Ada")


async def test_a_person_goes_from_a_cart_to_its_checkout(served: Serve, visit: Visits):
    here = await served()
    lines = (("ink", 2), ("vase", 501), ("notebook-a6-lined", 1), ("gardenias", 1))
    cart = await filled(here.agent_of("2026-08-25"), *lines, discounts={"codes": ["10OFF", "NOPE"]})
    page = await visit(cart["continue_url"])
    await looks_right(page, "cart")
    await go(page, "button[value=buy]")
    assert await heading(page) == "Finish your order"


async def test_an_address_is_written_only_where_another_is_wanted(served: Serve, visit: Visits):
    here = await served()
    checkout = await here.agent().ready()
    page = await visit(checkout["continue_url"], scripts=False)
    street = page.locator('[name="m0.street_address"]')
    assert not await street.is_visible()
    await page.check('.choice input[value="written"]')
    assert await street.is_visible()
    await street.fill("2 Oak Street")
    await page.fill('[name="m0.locality"]', "Springfield")
    await page.fill('[name="m0.region"]', "IL")
    await page.fill('[name="m0.postal_code"]', "62704")
    await go(page, "button[value=pay]")
    assert await heading(page) == "Thank you for your order"
    assert "2 Oak Street" in await page.inner_text("main")


async def test_hostile_texts_run_no_script_and_load_nothing(served: Serve, visit: Visits):
    """With scripts on: only the page itself stands between these texts and the browser."""
    here = await served()
    calm = [text for text in STRINGS if text.isprintable()]
    checkout = await hostile(here.agent(), calm)
    await stays_calm(await visit(checkout["continue_url"]), "hostile")
    await stays_calm(await visit(await bought(here.agent(), checkout)), "hostile-order")


async def stays_calm(page: Page, name: str) -> None:
    assert len(await page.inner_text("body")) > 500
    assert MARK not in await page.evaluate("document.title + window.name")
    await looks_right(page, name)


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
