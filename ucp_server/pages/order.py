"""The page behind ``permalink_url``: what was bought, what was promised, what has happened since."""

from collections.abc import Iterator
from datetime import datetime

from ucp_server.domain.order import LineCount, Order, line_counts, problems_of, promises
from ucp_server.domain.quote import QuotedLine
from ucp_server.languages import Language
from ucp_server.pages import words
from ucp_server.pages.bill import bill, picture_path
from ucp_server.pages.contexts import Assets, EventRow, LineRow, Notice, OrderPage, Promise, Row, Shop
from ucp_server.pages.words import address_line, problem_text, web_url


def order_page(order: Order, shop: Shop, *, assets: Assets) -> OrderPage:
    counts = line_counts(order)
    is_gone = all(count.total == 0 for count in counts.values())
    language = shop.language
    title, lead = _heading(order, language, is_gone=is_gone)
    return OrderPage(
        shop=shop,
        title=title,
        lead=lead,
        assets=assets,
        number=order.id[-12:],
        placed=language.moment(order.placed_at),
        notices=_notices(order, language),
        promises=() if is_gone else _promises(order, language),
        events=_events(order, language),
        lines=tuple(_line(line, counts[line.line_id], order.currency, language) for line in order.lines),
        totals=_totals(order, language),
    )


def _heading(order: Order, language: Language, *, is_gone: bool) -> tuple[str, str]:
    if is_gone:
        return language.text("Your order was canceled"), language.text(
            "Nothing of it is on its way any more."
        )
    if order.events:
        return language.text("Your order"), language.text("This page shows how it comes along.")
    return (
        language.text("Thank you for your order"),
        language.text("It is placed, and we are preparing it. Keep this page's address."),
    )


def _notices(order: Order, language: Language) -> tuple[Notice, ...]:
    return tuple(
        Notice(kind="warning", text=problem_text(problem, language)) for problem in problems_of(order)
    )


def _promises(order: Order, language: Language) -> tuple[Promise, ...]:
    return tuple(
        Promise(
            how=entry.description or language.text(words.METHODS.get(entry.method_type, entry.method_type)),
            where=address_line(entry.address, language),
        )
        for entry in promises(order)
    )


def _line(line: QuotedLine, count: LineCount, currency: str, language: Language) -> LineRow:
    return LineRow(
        title=line.title,
        quantity=line.quantity,
        amount=language.amount(line.unit_price_minor * line.quantity, currency),
        image_url=picture_path(line.image_url),
        note=language.text(words.LINE_STATES[count.state]),
    )


def _totals(order: Order, language: Language) -> tuple[Row, ...]:
    rows = bill(order.totals, order.currency, order.included_tax_minor, language)
    if order.refunded_minor:
        amount = language.amount(-order.refunded_minor, order.currency)
        rows += (Row(label=language.text("Refunded"), amount=amount),)
    return rows


def _events(order: Order, language: Language) -> tuple[EventRow, ...]:
    """Goods and money in the order in which it happened."""
    happened = sorted(
        [*_of_goods(order, language), *_of_money(order, language)], key=lambda entry: entry[0]
    )
    return tuple(EventRow(when=language.date(at), text=text, url=url) for at, text, url in happened)


def _of_goods(order: Order, language: Language) -> Iterator[tuple[datetime, str, str | None]]:
    for event in order.events:
        told = (language.text(words.EVENTS[event.type]), event.carrier, event.tracking_number)
        yield event.occurred_at, ", ".join(part for part in told if part), web_url(event.tracking_url)


def _of_money(order: Order, language: Language) -> Iterator[tuple[datetime, str, None]]:
    for change in order.adjustments:
        told = [language.text(words.ADJUSTMENTS[change.type])]
        if change.amount_minor:
            told.append(language.amount(change.amount_minor, order.currency))
        if change.status == "failed":
            told.append(language.text("not possible"))
        yield change.occurred_at, ", ".join(told), None
