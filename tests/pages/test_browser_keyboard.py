"""Ordering with the keyboard alone: everything is reached, in order, and one sees where one is."""

from playwright.async_api import Page

from tests.pages.chromium import BROWSER, Serve, Visits, heading
from tests.ucp.conftest import create_body

pytestmark = BROWSER

# More than any page has to stop at.
STOPS_MAX = 60
WHERE = """() => {
  const element = document.activeElement;
  if (element === document.body) return null;
  const style = getComputedStyle(element), label = element.closest(".choice, .agree") ?? element;
  const shown = [style, getComputedStyle(label)].some(
    ({ outlineStyle, outlineWidth, boxShadow }) =>
      (outlineStyle !== "none" && parseFloat(outlineWidth) >= 2) || boxShadow !== "none");
  const { top, bottom } = element.getBoundingClientRect();
  return [element.name || element.id || element.textContent.trim(), shown, bottom > 0 && top < innerHeight];
}"""
# Which stops of the page a person with a mouse has.
STOPS = """() => [...document.querySelectorAll("a[href], button, input, select, summary")]
  .filter((element) => element.checkVisibility({ visibilityProperty: true }) && element.tabIndex >= 0)
  .filter((element) => element.type !== "radio" || element.checked
    || !document.querySelector(`[name="${element.name}"]:checked`) && element.matches(":nth-child(1)"))
  .map((element) => element.name || element.id || element.textContent.trim())"""


async def tab_to(page: Page, selector: str) -> None:
    """Press Tab until the thing is reached; at each stop one sees where one is."""
    for _ in range(STOPS_MAX):
        await page.keyboard.press("Tab")
        where = await page.evaluate(WHERE)
        assert where is not None, f"{selector} was not reached"
        name, is_shown, is_in_sight = where
        assert is_shown, f"one does not see that {name} has the focus"
        assert is_in_sight, f"{name} has the focus out of sight"
        if await page.evaluate("(selector) => document.activeElement.matches(selector)", selector):
            return
    raise AssertionError(f"{selector} was not reached")


async def type_into(page: Page, name: str, text: str) -> None:
    await tab_to(page, f'[name="{name}"]')
    await page.keyboard.type(text)


async def test_an_order_without_a_mouse(served: Serve, visit: Visits):
    here = await served(required_buyer_fields=("email",), terms_agreement=True)
    agent = here.agent()
    for scripts in (True, False):
        checkout = await agent.create(create_body("vase"))
        page = await visit(checkout["continue_url"], scripts=scripts, width=768)
        await type_into(page, "first_name", "Ada")
        await type_into(page, "email", "ada@example.com")
        await type_into(page, "m0.street_address", "1 Elm Street")
        await type_into(page, "m0.postal_code", "62704")
        await type_into(page, "m0.locality", "Springfield")
        await type_into(page, "m0.region", "IL")
        await page.keyboard.press("Enter")
        await page.wait_for_selector('[value="exp-ship"]')
        await tab_to(page, '[name*=".option."]')
        await page.keyboard.press("Space")
        await page.keyboard.press("ArrowDown")
        assert await page.is_checked('[value="exp-ship"]')
        if not scripts:
            await tab_to(page, "button.main")
            await page.keyboard.press("Enter")
        await page.wait_for_selector("button[value=pay]")
        await tab_to(page, "[name=terms]")
        await page.keyboard.press("Space")
        await page.keyboard.press("Enter")
        # Enter sends what is there, and never pays; what was agreed to is not asked for again.
        await page.wait_for_selector("[name=terms]", state="detached")
        assert (await agent.get(checkout))["status"] != "completed"
        await tab_to(page, "button[value=pay]")
        async with page.expect_navigation():
            await page.keyboard.press("Enter")
        assert await heading(page) == "Thank you for your order"


async def test_the_keyboard_reaches_all_that_a_mouse_does(served: Serve, visit: Visits):
    here = await served()
    page = await visit((await here.agent().ready())["continue_url"], width=320)
    wanted = await page.evaluate(STOPS)
    reached = []
    for _ in range(STOPS_MAX):
        await page.keyboard.press("Tab")
        where = await page.evaluate(WHERE)
        if where is None:
            break
        reached.append(where[0])
    assert reached == wanted


async def test_what_is_missing_is_a_press_away(served: Serve, visit: Visits):
    here = await served(required_buyer_fields=("email",))
    page = await visit((await here.agent().create(create_body("vase")))["continue_url"])
    await tab_to(page, '.needs a[href="#email"]')
    await page.keyboard.press("Enter")
    assert await page.evaluate("location.hash") == "#email"
    assert await page.evaluate("document.activeElement.id") == "email"
