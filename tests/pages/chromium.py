"""A real Chromium without a window: one for the test process, a context for each visit.

async def test_something(served: Serve, visit: Visits):
    here = await served(required_buyer_fields=("email",))
    page = await visit(checkout["continue_url"], scripts=False)
    await page.fill("#email", "ada@example.com")
    await go(page, "button[value=pay]")
    await looks_right(page, "order")

What a page must never do fails the test at its end: ``Visits.no_complaints``. Tests of a browser are
marked ``BROWSER``: they share the loop of the session, in which the browser lives.
"""

import asyncio
import contextlib
import os
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import hypercorn.asyncio
import pytest
import pytest_asyncio
from hypercorn.config import Config
from playwright.async_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Dialog,
    Page,
    Request,
    Response,
    Route,
    async_playwright,
)
from starlette.types import ASGIApp

from tests.ucp.conftest import Open, Town, patient
from ucp_server.app import build_hosted
from ucp_server.asgi.metrics import Metrics

PROGRAM = Path("/usr/bin/chromium")
BROWSER = [
    pytest.mark.asyncio(loop_scope="session"),
    pytest.mark.skipif(
        not PROGRAM.exists(), reason=f"NO BROWSER: the pages were not looked at, {PROGRAM} is not installed"
    ),
]
FLAGS = ("--disable-gpu", "--disable-quic", "--disable-background-networking", "--disable-component-update")
# A cold start on a machine that does eight other things.
START_MS = 60_000
STEP_MS = 20_000
WIDTHS = (320, 768, 1440)
HEIGHT = 900
# A picture of more is looked at by nobody.
HEIGHT_MAX = 8000
LOOPBACK = ("127.0.0.1", 0)
FOLDER = Path(os.environ.get("SCREENSHOTS") or Path(__file__).parents[2] / ".screenshots")
# Where the shop of the tests keeps some of its pictures: answered here, since no such host exists.
PICTURES = "https://shop.example"
PICTURE = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 8 8"><circle cx="4" cy="4" r="4"/></svg>'
# Chromium's words for an answer that is an error. Such answers are noted by themselves, and a document
# may be one: the page of a stolen link is, and a form that says what is wrong in it.
FORM_REFUSED = 422
REFUSED = "Failed to load resource: the server responded"

# What sticks out at the sides, by what it is and where it ends. What scrolls by itself may hold more.
OVERHANG = """() => {
  const scrolls = (element) => element && (/auto|scroll/.test(getComputedStyle(element).overflowX)
    || scrolls(element.parentElement));
  const width = document.documentElement.clientWidth, found = [];
  for (const element of document.querySelectorAll("body *")) {
    if (!element.checkVisibility({ visibilityProperty: true })) continue;
    if (element.closest(".unseen, .enter") || scrolls(element.parentElement)) continue;
    const { left, right } = element.getBoundingClientRect();
    if (left < right && (left < -1 || right > width + 1))
      found.push(`${element.tagName}.${element.className} ${left} to ${right}`);
  }
  return found;
}"""

Serve = Callable[..., Awaitable[Town]]


class Visits:
    """The tabs that a test opens. ``requests`` are the addresses that they asked for.

    ``complaints``: messages on a console (violated policies and scripts' errors are there), dialogs,
    loads that failed or came from a site that is not among ``sites``.
    """

    def __init__(self, browser: Browser) -> None:
        self._browser = browser
        self._contexts: list[BrowserContext] = []
        self.complaints: list[str] = []
        self.requests: list[str] = []
        self.sites = {PICTURES}

    async def __call__(
        self,
        url: str,
        *,
        scripts: bool = True,
        width: int = 1440,
        dark: bool = False,
        language: str = "en-US",
    ) -> Page:
        """A new tab that shares nothing with others, at ``url``."""
        context = await self._browser.new_context(
            java_script_enabled=scripts,
            viewport={"width": width, "height": HEIGHT},
            color_scheme="dark" if dark else "light",
            locale=language,
            # A server on this machine has made its certificate by itself.
            ignore_https_errors=True,
            # Colours that are on their way from one to the other are read as neither.
            reduced_motion="reduce",
        )
        self._contexts.append(context)
        context.set_default_timeout(STEP_MS)
        context.on("console", self._note_console)
        context.on("weberror", lambda error: self.complaints.append(f"script: {error.error}"))
        context.on("dialog", self._note_dialog)
        context.on("request", self._note_request)
        context.on("response", self._note_response)
        context.on("requestfailed", self._note_failure)
        await context.route(f"{PICTURES}/**", _show_picture)
        page = await context.new_page()
        self.sites.add(site_of(url))
        await page.goto(url)
        return page

    def _note_console(self, message: ConsoleMessage) -> None:
        if not message.text.startswith(REFUSED):
            self.complaints.append(f"{message.type}: {message.text}")

    async def _note_dialog(self, dialog: Dialog) -> None:
        self.complaints.append(f"dialog: {dialog.message}")
        await dialog.dismiss()

    def _note_request(self, request: Request) -> None:
        self.requests.append(request.url)
        if site_of(request.url) not in self.sites:
            self.complaints.append(f"foreign: {request.url}")

    def _note_response(self, response: Response) -> None:
        is_told = response.request.is_navigation_request() or response.status == FORM_REFUSED
        if response.status >= 400 and not is_told:
            self.complaints.append(f"{response.status}: {response.url}")

    def _note_failure(self, request: Request) -> None:
        # A load that the next page makes useless is given up, which is nobody's mistake.
        if request.failure != "net::ERR_ABORTED":
            self.complaints.append(f"{request.failure}: {request.url}")

    def no_complaints(self) -> None:
        assert self.complaints == [], self.complaints

    async def close(self) -> None:
        for context in self._contexts:
            await context.close()


