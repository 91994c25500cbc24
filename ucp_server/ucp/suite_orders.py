"""Orders outside the protocol, for the official suite and for local tries (digest 11.C, C8 and C9).

Which of these exist is a matter of the mode. No release has an operation that changes an order.
"""

import hmac
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

import msgspec

from ucp_server.asgi.documents import BadDocument, decode
from ucp_server.asgi.reply import Reply
from ucp_server.domain.errors import AdjustmentRefused, Refusal
from ucp_server.domain.order import Adjustment, AdjustmentType, EventType, FulfillmentEvent, Quantity
from ucp_server.engine.commands import Scope
from ucp_server.engine.orders import Orders, Parcel
from ucp_server.ucp.admitted import order_in_path
from ucp_server.ucp.incoming import Incoming
from ucp_server.ucp.operations import Operations
from ucp_server.ucp.refusals import BodyUnreadable, Forbidden
from ucp_server.ucp.replies import Replies

Wire = dict[str, Any]


class _LineSent(msgspec.Struct):
    id: str
    quantity: int


class _EventSent(msgspec.Struct):
    id: str
    type: EventType
    occurred_at: datetime
    line_items: tuple[_LineSent, ...] = ()
    tracking_number: str | None = None
    tracking_url: str | None = None
    carrier: str | None = None
    description: str | None = None


class _AdjustmentSent(msgspec.Struct):
    id: str
    type: AdjustmentType
    occurred_at: datetime
    status: Literal["pending", "completed", "failed"]
    line_items: tuple[_LineSent, ...] = ()
    amount: int = 0
    description: str | None = None


class _FulfillmentSent(msgspec.Struct):
    events: tuple[_EventSent, ...] = ()


class _OrderSent(msgspec.Struct):
    fulfillment: _FulfillmentSent = msgspec.field(default_factory=_FulfillmentSent)
    adjustments: tuple[_AdjustmentSent, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class SuiteOrders:
    """``simulation_secret`` of None refuses every simulation."""

    operations: Operations
    orders: Orders
    replies: Replies
    simulation_secret: bytes | None

    async def perform(self, incoming: Incoming) -> Reply:
        """Overwrite or ship an order and answer with it."""
        incoming.facts["protocol"], incoming.facts["operation"] = "ucp", incoming.operation
        try:
            return await self._perform(incoming)
        except Refusal as refusal:
            incoming.facts["outcome"] = refusal.code
            return self.replies.refusal(incoming.endpoint, refusal)

    async def _perform(self, incoming: Incoming) -> Reply:
        if incoming.operation == "simulate_shipping":
            self._check_secret(incoming)
            merchant_id, order_id = incoming.shop.merchant_id, order_in_path(incoming)
            order = await self.orders.ship(merchant_id, order_id, Parcel())
            return self.replies.order_reply(incoming.endpoint, incoming.shop.site, order)
        negotiated = await self.operations.admit(incoming)
        scope = Scope(merchant_id=incoming.shop.merchant_id, platform_id=negotiated.platform.id)
        events, adjustments = decode_order(incoming.raw)
        order = await self.orders.replace_events_and_adjustments(
            scope, order_in_path(incoming), events, adjustments
        )
        return self.replies.order_reply(negotiated.release, incoming.shop.site, order)

    def _check_secret(self, incoming: Incoming) -> None:
        told = incoming.headers.get("simulation-secret", "").encode("utf-8", "surrogateescape")
        if self.simulation_secret is None or not hmac.compare_digest(told, self.simulation_secret):
            raise Forbidden("Simulation-Secret is missing or wrong.")


def decode_order(raw: bytes) -> tuple[tuple[FulfillmentEvent, ...], tuple[Adjustment, ...]]:
    """What an order that is sent back says of its events and adjustments.

    Raises `BodyUnreadable`, and `AdjustmentRefused` for what an order cannot hold.
    """
    try:
        sent = msgspec.convert(decode(raw), _OrderSent)
    except BadDocument as error:
        raise BodyUnreadable(error.code, error.text) from error
    except msgspec.ValidationError as error:
        raise AdjustmentRefused("The order holds an event or an adjustment that cannot be one.") from error
    return (
        tuple(_event(event) for event in sent.fulfillment.events),
        tuple(_adjustment(adjustment) for adjustment in sent.adjustments),
    )


def _quantities(sent: tuple[_LineSent, ...]) -> tuple[Quantity, ...]:
    return tuple(Quantity(line_id=line.id, quantity=abs(line.quantity)) for line in sent)


def _event(sent: _EventSent) -> FulfillmentEvent:
    return FulfillmentEvent(
        id=sent.id,
        type=sent.type,
        occurred_at=sent.occurred_at,
        lines=_quantities(sent.line_items),
        tracking_number=sent.tracking_number,
        tracking_url=sent.tracking_url,
        carrier=sent.carrier,
        description=sent.description,
    )


def _adjustment(sent: _AdjustmentSent) -> Adjustment:
    return Adjustment(
        id=sent.id,
        type=sent.type,
        occurred_at=sent.occurred_at,
        status=sent.status,
        lines=_quantities(sent.line_items),
        amount_minor=abs(sent.amount),
        description=sent.description,
    )
