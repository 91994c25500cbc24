"""Cards in the provider's own fields, and what the bank asks: on its origin, never on ours."""

import asyncio

from playwright.async_api import FrameLocator, Page, Route

from tests.pages.axe import AXE, findings
from tests.pages.chromium import BROWSER, WIDTHS, Serve, Visits, go, heading, is_pictured, looks_right
from tests.ucp.conftest import Agent, Town, Wire
from ucp_server.languages import LANGUAGES

pytestmark = BROWSER

PAY = "button[value=pay]"
THANKS = "Thank you for your order"
GOOD, ASKING, BAD = "4242 4242 4242 4242", "4000 0000 0000 3155", "4000 0000 0000 0002"


async def opened(visit: Visits, here: Town, *, scripts: bool = True) -> tuple[Page, Agent, Wire]:
    agent = here.agent()
    checkout = await agent.ready()
    visit.sites.add(here.settings.hosted_url)
    return await visit(checkout["continue_url"], scripts=scripts), agent, checkout


def fields(page: Page) -> FrameLocator:
    return page.frame_locator("iframe[data-card]")


async def enter_card(page: Page, number: str, *, scripts: bool) -> None:
    """Without scripts the frame has a button of its own."""
    await fields(page).locator("#number").fill(number)
    await fields(page).locator("#expiry").fill("12/40")
    await fields(page).locator("#cvc").fill("123")
    if not scripts:
        await fields(page).locator("button").click()
        await fields(page).locator(".entered").wait_for()


async def is_completed(agent: Agent, checkout: Wire) -> bool:
    return (await agent.get(checkout))["status"] == "completed"


async def test_a_card_is_entered_and_pays(served: Serve, visit: Visits):
    here = await served(hosted=True)
    sent: list[str] = []
    for scripts in (True, False):
        page, agent, checkout = await opened(visit, here, scripts=scripts)
        page.on("request", lambda request: sent.append(f"{request.url} {request.post_data}"))
        await enter_card(page, GOOD, scripts=scripts)
        await go(page, PAY)
        assert await heading(page) == THANKS
        assert "4242" in await page.inner_text("main")
        assert await is_completed(agent, checkout)
    here_only = [told for told in sent if told.startswith(str(here.client.base_url))]
    assert here_only
    assert not [told for told in here_only if "4242" in told], "a card number came to us"


async def test_without_a_card_nothing_is_paid(served: Serve, visit: Visits):
    here = await served(hosted=True)
    for scripts in (True, False):
        page, agent, checkout = await opened(visit, here, scripts=scripts)
        await page.click(PAY)
        if scripts:
            await fields(page).locator("#number[aria-invalid=true]").wait_for()
        else:
            await page.wait_for_url("**said=card_missing**")
        assert not await is_completed(agent, checkout)


async def test_the_bank_asks_and_the_buyer_confirms(served: Serve, visit: Visits):
    here = await served(hosted=True)
    for scripts in (True, False):
        page, agent, checkout = await opened(visit, here, scripts=scripts)
        await enter_card(page, ASKING, scripts=scripts)
        await go(page, PAY)
        assert (await agent.get(checkout))["status"] == "requires_escalation"
        await go(page, f"a[href^='{here.settings.hosted_url}']")
        assert await heading(page) == "Is this payment yours?"
        if scripts:
            await page.click("button[value=confirm]")
        else:
            await go(page, "button[value=confirm]")
            await go(page, "[data-press]")
        await page.wait_for_selector(f"h1:text-is('{THANKS}')")
        assert await is_completed(agent, checkout)


async def test_the_bank_asks_and_the_buyer_refuses(served: Serve, visit: Visits):
    here = await served(hosted=True)
    for scripts in (True, False):
        page, agent, checkout = await opened(visit, here, scripts=scripts)
        await enter_card(page, ASKING, scripts=scripts)
        await go(page, PAY)
        await go(page, f"a[href^='{here.settings.hosted_url}']")
        if scripts:
            await page.click("button[value=refuse]")
        else:
            await go(page, "button[value=refuse]")
            await go(page, "[data-press]")
        await page.wait_for_selector(".notice.error")
        assert not await is_completed(agent, checkout)
        # Another card does.
        await enter_another(page, scripts=scripts)
        await go(page, PAY)
        assert await heading(page) == THANKS
        assert await is_completed(agent, checkout)


