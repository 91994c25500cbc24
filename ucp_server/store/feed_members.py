"""The members of a line of a feed as cells, so that a feed is read by the rules of our own files.

A member has our name, or the one of Google's product data (``image_link``, also ``imageLink``).
"""

import re
from collections.abc import Iterator, Mapping
from collections.abc import Set as AbstractSet
from functools import lru_cache
from typing import Final

import msgspec

from ucp_server.store.csv_rows import CellError, Cells
from ucp_server.store.product_cells import DESCRIPTION_IN, OPTION, PREFIXES, PRODUCT_COLUMNS, TITLE_IN

GROUP_TITLE: Final = "item_group_title"
_COLUMNS: Final = frozenset({*PRODUCT_COLUMNS, "product_id", GROUP_TITLE})
_NAMES: Final = {
    "offer_id": "id", "item_group_id": "product_id", "link": "url", "image_link": "image_url",
    "additional_image_link": "media", "additional_image_links": "media", "images": "media",
    "product_types": "product_type", "mpn": "sku", "content_language": "language", "stock": "quantity",
    "inventory": "quantity", "review_count": "rating_count",
    "color": "option:Color", "size": "option:Size", "material": "option:Material",
    "pattern": "option:Pattern", "gender": "option:Gender", "age_group": "option:Age group",
}  # fmt: skip
_LISTS: Final = frozenset({"media", "tags", "gtin", "ean", "upc", "isbn", "jan", "product_type"})
_TRANSLATED: Final = {"title": TITLE_IN, "description": DESCRIPTION_IN}
# A feed has some dozens of members; what names its members at random shall not fill the memory.
_NAMES_KEPT: Final = 1_000
# As many as a person can choose among, and languages a shop is kept in.
_ENTRIES_MAX: Final = 50


def cells_of(
    members: Mapping[str, object], line: int, ignored: set[str], *, without: AbstractSet[str] = frozenset()
) -> Cells:
    """The cells of one product or variant; names of members that mean nothing go to ``ignored``.

    The columns ``without`` are left empty.
    Raises `CellError` for a value that no cell can hold.
    """
    cells: dict[str, str] = {}
    for name, value in members.items():
        column = _column(name)
        if value is None or column in without:
            continue
        for each, text in _flat(column, value):
            if each in _COLUMNS or each.startswith(PREFIXES):
                # Two names of one column: the one that came first holds.
                cells.setdefault(each, text)
            elif len(ignored) < _NAMES_KEPT:
                ignored.add(name[:80])
    return Cells(cells, line)


@lru_cache(maxsize=_NAMES_KEPT)
def _column(name: str) -> str:
    snake = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name.removeprefix("g:")).lower()
    return _NAMES.get(snake, name if name.startswith(PREFIXES) else snake)


def _flat(column: str, value: object) -> Iterator[tuple[str, str]]:
    match value:
        case str() | bool() | int() | float():
            yield column, _listed(_text(value)) if column == "media" else _text(value)
        case list() if column == "options":
            yield from map(_option, value[:_ENTRIES_MAX])
        case list() if column in _COLUMNS:
            texts = [_text(each) for each in value]
            yield column, msgspec.json.encode(texts).decode() if column in _LISTS else "|".join(texts)
        case dict() if column == "options":
            yield from ((OPTION + name, _text(label)) for name, label in _few(column, value))
        case dict() if column == "translations":
            for language, texts_there in _few(column, value):
                yield from _translation(language, texts_there)
        case dict() if column in _COLUMNS:
            yield column, _measured(column, value)
        case _:
            if column in _COLUMNS:
                raise CellError(f"{column} is no text, number or list of such")
            yield column, ""


def _text(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, str | int | float):
        return str(value)
    raise CellError("a list or an object stands where a text or a number belongs")


def _listed(text: str) -> str:
    """Feeds write several pictures with commas between them, which a URL has to escape."""
    return text if text.startswith("[") else "|".join(re.split(r"[,|]\s*(?=https?://)", text))


def _few(column: str, entries: Mapping[str, object]) -> Iterator[tuple[str, object]]:
    if len(entries) > _ENTRIES_MAX:
        raise CellError(f"{column} has more than {_ENTRIES_MAX} members")
    yield from entries.items()


def _option(entry: object) -> tuple[str, str]:
    match entry:
        case {"name": str(name), "label": label} | {"name": str(name), "value": label}:
            return OPTION + name, _text(label)
    raise CellError("options has something else than names with their label or value")


def _translation(language: str, texts: object) -> Iterator[tuple[str, str]]:
    if not isinstance(texts, dict):
        raise CellError(f"translations has no title and description for {language[:40]}")
    for name, text in texts.items():
        if name not in _TRANSLATED:
            raise CellError(f"translations has something else than title and description: {name[:40]}")
        yield _TRANSLATED[name] + language, _text(text)


def _measured(column: str, value: Mapping[str, object]) -> str:
    """``{"value": 14.9, "currency": "EUR"}`` and ``{"value": 310, "unit": "g"}`` in one text."""
    unit = value.get("currency", value.get("unit"))
    if set(value) - {"value", "currency", "unit"} or "value" not in value or unit is None:
        raise CellError(f"{column} is not a value with its currency or unit")
    return f"{_text(value['value'])} {_text(unit)}"
