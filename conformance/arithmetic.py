"""The rules for sums in a checkout of the January releases; each tells what is wrong, or nothing.

Discounts are positive there, so they are taken off: total = subtotal - items_discount - discount
+ fulfillment + tax + fee.
"""

from collections.abc import Iterator

from conformance.buying import amount, groups
from conformance.registry import Wire

KINDS = frozenset({"items_discount", "subtotal", "discount", "fulfillment", "tax", "fee", "total"})
TAKEN_OFF = ("items_discount", "discount")
PUT_ON = ("subtotal", "fulfillment", "tax", "fee")


def lists_of_totals(checkout: Wire) -> Iterator[tuple[str, list[Wire]]]:
    """Every list of totals in the checkout, with its place."""
    yield "totals", checkout.get("totals") or []
    for number, line in enumerate(checkout.get("line_items") or []):
        yield f"line_items[{number}].totals", line.get("totals") or []
    for group in groups(checkout):
        for option in group.get("options") or []:
            yield f"option {option.get('id')}", option.get("totals") or []


def _sum(totals: list[Wire]) -> int:
    added = sum(amount(totals, kind) for kind in PUT_ON)
    return added - sum(amount(totals, kind) for kind in TAKEN_OFF)


def _is_amount(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def amounts(checkout: Wire) -> str:
    for place, totals in lists_of_totals(checkout):
        for entry in totals:
            if not _is_amount(entry.get("amount")):
                return f"{place}: {entry.get('type')} is {entry.get('amount')!r}"
    for line in checkout.get("line_items") or []:
        price = (line.get("item") or {}).get("price")
        if not _is_amount(price):
            return f"a price is {price!r}"
    return ""


def kinds(checkout: Wire) -> str:
    strange = {
        str(entry.get("type"))
        for _, totals in lists_of_totals(checkout)
        for entry in totals
        if entry.get("type") not in KINDS
    }
    return f"unknown kinds: {sorted(strange)}" if strange else ""


def single(checkout: Wire) -> str:
    listed = [entry.get("type") for entry in checkout.get("totals") or []]
    counts = {kind: listed.count(kind) for kind in ("subtotal", "total")}
    return "" if set(counts.values()) == {1} else f"totals hold {counts}"


def sum_of_all(checkout: Wire) -> str:
    totals = checkout.get("totals") or []
    wanted, told = _sum(totals), amount(totals, "total")
    return "" if wanted == told else f"the total is {told}, the entries make {wanted}"


def line_subtotals(checkout: Wire) -> str:
    for line in checkout.get("line_items") or []:
        wanted = int(line["item"]["price"]) * int(line["quantity"])
        told = amount(line.get("totals") or [], "subtotal")
        if wanted != told:
            return f"{line.get('id')}: subtotal {told}, price times quantity {wanted}"
    return ""


def line_totals(checkout: Wire) -> str:
    for line in checkout.get("line_items") or []:
        totals = line.get("totals") or []
        if "total" not in [entry.get("type") for entry in totals]:
            return f"{line.get('id')} has no total"
        wanted, told = _sum(totals), amount(totals, "total")
        if wanted != told:
            return f"{line.get('id')}: total {told}, the entries make {wanted}"
    return ""


def _of_lines(checkout: Wire, kind: str) -> int:
    lines = checkout.get("line_items") or []
    return sum(amount(line.get("totals") or [], kind) for line in lines)


def subtotal_of_lines(checkout: Wire) -> str:
    wanted = _of_lines(checkout, "subtotal")
    told = amount(checkout.get("totals") or [], "subtotal")
    return "" if wanted == told else f"subtotal {told}, the lines make {wanted}"


def items_discount_of_lines(checkout: Wire) -> str:
    wanted = _of_lines(checkout, "items_discount")
    told = amount(checkout.get("totals") or [], "items_discount")
    return "" if wanted == told else f"items_discount {told}, the lines make {wanted}"


def discounts_applied(checkout: Wire) -> str:
    applied = (checkout.get("discounts") or {}).get("applied") or []
    wanted = sum(int(each.get("amount", 0)) for each in applied)
    told = sum(amount(checkout.get("totals") or [], kind) for kind in TAKEN_OFF)
    return "" if wanted == told else f"totals take off {told}, applied discounts say {wanted}"


def allocations(checkout: Wire) -> str:
    for each in (checkout.get("discounts") or {}).get("applied") or []:
        parts = each.get("allocations")
        if not parts:
            continue
        made = sum(int(part.get("amount", 0)) for part in parts)
        if made != each.get("amount"):
            return f"{each.get('title')}: {each.get('amount')}, allocations make {made}"
    return ""


def fulfillment_of_options(checkout: Wire) -> str:
    chosen = [
        amount(option.get("totals") or [], "total")
        for group in groups(checkout)
        for option in group.get("options") or []
        if option.get("id") == group.get("selected_option_id")
    ]
    if not chosen:
        return ""
    told = amount(checkout.get("totals") or [], "fulfillment")
    return "" if told == sum(chosen) else f"fulfillment {told}, the options make {sum(chosen)}"
