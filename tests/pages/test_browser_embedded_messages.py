"""What a framed page says and how it takes what it is told, held against a host that answers as asked."""

from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
import pytest_asyncio
from playwright.async_api import FrameLocator, Page, expect
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse
from starlette.routing import Route

from tests.pages.chromium import BROWSER, Serve, Visits, listening, site_of
from tests.ucp.conftest import Agent, Town, create_body, pinned, shipping
from ucp_server.pages.budgets import PRESSES_PER_CHECKOUT

Wire = dict[str, Any]
pytestmark = BROWSER

NEWEST = "2026-08-25"
DELEGATED = "payment.credential,payment.instruments_change"
# Answers by the window alone. `reply` makes of a request its answer, without what every answer has.
PAGE = """<!doctype html><title>host</title><iframe title="checkout"></iframe><script>
const frame = document.querySelector("iframe"), heard = [], answers = {};
addEventListener("message", ({ source, origin, data }) => {
  if (source !== frame.contentWindow) return;
  heard.push(data);
  const answer = answers[data.method];
  const { id } = data;
  if (id !== undefined && answer) source.postMessage({ jsonrpc: "2.0", id, ...answer }, origin);
});
</script>"""


# Presses of a page that is not the newest, which charge nothing.
PRESS_OFTEN = """async (form, times) => {
  const body = new URLSearchParams(new FormData(form));
  body.set("action", "pay");
  body.set("revision", "0");
  const press = { method: "POST", body, redirect: "manual" };
  for (let n = 0; n < times; n += 1) await fetch(location.href, press);
}"""

Framing = Callable[..., Awaitable["Framed"]]


class Framed:
    """A checkout in a page that answers what it was given to answer."""

    def __init__(self, page: Page, agent: Agent, checkout: Wire) -> None:
        self.page = page
        self.agent = agent
        self.checkout = checkout

    @property
    def shop(self) -> FrameLocator:
        return self.page.frame_locator("iframe")

    async def heard(self) -> list[Wire]:
        found: list[Wire] = await self.page.evaluate("heard")
        return found

    async def names(self) -> list[str]:
        return [message["method"] for message in await self.heard()]

    async def until(self, name: str) -> list[Wire]:
        """All messages, once there is one of that name."""
        await self.page.wait_for_function("name => heard.some(({ method }) => method === name)", arg=name)
        return await self.heard()

    async def now(self) -> Wire:
        return await self.agent.get(self.checkout)


@pytest_asyncio.fixture(loop_scope="session")
async def host() -> AsyncIterator[str]:
    """The address of the page that frames."""

    async def answer(_: Request) -> HTMLResponse:
        return HTMLResponse(PAGE)

    async with listening(Starlette(routes=[Route("/", answer)])) as site:
        yield site


@pytest.fixture
def framed(tmp_path: Path, host: str, served: Serve, visit: Visits) -> Framing:
    """``await framed(release, {method: answer}, delegate="payment.credential")``."""

    async def opened(
        release: str,
        answers: Wire,
        delegate: str = "",
        prepare: Callable[[Page], Any] | None = None,
    ) -> Framed:
        platforms = {release: pinned(tmp_path, release, release=release, embed_origins=(host,))}
        here: Town = await served(platforms=platforms)
        agent = here.agent_of(release)
        body = create_body("vase", quantity=1, release=release)
        checkout = await agent.create(body, fulfillment=shipping(release=release))
        page = await visit("about:blank")
        visit.sites |= {host, site_of(checkout["continue_url"])}
        if prepare:
            await prepare(page)
        await page.goto(host)
        asked = {"ec_version": release, "ec_delegate": delegate}
        await page.evaluate(
            "([given, url]) => { Object.assign(answers, given); frame.src = url; }",
            [answers, f"{checkout['continue_url']}?{urlencode(asked)}"],
        )
        return Framed(page, agent, checkout)

    return opened


def ready(release: str) -> Wire:
    return {"ec.ready": {"result": {"ucp": {"version": release, "status": "success"}}}}


async def test_what_is_changed_is_told_with_its_reason_first(framed: Framing):
    here = await framed(NEWEST, ready(NEWEST))
    told = await here.until("ec.start")
    assert told[0]["params"] == {"delegate": []}
    assert told[-1]["params"]["checkout"] == await here.now()
    quantity = here.shop.locator('[name^="quantity."]')
    await quantity.fill("2")
    await quantity.blur()
    told = await here.until("ec.totals.change")
    assert [message["method"] for message in told[2:]] == [
        "ec.line_items.change",
        "ec.totals.change",
    ]
    assert all("id" not in message for message in told[1:]), "these are no requests"
    assert [message["params"]["checkout"] for message in told[2:]] == [await here.now()] * 2


