"""A browser for tests: it reads a page as one without JavaScript does, fills forms and presses buttons."""

from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Self
from urllib.parse import urljoin, urlsplit

import httpx2

ALONE = frozenset({"meta", "link", "input", "img", "br"})


@dataclass
class Control:
    """One input, select or button of a form, with what it would post."""

    tag: str
    name: str
    value: str
    type: str = ""
    is_posted: bool = True
    is_required: bool = False
    choices: list[str] = field(default_factory=list)


class Page(HTMLParser):
    """What an answer shows. ``texts`` are the visible texts by the class of what holds them."""

    def __init__(self, reply: httpx2.Response) -> None:
        super().__init__(convert_charrefs=True)
        self.reply = reply
        self.url = str(reply.url)
        self.controls: list[Control] = []
        self.tags: list[tuple[str, dict[str, str]]] = []
        self.held: list[tuple[str, str]] = []
        self.words: list[tuple[tuple[str, ...], str]] = []
        self.feed(reply.text)
        self.close()
        assert self.held == [], f"left open: {self.held}"

    # --- reading ---

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        self.tags.append((tag, given))
        if tag not in ALONE:
            self.held.append((tag, given.get("class", "")))
        if tag in ("input", "select", "button") and "name" in given:
            self._add_control(tag, given)
        if tag == "option":
            self.controls[-1].choices.append(given["value"])
            if "selected" in given or len(self.controls[-1].choices) == 1:
                self.controls[-1].value = given["value"]

    def _add_control(self, tag: str, given: dict[str, str]) -> None:
        self.controls.append(
            Control(
                tag=tag,
                name=given["name"],
                value=given.get("value", ""),
                type=given.get("type", ""),
                is_posted=tag != "button"
                and (given.get("type") not in ("radio", "checkbox") or "checked" in given),
                is_required="required" in given,
            )
        )

    def handle_endtag(self, tag: str) -> None:
        opened, _ = self.held.pop()
        assert opened == tag, f"{opened} is closed by {tag}"

    def handle_data(self, data: str) -> None:
        if data.strip():
            self.words.append((tuple(name for _, name in self.held if name), " ".join(data.split())))

    # --- what a person sees ---

    @property
    def text(self) -> str:
        return " ".join(text for _, text in self.words).replace("\N{NO-BREAK SPACE}", " ")

    def texts(self, name: str) -> list[str]:
        """The visible texts inside of elements of a class."""
        found = [text for classes, text in self.words if any(name in each.split() for each in classes)]
        return [text.replace("\N{NO-BREAK SPACE}", " ") for text in found]

    @property
    def title(self) -> str:
        heading = [i for i, (tag, _) in enumerate(self.tags) if tag == "h1"]
        assert len(heading) == 1, "a page has one heading"
        return self.reply.text.partition("<h1>")[2].partition("</h1>")[0]

    def links(self) -> list[str]:
        return [given["href"] for tag, given in self.tags if tag == "a"]

    def buttons(self) -> list[str]:
        """What the submit buttons post, in the order of the page."""
        return [control.value for control in self.controls if control.tag == "button"]

    def choices(self, name: str) -> list[str]:
        return [control.value for control in self.controls if control.name == name]

    def fields(self) -> dict[str, str]:
        """What the browser would post, were no button pressed and nothing changed."""
        return {control.name: control.value for control in self.controls if control.is_posted}


class Buyer:
    """A person at a browser. ``headers`` are those that browsers send with a form of the same site."""

    def __init__(self, client: httpx2.AsyncClient) -> None:
        self.client = client

    @classmethod
    def at(cls, application: object, site: str) -> Self:
        return cls(httpx2.AsyncClient(transport=httpx2.ASGITransport(application), base_url=site))

    async def open(self, url: str) -> Page:
        return Page(await self.client.get(url))

    async def press(self, page: Page, action: str, **changes: str) -> Page:
        """Fill in ``changes`` (dots written as two underscores), press, and follow to the next page."""
        return await self.follow(await self.post(page, action, **changes))

    async def post(self, page: Page, action: str, **changes: str) -> httpx2.Response:
        assert action in page.buttons(), f"no button for {action}: {page.text}"
        typed = {name.replace("__", "."): text for name, text in changes.items()}
        unknown = typed.keys() - {control.name for control in page.controls}
        assert not unknown, f"the page has no fields {unknown}"
        return await self.send(page.url, page.fields() | typed | {"action": action})

    async def send(
        self, url: str, fields: dict[str, str], headers: dict[str, str] | None = None
    ) -> httpx2.Response:
        return await self.client.post(url, data=fields, headers=same_site(url) | (headers or {}))

    async def follow(self, reply: httpx2.Response) -> Page:
        assert reply.status_code == 303, (reply.status_code, reply.text)
        return await self.open(urljoin(str(reply.url), reply.headers["location"]))


def same_site(url: str) -> dict[str, str]:
    parts = urlsplit(url)
    return {"Origin": f"{parts.scheme}://{parts.netloc}", "Sec-Fetch-Site": "same-origin"}
