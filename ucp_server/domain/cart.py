"""A cart: what a buyer thinks of buying. It has no status, and its prices are those of the moment.

Of what stands between a basket and an order only that counts which is wrong with the goods: a cart is
neither paid nor delivered.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime

import msgspec

from ucp_server.domain.checkout import Basket, Line, Subscriber
from ucp_server.domain.problems import Kind, Problem, Severity
from ucp_server.domain.quote import Quote


class Cart(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One cart of one merchant with one platform. Stored whole, written by revision, without prices.

    ``id`` is a UUIDv7 as text; ``link_token`` opens the cart for its buyer (128 random bits). The
    ``basket`` has no methods and no instruments; its ``ship_to`` is where the goods may go, as far as
    that is known, for taxes alone.
    """

    id: str
    merchant_id: str
    platform_id: str
    revision: int
    basket: Basket
    link_token: str
    created_at: datetime
    updated_at: datetime
    expires_at: datetime
    # Who hears of an order that its buyer makes of it without the platform.
    subscriber: Subscriber | None = None


class PricedCart(msgspec.Struct, frozen=True, kw_only=True):
    """A cart and what it comes to today: lines, discounts, and taxes as far as they can be told."""

    cart: Cart
    quote: Quote


def as_estimate(quote: Quote) -> Quote:
    """A checkout's quote without what only a checkout has."""
    told = tuple(problem for problem in quote.problems if _concerns_a_cart(problem))
    return msgspec.structs.replace(quote, problems=told, methods=None, new_addresses=())


def _concerns_a_cart(problem: Problem) -> bool:
    """Of errors those of a line that the platform can mend; of the rest all but deliveries."""
    where = problem.where or ""
    if problem.kind is Kind.ERROR:
        return where.startswith("lines[") and problem.severity is Severity.RECOVERABLE
    return not where.startswith("methods")


def nothing_to_be_had(lines: Sequence[Line], found: Iterable[Problem]) -> Problem | None:
    """What is wrong with the first line, where not a single piece of any line can be had."""
    missing = {
        problem.where: problem
        for problem in found
        if problem.code in {"item_unavailable", "out_of_stock"} and not problem.left
    }
    if not lines or any(f"lines[{index}]" not in missing for index in range(len(lines))):
        return None
    return missing["lines[0]"]
