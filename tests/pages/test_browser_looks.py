"""Every page in every language: nothing sticks out, nobody is kept out, nothing is heavy."""

from urllib.parse import urlsplit

import pytest
from playwright.async_api import Page, Response

from tests.pages.axe import AXE, findings
from tests.pages.chromium import BROWSER, WIDTHS, Serve, Visits, is_pictured, looks_right, site_of
from tests.pages.sights import SIGHTS, TOWN
from ucp_server.languages import LANGUAGES

pytestmark = BROWSER
PAGE_MAX_BYTES = 60_000
PICTURE_MAX_BYTES = 40_000
# Eight pages in four languages, on a machine that does eight other things.
WALK_S = 300


class Scales:
    """What a page needs that is opened for the first time, as read by the browser."""

    def __init__(self, page: Page) -> None:
        self._answers: dict[str, Response] = {}
        page.on("response", self._note)

    def _note(self, answer: Response) -> None:
        self._answers[answer.url] = answer

    async def weigh(self) -> None:
        """Weigh what came since the last time."""
        found = [
            (answer.request.resource_type, len(await answer.body())) for answer in self._answers.values()
        ]
        self._answers.clear()
        pictures = [weight for kind, weight in found if kind == "image"]
        assert sum(weight for _, weight in found) - sum(pictures) < PAGE_MAX_BYTES, found
        assert max(pictures, default=0) < PICTURE_MAX_BYTES, found


def in_language(url: str, code: str) -> str:
    return f"{url}{'&' if urlsplit(url).query else '?'}lang={code}"


@pytest.mark.parametrize("kind", SIGHTS)
@pytest.mark.timeout(WALK_S)
@AXE
async def test_every_page_is_for_everybody(served: Serve, visit: Visits, kind: str):
    here = await served(**TOWN)
    visit.sites.add(site_of(str(here.client.base_url)))
    page = await visit("about:blank")
    scales = Scales(page)
    wrong = []
    for name, led in SIGHTS[kind].items():
        url = await led(here)
        for code in LANGUAGES:
            await page.goto(in_language(url, code))
            assert await page.evaluate("document.documentElement.lang") == code, name
            await looks_right(page, f"{name}-{code}", pictured=WIDTHS if is_pictured(code) else ())
            await scales.weigh()
            found = await findings(page)
            if code == "en":
                # Colours are those of all languages.
                await page.emulate_media(color_scheme="dark")
                found += await findings(page, "color-contrast")
                await page.emulate_media(color_scheme="light")
            wrong += [f"{name} {code} {finding}" for finding in found]
    assert wrong == []
