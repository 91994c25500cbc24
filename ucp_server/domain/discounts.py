"""Discounts: which codes and claims are accepted, what they take off, and who bears it.

Accepted codes and automatic rules are applied one after the other, by priority, automatic ones
first, then codes as they were sent. Each works on what the earlier ones left, so that no line and
no order ever falls below zero.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from datetime import datetime
from enum import StrEnum
from typing import Final

import msgspec

from ucp_server.domain.money import MILLION, allocate, reduced
from ucp_server.domain.problems import (
    Problem,
    discount_rejected,
    eligibility_accepted,
    eligibility_not_accepted,
    free_shipping_granted,
)
from ucp_server.domain.quote import Allocation, AppliedDiscount, PricedLine


class DiscountRule(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A discount that could apply: ``rate_ppm`` (100,000 is 10 %), ``amount_minor`` or free shipping.

    With ``item_ids`` or ``categories`` it reduces those lines, else the order as a whole.
    ``code`` of None makes it automatic. ``free_shipping`` frees the standard way of delivery when
    an eligible item is in the basket, and nothing else. With a ``claim`` (a reverse-domain name) it
    is for buyers who make that claim, and provisional until the claim is verified.
    """

    title: str
    code: str | None = None
    rate_ppm: int | None = None
    amount_minor: int | None = None
    free_shipping: bool = False
    item_ids: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    subtotal_min_minor: int = 0
    starts_at: datetime | None = None
    ends_at: datetime | None = None
    combinable: bool = True
    priority: int = 1
    buyers_only: bool = False  # known customers only
    claim: str | None = None

    def __post_init__(self) -> None:
        ways = (self.rate_ppm is not None) + (self.amount_minor is not None) + self.free_shipping
        if ways != 1:
            raise ValueError(f"{self.title} is not one of rate, amount and free shipping")
        if not 0 <= (self.rate_ppm or 0) <= MILLION or (self.amount_minor or 0) < 0:
            raise ValueError(f"{self.title} takes off less than nothing or more than all")
        if self.code is not None and self.claim is not None:
            raise ValueError(f"{self.title} has a code and a claim")

    @property
    def is_for_lines(self) -> bool:
        return bool(self.item_ids or self.categories)

    def covers(self, line: PricedLine) -> bool:
        if not self.is_for_lines:
            return True
        item = line.item
        return (
            item.id in self.item_ids or item.product_id in self.item_ids or item.category in self.categories
        )


class Acquaintance(StrEnum):
    """How well the shop knows the buyer."""

    NAMELESS = "nameless"  # no e-mail address was given
    STRANGER = "stranger"
    CUSTOMER = "customer"


class Discounted(msgspec.Struct, frozen=True, kw_only=True):
    """Amounts are positive. ``net_minor`` is what each line still costs, after everything.

    ``claims`` are those by which a benefit was granted, in the order in which they were made.
    """

    applied: tuple[AppliedDiscount, ...]
    items_minor: Mapping[str, int]
    net_minor: Mapping[str, int]
    order_minor: int
    ships_free: bool
    problems: tuple[Problem, ...]
    claims: tuple[str, ...] = ()


class _Case(msgspec.Struct, frozen=True):
    """What decides whether a rule holds."""

    lines: Sequence[PricedLine]
    subtotal_minor: int
    buyer: Acquaintance
    at: datetime


# Why a code was rejected: the part of its problem's code after "discount_code_", and the sentence.
_Reason = tuple[str, str]
_UNKNOWN: Final[_Reason] = ("invalid", "This code is not known here.")
_REPEATED: Final[_Reason] = ("already_applied", "This code is already applied.")
_NOT_COMBINABLE: Final[_Reason] = (
    "combination_disallowed",
    "This code cannot be combined with the other discounts.",
)
_NOT_YET: Final[_Reason] = ("invalid", "This code is not valid yet.")
_EXPIRED: Final[_Reason] = ("expired", "This code has expired.")
_NAMELESS: Final[_Reason] = (
    "user_not_logged_in",
    "This code needs the buyer's e-mail address.",
)
_STRANGER: Final[_Reason] = ("user_ineligible", "This code is for registered customers.")
_NOTHING_COVERED: Final[_Reason] = ("user_ineligible", "Nothing in this order is covered by this code.")
_TOO_LITTLE: Final[_Reason] = ("user_ineligible", "This order is below the code's minimum.")


def apply_discounts(
    lines: Sequence[PricedLine],
    rules: Iterable[DiscountRule],
    codes: Sequence[str],
    *,
    buyer: Acquaintance,
    at: datetime,
    claims: Sequence[str] = (),
) -> Discounted:
    """Take off what the codes, the claims and the automatic rules allow.

    Rejected codes and claims become warnings; a claim is accepted where it brings something here.
    """
    case = _Case(lines, sum(line.base_minor for line in lines), buyer, at)
    automatic = [rule for rule in rules if rule.code is None and rule.claim in (None, *claims)]
    accepted, problems = _accept(codes, rules, case)
    chosen = [*_combinable_with(automatic, accepted, case), *accepted]
    granted = {rule.claim for rule in chosen}
    problems += _answers(claims, granted)
    discounted = _apply(lines, sorted(chosen, key=lambda rule: rule.priority), problems)
    return msgspec.structs.replace(discounted, claims=tuple(claim for claim in claims if claim in granted))