async def enter_another(page: Page, *, scripts: bool) -> None:
    if await page.locator("summary:has-text('Use another card')").is_visible():
        await page.click("summary:has-text('Use another card')")
    if await fields(page).locator("a").count():
        await fields(page).locator("a").click()
    await enter_card(page, GOOD, scripts=scripts)


async def test_an_agent_s_payment_that_the_bank_asks_about_is_finished_by_the_buyer(
    served: Serve, visit: Visits
):
    here = await served(hosted=True)
    agent = here.agent()
    checkout = await agent.ready()
    reply = await agent.complete(checkout, credential={"type": "token", "token": "step_up_token"})
    assert reply.json()["status"] == "requires_escalation"
    visit.sites.add(here.settings.hosted_url)
    page = await visit(checkout["continue_url"])
    await go(page, f"a[href^='{here.settings.hosted_url}']")
    await page.click("button[value=confirm]")
    await page.wait_for_selector(f"h1:text-is('{THANKS}')")
    assert await is_completed(agent, checkout)


async def test_a_provider_that_is_busy_takes_the_card_at_the_next_press(served: Serve, visit: Visits):
    here = await served(hosted=True)
    page, agent, checkout = await opened(visit, here)
    await enter_card(page, GOOD, scripts=True)
    busy = asyncio.Event()

    async def refuse(route: Route) -> None:
        if route.request.method == "POST" and not busy.is_set():
            busy.set()
            await route.fulfill(status=503, body="This server is busy", content_type="text/plain")
        else:
            await route.continue_()

    await page.route(f"{here.settings.hosted_url}/**", refuse)
    await page.click(PAY)
    await busy.wait()
    assert await fields(page).locator("#number").input_value() == GOOD
    await page.wait_for_selector("form:not([aria-busy=true])")
    await go(page, PAY)
    assert await is_completed(agent, checkout)
    visit.complaints = [told for told in visit.complaints if not told.startswith("503: ")]


async def test_a_declined_card_is_told(served: Serve, visit: Visits):
    here = await served(hosted=True)
    page, agent, checkout = await opened(visit, here)
    await enter_card(page, BAD, scripts=True)
    await go(page, PAY)
    await page.wait_for_selector(".notice.error")
    assert not await is_completed(agent, checkout)


@AXE
async def test_the_fields_are_for_everybody(served: Serve, visit: Visits):
    here = await served(hosted=True)
    visit.sites.add(here.settings.hosted_url)
    checkout = await here.agent().ready()
    page = await visit(checkout["continue_url"])
    for code in LANGUAGES:
        await page.goto(f"{checkout['continue_url']}?lang={code}")
        await fields(page).locator("#number").fill("4242 1")
        # Wrong on purpose, so that what is said then is looked at too.
        await page.click(PAY)
        await fields(page).locator("#number[aria-invalid=true]").wait_for()
        await looks_right(page, f"card-{code}", pictured=WIDTHS if is_pictured(code) else ())
        (frame,) = page.frames[1:]
        assert await frame.evaluate("document.documentElement.lang") == code
        assert await frame.evaluate("document.documentElement.scrollWidth <= innerWidth")
        # The heading is that of the page around.
        assert [found for found in await findings(frame) if "page-has-heading-one" not in found] == []


@AXE
async def test_the_bank_asks_everybody(served: Serve, visit: Visits):
    here = await served(hosted=True)
    page, _, _ = await opened(visit, here)
    await enter_card(page, ASKING, scripts=True)
    await go(page, PAY)
    asked = await page.get_attribute(f"a[href^='{here.settings.hosted_url}']", "href")
    assert asked is not None
    for code in LANGUAGES:
        await page.goto(f"{asked.partition('?')[0]}?lang={code}")
        assert await page.evaluate("document.documentElement.lang") == code
        await looks_right(page, f"challenge-{code}", pictured=WIDTHS if is_pictured(code) else ())
        assert await findings(page) == []
