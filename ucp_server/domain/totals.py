"""Rows of a bill, in the order in which they are shown, with the signs of `quote`.

The rows before ``total`` always sum to it (digest 8.2); a row without meaning is left out.
"""

from collections.abc import Sequence

from ucp_server.domain.money import checked
from ucp_server.domain.quote import Total


def summed(rows: Sequence[Total]) -> tuple[Total, ...]:
    """``rows`` with their total behind them. Raises `AmountOutOfRangeError`."""
    total = checked(sum(checked(row.amount_minor) for row in rows))
    return (*rows, Total(type="total", amount_minor=total))


def line_totals(base_minor: int, discount_minor: int) -> tuple[Total, ...]:
    """The rows of one line; ``discount_minor`` is positive. Taxes stand in the bill alone."""
    rows = [Total(type="subtotal", amount_minor=base_minor)]
    if discount_minor:
        rows.append(Total(type="items_discount", amount_minor=-discount_minor))
    return summed(rows)
