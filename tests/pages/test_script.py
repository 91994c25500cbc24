"""What a page does by itself where scripts run: prices at once, pays once, keeps what is typed."""

import asyncio

from playwright.async_api import Page, Request, Route, expect

from tests.pages.chromium import BROWSER, Serve, Visits, go, heading
from tests.ucp.conftest import BUYER, Agent, Wire, create_body, shipping

pytestmark = BROWSER

STANDARD, EXPRESS = '[value="std-ship"]', '[value="exp-ship"]'
PAY = 'button[value="pay"]'
# What a page says to those who do not see that it changed.
VOICE = 'body > [aria-live="polite"]'


class Posts:
    """The forms that a page sends. While it is ``held`` none of them gets through."""

    def __init__(self) -> None:
        self.seen: list[Request] = []
        self.arrived = asyncio.Event()
        self._open = asyncio.Event()
        self._open.set()

    def hold(self) -> None:
        self.arrived.clear()
        self._open.clear()

    def release(self) -> None:
        self._open.set()

    async def __call__(self, route: Route) -> None:
        if route.request.method == "POST":
            self.seen.append(route.request)
            self.arrived.set()
            await self._open.wait()
        await route.continue_()


async def opened(visit: Visits, url: str, *, scripts: bool = True) -> tuple[Page, Posts]:
    page, posts = await visit(url, scripts=scripts), Posts()
    await page.route("**/checkout/**", posts)
    # A load of another page would lose it.
    if scripts:
        await page.evaluate("window.mark = 'the same page'")
    return page, posts


async def is_the_same(page: Page) -> bool:
    return await page.evaluate("window.mark") == "the same page"


async def total(page: Page) -> str:
    return await page.locator(".total dd").inner_text()


def of(*items: str) -> Wire:
    return create_body() | {"line_items": [{"item": {"id": item}, "quantity": 1} for item in items]}


async def ready(agent: Agent) -> str:
    """A checkout to which only a word of its buyer is missing, if anything."""
    return str((await agent.ready())["continue_url"])


async def test_a_choice_is_priced_at_once_in_place(served: Serve, visit: Visits):
    agent = (await served()).agent()
    page, posts = await opened(visit, await ready(agent))
    before = await total(page)
    await page.check(EXPRESS)
    await expect(page.locator(".total dd")).not_to_have_text(before)
    assert await page.evaluate("document.activeElement.value") == "exp-ship"
    assert await total(page) in await page.locator(VOICE).inner_text()
    assert await total(page) in await page.locator(PAY).inner_text()
    assert len(posts.seen) == 1
    assert await is_the_same(page)
    assert not await page.locator(".update button").is_visible()


async def test_a_quantity_is_priced_when_it_is_entered_and_one_of_none_is_gone(
    served: Serve, visit: Visits
):
    agent = (await served()).agent()
    checkout = await agent.create(of("vase", "ink"), buyer=BUYER, fulfillment=shipping())
    page, posts = await opened(visit, checkout["continue_url"])
    first = page.locator('[name^="quantity."]').first
    await first.fill("3")
    assert posts.seen == []
    await first.press("Enter")
    await expect(page.locator(".lines .amount").first).not_to_have_text(await each(page))
    assert await page.evaluate("document.activeElement.value") == "3"
    await first.fill("0")
    await first.blur()
    await expect(page.locator(".lines li")).to_have_count(1)
    assert await is_the_same(page)


async def each(page: Page) -> str:
    return (await page.locator(".lines .count").first.inner_text()).split("×")[-1].strip()


async def test_a_quantity_that_is_none_goes_nowhere(served: Serve, visit: Visits):
    agent = (await served()).agent()
    page, posts = await opened(visit, await ready(agent))
    quantity = page.locator('[name^="quantity."]').first
    await quantity.fill("many")
    await quantity.blur()
    assert not await quantity.evaluate("control => control.validity.valid")
    assert posts.seen == []


async def test_an_address_is_sent_as_a_whole_when_it_is_left(served: Serve, visit: Visits):
    agent = (await served()).agent()
    page, posts = await opened(visit, (await agent.create(buyer=BUYER))["continue_url"])
    for name, text in (("street_address", "1 Elm Street"), ("locality", "Springfield"), ("region", "IL")):
        await page.fill(f'[name="m0.{name}"]', text)
    await page.fill('[name="m0.postal_code"]', "62704")
    assert posts.seen == []
    await page.focus("#codes")
    await expect(page.locator(STANDARD)).to_be_visible()
    assert len(posts.seen) == 1
    assert await page.evaluate("document.activeElement.id") == "codes"
    assert await is_the_same(page)


async def test_what_is_typed_meanwhile_stays_with_its_caret(served: Serve, visit: Visits):
    agent = (await served()).agent()
    page, posts = await opened(visit, await ready(agent))
    before = await total(page)
    posts.hold()
    await page.check(EXPRESS)
    await posts.arrived.wait()
    await page.focus("#first_name")
    await page.keyboard.press("End")
    await page.keyboard.type(" Augusta")
    await page.keyboard.press("ArrowLeft")
    posts.release()
    await expect(page.locator(".total dd")).not_to_have_text(before)
    name = page.locator("#first_name")
    assert (await name.input_value()).endswith(" Augusta")
    assert await name.evaluate("control => control.value.length - control.selectionStart") == 1
    assert await page.evaluate("document.activeElement.id") == "first_name"


