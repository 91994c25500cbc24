"""The page behind ``permalink_url``: where an order stands, what is on its way, what was paid back."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Final

import msgspec

from ucp_server.asgi.times import rfc3339
from ucp_server.domain.methods import PICKUP
from ucp_server.domain.order import (
    Adjustment,
    Expectation,
    LineCount,
    Order,
    Quantity,
    line_counts,
    problems_of,
    promises,
    returned,
)
from ucp_server.domain.parcels import Parcel, parcels
from ucp_server.domain.quote import QuotedLine
from ucp_server.languages import Language, message
from ucp_server.languages.addresses import address_lines
from ucp_server.languages.bills import paid_with
from ucp_server.pages import links, words
from ucp_server.pages.bill import bill, picture_path
from ucp_server.pages.contexts import (
    Change,
    EventRow,
    LineRow,
    Notice,
    OrderPage,
    ParcelCard,
    Piece,
    Promise,
    Row,
    Shop,
    ShopAssets,
    Step,
)
from ucp_server.pages.words import problem_text, web_url

# Where a buyer with a question is sent, the best first: types of the merchant's links.
_CONTACTS: Final = ("contact", "support", "customer_service", "faq")
_STEP_STATES: Final = {
    "done": message("done"),
    "now": message("at this point"),
    "ahead": message("still to come"),
}


class _Standing(msgspec.Struct, frozen=True, kw_only=True):
    """How far an order has come: ``wanted`` pieces less those canceled, ``sent`` of them left the shop."""

    wanted: int
    sent: int
    came_back: int
    all_arrived: bool
    is_collected: bool

    @property
    def is_gone(self) -> bool:
        return self.wanted == 0

    @property
    def is_returned(self) -> bool:
        return 0 < self.wanted == self.sent <= self.came_back

    @property
    def has_arrived(self) -> bool:
        return self.sent == self.wanted and self.all_arrived


def order_page(order: Order, shop: Shop, *, assets: ShopAssets) -> OrderPage:
    language = shop.language
    counts, moved = line_counts(order), parcels(order)
    standing = _standing(order, counts, moved)
    title, lead = _heading(order, standing)
    status, status_kind = _status(standing)
    return OrderPage(
        shop=shop,
        title=language.text(title),
        lead=language.text(lead),
        assets=assets,
        number=order.number,
        placed=language.moment(order.placed_at),
        placed_at=rfc3339(order.placed_at),
        status=language.text(status),
        status_kind=status_kind,
        steps=() if standing.is_gone or standing.is_returned else _steps(order, standing, moved, language),
        notices=_notices(order, language),
        parcels=_parcels(order, moved, language),
        promises=() if standing.is_gone else _promises(order, language),
        changes=changes_of(order, language),
        events=_events(order, language),
        lines=tuple(_line(order, line, counts[line.line_id], language) for line in order.lines),
        totals=bill(order.totals, order.currency, order.included_tax_minor, language),
        settlement=settlement_of(order, language),
        paid_with=paid_with(order.paid_with, language),
        contact=_contact(shop),
        receipt_path=links.in_language(
            links.receipt_path(order.id, order.permalink_token), shop.chosen_language
        ),
    )


def _contact(shop: Shop) -> str:
    by_type = {link.type: link.url for link in shop.links}
    return next((by_type[type_] for type_ in _CONTACTS if type_ in by_type), "")


# --- how far it has come ---


def _standing(order: Order, counts: Mapping[str, LineCount], moved: tuple[Parcel, ...]) -> _Standing:
    ways = {entry.method_type for entry in order.expectations}
    return _Standing(
        wanted=sum(count.total for count in counts.values()),
        sent=sum(count.fulfilled for count in counts.values()),
        came_back=returned(order).total(),
        all_arrived=bool(moved) and all(parcel.is_delivered for parcel in moved),
        is_collected=ways == {PICKUP},
    )


def _heading(order: Order, standing: _Standing) -> tuple[str, str]:
    if standing.is_gone:
        return message("Your order was canceled"), message("Nothing of it is on its way any more.")
    if standing.is_returned:
        return message("Your order came back to us"), message("Below is what we paid back, and when.")
    if standing.has_arrived:
        if standing.is_collected:
            return message("You have collected your order"), message("We hope that you enjoy it.")
        return message("Your order has arrived"), message("We hope that you enjoy it.")
    if standing.sent == standing.wanted:
        return message("Your order is on its way"), message("Below is where each parcel is.")
    if standing.sent and standing.is_collected:
        return message("You have collected a part of your order"), message("We are preparing the rest.")
    if standing.sent:
        return (
            message("A part of your order is on its way"),
            message("Below is what is in each parcel; the rest follows."),
        )
    if order.events or order.adjustments:
        return message("We are preparing your order"), message("This page shows how it comes along.")
    return (
        message("Thank you for your order"),
        message(
            "It is placed, and we are preparing it. Keep this page: it shows how your order comes along."
        ),
    )


def _status(standing: _Standing) -> tuple[str, str]:
    if standing.is_gone:
        return message("Canceled"), "gone"
    if standing.is_returned:
        return message("Returned"), "gone"
    if standing.has_arrived:
        return (message("Collected") if standing.is_collected else message("Delivered")), "done"
    if standing.sent == standing.wanted:
        return message("On its way"), "going"
    if not standing.sent:
        return message("In preparation"), "going"
    return (message("Partly collected") if standing.is_collected else message("Partly sent")), "going"


def _steps(
    order: Order, standing: _Standing, moved: tuple[Parcel, ...], language: Language
) -> tuple[Step, ...]:
    """Behind the buyer, now, and ahead. What nobody sends is collected, or comes without a parcel."""
    ordered = _step(language, message("Ordered"), language.date(order.placed_at), "done")
    arrived = message("Collected") if standing.is_collected else message("Delivered")
    if not standing.has_arrived:
        now = _step(language, _status(standing)[0], _how_far(standing, moved, language), "now")
        return ordered, now, _step(language, arrived, "", "ahead")
    at = max(parcel.latest.occurred_at for parcel in moved)
    left = [parcel.sent.occurred_at for parcel in moved if parcel.sent]
    sent = (_step(language, message("Sent"), language.date(max(left)), "done"),) if left else ()
    return ordered, *sent, _step(language, arrived, language.date(at), "done")


def _how_far(standing: _Standing, moved: tuple[Parcel, ...], language: Language) -> str:
    if not standing.sent:
        return ""
    if standing.sent < standing.wanted:
        return language.text("%(sent)s of %(wanted)s pieces", sent=standing.sent, wanted=standing.wanted)
    return language.date(max(parcel.latest.occurred_at for parcel in moved)) if moved else ""


def _step(language: Language, title: str, detail: str, state: str) -> Step:
    state_text = language.text(_STEP_STATES[state])
    return Step(title=language.text(title), detail=detail, state=state, state_text=state_text)


# --- goods ---


def _parcels(order: Order, moved: tuple[Parcel, ...], language: Language) -> tuple[ParcelCard, ...]:
    many = sum(parcel.sent is not None for parcel in moved) > 1
    return tuple(
        _parcel(order, parcel, _parcel_title(parcel, place, language, many=many), language)
        for place, parcel in enumerate(moved, 1)
    )


def _parcel_title(parcel: Parcel, place: int, language: Language, *, many: bool) -> str:
    if parcel.sent is None:
        return language.text("Handed over")
    return language.text("Parcel %(number)s", number=place) if many else language.text("Your parcel")


def _parcel(order: Order, parcel: Parcel, title: str, language: Language) -> ParcelCard:
    told = parcel.sent or parcel.latest
    return ParcelCard(
        title=title,
        state=language.text(words.EVENTS[parcel.latest.type]),
        when=language.date(parcel.latest.occurred_at),
        is_delivered=parcel.is_delivered,
        carrier=told.carrier or "",
        number=told.tracking_number or "",
        url=web_url(parcel.latest.tracking_url or told.tracking_url),
        note=parcel.latest.description or ("" if parcel.is_delivered else told.description) or "",
        pieces=_pieces(order, parcel.lines),
    )


def _pieces(order: Order, parts: tuple[Quantity, ...]) -> tuple[Piece, ...]:
    titles = {line.line_id: line.title for line in order.lines}
    return tuple(
        Piece(title=titles[part.line_id], quantity=part.quantity)
        for part in parts
        if part.line_id in titles
    )


def _promises(order: Order, language: Language) -> tuple[Promise, ...]:
    promised = promises(order)
    return tuple(_promise(order, entry, language, many=len(promised) > 1) for entry in promised)


def _promise(order: Order, entry: Expectation, language: Language, *, many: bool) -> Promise:
    way = language.text(words.METHODS.get(entry.method_type, entry.method_type))
    where = address_lines(entry.address, language)
    return Promise(
        title=way,
        how=entry.description if entry.description and entry.description != way else "",
        detail=entry.detail or "",
        where=(entry.place, *where) if entry.place else where,
        pieces=_pieces(order, entry.lines) if many else (),
    )


def _line(order: Order, line: QuotedLine, count: LineCount, language: Language) -> LineRow:
    return LineRow(
        title=line.title,
        quantity=line.quantity,
        each=language.amount(line.unit_price_minor, order.currency),
        amount=language.amount(line.unit_price_minor * line.quantity, order.currency),
        image_url=picture_path(line.image_url),
        note=language.joined(_line_notes(order, line, count, language)),
    )


def _line_notes(order: Order, line: QuotedLine, count: LineCount, language: Language) -> Iterator[str]:
    if count.total == 0:
        yield language.text("canceled")
        return
    if count.total < count.original:
        yield language.text("%(number)s canceled", number=count.original - count.total)
    came_back = returned(order)[line.line_id]
    if came_back:
        yield language.text("%(number)s returned", number=came_back)
    elif count.state == "fulfilled":
        yield language.text("sent")
    elif count.state == "partial":
        yield language.text("%(number)s sent", number=count.fulfilled)


# --- money ---


def settlement_of(order: Order, language: Language) -> tuple[Row, ...]:
    """What was paid back, and what the order came to in the end; nothing where all is as it was."""
    if not order.refunded_minor:
        return ()
    back_minor = sum(one.amount_minor for one in order.adjustments if one.status == "completed")
    left_minor = order.total_minor - order.refunded_minor
    parts = (
        (language.text("Paid back"), back_minor),
        (language.text("Being paid back"), order.refunded_minor - back_minor),
    )
    return (
        *(
            Row(label=label, amount=language.amount(-minor, order.currency))
            for label, minor in parts
            if minor
        ),
        Row(
            label=language.text("New total"),
            amount=language.amount(left_minor, order.currency),
            is_total=True,
        ),
    )


def changes_of(order: Order, language: Language) -> tuple[Change, ...]:
    happened = sorted(order.adjustments, key=lambda change: change.occurred_at)
    return tuple(_change(order, change, language) for change in happened)


def _change(order: Order, change: Adjustment, language: Language) -> Change:
    amount = language.amount(change.amount_minor, order.currency) if change.amount_minor else ""
    return Change(
        title=language.text(words.ADJUSTMENTS[change.type]),
        when=language.date(change.occurred_at),
        amount=amount,
        kind={"completed": "done", "pending": "pending", "failed": "failed"}[change.status],
        state=language.text(_change_state(change)),
        note=change.description or "",
        pieces=_pieces(order, change.lines),
    )


def _change_state(change: Adjustment) -> str:
    if not change.amount_minor:
        return ""
    match change.status:
        case "completed":
            return message("Paid back; your bank may need some days to show it.")
        case "pending":
            return message("On its way back to you.")
        case "failed":
            return message("Not possible so far.")


def _notices(order: Order, language: Language) -> tuple[Notice, ...]:
    return tuple(
        Notice(kind="warning", text=problem_text(problem, language)) for problem in problems_of(order)
    )


# --- all of it, in its order ---


def _events(order: Order, language: Language) -> tuple[EventRow, ...]:
    """Goods and money in the order in which it happened; nothing while only the order was placed."""
    happened = sorted(
        [*_of_goods(order, language), *_of_money(order, language)], key=lambda entry: entry[0]
    )
    placed = (order.placed_at, language.text("Order placed"))
    rows = (placed, *happened) if happened else ()
    return tuple(EventRow(at=rfc3339(at), when=language.date(at), text=text) for at, text in rows)


def _of_goods(order: Order, language: Language) -> Iterator[tuple[datetime, str]]:
    for event in order.events:
        told = (language.text(words.EVENTS[event.type]), event.carrier, event.tracking_number)
        yield event.occurred_at, language.joined(part or "" for part in told)


def _of_money(order: Order, language: Language) -> Iterator[tuple[datetime, str]]:
    for change in order.adjustments:
        told = [language.text(words.ADJUSTMENTS[change.type])]
        if change.amount_minor:
            told.append(language.amount(change.amount_minor, order.currency))
        if change.status == "failed":
            told.append(language.text("not possible"))
        yield change.occurred_at, language.joined(told)
