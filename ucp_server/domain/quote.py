"""What a basket costs: priced lines, discounts, taxes, totals. Signs are fixed here.

Canonical signs (UCP 2026-04-08 and later): discounts are negative, all else is positive, and the
rows other than ``total`` sum to ``total``.
"""

from datetime import datetime
from typing import Literal

import msgspec

from ucp_server.domain.catalog import Item
from ucp_server.domain.fulfillment import Method, NewAddress
from ucp_server.domain.problems import Problem

TotalType = Literal["subtotal", "items_discount", "discount", "fulfillment", "tax", "fee", "total"]


class PricedLine(msgspec.Struct, frozen=True, kw_only=True):
    """A line before discounts and taxes: ``base_minor`` is unit price times quantity."""

    line_id: str
    item: Item
    quantity: int
    base_minor: int


class Total(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One row of a bill, in the order in which it is shown."""

    type: TotalType
    amount_minor: int
    text: str | None = None


class QuotedLine(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A line with our own title and price; never what the caller said of them."""

    line_id: str
    item_id: str
    title: str
    unit_price_minor: int
    quantity: int
    totals: tuple[Total, ...]
    image_url: str | None = None
    parent_id: str | None = None
    # Tax of this line: added to the bill where prices exclude it, contained where they include it.
    tax_minor: int = 0


class Allocation(msgspec.Struct, frozen=True, kw_only=True):
    """The part of a discount that one line bears; positive."""

    line_id: str
    amount_minor: int


class AppliedDiscount(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A discount that took effect; ``amount_minor`` is positive, its row in the totals negative.

    It is ``provisional`` as long as the buyer's ``claim``, by which it was granted, is not verified.
    """

    title: str
    amount_minor: int
    code: str | None = None
    automatic: bool = False
    priority: int | None = None
    method: Literal["each", "across"] | None = None
    allocations: tuple[Allocation, ...] = ()
    claim: str | None = None
    provisional: bool = False


class Quote(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The answer to "what does this basket cost, and can it be bought?", good until ``expires_at``.

    ``methods`` are the fulfillment methods with the options that were offered; None where nothing
    has to be fulfilled. ``included_tax_minor`` is contained in the prices and stands in no row.
    ``open_claims`` brought a benefit, and nobody has verified them: no order is placed with them.
    """

    currency: str
    lines: tuple[QuotedLine, ...]
    totals: tuple[Total, ...]
    problems: tuple[Problem, ...] = ()
    methods: tuple[Method, ...] | None = None
    discounts: tuple[AppliedDiscount, ...] = ()
    open_claims: tuple[str, ...] = ()
    included_tax_minor: int = 0
    expires_at: datetime | None = None
    # What the shop may remember of the buyer, written along with the checkout.
    new_addresses: tuple[NewAddress, ...] = ()

    @property
    def total_minor(self) -> int:
        return next(row.amount_minor for row in self.totals if row.type == "total")
