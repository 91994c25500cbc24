"""What both pages show of money and goods."""

from collections.abc import Sequence

from ucp_server.domain.catalog import picture_url
from ucp_server.domain.quote import Total
from ucp_server.pages import words
from ucp_server.pages.contexts import Row
from ucp_server.pages.words import amount_text


def bill(totals: Sequence[Total], currency: str, included_tax_minor: int) -> tuple[Row, ...]:
    """The rows in their order; tax that the prices contain is told after them."""
    rows = [
        Row(
            label=row.text or words.ROWS[row.type],
            amount=amount_text(row.amount_minor, currency),
            is_total=row.type == "total",
        )
        for row in totals
    ]
    if included_tax_minor:
        rows.append(Row(label="of which tax", amount=amount_text(included_tax_minor, currency)))
    return tuple(rows)


def picture_path(image_url: str | None) -> str | None:
    """Our own pictures by path alone, so that they come under whatever name the page came."""
    return picture_url(image_url, "")