def _answers(claims: Sequence[str], granted: AbstractSet[str | None]) -> Iterator[Problem]:
    for index, claim in enumerate(claims):
        answer = eligibility_accepted if claim in granted else eligibility_not_accepted
        yield answer(claim, f"claims[{index}]")


def _accept(
    codes: Sequence[str], rules: Iterable[DiscountRule], case: _Case
) -> tuple[list[DiscountRule], list[Problem]]:
    by_code = {rule.code.casefold(): rule for rule in rules if rule.code is not None}
    accepted: list[DiscountRule] = []
    problems: list[Problem] = []
    for index, code in enumerate(codes):
        rule = by_code.get(code.strip().casefold())
        reason = _UNKNOWN if rule is None else _objection(rule, accepted, case)
        if reason is not None:
            problems.append(discount_rejected(code, *reason, index))
        elif rule is not None:
            accepted.append(rule)
            if rule.free_shipping:
                problems.append(free_shipping_granted(code, index))
    return accepted, problems


def _objection(rule: DiscountRule, accepted: Sequence[DiscountRule], case: _Case) -> _Reason | None:
    if rule in accepted:
        return _REPEATED
    if rule.starts_at is not None and case.at < rule.starts_at:
        return _NOT_YET
    if rule.ends_at is not None and case.at >= rule.ends_at:
        return _EXPIRED
    if rule.buyers_only and case.buyer is not Acquaintance.CUSTOMER:
        return _NAMELESS if case.buyer is Acquaintance.NAMELESS else _STRANGER
    if case.subtotal_minor < rule.subtotal_min_minor:
        return _TOO_LITTLE
    if not any(rule.covers(line) for line in case.lines):
        return _NOTHING_COVERED
    if accepted and not (rule.combinable and all(other.combinable for other in accepted)):
        return _NOT_COMBINABLE
    return None


def _combinable_with(
    automatic: Sequence[DiscountRule], accepted: Sequence[DiscountRule], case: _Case
) -> list[DiscountRule]:
    """The automatic rules that hold. A code, once accepted, is never displaced by one of them."""
    chosen: list[DiscountRule] = []
    for rule in sorted(automatic, key=lambda rule: rule.priority):
        if _objection(rule, [*chosen, *accepted], case) is None:
            chosen.append(rule)
    return chosen


def _apply(
    lines: Sequence[PricedLine], chosen: Sequence[DiscountRule], problems: list[Problem]
) -> Discounted:
    left = {line.line_id: line.base_minor for line in lines}
    items_minor = dict.fromkeys(left, 0)
    applied: list[AppliedDiscount] = []
    order_minor = 0
    for rule in chosen:
        taken = _taken(rule, lines, left)
        amount = sum(taken.values())
        if not amount:
            continue
        for line_id, minor in taken.items():
            left[line_id] -= minor
            if rule.is_for_lines:
                items_minor[line_id] += minor
        if not rule.is_for_lines:
            order_minor += amount
        applied.append(_applied(rule, amount, taken))
    return Discounted(
        applied=tuple(applied),
        items_minor=items_minor,
        net_minor=left,
        order_minor=order_minor,
        ships_free=any(rule.free_shipping for rule in chosen),
        problems=tuple(problems),
    )


def _taken(rule: DiscountRule, lines: Sequence[PricedLine], left: Mapping[str, int]) -> dict[str, int]:
    """What ``rule`` takes off each line. An order-level amount is spread too: taxes need to know."""
    bearers = [line.line_id for line in lines if rule.covers(line)]
    if rule.free_shipping:
        return {}
    if rule.rate_ppm is not None and rule.is_for_lines:
        return {line_id: _off(rule.rate_ppm, left[line_id]) for line_id in bearers}
    rest = sum(left[line_id] for line_id in bearers)
    off = _off(rule.rate_ppm, rest) if rule.rate_ppm is not None else min(rule.amount_minor or 0, rest)
    return dict(zip(bearers, allocate(off, [left[line_id] for line_id in bearers]), strict=True))


def _off(rate_ppm: int, minor: int) -> int:
    return minor - reduced(minor, rate_ppm)


def _applied(rule: DiscountRule, amount_minor: int, taken: Mapping[str, int]) -> AppliedDiscount:
    """Only what is borne by lines is shown with allocations (discount extension, "Allocations")."""
    allocations = [Allocation(line_id=id_, amount_minor=minor) for id_, minor in taken.items() if minor]
    return AppliedDiscount(
        title=rule.title,
        amount_minor=amount_minor,
        code=rule.code,
        automatic=rule.code is None,
        priority=rule.priority if rule.priority != 1 else None,
        method=("across" if rule.rate_ppm is None else "each") if rule.is_for_lines else None,
        allocations=tuple(allocations) if rule.is_for_lines else (),
        claim=rule.claim,
        provisional=rule.claim is not None,
    )