async def test_a_code_that_is_still_being_typed_is_not_tried(served: Serve, visit: Visits):
    agent = (await served()).agent()
    page, posts = await opened(visit, await ready(agent))
    before = await total(page)
    await page.focus("#codes")
    await page.keyboard.type("10O")
    # As a screen reader presses: without taking the focus along.
    await page.locator(EXPRESS).evaluate("control => control.click()")
    await expect(page.locator(".total dd")).not_to_have_text(before)
    assert "codes=&" in (posts.seen[0].post_data or "") + "&"
    await page.keyboard.type("FF")
    await page.keyboard.press("Enter")
    await expect(page.locator(".totals")).to_contain_text("−")
    assert await page.input_value("#codes") == "10OFF"
    await page.fill("#codes", "10OFF NOPE")
    await page.click(".apply button")
    await expect(page.locator(VOICE)).to_contain_text("NOPE")


async def test_one_request_at_a_time_and_the_latest_choice_wins(served: Serve, visit: Visits):
    agent = (await served()).agent()
    page, posts = await opened(visit, await ready(agent))
    standard = await total(page)
    posts.hold()
    await page.check(EXPRESS)
    await posts.arrived.wait()
    await page.check(STANDARD)
    await page.check(EXPRESS)
    await page.check(STANDARD)
    assert len(posts.seen) == 1
    posts.release()
    await expect(page.locator("main")).not_to_have_attribute("aria-busy", "true")
    assert await total(page) == standard
    assert await page.locator(STANDARD).is_checked()
    assert len(posts.seen) == 2


async def test_pay_is_pressed_once(served: Serve, visit: Visits):
    agent = (await served()).agent()
    checkout = await agent.ready()
    page, posts = await opened(visit, checkout["continue_url"])
    async with page.expect_navigation(url="**/order/**"):
        button = page.locator(PAY)
        await button.evaluate("button => { for (const press of 'abc') button.click(press); }")
    assert await heading(page) == "Thank you for your order"
    assert len(posts.seen) == 1
    assert (await agent.get(checkout))["status"] == "completed"


async def test_what_is_paid_is_what_was_seen_when_it_was_pressed(served: Serve, visit: Visits):
    agent = (await served()).agent()
    checkout = await agent.ready()
    page, posts = await opened(visit, checkout["continue_url"])
    posts.hold()
    await page.check(EXPRESS)
    await posts.arrived.wait()
    async with page.expect_navigation(url="**said=new_total*"):
        await page.click(PAY, no_wait_after=True)
        posts.release()
    assert "new one" in await page.locator(".notice").inner_text()
    assert (await agent.get(checkout))["status"] == "ready_for_complete"
    await go(page, PAY)
    assert await heading(page) == "Thank you for your order"


async def test_without_the_network_the_buttons_are_there_still(served: Serve, visit: Visits):
    agent = (await served()).agent()
    page, _ = await opened(visit, await ready(agent))
    before = await total(page)
    await page.route("**/checkout/**", lambda route: route.abort("aborted"))
    await page.check(EXPRESS)
    update = page.locator(".update button")
    await expect(update).to_be_visible()
    assert await total(page) == before
    await page.unroute("**/checkout/**")
    await page.check(STANDARD)
    await expect(update).not_to_be_visible()
    await page.check(EXPRESS)
    await expect(page.locator(".total dd")).not_to_have_text(before)


async def test_what_the_script_does_by_itself_has_a_button_without_it(served: Serve, visit: Visits):
    agent = (await served()).agent()
    page, _ = await opened(visit, await ready(agent), scripts=False)
    before = await total(page)
    await page.check(EXPRESS)
    await go(page, ".update button")
    assert await total(page) != before


async def test_a_long_order_is_folded_where_it_is_narrow_and_stands_open_where_it_is_not(
    served: Serve, visit: Visits
):
    agent = (await served()).agent()
    body = of("vase", "ink", "shears", "notebook-a6-lined", "roses")
    checkout = await agent.create(body, buyer=BUYER, fulfillment=shipping())
    for scripts in (True, False):
        page = await visit(checkout["continue_url"], scripts=scripts)
        await expect(page.locator(".lines")).to_be_visible()
        page = await visit(checkout["continue_url"], scripts=scripts, width=360)
        await expect(page.locator(".lines")).not_to_be_visible()
        await page.click("summary")
        await expect(page.locator(".lines")).to_be_visible()


async def test_the_receipt_is_printed_by_a_button(served: Serve, visit: Visits):
    agent = (await served()).agent()
    page, _ = await opened(visit, await ready(agent))
    await go(page, PAY)
    await page.goto(f"{page.url.partition('?')[0]}/receipt")
    await page.evaluate("window.print = () => document.body.dataset.printed = ''")
    await page.click("[data-print]")
    assert await page.locator("body[data-printed]").count() == 1