async def test_totals_have_no_message_of_their_own_in_january(framed: Framing):
    here = await framed("2026-01-23", ready("2026-01-23"))
    await here.until("ec.start")
    quantity = here.shop.locator('[name^="quantity."]')
    await quantity.fill("2")
    await quantity.blur()
    await here.until("ec.line_items.change")
    await here.shop.locator("#email").fill("ada@example.com")
    await here.shop.locator("button.main").focus()
    await here.shop.locator("button[value=pay]").click()
    told = await here.until("ec.complete")
    assert "ec.totals.change" not in [message["method"] for message in told]
    assert told[-1]["params"]["checkout"] == await here.now()
    assert told[-1]["params"]["checkout"]["order"]["permalink_url"].startswith(
        site_of(here.checkout["continue_url"])
    )


@pytest.mark.parametrize(
    ("release", "answer"),
    [
        ("2026-01-11", {"error": {"code": "security_error", "message": "No."}}),
        (
            NEWEST,
            {
                "result": {
                    "ucp": {"version": NEWEST, "status": "error"},
                    "messages": [{"type": "error", "code": "security_error", "content": "No."}],
                }
            },
        ),
    ],
)
async def test_after_a_refused_greeting_nothing_more_is_said(framed: Framing, release: str, answer: Wire):
    here = await framed(release, {"ec.ready": answer})
    quantity = here.shop.locator('[name^="quantity."]')
    await here.until("ec.ready")
    await quantity.fill("2")
    await quantity.blur()
    await expect(here.shop.locator(".totals, .glance").first).to_contain_text("$38.25")
    assert set(await here.names()) == {"ec.ready"}


async def test_a_buyer_may_turn_back_and_pay_later(framed: Framing):
    no = {"result": {"ucp": {"version": NEWEST, "status": "error"}, "messages": [{"code": "abort_error"}]}}
    here = await framed(NEWEST, ready(NEWEST) | {"ec.payment.credential_request": no}, DELEGATED)
    await here.until("ec.start")
    pay = here.shop.locator("button[value=pay]")
    await pay.click()
    asked = (await here.until("ec.payment.credential_request"))[-1]
    assert asked["params"]["checkout"] == await here.now()
    assert (await here.now())["status"] == "ready_for_complete"
    card = {
        "id": "c",
        "handler_id": "mock_payment_handler",
        "type": "card",
        "selected": True,
        "display": {"brand": "visa", "last_digits": "4242"},
        "credential": {"type": "token", "token": "fail_token"},
    }
    await pays_with(here, card)
    await pay.click()
    await expect(here.shop.locator(".notice").first).to_contain_text("declined")
    await pays_with(here, card | {"credential": {"type": "token", "token": "success_token"}})
    await pay.click()
    told = await here.until("ec.complete")
    assert [message["method"] for message in told].count("ec.complete") == 1
    assert "ec.messages.change" in [message["method"] for message in told], "the decline"
    assert (await here.now())["status"] == "completed"


async def test_what_the_host_agreed_to_pay_pays_for_nothing_else(framed: Framing):
    """The buyer may go on changing the order while the host's wallet is open."""
    here = await framed(NEWEST, ready(NEWEST), DELEGATED)
    await here.until("ec.start")
    await here.shop.locator("button[value=pay]").click()
    asked = (await here.until("ec.payment.credential_request"))[-1]
    quantity = here.shop.locator("input[name^='quantity.']")
    await quantity.fill("2")
    await quantity.blur()
    await here.until("ec.line_items.change")
    card = {
        "id": "c",
        "handler_id": "mock_payment_handler",
        "type": "card",
        "selected": True,
        "credential": {"type": "token", "token": "success_token"},
    }
    answer = {"result": {"ucp": {"status": "success"}, "checkout": {"payment": {"instruments": [card]}}}}
    await here.page.evaluate(
        "answer => frame.contentWindow.postMessage({ jsonrpc: '2.0', ...answer }, '*')",
        answer | {"id": asked["id"]},
    )
    await expect(here.shop.locator(".notice").first).to_contain_text("This order changed")
    assert (await here.now())["status"] == "ready_for_complete"


