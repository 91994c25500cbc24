"""Each reason to hand a checkout over: an agent escalates, a person finishes, the agent sees the order."""

from typing import Any

from playwright.async_api import Page

from tests.pages.chromium import BROWSER, Serve, Visits, go, heading
from tests.ucp.conftest import BUYER, Agent, create_body, shipping
from tests.ucp.test_cart import filled

pytestmark = BROWSER
Wire = dict[str, Any]

PAY = "button[value=pay]"
THANKS = "Thank you for your order"


async def fill_address(page: Page) -> None:
    await page.fill('[name="m0.street_address"]', "1 Elm Street")
    await page.fill('[name="m0.locality"]', "Springfield")
    await page.fill('[name="m0.region"]', "IL")
    await page.fill('[name="m0.postal_code"]', "62704")


async def pays(page: Page, agent: Agent, checkout: Wire) -> Wire:
    """Order and pay; what the agent sees then."""
    await go(page, PAY)
    assert await heading(page) == THANKS
    done = await agent.get(checkout)
    assert (done["status"], done["order"]["permalink_url"]) == ("completed", page.url)
    return done


async def test_missing_data_of_the_buyer(served: Serve, visit: Visits):
    here = await served(required_buyer_fields=("email", "phone_number"))
    agent = here.agent()
    for scripts in (True, False):
        checkout = await agent.create(fulfillment=shipping())
        assert checkout["status"] == "incomplete"
        page = await visit(checkout["continue_url"], scripts=scripts)
        await page.fill("#email", "ada@example.com")
        await page.fill("#phone_number", "+1 650 555 0100")
        done = await pays(page, agent, checkout)
        assert done["buyer"]["email"] == "ada@example.com"


async def test_address_and_delivery(served: Serve, visit: Visits):
    here = await served()
    agent = here.agent()
    for scripts in (True, False):
        checkout = await agent.create(create_body("vase"))
        page = await visit(checkout["continue_url"], scripts=scripts)
        await page.fill("#email", "ada@example.com")
        await fill_address(page)
        await page.click("button.main")
        await page.check('[value="exp-ship"]')
        if not scripts:
            await page.click("button.main")
        await page.wait_for_selector(PAY)
        done = await pays(page, agent, checkout)
        assert done["fulfillment"]["methods"][0]["groups"][0]["selected_option_id"] == "exp-ship"


async def test_an_order_of_high_value(served: Serve, visit: Visits):
    here = await served(escalate_above_minor=1000)
    agent = here.agent()
    for scripts in (True, False):
        checkout = await agent.ready()
        assert checkout["status"] == "requires_escalation"
        page = await visit(checkout["continue_url"], scripts=scripts)
        assert "An order of this value needs your own confirmation" in await page.inner_text("main")
        await pays(page, agent, checkout)


async def test_an_item_to_be_looked_at(served: Serve, visit: Visits):
    here = await served()
    agent = here.agent()
    for scripts in (True, False):
        checkout = await agent.create(create_body("shears", 1), buyer=BUYER, fulfillment=shipping())
        assert checkout["status"] == "requires_escalation"
        page = await visit(checkout["continue_url"], scripts=scripts)
        assert "Needs your own confirmation" in await page.inner_text("main")
        await pays(page, agent, checkout)


async def test_terms_to_agree_to(served: Serve, visit: Visits):
    here = await served(terms_agreement=True)
    agent = here.agent()
    for scripts in (True, False):
        checkout = await agent.ready()
        assert checkout["status"] == "requires_escalation"
        page = await visit(checkout["continue_url"], scripts=scripts)
        # The browser itself stops a press without the mark.
        await page.click(PAY)
        assert await page.locator("[name=terms]:invalid").count() == 1
        assert (await agent.get(checkout))["status"] == "requires_escalation"
        await page.check("[name=terms]")
        await pays(page, agent, checkout)


async def test_another_address_than_the_one_that_is_known(served: Serve, visit: Visits):
    here = await served()
    agent = here.agent()
    for scripts in (True, False):
        checkout = await agent.ready()
        page = await visit(checkout["continue_url"], scripts=scripts)
        street = page.locator('[name="m0.street_address"]')
        assert not await street.is_visible()
        await page.check('.choice input[value="written"]')
        assert await street.is_visible()
        await fill_address(page)
        await street.fill("2 Oak Street")
        if scripts:
            await page.focus(PAY)
        await go(page, PAY)
        assert await heading(page) == THANKS
        assert "2 Oak Street" in await page.inner_text("main")


async def test_from_a_cart_to_its_checkout(served: Serve, visit: Visits):
    here = await served()
    agent = here.agent_of("2026-08-25")
    for scripts in (True, False):
        cart = await filled(agent, ("vase", 1), buyer=BUYER)
        page = await visit(cart["continue_url"], scripts=scripts)
        await go(page, "button[value=buy]")
        assert await heading(page) == "Finish your order"
        assert await page.input_value("#email") == BUYER["email"]
