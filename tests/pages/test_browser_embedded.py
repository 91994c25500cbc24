"""A checkout finished within an assistant's page: both pages in a real browser, the agent beside them."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

from playwright.async_api import FrameLocator, Page, expect

from tests.pages.axe import AXE, findings
from tests.pages.chromium import BROWSER, Serve, Visits, keep, looks_right, site_of
from ucp_server.agent.hosting import Hosting
from ucp_server.agent.listening import Listening
from ucp_server.agent.purchase import Plan, purchase
from ucp_server.agent.shop import Shop
from ucp_server.ucp.releases import SERVED

Wire = dict[str, Any]
pytestmark = BROWSER

# A purchase between clicks; the machine does other things too.
WAIT_S = 60.0


class Assistant:
    """An agent that buys a vase, and what it told on the way."""

    def __init__(self, release: str) -> None:
        self.release = release
        self.told: list[str] = []
        self.steps = {step: asyncio.get_running_loop().create_future() for step in ("frame", "order")}

    def say(self, step: str, text: str) -> None:
        self.told.append(text)
        if step in self.steps:
            self.steps[step].set_result(text)

    async def step(self, step: str, buying: asyncio.Task[Wire]) -> str:
        """What is told when the agent gets there; what stopped it where it does not."""
        reached = self.steps[step]
        await asyncio.wait({buying, reached}, timeout=WAIT_S, return_when=asyncio.FIRST_COMPLETED)
        if not reached.done():
            await buying
        return str(reached.result())

    def said(self, sender: str) -> list[str]:
        """The messages of one side, in their order."""
        return [text.removeprefix(f"{sender}: ") for text in self.told if text.startswith(f"{sender}: ")]

    @contextlib.asynccontextmanager
    async def buying(self, site: str) -> AsyncIterator[asyncio.Task[Wire]]:
        hosting = Hosting(self.say)
        async with Listening(hosting.routes()) as listening:
            shop = Shop(site, profile_url=listening.profile_url)
            plan = Plan(item_id="vase", token="success_token", release=self.release, wait_s=WAIT_S)
            buying = asyncio.create_task(purchase(shop, plan, self.say, listening, hosting))
            try:
                yield buying
            finally:
                buying.cancel()
                await shop.close()


async def opened(assistant: Assistant, buying: asyncio.Task[Wire], visit: Visits, site: str) -> Page:
    """The assistant's page with the checkout in it, once both have spoken."""
    visit.sites.add(site)
    page = await visit((await assistant.step("frame", buying)).removeprefix("open "))
    await expect(page.locator("#now")).to_have_text("Please check your order.")
    return page


@AXE
async def test_both_pages_keep_nobody_out(served: Serve, visit: Visits):
    here = await served()
    site = site_of(str(here.client.base_url))
    assistant = Assistant(SERVED[-1])
    async with assistant.buying(site) as buying:
        page = await opened(assistant, buying, visit, site)
        await expect(within(page).locator(".means")).to_contain_text("•••• 4242")
        for document in page.frames:
            assert await findings(document) == [], document.url
        await looks_right(page, "embedded")
        await within(page).locator("button[value=address]").click()
        await expect(page.locator("dialog[open]")).to_be_visible()
        assert await findings(page) == []
        await keep(page, "embedded-asking")


def within(page: Page) -> FrameLocator:
    return page.frame_locator("iframe")


async def agree(page: Page) -> None:
    """Say yes to what the assistant asks."""
    await page.locator("dialog[open] #yes").click()


async def test_a_buyer_finishes_within_the_assistant_s_page_in_every_release(served: Serve, visit: Visits):
    here = await served()
    for release in SERVED:
        await finishes(visit, site_of(str(here.client.base_url)), release)


async def finishes(visit: Visits, site: str, release: str) -> None:
    assistant = Assistant(release)
    async with assistant.buying(site) as buying:
        page = await opened(assistant, buying, visit, site)
        shop = within(page)
        await expect(shop.locator(".means")).to_contain_text("•••• 4242")
        await shop.locator("button[value=instruments]").click()
        await page.locator("dialog label").nth(1).click()
        await agree(page)
        await expect(shop.locator(".means")).to_contain_text("•••• 4444")
        await shop.locator("button[value=address]").click()
        await page.locator("dialog label").nth(1).click()
        await agree(page)
        await expect(shop.locator("main")).to_contain_text("Neuer Wall 10")
        await shop.locator("button[value=pay]").click()
        await expect(page.locator("dialog[open] #sheet-text")).to_contain_text("4444")
        await agree(page)
        await expect(page.locator("#now")).to_have_text("Your order is placed.")
        # It asks the shop whether that is so; the event would come from a worker.
        assert "/order/" in await assistant.step("order", buying)
    said = assistant.said("shop")
    assert said[:2] == ["ec.ready", "ec.ready"], "once by the window, once by the port"
    assert said[2] == "ec.start"
    assert said[-1] == "ec.complete"
    assert {"ec.payment.change", "ec.fulfillment.change"} <= set(said)
