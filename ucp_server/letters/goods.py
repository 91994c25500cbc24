"""Goods and money in a letter: pieces of lines, pictures, the rows of a bill."""

from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Final
from urllib.parse import urlsplit

from ucp_server.domain.catalog import picture_url
from ucp_server.domain.methods import SHIPPING
from ucp_server.domain.order import Order, Quantity, delayed, line_counts, promises
from ucp_server.domain.quote import QuotedLine
from ucp_server.domain.refunds import count
from ucp_server.languages import Language
from ucp_server.languages.bills import row_label
from ucp_server.letters.contexts import Item, Row
from ucp_server.letters.words import LINE_CHARACTERS_MAX, legible

# What every mail program shows. It shows no SVG.
_PICTURES: Final = frozenset({".jpg", ".jpeg", ".png", ".gif", ".webp"})


def bought(order: Order, language: Language, site: str) -> tuple[Item, ...]:
    """Every line with its price; pictures only where ``site`` is one that a mail program can reach."""
    return tuple(
        Item(
            title=_title(line),
            pieces=_pieces(line.quantity),
            detail=_each(line, order.currency, language),
            amount=language.amount(line.unit_price_minor * line.quantity, order.currency),
            picture=_picture(line.image_url, site),
        )
        for line in order.lines
    )


def pieces_of(order: Order, lines: tuple[Quantity, ...], site: str = "") -> tuple[Item, ...]:
    """The lines of an event or a change, without prices."""
    return _counted(order, count(lines), site)


def still_to_come(order: Order) -> tuple[Item, ...]:
    """What neither left nor was canceled."""
    counts = line_counts(order)
    return _counted(order, {id_: left.total - left.fulfilled for id_, left in counts.items()}, "")


def late(order: Order, site: str) -> tuple[Item, ...]:
    """What a tool was to supply at once, and a person has to."""
    return _counted(order, delayed(order, line_counts(order)), site)


def in_words(items: tuple[Item, ...]) -> tuple[str, ...]:
    return tuple(f"{item.pieces} {item.title}" for item in items)


def bill(order: Order, language: Language) -> tuple[Row, ...]:
    """The rows in their order; tax that the prices contain is told after them."""
    rows = [
        Row(
            label=legible(row_label(row, language), LINE_CHARACTERS_MAX),
            amount=language.amount(row.amount_minor, order.currency),
            is_total=row.type == "total",
        )
        for row in order.totals
    ]
    if order.included_tax_minor:
        contained = language.amount(order.included_tax_minor, order.currency)
        rows.append(Row(label=language.text("of which tax"), amount=contained, is_aside=True))
    return tuple(rows)


def goes_by_mail(order: Order) -> bool:
    return any(promise.method_type == SHIPPING for promise in promises(order))


def _counted(order: Order, counts: Mapping[str, int], site: str) -> tuple[Item, ...]:
    return tuple(
        Item(
            title=_title(line),
            pieces=_pieces(counts[line.line_id]),
            picture=_picture(line.image_url, site),
        )
        for line in order.lines
        if counts.get(line.line_id, 0) > 0
    )


def _title(line: QuotedLine) -> str:
    return legible(line.title, LINE_CHARACTERS_MAX)


def _pieces(quantity: int) -> str:
    return f"{quantity}\N{NO-BREAK SPACE}×"


def _each(line: QuotedLine, currency: str, language: Language) -> str:
    """The price of one, where there is more than one."""
    if line.quantity == 1:
        return ""
    return language.text("%(price)s each", price=language.amount(line.unit_price_minor, currency))


def _picture(image_url: str | None, site: str) -> str:
    """A mail program fetches only what it finds from anywhere, and without being listened to."""
    url = picture_url(image_url, site) or ""
    parts = urlsplit(url)
    is_shown = parts.scheme == "https" and PurePosixPath(parts.path).suffix.lower() in _PICTURES
    return url if site and is_shown else ""
