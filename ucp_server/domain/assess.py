"""What stands between a basket and an order, as problems."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence

from ucp_server.domain import problems
from ucp_server.domain.catalog import Item
from ucp_server.domain.checkout import Basket, Buyer, Line
from ucp_server.domain.fulfillment import Address, Method
from ucp_server.domain.merchant import Merchant
from ucp_server.domain.methods import SHIPPING
from ucp_server.domain.money import Money, decimal_text
from ucp_server.domain.problems import Problem

# The members that an address lacks for its country's post.
MissingParts = Callable[[Address], Sequence[str]]


def assess_lines(
    lines: Sequence[Line], items: Mapping[str, Item], available: Mapping[str, int]
) -> list[Problem]:
    """Items that are unknown, too many or in need of a look; several lines of one item count together."""
    found: list[Problem] = [] if lines else [problems.nothing_ordered()]
    wanted = Counter[str]()
    for index, line in enumerate(lines):
        where = f"lines[{index}]"
        item = items.get(line.item_id)
        if item is None:
            found.append(problems.item_unavailable(line.item_id, where))
            continue
        wanted[item.id] += line.quantity
        if item.quantity_max is not None and wanted[item.id] > item.quantity_max:
            found.append(problems.quantity_limit(item.title, item.quantity_max, where))
        if wanted[item.id] > available.get(item.id, wanted[item.id]):
            found.append(problems.out_of_stock(item.title, available[item.id], where))
        if item.needs_review:
            found.append(problems.item_needs_review(item.title, where))
    return found


def assess_buyer(buyer: Buyer | None, required: Iterable[str]) -> list[Problem]:
    """``required`` names members of `Buyer`."""
    return [
        problems.buyer_field_missing(field)
        for field in required
        if buyer is None or not getattr(buyer, field)
    ]


def assess_agreement(basket: Basket, merchant: Merchant) -> list[Problem]:
    is_open = merchant.terms_agreement and basket.terms_agreed_at is None
    return [problems.terms_not_agreed()] if is_open else []


def assess_total(total_minor: int, merchant: Merchant) -> list[Problem]:
    limit = merchant.escalate_above_minor
    if limit is None or total_minor <= limit:
        return []
    text = f"{decimal_text(Money(limit, merchant.currency))} {merchant.currency}"
    return [problems.high_value_order(text)]


def assess_methods(
    methods: Sequence[Method], line_ids: Sequence[str], missing_parts: MissingParts
) -> list[Problem]:
    """Whether all of ``line_ids``, which have to be fulfilled, are on a way to a place."""
    found: list[Problem] = []
    left = set(line_ids)
    for index, method in enumerate(methods):
        left.difference_update(method.line_ids)
        found += _assess_method(method, f"methods[{index}]", missing_parts)
    if left and not found:
        found.append(problems.fulfillment_missing("methods"))
    return found


def _assess_method(method: Method, where: str, missing_parts: MissingParts) -> list[Problem]:
    destination = method.destination
    if destination is None:
        return [problems.fulfillment_missing(f"{where}.selected_destination_id")]
    group = method.groups[0]
    place = f"{where}.destinations[{(method.destinations or ()).index(destination)}]"
    if not group.options:
        return [problems.address_undeliverable(place)]
    found = []
    if method.type == SHIPPING and destination.address is not None:
        found = [problems.address_incomplete(part, place) for part in missing_parts(destination.address)]
    if group.selected is None:
        found.append(problems.fulfillment_missing(f"{where}.groups[0].selected_option_id"))
    return found
