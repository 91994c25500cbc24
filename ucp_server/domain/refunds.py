"""What a buyer gets back for pieces that leave an order."""

from collections import Counter
from collections.abc import Sequence

from ucp_server.domain.money import allocate
from ucp_server.domain.order import Order, Quantity, removed


def count(lines: Sequence[Quantity]) -> Counter[str]:
    """Pieces per line."""
    counted = Counter[str]()
    for part in lines:
        counted[part.line_id] += part.quantity
    return counted


def worth_of(order: Order, taken: Sequence[Quantity]) -> int:
    """Minor units to pay back for ``taken``, never more than is left.

    Once nothing is left to send, all that is left to pay back, delivery included. Before that each
    line's worth is shared over its pieces so that canceling them one by one adds up exactly.
    """
    left_minor = order.total_minor - order.refunded_minor
    gone, going = removed(order), count(taken)
    after = gone + going
    if all(after[line.line_id] == line.quantity for line in order.lines):
        return left_minor
    worths = line_worths(order)
    worth_minor = sum(
        _first(worths[line.line_id], after[line.line_id], line.quantity)
        - _first(worths[line.line_id], gone[line.line_id], line.quantity)
        for line in order.lines
        if going[line.line_id]
    )
    return min(worth_minor, left_minor)


def line_worths(order: Order) -> dict[str, int]:
    """What was paid for each line: after its discounts and its share of the order's, with added tax.

    Where some prices contain their tax, a line's tax counts as contained.
    """
    totals = {
        line.line_id: sum(row.amount_minor for row in line.totals if row.type == "total")
        for line in order.lines
    }
    off_minor = sum(row.amount_minor for row in order.totals if row.type == "discount")
    shares = allocate(off_minor, list(totals.values()))
    adds_tax = order.included_tax_minor == 0
    return {
        line.line_id: totals[line.line_id] + share + (line.tax_minor if adds_tax else 0)
        for line, share in zip(order.lines, shares, strict=True)
    }


def _first(worth_minor: int, pieces: int, quantity: int) -> int:
    """The part of a line's worth that its first ``pieces`` bear."""
    return allocate(worth_minor, (pieces, quantity - pieces))[0]
