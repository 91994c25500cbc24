"""What each kind of letter says."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import Final

from ucp_server.domain.methods import PICKUP
from ucp_server.domain.order import (
    Adjustment,
    Expectation,
    FulfillmentEvent,
    Order,
    line_counts,
    promises,
)
from ucp_server.languages import Language
from ucp_server.languages.bills import paid_with
from ucp_server.letters import goods
from ucp_server.letters.contexts import Item, Link, Part, Row
from ucp_server.letters.words import label, lines_of, window


@dataclass(frozen=True, kw_only=True, slots=True)
class News:
    """What happened, and when it did (``at``); ``event`` or ``adjustment`` is what it is about.

    ``picture_site`` is empty where pictures cannot be reached from elsewhere.
    """

    shop: str
    order: Order
    event: FulfillmentEvent | None
    adjustment: Adjustment | None
    at: datetime
    language: Language
    order_url: str
    picture_site: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Saying:
    """The members of a `Letter` that depend on what it is about."""

    subject: str
    preview: str
    heading: str
    paragraphs: tuple[str, ...]
    button: Link
    other: Link | None = None
    goods: str = ""
    items: tuple[Item, ...] = ()
    rows: tuple[Row, ...] = ()
    parts: tuple[Part, ...] = ()


def _placed(news: News) -> Saying:
    order, language = news.order, news.language
    paragraphs = [language.text("Your order is placed, and we are preparing it.")]
    if goods.goes_by_mail(order):
        paragraphs.append(language.text("We will write to you again as soon as it is on its way."))
    total = language.amount(order.total_minor, order.currency)
    return Saying(
        subject=language.text("Your order at %(shop)s", shop=news.shop),
        preview=language.text("Order %(number)s, %(total)s in all", number=order.number, total=total),
        heading=language.text("Thank you for your order"),
        paragraphs=tuple(paragraphs),
        goods=language.text("What you ordered"),
        items=goods.bought(order, language, news.picture_site),
        rows=goods.bill(order, language),
        parts=(
            *(part for promise in promises(order) for part in _promised(promise, language)),
            *_paid_with(news),
        ),
        button=_to_order(news),
    )


def _shipped(news: News) -> Saying:
    language = news.language
    subject, heading = _how_much_left(news)
    items = goods.pieces_of(news.order, news.event.lines if news.event else (), news.picture_site)
    parts = (*_parcel(news), *_addresses(news), *_to_come(news))
    track_url = (news.event.tracking_url if news.event else None) or ""
    to_order = _to_order(news)
    return Saying(
        subject=subject,
        preview=language.joined(goods.in_words(items)),
        heading=heading,
        paragraphs=(language.text("Your parcel has left us."),),
        goods=language.text("In this parcel"),
        items=items,
        parts=parts,
        button=Link(text=language.text("Follow this parcel"), url=track_url) if track_url else to_order,
        other=to_order if track_url else None,
    )


def _how_much_left(news: News) -> tuple[str, str]:
    """Subject and heading of a shipment: of everything, of a part, of what was left."""
    language, order, shop = news.language, news.order, news.shop
    if goods.still_to_come(order):
        subject = language.text("A part of your order from %(shop)s is on its way", shop=shop)
        return subject, language.text("A part of your order is on its way")
    if any(event.type == "shipped" and event != news.event for event in order.events):
        subject = language.text("The rest of your order from %(shop)s is on its way", shop=shop)
        return subject, language.text("The rest of your order is on its way")
    subject = language.text("Your order from %(shop)s is on its way", shop=shop)
    return subject, language.text("Your order is on its way")


def _canceled(news: News) -> Saying:
    language, shop = news.language, news.shop
    adjustment = news.adjustment
    if all(left.total == 0 for left in line_counts(news.order).values()):
        subject = language.text("Your order at %(shop)s was canceled", shop=shop)
        heading = language.text("Your order was canceled")
        first = language.text("Nothing of it is on its way any more.")
    else:
        subject = language.text("A part of your order at %(shop)s was canceled", shop=shop)
        heading = language.text("A part of your order was canceled")
        first = language.text("The rest of your order stays as it is.")
    money = _money_of_canceled(news)
    return Saying(
        subject=subject,
        preview=money or first,
        heading=heading,
        paragraphs=(first, money) if money else (first,),
        goods=language.text("Canceled"),
        items=goods.pieces_of(news.order, adjustment.lines if adjustment else (), news.picture_site),
        parts=_reason(adjustment, language),
        button=_to_order(news),
    )


def _money_of_canceled(news: News) -> str:
    """What becomes of the money; empty where none was asked for."""
    language, order, adjustment = news.language, news.order, news.adjustment
    if order.payment == "payment_failed":
        return language.text("You were not charged for it.")
    if adjustment is None or not adjustment.amount_minor:
        return ""
    amount = language.amount(adjustment.amount_minor, order.currency)
    return language.text(
        "You will get %(amount)s back, the way you paid. We will write to you again when it is on its way.",
        amount=amount,
    )


def _refunded(news: News) -> Saying:
    language, order, adjustment = news.language, news.order, news.adjustment
    amount = language.amount(adjustment.amount_minor if adjustment else 0, order.currency)
    bank = language.text(
        "It goes to the card or account that you paid with. Your bank may take a few days to show it."
    )
    return Saying(
        subject=language.text("A refund from %(shop)s", shop=news.shop),
        preview=bank,
        heading=language.text("We paid %(amount)s back to you", amount=amount),
        paragraphs=(bank,),
        goods=language.text("Canceled"),
        items=goods.pieces_of(order, adjustment.lines if adjustment else (), news.picture_site),
        rows=_repayments(news),
        parts=_reason(adjustment, language),
        button=_to_order(news),
    )


def _late(news: News) -> Saying:
    language = news.language
    items = goods.late(news.order, news.picture_site)
    return Saying(
        subject=language.text("A part of your order at %(shop)s takes longer", shop=news.shop),
        preview=language.joined(goods.in_words(items)),
        heading=language.text("A part of your order takes longer"),
        paragraphs=(
            language.text(
                "We could not supply it at once. We are sorry about that, and see to it in person."
            ),
        ),
        goods=language.text("This takes longer"),
        items=items,
        button=_to_order(news),
    )


def _repayments(news: News) -> tuple[Row, ...]:
    """The refund beside the order's total, and what was paid back in all where that is more."""
    language, order = news.language, news.order
    paid_minor = sum(a.amount_minor for a in order.adjustments if a.status == "completed")
    now_minor = news.adjustment.amount_minor if news.adjustment else 0
    told = [(language.text("Total of your order"), order.total_minor)]
    if paid_minor > now_minor:
        told.append((language.text("Paid back before"), paid_minor - now_minor))
    told.append((language.text("Paid back on %(date)s", date=language.date(news.at)), now_minor))
    return tuple(
        Row(
            label=label,
            amount=language.amount(minor, order.currency),
            is_total=place == len(told) - 1,
        )
        for place, (label, minor) in enumerate(told)
    )


