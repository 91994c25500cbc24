"""What leaves the browser: a receipt on paper, a command in the clipboard."""

import re

import pytest

from tests.pages.chromium import BROWSER, Serve, Visits
from tests.pages.sights import TOWN, receipt, window

pytestmark = BROWSER

SHEET = re.compile(rb"/Type\s*/Page\b")


@pytest.mark.parametrize("paper", ["A4", "Letter"])
async def test_a_receipt_fits_on_one_sheet(served: Serve, visit: Visits, paper: str):
    page = await visit(await receipt(await served(**TOWN)))
    assert len(SHEET.findall(await page.pdf(format=paper))) == 1


async def test_on_paper_there_is_nothing_to_press(served: Serve, visit: Visits):
    page = await visit(await receipt(await served(**TOWN)))
    assert await page.get_by_role("button").count() == 1
    await page.emulate_media(media="print")
    assert await page.locator("button:visible, a:visible").count() == 0
    assert await page.get_by_role("heading", name="Receipt").is_visible()


async def test_the_receipt_is_printed_by_a_press(served: Serve, visit: Visits):
    page = await visit(await receipt(await served(**TOWN)))
    await page.evaluate("window.print = () => document.body.classList.add('printed')")
    await page.get_by_role("button", name="Print").click()
    await page.locator("body.printed").wait_for()


async def test_a_command_is_copied_by_a_press(served: Serve, visit: Visits):
    page = await visit(await window(await served(**TOWN)))
    await page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    await page.get_by_role("button", name="Copy").first.click()
    await page.locator("button.done").wait_for()
    copied = await page.evaluate("navigator.clipboard.readText()")
    assert copied == await page.locator("pre").first.inner_text()
    assert copied.endswith("/.well-known/ucp")
