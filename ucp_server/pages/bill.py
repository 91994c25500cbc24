"""What both pages show of money and goods."""

from collections.abc import Sequence

from ucp_server.domain.catalog import picture_url
from ucp_server.domain.quote import Total
from ucp_server.languages import Language
from ucp_server.languages.bills import row_label
from ucp_server.pages.contexts import Row


def bill(
    totals: Sequence[Total], currency: str, included_tax_minor: int, language: Language
) -> tuple[Row, ...]:
    """The rows in their order; tax that the prices contain is told after them."""
    rows = [
        Row(
            label=row_label(row, language),
            amount=language.amount(row.amount_minor, currency),
            is_total=row.type == "total",
        )
        for row in totals
    ]
    if included_tax_minor:
        amount = language.amount(included_tax_minor, currency)
        rows.append(Row(label=language.text("of which tax"), amount=amount))
    return tuple(rows)


def picture_path(image_url: str | None) -> str | None:
    """Our own pictures by path alone, so that they come under whatever name the page came."""
    return picture_url(image_url, "")
