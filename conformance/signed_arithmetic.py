"""The rules for sums since 2026-04-08, in a checkout or an order; each tells what is wrong, or nothing.

Amounts carry their sign there, so that everything but the total adds up to it.
"""

from conformance import forms
from conformance.arithmetic import PUT_ON, TAKEN_OFF, lists_of_totals
from conformance.buying import amount
from conformance.registry import Wire

# Beyond it a reader whose numbers are floating-point sees another number than was written.
AMOUNT_MAX = 2**53 - 1
KINDS = frozenset({*TAKEN_OFF, *PUT_ON, "total"})


def sum_of(totals: list[Wire]) -> int:
    """What everything but the total adds up to."""
    return sum(int(entry["amount"]) for entry in totals if entry.get("type") != "total")


def _misstated(kind: object, value: object) -> bool:
    if not isinstance(value, int) or isinstance(value, bool) or abs(value) > AMOUNT_MAX:
        return True
    return (kind in TAKEN_OFF and value >= 0) or (kind in PUT_ON and value < 0)


def amounts(document: Wire) -> str:
    for place, totals in lists_of_totals(document):
        for entry in totals:
            if _misstated(entry.get("type"), entry.get("amount")):
                return f"{place}: {entry.get('type')} is {entry.get('amount')!r}"
    return ""


def kinds(document: Wire) -> str:
    nameless = [
        str(entry.get("type"))
        for _, totals in lists_of_totals(document)
        for entry in totals
        if entry.get("type") not in KINDS and not entry.get("display_text")
    ]
    return f"without display_text: {nameless}" if nameless else ""


def sum_of_all(document: Wire) -> str:
    totals = document.get("totals") or []
    wanted, told = sum_of(totals), amount(totals, "total")
    return "" if wanted == told else f"the total is {told}, the entries make {wanted}"


def line_totals(document: Wire) -> str:
    for line in document.get("line_items") or []:
        totals = line.get("totals") or []
        if "total" not in [entry.get("type") for entry in totals]:
            return f"{line.get('id')} has no total"
        wanted, told = sum_of(totals), amount(totals, "total")
        if wanted != told:
            return f"{line.get('id')}: total {told}, the entries make {wanted}"
    return ""


def breakdowns(document: Wire) -> str:
    for entry in document.get("totals") or []:
        parts = entry.get("lines")
        if parts and sum(int(part["amount"]) for part in parts) != entry.get("amount"):
            return f"{entry.get('type')} is {entry.get('amount')}, its lines are {parts}"
    return ""


def discounts_applied(checkout: Wire) -> str:
    applied = (checkout.get("discounts") or {}).get("applied") or []
    wanted = sum(int(each.get("amount", 0)) for each in applied)
    told = forms.discounted(str(checkout["ucp"]["version"]), checkout)
    return "" if wanted == told else f"totals take off {told}, applied discounts say {wanted}"


def discounts_of_lines(checkout: Wire) -> str:
    wanted = sum(
        int(each.get("amount", 0))
        for each in (checkout.get("discounts") or {}).get("applied") or []
        if any("line_items" in str(part.get("path")) for part in each.get("allocations") or [])
    )
    told = -amount(checkout.get("totals") or [], "items_discount")
    return "" if wanted == told else f"items_discount takes off {told}, allocated to lines are {wanted}"
