"""Links that are settled, wrong or another's: each has a kind page, and none tells where it was."""

from playwright.async_api import Route

from tests.pages import sights
from tests.pages.chromium import BROWSER, Serve, Visits, go, heading
from tests.ucp.conftest import BUYER, shipping

pytestmark = BROWSER

SETTLED = [
    (sights.completed, 200, "Your order is placed"),
    (sights.canceled, 200, "This order was canceled"),
    (sights.expired, 200, "This offer has ended"),
    (sights.waiting, 200, "Your payment is being worked on"),
    (sights.stolen, 404, "We could not find this page"),
]
# What a worker finds out. The page is not told, it looks.
SETTLE = """update checkouts set state = 'canceled', document = document || '{"state": "canceled"}'"""
TERMS = "https://shop.test/terms"


async def test_a_link_that_is_settled_says_what_became_of_it(served: Serve, visit: Visits):
    here = await served()
    for led, status, title in SETTLED:
        url = await led(here)
        page = await visit(url)
        answer = await page.goto(url)
        assert answer is not None
        assert (answer.status, await heading(page)) == (status, title)
        assert await page.locator("button[value=pay]").count() == 0, title
        headers = await answer.all_headers()
        assert (headers["cache-control"], headers["referrer-policy"]) == ("no-store", "no-referrer"), title


async def test_a_completed_checkout_leads_to_its_order(served: Serve, visit: Visits):
    here = await served()
    page = await visit(await sights.completed(here))
    await go(page, "main a")
    assert await heading(page) == "Thank you for your order"


async def test_a_payment_under_way_ends_on_the_page_that_waits_for_it(served: Serve, visit: Visits):
    here = await served()
    for scripts in (True, False):
        url = await sights.waiting(here)
        page = await visit(url, scripts=scripts)
        assert await heading(page) == "Your payment is being worked on"
        await sights.run_sql(here, SETTLE)
        await page.wait_for_selector("h1:has-text('This order was canceled')")


async def test_no_link_tells_others_where_it_was(served: Serve, visit: Visits):
    """Whoever has the address of a checkout can order: a terms page must not learn it."""
    here = await served()
    page = await visit((await here.agent().ready())["continue_url"])
    visit.sites.add("https://shop.test")
    told: list[dict[str, str]] = []

    async def note(route: Route) -> None:
        told.append(await route.request.all_headers())
        await route.fulfill(body="Terms", content_type="text/plain")

    await page.context.route(f"{TERMS}**", note)
    async with page.context.expect_page() as opening:
        await page.click(f".press a[href='{TERMS}']")
    other = await opening.value
    await other.wait_for_load_state()
    assert len(told) == 1
    assert "referer" not in told[0]
    assert await other.evaluate("document.referrer + (opener === null)") == "true"


async def test_a_checkout_that_an_agent_cancels_meanwhile_is_not_paid(served: Serve, visit: Visits):
    here = await served()
    agent = here.agent()
    checkout = await agent.create(buyer=BUYER, fulfillment=shipping())
    page = await visit(checkout["continue_url"])
    await agent.cancel(checkout)
    await go(page, "button[value=pay]")
    assert await heading(page) == "This order was canceled"
