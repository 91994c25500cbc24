"""An order for the buyer's own books: who sold what to whom, the tax in it, how it was paid."""

from collections.abc import Iterator

from ucp_server.asgi.times import rfc3339
from ucp_server.domain.methods import PICKUP
from ucp_server.domain.order import Order, promises
from ucp_server.domain.quote import QuotedLine
from ucp_server.languages import Language
from ucp_server.languages.addresses import address_lines
from ucp_server.languages.bills import paid_with
from ucp_server.languages.names import name_of
from ucp_server.pages import links
from ucp_server.pages.bill import bill
from ucp_server.pages.contexts import ReceiptLine, ReceiptPage, Shop, ShopAssets
from ucp_server.pages.order import changes_of, settlement_of


def receipt_page(order: Order, shop: Shop, *, assets: ShopAssets) -> ReceiptPage:
    language = shop.language
    path = links.order_path(order.id, order.permalink_token)
    return ReceiptPage(
        shop=shop,
        # What a browser proposes as the name of the file.
        title=language.text("Receipt %(number)s", number=order.number),
        assets=assets,
        number=order.number,
        placed=language.moment(order.placed_at),
        placed_at=rfc3339(order.placed_at),
        paid=_paid(order, language),
        paid_with=paid_with(order.paid_with, language),
        seller=shop.seller or (shop.title,),
        billed_to=_billed_to(order, language),
        sent_to=_sent_to(order, language),
        lines=tuple(_line(order, line, language) for line in order.lines),
        totals=bill(order.totals, order.currency, order.included_tax_minor, language),
        changes=changes_of(order, language),
        settlement=settlement_of(order, language),
        order_path=links.in_language(path, shop.chosen_language),
    )


def _paid(order: Order, language: Language) -> str:
    if order.payment == "payment_failed":
        return language.text("Not paid")
    if order.payment == "authorised":
        return language.text("Authorised, to be collected")
    return language.text("Paid")


def _billed_to(order: Order, language: Language) -> tuple[str, ...]:
    """The address that the card has, else who the buyer is."""
    lines = address_lines(order.paid_with.billing_address, language) if order.paid_with else ()
    told = (*(lines or (name_of(order.buyer, language),)), order.buyer.email if order.buyer else "")
    return tuple(line for line in told if line)


def _sent_to(order: Order, language: Language) -> tuple[tuple[str, ...], ...]:
    """Each address once to which anything goes that was not canceled."""
    sent = (entry.address for entry in promises(order) if entry.method_type != PICKUP)
    return tuple(dict.fromkeys(filter(None, (address_lines(address, language) for address in sent))))


def _line(order: Order, line: QuotedLine, language: Language) -> ReceiptLine:
    return ReceiptLine(
        title=line.title,
        quantity=line.quantity,
        each=language.amount(line.unit_price_minor, order.currency),
        amount=language.amount(line.unit_price_minor * line.quantity, order.currency),
        note=language.joined(_notes(order, line, language)),
    )


def _notes(order: Order, line: QuotedLine, language: Language) -> Iterator[str]:
    """The reduction stands in the totals too: here it says which line it is of.

    Where some taxes are contained and others were added, nobody noted which of them a line has.
    """
    reduced_minor = sum(row.amount_minor for row in line.totals if row.type == "items_discount")
    if reduced_minor:
        yield language.text("discount %(amount)s", amount=language.amount(reduced_minor, order.currency))
    contained = order.included_tax_minor > 0
    added = any(row.type == "tax" for row in order.totals)
    if line.tax_minor and not (contained and added):
        amount = language.amount(line.tax_minor, order.currency)
        yield (
            language.text("of which tax %(amount)s", amount=amount)
            if contained
            else language.text("plus tax %(amount)s", amount=amount)
        )