# --- parts ---


def _to_order(news: News) -> Link:
    return Link(text=news.language.text("See your order"), url=news.order_url)


def _promised(promise: Expectation, language: Language) -> tuple[Part, ...]:
    """How it comes and when, and where it goes; or where to collect it, and how."""
    told = lines_of((promise.description, promise.detail))
    if days := window(promise, language):
        told += (days,)
    address = label(promise.address, language)
    if promise.method_type == PICKUP:
        lines = (*lines_of((promise.place,)), *address, *told)
        return (Part(title=language.text("Collect in person"), lines=lines),)
    return tuple(
        Part(title=title, lines=lines)
        for title, lines in (
            (language.text("Delivery"), told),
            (language.text("It goes to"), address),
        )
        if lines
    )


def _paid_with(news: News) -> tuple[Part, ...]:
    lines = lines_of((paid_with(news.order.paid_with, news.language),))
    return (Part(title=news.language.text("Paid with"), lines=lines),) if lines else ()


def _parcel(news: News) -> tuple[Part, ...]:
    event = news.event
    lines = lines_of((event.carrier, event.tracking_number, event.description)) if event else ()
    return (Part(title=news.language.text("Your parcel"), lines=lines),) if lines else ()


def _addresses(news: News) -> tuple[Part, ...]:
    """Where the goods of the event go: each address once."""
    sent = {part.line_id for part in news.event.lines} if news.event else set[str]()
    found = dict.fromkeys(
        label(promise.address, news.language)
        for promise in news.order.expectations
        if any(part.line_id in sent for part in promise.lines)
    )
    return tuple(Part(title=news.language.text("It goes to"), lines=lines) for lines in found if lines)


def _to_come(news: News) -> tuple[Part, ...]:
    left = goods.in_words(goods.still_to_come(news.order))
    return (Part(title=news.language.text("Still to come"), lines=left),) if left else ()


def _reason(adjustment: Adjustment | None, language: Language) -> tuple[Part, ...]:
    """The shop's own words, where it gave any."""
    lines = lines_of((adjustment.description,)) if adjustment else ()
    return (Part(title=language.text("Reason"), lines=lines),) if lines else ()


SAYINGS: Final[Mapping[str, Callable[[News], Saying]]] = MappingProxyType(
    {
        "placed": _placed,
        "served": _late,
        "shipped": _shipped,
        "canceled": _canceled,
        "refunded": _refunded,
    }
)
