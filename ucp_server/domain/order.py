"""An order: what was bought, what was promised, what has happened since.

Nothing is ever removed: shipments and deliveries are events, everything that changes the bill after
the sale is an adjustment. Line states follow from both.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Literal

import msgspec

from ucp_server.domain import problems
from ucp_server.domain.attribution import Attribution
from ucp_server.domain.checkout import Buyer, Instrument, Subscriber
from ucp_server.domain.errors import AdjustmentRefused
from ucp_server.domain.fulfillment import Address
from ucp_server.domain.money import Money
from ucp_server.domain.problems import Problem
from ucp_server.domain.quote import AppliedDiscount, QuotedLine, Total
from ucp_server.domain.tools import ToolRun

EventType = Literal["processing", "shipped", "in_transit", "delivered", "failed_attempt"]
AdjustmentType = Literal["cancellation", "return", "refund"]
LineState = Literal["processing", "partial", "fulfilled", "removed"]
PaymentState = Literal["authorised", "captured", "payment_failed", "refunded"]


class Quantity(msgspec.Struct, frozen=True, kw_only=True):
    """Pieces of one line of the order; positive."""

    line_id: str
    quantity: int


class Expectation(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A promise made at the sale: these lines, by this method, to this address.

    What is left of it is said by `promises`. ``description`` names the way and ``place`` one of ours to
    collect at; ``detail`` says how long it takes, in the shop's words, ``earliest_at`` and ``latest_at``
    say it where the shop named days.
    """

    id: str
    method_type: str
    lines: tuple[Quantity, ...]
    address: Address | None = None
    description: str | None = None
    detail: str | None = None
    place: str | None = None
    fulfillable_on: str | None = None
    earliest_at: datetime | None = None
    latest_at: datetime | None = None


