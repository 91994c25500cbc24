"""The rows of a bill, in the order in which they are shown, with the signs of `quote`.

subtotal, items_discount, discount, fulfillment, tax, total: a row without meaning is left out, and
the rows before ``total`` always sum to it (digest 8.2).
"""

from collections.abc import Mapping, Sequence

import msgspec

from ucp_server.domain.money import checked
from ucp_server.domain.quote import AppliedDiscount, Total


class Delivery(msgspec.Struct, frozen=True, kw_only=True):
    """The chosen way of one method: its title and price, before tax handling."""

    title: str
    price_minor: int


def line_totals(base_minor: int, discount_minor: int) -> tuple[Total, ...]:
    """The rows of one line; ``discount_minor`` is positive. Taxes stand in the bill alone."""
    rows = [Total(type="subtotal", amount_minor=base_minor)]
    if discount_minor:
        rows.append(Total(type="items_discount", amount_minor=-discount_minor))
    return _summed(rows)


def bill_totals(
    bases_minor: Sequence[int],
    *,
    items_minor: Mapping[str, int],
    discounts: Sequence[AppliedDiscount],
    deliveries: Sequence[Delivery],
    tax_minor: int | None,
) -> tuple[Total, ...]:
    """The rows of the whole bill.

    ``items_minor`` is what each line bears of ``discounts``; the rest of them is the order's.
    No ``deliveries`` means none is chosen yet; ``tax_minor`` of None that no tax is added.
    """
    rows = [Total(type="subtotal", amount_minor=sum(bases_minor))]
    by_lines = sum(items_minor.values())
    if by_lines:
        rows.append(Total(type="items_discount", amount_minor=-by_lines))
    by_order = [discount for discount in discounts if not discount.allocations]
    if by_order:
        amount = sum(discount.amount_minor for discount in by_order)
        rows.append(Total(type="discount", amount_minor=-amount, text=_titles(by_order)))
    if deliveries:
        price = sum(delivery.price_minor for delivery in deliveries)
        rows.append(Total(type="fulfillment", amount_minor=price, text=_titles(deliveries)))
    if tax_minor is not None:
        rows.append(Total(type="tax", amount_minor=tax_minor))
    return _summed(rows)


def _titles(named: Sequence[AppliedDiscount] | Sequence[Delivery]) -> str:
    return ", ".join(dict.fromkeys(one.title for one in named))


def _summed(rows: list[Total]) -> tuple[Total, ...]:
    total = checked(sum(checked(row.amount_minor) for row in rows))
    return (*rows, Total(type="total", amount_minor=total))
