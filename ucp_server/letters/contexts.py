"""What both templates of a letter are given: frozen, complete, already in words."""

import msgspec


class Link(msgspec.Struct, frozen=True, kw_only=True):
    text: str
    url: str


class Item(msgspec.Struct, frozen=True, kw_only=True):
    """Pieces of one line; ``pieces`` is their number as it is written before the title.

    ``detail``, ``amount`` and ``picture`` (a URL) are empty where the letter is not about them.
    """

    title: str
    pieces: str
    detail: str = ""
    amount: str = ""
    picture: str = ""


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """``is_aside``: no part of the sum, but told beside it."""

    label: str
    amount: str
    is_total: bool = False
    is_aside: bool = False


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """Some lines under a heading: an address, a parcel's number, what is still to come."""

    title: str
    lines: tuple[str, ...]


class Letter(msgspec.Struct, frozen=True, kw_only=True):
    """``preview`` is what a list of mails shows beside the subject; the body does not.

    ``language`` and ``direction`` are those of HTML's ``lang`` and ``dir``. Without ``items`` their
    title ``goods`` is not shown either. ``links`` lead to what the shop has to say of itself.
    """

    language: str
    direction: str
    shop: str
    subject: str
    preview: str
    heading: str
    facts: tuple[str, ...]
    greeting: str
    paragraphs: tuple[str, ...]
    goods: str
    items: tuple[Item, ...]
    rows: tuple[Row, ...]
    parts: tuple[Part, ...]
    button: Link
    other: Link | None
    closing: tuple[str, ...]
    links: tuple[Link, ...]