async def pays_with(here: Framed, card: Wire) -> None:
    answer = {"result": {"ucp": {"status": "success"}, "checkout": {"payment": {"instruments": [card]}}}}
    await here.page.evaluate("given => { answers['ec.payment.credential_request'] = given; }", answer)


@pytest.mark.parametrize(
    ("release", "members"),
    [("2026-04-08", {"ucp", "messages", "continue_url", "error"}), (NEWEST, {"error"})],
)
async def test_what_ends_a_session_is_told_in_the_form_of_the_release(
    framed: Framing, visit: Visits, release: str, members: set[str]
):
    async def break_state(page: Page) -> None:
        await page.route("**/state?**", lambda route: route.fulfill(status=503, body="{}"))

    here = await framed(release, ready(release), prepare=break_state)
    params = (await here.until("ec.error"))[-1]["params"]
    assert set(params) == members
    assert params["error"]["ucp"] == {"version": release, "status": "error"}
    assert params["error"]["continue_url"] == here.checkout["continue_url"]
    assert params["error"]["messages"][0]["severity"] == "unrecoverable"
    assert "ec.start" not in await here.names()
    visit.complaints = [each for each in visit.complaints if "/state?" not in each]


async def test_links_are_opened_by_the_host(framed: Framing):
    yes = {"ec.window.open_request": {"result": {"ucp": {"version": NEWEST, "status": "success"}}}}
    here = await framed(NEWEST, ready(NEWEST) | yes, "window.open")
    await here.until("ec.start")
    await here.shop.locator("a[target=_blank]").first.click()
    asked = (await here.until("ec.window.open_request"))[-1]
    assert asked["params"] == {"url": "https://shop.test/terms"}
    assert len(here.page.context.pages) == 1


async def test_nobody_else_frames_it(framed: Framing, visit: Visits):
    here = await framed(NEWEST, {})
    await here.until("ec.ready")
    alone = here.checkout["continue_url"]
    await here.page.evaluate("url => { heard.length = 0; frame.src = url; }", alone)
    await expect(here.shop.locator("main")).to_have_count(0)
    assert await here.names() == []
    assert any("frame-ancestors" in each for each in visit.complaints)
    visit.complaints.clear()


async def test_an_app_hears_it_by_its_globals(served: Serve, visit: Visits):
    here = await served()
    checkout = await here.agent_of(NEWEST).create(create_body("vase", release=NEWEST))
    page = await visit("about:blank")
    visit.sites.add(site_of(checkout["continue_url"]))
    await page.add_init_script(
        """window.heard = [];
        window.started = new Promise((resolve) => (window.start = resolve));
        window.EmbeddedCheckoutProtocolConsumer = { postMessage(text) {
          const message = JSON.parse(text);
          heard.push(message);
          if (message.method === "ec.start") start();
          const result = { ucp: { version: "2026-08-25", status: "success" } };
          const answer = JSON.stringify({ jsonrpc: "2.0", id: message.id, result });
          if (message.id !== undefined) setTimeout(() => EmbeddedCheckoutProtocol.postMessage(answer));
        } };"""
    )
    await page.goto(f"{checkout['continue_url']}?ec_version={NEWEST}")
    await page.evaluate("started")
    assert [message["method"] for message in await page.evaluate("heard")] == ["ec.ready", "ec.start"]


async def test_what_nobody_takes_over_the_page_does_itself(framed: Framing):
    here = await framed(NEWEST, {}, DELEGATED, prepare=lambda page: page.clock.install())
    await here.until("ec.ready")
    await expect(here.shop.locator("button[value=instruments]")).to_have_count(1)
    for _ in range(8):
        await here.page.clock.run_for(16_000)
    await expect(here.shop.locator("button[value=instruments]")).to_have_count(0)
    assert (await here.heard())[-1]["params"] == {"delegate": []}


async def test_a_press_too_many_is_told_within_the_frame(framed: Framing, visit: Visits):
    here = await framed(NEWEST, ready(NEWEST))
    await here.until("ec.start")
    form = here.shop.locator("form[data-live]")
    await form.evaluate(PRESS_OFTEN, PRESSES_PER_CHECKOUT)
    pay = here.shop.locator("button[value=pay]")
    await pay.click()
    await expect(here.shop.locator(".plain h1")).to_have_text("Please wait a moment before you try again")
    assert here.page.frames[1].url.startswith(here.checkout["continue_url"])
    await here.shop.locator(".plain a").click()
    await expect(pay).to_be_visible()
    assert "429" in "".join(visit.complaints)
    visit.complaints = [each for each in visit.complaints if not each.startswith("429")]
