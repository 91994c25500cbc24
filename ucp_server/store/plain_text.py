"""Texts of a shop as plain text: without markup, on one line, no longer than agents can use.

Shops write descriptions in HTML, exports escape it once more. Whoever asks a catalog is given plain
text, so it is made when a shop is loaded and not with every search.
"""

import re
from html.parser import HTMLParser
from typing import Final, NamedTuple

TITLE_CHARS_MAX: Final = 300
# Ten products on a page with their variants stay within what an agent reads at once.
DESCRIPTION_CHARS_MAX: Final = 2_000
# What is looked at of a longer text: markup rarely outweighs the words twenty times.
MARKUP_CHARS_MAX: Final = 50_000

# Escaped once by the shop's editor and once by its export; deeper is somebody's mistake.
_LAYERS_MAX: Final = 3
_UNSHOWN: Final = frozenset({"script", "style", "template", "title", "head", "noscript", "iframe", "svg"})
# Words on both sides of these do not touch; those on both sides of <b> do.
_INLINE: Final = frozenset(
    {"a", "abbr", "b", "bdi", "bdo", "big", "cite", "code", "em", "font", "i", "ins", "mark", "s", "small",
     "span", "strong", "sub", "sup", "tt", "u", "wbr"}
)  # fmt: skip
_MARKUP: Final = re.compile(r"<[A-Za-z/!?]|&[A-Za-z#]")
_TAG_START: Final = re.compile(r"<+(?=[A-Za-z/!?])")
_UNFINISHED_TAG: Final = re.compile(r"<[^<>]{0,1000}\Z")
_UNPRINTABLE: Final = re.compile(r"[\x00-\x08\x0e-\x1f\x7f-\x9f\ud800-\udfff]")


class PlainText(NamedTuple):
    """``is_cut``: there was more of it."""

    text: str
    is_cut: bool


def plain_text(written: str, chars_max: int) -> PlainText:
    """``written`` without markup, blanks joined, at most ``chars_max`` characters, cut after a word."""
    seen = written
    if len(written) > MARKUP_CHARS_MAX:
        seen = _UNFINISHED_TAG.sub("", written[:MARKUP_CHARS_MAX])
    text = _without_markup(seen)
    if len(text) > chars_max:
        return PlainText(_shortened(text, chars_max), is_cut=True)
    return PlainText(text, is_cut=len(written) > MARKUP_CHARS_MAX)


def _without_markup(text: str) -> str:
    for _ in range(_LAYERS_MAX):
        if not _MARKUP.search(text):
            break
        reader = _Words()
        reader.feed(text)
        reader.close()
        text = "".join(reader.words)
    return " ".join(_TAG_START.sub("", _UNPRINTABLE.sub("", text)).split())


def _shortened(text: str, chars_max: int) -> str:
    room = text[: chars_max - 1]
    # A language without blanks, or one endless word, is cut where the room ends.
    at_word = room.rfind(" ") if text[chars_max - 1] != " " else len(room)
    end = at_word if at_word > chars_max // 2 else len(room)
    return room[:end].rstrip(" ,;:–-") + "…"


class _Words(HTMLParser):
    """What of a page is read by people. An unclosed script has no end, as in browsers."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.words: list[str] = []
        self._unshown: str | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        del attrs
        if tag in _UNSHOWN and self._unshown is None:
            self._unshown = tag
        self._part(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        del attrs
        self._part(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag == self._unshown:
            self._unshown = None
        self._part(tag)

    def handle_data(self, data: str) -> None:
        if self._unshown is None:
            self.words.append(data)

    def _part(self, tag: str) -> None:
        if tag not in _INLINE:
            self.words.append(" ")
