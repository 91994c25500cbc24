"""The order that a paid checkout becomes, and the jobs that follow from it."""

from collections import Counter
from collections.abc import Mapping
from datetime import datetime
from typing import Literal

from ucp_server.domain.checkout import Checkout
from ucp_server.domain.events import Job, JobKind, MoneyMove, Notice, Sale, StockMove, ToolWork
from ucp_server.domain.fulfillment import Group, Method
from ucp_server.domain.money import Money
from ucp_server.domain.order import Expectation, Order, PaymentState, Quantity
from ucp_server.domain.tools import ToolRun
from ucp_server.store.attempts import AttemptRow
from ucp_server.store.documents import encode
from ucp_server.store.ids import new_id, new_token


def place(checkout: Checkout, attempt: AttemptRow, *, payment: PaymentState, at: datetime) -> Order:
    """The order of a completing checkout, as it was quoted and paid."""
    quote = checkout.quote
    return Order(
        id=checkout.id,
        merchant_id=checkout.merchant_id,
        platform_id=checkout.platform_id,
        version=1,
        currency=checkout.currency,
        lines=quote.lines,
        totals=quote.totals,
        permalink_token=new_token(),
        placed_at=at,
        payment=payment,
        discounts=quote.discounts,
        expectations=_expectations(checkout),
        buyer=checkout.basket.buyer,
        subscriber=checkout.subscriber,
        attempt_id=attempt.id,
        paid_with=next((one for one in checkout.basket.instruments if one.selected), None),
        terms_agreed_at=checkout.basket.terms_agreed_at,
        included_tax_minor=quote.included_tax_minor,
        attribution=checkout.attribution,
        runs=_runs(checkout),
        language=checkout.basket.language,
    )


def _runs(checkout: Checkout) -> tuple[ToolRun, ...]:
    return tuple(
        ToolRun(id=new_id(), line_id=line.id, tool_id=tool_id)
        for line in checkout.basket.lines
        if line.sold_as is not None
        for tool_id in line.sold_as.tools
    )


def _expectations(checkout: Checkout) -> tuple[Expectation, ...]:
    quantities = {line.line_id: line.quantity for line in checkout.quote.lines}
    return tuple(
        _expectation(method, group, quantities)
        for method in checkout.quote.methods or ()
        for group in method.groups
    )


def _expectation(method: Method, group: Group, quantities: Mapping[str, int]) -> Expectation:
    destination, option = method.destination, group.selected
    return Expectation(
        id=group.id,
        method_type=method.type,
        lines=tuple(
            Quantity(line_id=line_id, quantity=quantities[line_id])
            for line_id in group.line_ids
            if line_id in quantities
        ),
        address=destination.address if destination else None,
        description=option.title if option else None,
        place=destination.name if destination else None,
        detail=option.description if option else None,
        earliest_at=option.earliest_at if option else None,
        latest_at=option.latest_at if option else None,
    )


def pieces_of(checkout: Checkout) -> Counter[str]:
    """How many of each item the checkout needs."""
    wanted = Counter[str]()
    for line in checkout.quote.lines:
        wanted[line.item_id] += line.quantity
    return wanted


# --- jobs ---


def tell(notice: Notice, *, by_mail: bool, at: datetime) -> list[Job]:
    """Tell the platform of ``notice``, if it listens, and ``by_mail`` the buyer, if there is an address."""
    order = notice.order
    kinds = [JobKind.WEBHOOK] if order.subscriber else []
    kinds += [JobKind.MAIL] if by_mail and order.buyer and order.buyer.email else []
    payload = encode(notice)
    return [
        Job(
            id=new_id(),
            merchant_id=order.merchant_id,
            kind=kind,
            stream=f"{kind}:{order.id}",
            sequence=order.version,
            payload=payload,
            created_at=at,
            subscriber=order.subscriber if kind is JobKind.WEBHOOK else None,
        )
        for kind in kinds
    ]


def tell_ledger(
    order: Order, what: Literal["placed", "unpaid", "paid", "undone"], *, at: datetime
) -> list[Job]:
    """Evidence of a sale that somebody recommended; no job for all others."""
    if order.attribution is None:
        return []
    sale = Sale(
        order_id=order.id,
        attribution=order.attribution,
        amount=Money(order.total_minor, order.currency),
        at=order.placed_at,
        what=what,
    )
    job = Job(
        id=new_id(),
        merchant_id=order.merchant_id,
        kind=JobKind.EVIDENCE,
        stream=f"{JobKind.EVIDENCE}:{order.id}",
        sequence=order.version,
        payload=encode(sale),
        created_at=at,
    )
    return [job]


def move_money(kind: JobKind, merchant_id: str, move: MoneyMove, *, sequence: int, at: datetime) -> Job:
    """Capture, void or refund: one stream per attempt, so that they happen in their order."""
    return Job(
        id=new_id(),
        merchant_id=merchant_id,
        kind=kind,
        stream=f"money:{move.attempt_id}",
        sequence=sequence,
        payload=encode(move),
        created_at=at,
    )


def void_of(attempt: AttemptRow, *, at: datetime) -> Job:
    """An attempt may be gone on with after a void was queued, hence the epoch as its place."""
    move = MoneyMove(attempt_id=attempt.id, amount_minor=attempt.amount_minor)
    return move_money(JobKind.VOID, attempt.merchant_id, move, sequence=attempt.epoch, at=at)


def capture_of(order: Order, attempt: AttemptRow, *, at: datetime) -> Job:
    move = MoneyMove(attempt_id=attempt.id, amount_minor=attempt.amount_minor, order_id=order.id)
    return move_money(JobKind.CAPTURE, attempt.merchant_id, move, sequence=1, at=at)


def move_stock(kind: JobKind, attempt: AttemptRow, *, at: datetime) -> Job:
    """Release or confirm what a stock kept elsewhere holds for ``attempt``."""
    return Job(
        id=new_id(),
        merchant_id=attempt.merchant_id,
        kind=kind,
        stream=f"stock:{attempt.hold_id}",
        sequence=1,
        payload=encode(StockMove(hold_id=attempt.hold_id)),
        created_at=at,
    )


def serve(checkout: Checkout, order: Order, *, at: datetime) -> list[Job]:
    """A job for each tool that the order waits for. They are independent, so each has its own stream."""
    sold_as = {line.id: line.sold_as for line in checkout.basket.lines}
    return [
        Job(
            id=run.id,
            merchant_id=order.merchant_id,
            kind=JobKind.TOOL,
            stream=f"tool:{run.id}",
            sequence=1,
            payload=encode(ToolWork(order_id=order.id, run_id=run.id, sold_as=sold)),
            created_at=at,
        )
        for run in order.runs
        if (sold := sold_as[run.line_id]) is not None
    ]
