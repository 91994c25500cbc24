"""Between 2026-04-08 and 2026-01-23."""

from typing import Any, Final

from ucp_server.domain.problems import ELIGIBILITY_ACCEPTED, ELIGIBILITY_NOT_ACCEPTED
from ucp_server.ucp.steps import Step, objects_in, totals_in

Wire = dict[str, Any]

DISCOUNTS: Final = frozenset({"discount", "items_discount"})
ABOUT_CLAIMS: Final = frozenset({ELIGIBILITY_ACCEPTED, ELIGIBILITY_NOT_ACCEPTED})


def claims_are_not_made(document: Wire) -> None:
    """2026-04-08 gave ``context`` its claims (types/context.json); before, the member was anybody's."""
    context = document.get("context")
    if isinstance(context, dict):
        context.pop("eligibility", None)


def discounts_become_positive(document: Wire) -> None:
    """Before 2026-04-08 no row of a bill was negative (S/shopping/types/total.json)."""
    for row in totals_in(document):
        if row["type"] in DISCOUNTS:
            row["amount"] = -row["amount"]


def claims_are_not_spoken_of(document: Wire) -> None:
    """2026-04-08 answers claims in messages and applied discounts (S/shopping/discount.json).

    Only one that cannot be verified is told before, since no order is placed with it.
    """
    for discount in objects_in(document.get("discounts"), "applied"):
        discount.pop("eligibility", None)
        discount.pop("provisional", None)
    kept = [m for m in objects_in(document, "messages") if m["code"] not in ABOUT_CLAIMS]
    document["messages"] = kept
    if not kept:
        del document["messages"]


def warnings_are_not_presented(document: Wire) -> None:
    """2026-04-08 told how a warning has to be shown (S/shopping/types/message_warning.json)."""
    for message in objects_in(document, "messages"):
        for member in ("presentation", "image_url", "url"):
            message.pop(member, None)


def orders_lose_their_currency(document: Wire) -> None:
    """2026-04-08 gave orders a currency and a label (S/shopping/order.json)."""
    document.pop("currency", None)
    document.pop("label", None)


def orders_bear_no_messages(document: Wire) -> None:
    """2026-04-08 gave orders ``messages`` (S/shopping/order.json); before, the page told the buyer."""
    document.pop("messages", None)


def removed_lines_become_fulfilled(document: Wire) -> None:
    """2026-04-08 added ``quantity.original`` and the status ``removed`` (order_line_item.json).

    Before, a line of which nothing is wanted any more has nothing left to be fulfilled either.
    """
    for line in objects_in(document, "line_items"):
        line["quantity"].pop("original", None)
        if line["status"] == "removed":
            line["status"] = "fulfilled"


def adjustments_become_amounts(document: Wire) -> None:
    """2026-04-08 signed quantities and replaced ``amount`` by ``totals`` (adjustment.json).

    The amount is what the buyer gets back, positive as everything else was.
    """
    for adjustment in objects_in(document, "adjustments"):
        for part in objects_in(adjustment, "line_items"):
            part["quantity"] = abs(part["quantity"])
        for row in adjustment.pop("totals", ()):
            if row["type"] == "total":
                adjustment["amount"] = abs(row["amount"])


REQUESTS: Final[tuple[Step, ...]] = (claims_are_not_made,)
CHECKOUTS: Final[tuple[Step, ...]] = (
    discounts_become_positive,
    claims_are_not_spoken_of,
    warnings_are_not_presented,
)
ORDERS: Final[tuple[Step, ...]] = (
    discounts_become_positive,
    orders_lose_their_currency,
    orders_bear_no_messages,
    removed_lines_become_fulfilled,
    adjustments_become_amounts,
)
