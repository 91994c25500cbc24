"""The page behind ``permalink_url``: what was bought, what was promised, what has happened since."""

from collections.abc import Iterator
from datetime import datetime

from ucp_server.domain.order import LineCount, Order, line_counts, problems_of, promises
from ucp_server.domain.quote import QuotedLine
from ucp_server.pages import words
from ucp_server.pages.bill import bill, picture_path
from ucp_server.pages.contexts import Assets, EventRow, LineRow, Notice, OrderPage, Promise, Row, Shop
from ucp_server.pages.words import address_line, amount_text, web_url


def order_page(order: Order, shop: Shop, *, assets: Assets) -> OrderPage:
    counts = line_counts(order)
    is_gone = all(count.total == 0 for count in counts.values())
    title, lead = _heading(order, is_gone=is_gone)
    return OrderPage(
        shop=shop,
        title=title,
        lead=lead,
        assets=assets,
        number=order.id[-12:],
        placed=order.placed_at.strftime("%d %B %Y, %H:%M UTC"),
        notices=_notices(order),
        promises=() if is_gone else _promises(order),
        events=_events(order),
        lines=tuple(_line(line, counts[line.line_id], order.currency) for line in order.lines),
        totals=_totals(order),
    )


def _heading(order: Order, *, is_gone: bool) -> tuple[str, str]:
    if is_gone:
        return "Your order was canceled", "Nothing of it is on its way any more."
    if order.events:
        return "Your order", "This page shows how it comes along."
    return "Thank you for your order", "It is placed, and we are preparing it. Keep this page's address."


def _notices(order: Order) -> tuple[Notice, ...]:
    return tuple(Notice(kind="warning", text=problem.text) for problem in problems_of(order))


def _promises(order: Order) -> tuple[Promise, ...]:
    return tuple(
        Promise(
            how=entry.description or words.METHODS.get(entry.method_type, entry.method_type),
            where=address_line(entry.address),
        )
        for entry in promises(order)
    )


def _line(line: QuotedLine, count: LineCount, currency: str) -> LineRow:
    return LineRow(
        title=line.title,
        quantity=line.quantity,
        amount=amount_text(line.unit_price_minor * line.quantity, currency),
        image_url=picture_path(line.image_url),
        note=words.LINE_STATES[count.state],
    )


def _totals(order: Order) -> tuple[Row, ...]:
    rows = bill(order.totals, order.currency, order.included_tax_minor)
    if order.refunded_minor:
        rows += (Row(label="Refunded", amount=amount_text(-order.refunded_minor, order.currency)),)
    return rows


def _events(order: Order) -> tuple[EventRow, ...]:
    """Goods and money in the order in which it happened."""
    happened = sorted([*_of_goods(order), *_of_money(order)], key=lambda entry: entry[0])
    return tuple(EventRow(when=at.strftime("%d %b %Y"), text=text, url=url) for at, text, url in happened)


def _of_goods(order: Order) -> Iterator[tuple[datetime, str, str | None]]:
    for event in order.events:
        told = (words.EVENTS[event.type], event.carrier, event.tracking_number)
        yield event.occurred_at, ", ".join(part for part in told if part), web_url(event.tracking_url)


def _of_money(order: Order) -> Iterator[tuple[datetime, str, None]]:
    for change in order.adjustments:
        told = [words.ADJUSTMENTS[change.type]]
        if change.amount_minor:
            told.append(amount_text(change.amount_minor, order.currency))
        if change.status == "failed":
            told.append("not possible")
        yield change.occurred_at, ", ".join(told), None