class FulfillmentEvent(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Something that happened to goods. ``shipped`` and ``delivered`` move the line states."""

    id: str
    type: EventType
    occurred_at: datetime
    lines: tuple[Quantity, ...]
    tracking_number: str | None = None
    tracking_url: str | None = None
    carrier: str | None = None
    description: str | None = None


class Adjustment(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A change to the bill after the sale.

    ``amount_minor`` is what the buyer gets back, positive; quantities are what left the order,
    positive. Bindings put the signs that their release wants.
    """

    id: str
    type: AdjustmentType
    occurred_at: datetime
    status: Literal["pending", "completed", "failed"]
    lines: tuple[Quantity, ...] = ()
    amount_minor: int = 0
    description: str | None = None


class Order(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One sale. ``id`` equals the id of its checkout, so there can never be a second one.

    ``permalink_token`` opens the order page (128 random bits). ``version`` counts the changes; an
    event carries the version that it shows. ``paid_with`` is what a receipt says of the payment;
    ``terms_agreed_at`` is when the buyer agreed to the shop's terms in person, where it asks for that;
    ``language`` is the tag (BCP 47) of what the buyer is spoken to in, where anybody told.
    """

    id: str
    merchant_id: str
    platform_id: str
    version: int
    currency: str
    lines: tuple[QuotedLine, ...]
    totals: tuple[Total, ...]
    permalink_token: str
    placed_at: datetime
    payment: PaymentState
    discounts: tuple[AppliedDiscount, ...] = ()
    expectations: tuple[Expectation, ...] = ()
    events: tuple[FulfillmentEvent, ...] = ()
    adjustments: tuple[Adjustment, ...] = ()
    buyer: Buyer | None = None
    subscriber: Subscriber | None = None
    attempt_id: str | None = None
    paid_with: Instrument | None = None
    terms_agreed_at: datetime | None = None
    included_tax_minor: int = 0
    attribution: Attribution | None = None
    runs: tuple[ToolRun, ...] = ()
    language: str = ""

    @property
    def number(self) -> str:
        """What people call it: the end of its id, short enough to be read out on the phone."""
        return self.id[-12:]

    @property
    def total_minor(self) -> int:
        return next(row.amount_minor for row in self.totals if row.type == "total")

    @property
    def refunded_minor(self) -> int:
        return sum(a.amount_minor for a in self.adjustments if a.status != "failed")

    def line(self, line_id: str) -> QuotedLine:
        """The line with this id; raises `AdjustmentRefused` when the order has none."""
        for line in self.lines:
            if line.line_id == line_id:
                return line
        raise AdjustmentRefused(f"The order has no line {line_id}.")


def _pieces(parts: Iterable[tuple[Quantity, ...]]) -> Counter[str]:
    counted = Counter[str]()
    for lines in parts:
        for line in lines:
            counted[line.line_id] += line.quantity
    return counted


def sent(order: Order) -> Counter[str]:
    """Pieces per line that were handed to a carrier."""
    return _pieces(event.lines for event in order.events if event.type == "shipped")


def handed_over(order: Order) -> Counter[str]:
    """Pieces per line that reached the buyer."""
    return _pieces(event.lines for event in order.events if event.type == "delivered")


def shipped(order: Order) -> Counter[str]:
    """Pieces per line that left the shop: shipped ones, and those delivered without a shipment."""
    return sent(order) | handed_over(order)


def removed(order: Order) -> Counter[str]:
    """Pieces per line that were canceled before they left. Returns do not undo a fulfilment."""
    return _adjusted(order, "cancellation")


def returned(order: Order) -> Counter[str]:
    """Pieces per line that came back."""
    return _adjusted(order, "return")


def _adjusted(order: Order, type_: AdjustmentType) -> Counter[str]:
    return _pieces(a.lines for a in order.adjustments if a.type == type_ and a.status != "failed")


def promises(order: Order) -> tuple[Expectation, ...]:
    """What the buyer can still expect: without the pieces that were canceled since the sale.

    Which parcel they would have been in nobody says, so they are taken from the last ones.
    """
    gone = removed(order)
    kept = []
    for promised in reversed(order.expectations):
        lines = tuple(_without(gone, promised.lines))
        if lines:
            kept.append(msgspec.structs.replace(promised, lines=lines))
    return tuple(reversed(kept))


def _without(gone: Counter[str], lines: Iterable[Quantity]) -> Iterator[Quantity]:
    """``lines`` less what is ``gone``; what was taken is counted down there."""
    for part in lines:
        taken = min(part.quantity, gone[part.line_id])
        gone[part.line_id] -= taken
        if taken < part.quantity:
            yield msgspec.structs.replace(part, quantity=part.quantity - taken)


class LineCount(msgspec.Struct, frozen=True, kw_only=True):
    """``original`` pieces bought, ``total`` still wanted, ``fulfilled`` on their way or there."""

    original: int
    total: int
    fulfilled: int

    @property
    def state(self) -> LineState:
        """The derivation of digest 2.14, in its order."""
        if self.total == 0:
            return "removed"
        if self.fulfilled == self.total:
            return "fulfilled"
        return "partial" if self.fulfilled else "processing"


def line_counts(order: Order) -> dict[str, LineCount]:
    """The counts of every line that the order ever had, by line id."""
    left, gone = shipped(order), removed(order)
    return {
        line.line_id: LineCount(
            original=line.quantity,
            total=line.quantity - gone[line.line_id],
            fulfilled=min(left[line.line_id], line.quantity - gone[line.line_id]),
        )
        for line in order.lines
    }


def problems_of(order: Order) -> tuple[Problem, ...]:
    """What the buyer has to be told that lines and events do not say; ``where`` may be an adjustment.

    Nothing of it is stored: it is over as soon as the order has left that state.
    """
    counts = line_counts(order)
    is_gone = all(count.total == 0 for count in counts.values())
    if order.payment != "payment_failed":
        of_money = [problems.refund_failed(*owed) for owed in _owed(order)]
    else:
        # Of money that never came nothing is owed.
        of_money = [] if is_gone else [problems.payment_not_collected()]
    return (*of_money, *_delays(order, counts))


def _owed(order: Order) -> Iterator[tuple[Money, str]]:
    """Amount and place of repayments that failed, but for those that a later refund made up for."""
    owed: list[tuple[int, int]] = []
    for place, entry in enumerate(order.adjustments):
        if entry.status == "failed" and entry.amount_minor:
            owed.append((place, entry.amount_minor))
        elif entry.type == "refund" and entry.status != "failed":
            left_minor = entry.amount_minor
            while owed and owed[0][1] <= left_minor:
                left_minor -= owed.pop(0)[1]
    for place, amount_minor in owed:
        yield Money(amount_minor, order.currency), f"adjustments[{place}]"


def _delays(order: Order, counts: Mapping[str, LineCount]) -> Iterator[Problem]:
    late = delayed(order, counts)
    for place, line in enumerate(order.lines):
        if line.line_id in late:
            yield problems.fulfillment_delayed(line.title, f"lines[{place}]")


def delayed(order: Order, counts: Mapping[str, LineCount]) -> dict[str, int]:
    """Pieces, by line, that no tool could supply and no person has sent yet."""
    done = {run.line_id for run in order.runs if run.state == "done"}
    given_up = {run.line_id for run in order.runs if run.state == "failed"} - done
    left = {line_id: counts[line_id].total - counts[line_id].fulfilled for line_id in given_up}
    return {line_id: pieces for line_id, pieces in left.items() if pieces > 0}
