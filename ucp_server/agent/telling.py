"""What the agent tells the person who reads along."""

from collections.abc import Callable
from typing import Any

from ucp_server.domain.money import Money, decimal_text

Wire = dict[str, Any]
# The step that it is about, or nothing where it goes on; and the line to read.
Say = Callable[[str, str], None]


def amount(minor: int, currency: str) -> str:
    return f"{decimal_text(Money(minor, currency))} {currency}"


def tell_bill(basket: Wire, say: Say) -> None:
    """The lines, sums and messages of a checkout or a cart."""
    currency = basket["currency"]
    for line in basket["line_items"]:
        say("", f"{line['quantity']} × {line['item']['title']}")
    rows = [f"{row['type']} {amount(row['amount'], currency)}" for row in basket["totals"]]
    say("", ", ".join(rows))
    for message in basket.get("messages", ()):
        say("", f"{message['type']}: {message['content']}")
