"""Every sum that must hold in a quote (digest 8.2), as sentences about what does not."""

from ucp_server.domain.money import AMOUNT_MAX
from ucp_server.domain.quote import AppliedDiscount, Quote, QuotedLine, Total

ROWS_IN_ORDER = ("subtotal", "items_discount", "discount", "fulfillment", "tax", "fee", "total")


def _amount(rows: tuple[Total, ...], type_: str) -> int:
    return sum(row.amount_minor for row in rows if row.type == type_)


def wrong_rows(rows: tuple[Total, ...]) -> list[str]:
    types = [row.type for row in rows]
    found = [f"not one row of {once}" for once in ("subtotal", "total") if types.count(once) != 1]
    if types != sorted(types, key=ROWS_IN_ORDER.index):
        found.append(f"rows out of order: {types}")
    for row in rows:
        negative = row.type in ("items_discount", "discount")
        if (row.amount_minor >= 0) if negative else (row.amount_minor < 0):
            found.append(f"{row.type} has the wrong sign: {row.amount_minor}")
        if abs(row.amount_minor) > AMOUNT_MAX:
            found.append(f"{row.type} is out of range")
    if sum(row.amount_minor for row in rows if row.type != "total") != _amount(rows, "total"):
        found.append("rows do not sum to the total")
    return found


def wrong_sums(
    lines: tuple[QuotedLine, ...], totals: tuple[Total, ...], discounts: tuple[AppliedDiscount, ...]
) -> list[str]:
    found = wrong_rows(totals)
    for line in lines:
        found += wrong_rows(line.totals)
        if _amount(line.totals, "subtotal") != line.unit_price_minor * line.quantity:
            found.append(f"{line.line_id} is not price times quantity")
    if sum(_amount(line.totals, "subtotal") for line in lines) != _amount(totals, "subtotal"):
        found.append("subtotals of lines do not sum to the subtotal")
    by_lines = _amount(totals, "items_discount")
    if sum(_amount(line.totals, "items_discount") for line in lines) != by_lines:
        found.append("discounts of lines do not sum to items_discount")
    for discount in discounts:
        borne = sum(part.amount_minor for part in discount.allocations)
        if discount.allocations and borne != discount.amount_minor:
            found.append(f"allocations of {discount.title} do not sum to it")
        if discount.amount_minor <= 0:
            found.append(f"{discount.title} takes nothing off")
    allocated = sum(discount.amount_minor for discount in discounts if discount.allocations)
    if allocated != -by_lines:
        found.append("allocated discounts do not sum to items_discount")
    others = sum(discount.amount_minor for discount in discounts if not discount.allocations)
    if others != -_amount(totals, "discount"):
        found.append("other discounts do not sum to discount")
    return found


def wrong_in(quote: Quote) -> list[str]:
    return wrong_sums(quote.lines, quote.totals, quote.discounts)