async def _show_picture(route: Route) -> None:
    await route.fulfill(body=PICTURE, content_type="image/svg+xml")


def site_of(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


async def go(page: Page, selector: str) -> None:
    """Click what leads to another page, and wait for that: what the script changes in place is none."""
    async with page.expect_event("load"):
        await page.click(selector)


async def heading(page: Page) -> str:
    return await page.locator("h1").inner_text()


def is_pictured(code: str) -> bool:
    """Pictures of pages in other languages are taken where pictures are asked for: they take their time."""
    return code == "en" or "SCREENSHOTS" in os.environ


async def looks_right(page: Page, name: str, pictured: Sequence[int] = WIDTHS) -> None:
    """At no width anything sticks out; pictures, and one of the dark, are left in ``FOLDER``."""
    before = page.viewport_size
    for width in WIDTHS:
        await page.set_viewport_size({"width": width, "height": HEIGHT})
        assert await page.evaluate("document.documentElement.scrollWidth") <= width, (name, width)
        overhang = await page.evaluate(OVERHANG)
        assert overhang == [], (name, width, overhang)
        if width in pictured:
            await keep(page, f"{name}-{width}")
    if pictured == WIDTHS:
        await page.emulate_media(color_scheme="dark")
        await keep(page, f"{name}-{WIDTHS[-1]}-dark")
        await page.emulate_media(color_scheme="light")
    if before is not None:
        await page.set_viewport_size(before)


async def keep(page: Page, name: str) -> None:
    """A picture of the whole page, for people to look at.

    On a screen of its height, as which it stays: what is out of sight is not painted in frames, and
    what sticks to the lower edge would hide what is below it.
    """
    screen = page.viewport_size
    assert screen is not None
    height = await page.evaluate("document.documentElement.scrollHeight")
    await page.set_viewport_size({"width": screen["width"], "height": min(height, HEIGHT_MAX)})
    await page.screenshot(path=FOLDER / f"{name}.png", animations="disabled")


@contextlib.asynccontextmanager
async def listening(application: ASGIApp, at: socket.socket | None = None) -> AsyncIterator[str]:
    """An application on a port of loopback, or where somebody listens already; the address of its site."""
    config, stop = Config(), asyncio.Event()
    config.errorlog = config.accesslog = None
    with at or socket.create_server(LOOPBACK) as opened:
        config.bind = [f"fd://{os.dup(opened.fileno())}"]
        serving = asyncio.create_task(
            hypercorn.asyncio.serve(application, config, shutdown_trigger=stop.wait)
        )
        try:
            yield address_of(opened)
        finally:
            stop.set()
            await serving


def address_of(opened: socket.socket) -> str:
    return f"http://127.0.0.1:{opened.getsockname()[1]}"


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def chromium() -> AsyncIterator[Browser]:
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=PROGRAM, args=list(FLAGS), timeout=START_MS
        )
        yield browser
        await browser.close()


@pytest_asyncio.fixture(loop_scope="session")
async def served(town: Open) -> AsyncIterator[Serve]:
    """``here = await served(**town's options)``: the application with the test shop, on a port.

    With ``hosted`` the pages of its plug-ins are at ``here.settings.hosted_url``, a port of their own.
    """
    async with contextlib.AsyncExitStack() as stack:

        async def serve(*, hosted: bool = False, **options: Any) -> Town:
            if not hosted:
                local = await stack.enter_async_context(town(**options))
                return local.at(await stack.enter_async_context(listening(local.application)))
            port = socket.create_server(LOOPBACK)
            url = address_of(port)
            options["server"] = {"hosted_port": port.getsockname()[1], "hosted_url": url}
            local = await stack.enter_async_context(town(**options))
            pages = await stack.enter_async_context(build_hosted(local.settings, Metrics()))
            await stack.enter_async_context(listening(patient(pages), port))
            return local.at(await stack.enter_async_context(listening(local.application)))

        yield serve


@pytest_asyncio.fixture(loop_scope="session")
async def visit(chromium: Browser, served: Serve) -> AsyncIterator[Visits]:
    """``page = await visit(url)``. Tabs are closed before what is ``served``, so that nothing waits."""
    visits = Visits(chromium)
    yield visits
    await visits.close()
    visits.no_complaints()
