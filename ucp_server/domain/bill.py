"""The whole bill: every line and every row, so that all sums hold (digest 8.2)."""

from collections.abc import Mapping, Sequence

import msgspec

from ucp_server.domain.checkout import Line
from ucp_server.domain.discounts import Discounted
from ucp_server.domain.quote import AppliedDiscount, PricedLine, QuotedLine, Total
from ucp_server.domain.taxes import Tax
from ucp_server.domain.totals import line_totals, summed


class Delivery(msgspec.Struct, frozen=True, kw_only=True):
    """The chosen way of one method: its title, its price before tax handling, its tax."""

    title: str
    price_minor: int
    tax: Tax | None = None


class Bill(msgspec.Struct, frozen=True, kw_only=True):
    lines: tuple[QuotedLine, ...]
    totals: tuple[Total, ...]
    included_tax_minor: int


def make_bill(
    lines: Sequence[Line],
    priced: Sequence[PricedLine],
    discounted: Discounted,
    *,
    line_taxes: Mapping[str, Tax],
    deliveries: Sequence[Delivery],
) -> Bill:
    """Bill all ``lines``; those that are not ``priced`` (no longer for sale) stand in it at 0.

    Raises `AmountOutOfRangeError`.
    """
    by_id = {line.line_id: line for line in priced}
    taxes = [*line_taxes.values(), *(delivery.tax for delivery in deliveries if delivery.tax)]
    return Bill(
        lines=tuple(
            _quoted(line, by_id.get(line.id), discounted, line_taxes.get(line.id)) for line in lines
        ),
        totals=_bill_totals(priced, discounted, deliveries, taxes),
        included_tax_minor=sum(tax.minor for tax in taxes if tax.is_included),
    )


def _quoted(line: Line, priced: PricedLine | None, discounted: Discounted, tax: Tax | None) -> QuotedLine:
    if priced is None:
        return QuotedLine(
            line_id=line.id,
            item_id=line.item_id,
            title=line.item_id,
            unit_price_minor=0,
            quantity=line.quantity,
            totals=line_totals(0, 0),
            parent_id=line.parent_id,
        )
    return QuotedLine(
        line_id=line.id,
        item_id=line.item_id,
        title=priced.item.title,
        unit_price_minor=priced.item.price.minor,
        quantity=line.quantity,
        totals=line_totals(priced.base_minor, discounted.items_minor[line.id]),
        image_url=priced.item.image_url,
        parent_id=line.parent_id,
        tax_minor=tax.minor if tax else 0,
    )


def _bill_totals(
    priced: Sequence[PricedLine],
    discounted: Discounted,
    deliveries: Sequence[Delivery],
    taxes: Sequence[Tax],
) -> tuple[Total, ...]:
    rows = [Total(type="subtotal", amount_minor=sum(line.base_minor for line in priced))]
    by_lines = sum(discounted.items_minor.values())
    if by_lines:
        rows.append(Total(type="items_discount", amount_minor=-by_lines))
    if discounted.order_minor:
        of_order = [discount for discount in discounted.applied if not discount.allocations]
        rows.append(Total(type="discount", amount_minor=-discounted.order_minor, text=_titles(of_order)))
    if deliveries:
        price = sum(delivery.price_minor for delivery in deliveries)
        rows.append(Total(type="fulfillment", amount_minor=price, text=_titles(deliveries)))
    added = [tax.minor for tax in taxes if not tax.is_included]
    if added:
        rows.append(Total(type="tax", amount_minor=sum(added)))
    return summed(rows)


def _titles(named: Sequence[AppliedDiscount] | Sequence[Delivery]) -> str:
    return ", ".join(dict.fromkeys(one.title for one in named))
