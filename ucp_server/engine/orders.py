"""What happens to an order after the sale: shipment, delivery, cancellation, return, refund."""

from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

from ucp_server.domain.order import Adjustment, FulfillmentEvent, Order, Quantity
from ucp_server.engine.commands import Scope
from ucp_server.engine.setup import Setup


class Parcel(msgspec.Struct, frozen=True, kw_only=True):
    """What travels. Without ``lines`` everything that is still here (or still on its way)."""

    lines: tuple[Quantity, ...] = ()
    tracking_number: str | None = None
    tracking_url: str | None = None
    carrier: str | None = None
    description: str | None = None


@dataclass(frozen=True, slots=True)
class Orders:
    """Each method is one conditional statement: the order, its event, and what follows from it.

    All raise OrderNotFound, AdjustmentRefused when there is less than what is asked for, and
    RevisionConflict when others changed the order each time we tried.
    """

    setup: Setup

    async def ship(self, merchant_id: str, order_id: str, parcel: Parcel) -> Order:
        raise NotImplementedError

    async def deliver(self, merchant_id: str, order_id: str, parcel: Parcel) -> Order:
        raise NotImplementedError

    async def cancel(
        self, merchant_id: str, order_id: str, lines: Sequence[Quantity] = (), text: str | None = None
    ) -> Order:
        """Take ``lines`` (all that have not left, when empty) out of the order and pay them back."""
        raise NotImplementedError

    async def return_(
        self, merchant_id: str, order_id: str, lines: Sequence[Quantity], text: str | None = None
    ) -> Order:
        """Pieces came back; paying them back is `refund`."""
        raise NotImplementedError

    async def refund(
        self, merchant_id: str, order_id: str, amount_minor: int, text: str | None = None
    ) -> Order:
        """Pay ``amount_minor`` back; never more in all than what was paid."""
        raise NotImplementedError

    async def replace_events_and_adjustments(
        self,
        scope: Scope,
        order_id: str,
        events: Sequence[FulfillmentEvent],
        adjustments: Sequence[Adjustment],
    ) -> Order:
        """Write both lists as given (suite mode's PUT); no money moves."""
        raise NotImplementedError
