"""The parcels of an order: what was handed to a carrier together, and how far it has come.

Events tell of goods; a buyer thinks in parcels. Which parcel an event is about nobody says outright:
its tracking number does, and where it names none, the pieces that are still on their way.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

import msgspec

from ucp_server.domain.order import FulfillmentEvent, Order, Quantity


class Parcel(msgspec.Struct, frozen=True, kw_only=True):
    """``sent`` is None for what reached the buyer without a carrier, ``latest`` what happened last."""

    sent: FulfillmentEvent | None
    latest: FulfillmentEvent
    lines: tuple[Quantity, ...]

    @property
    def is_delivered(self) -> bool:
        return self.latest.type == "delivered"


@dataclass(slots=True)
class _Moving:
    """A parcel while its events are read; ``away`` are its pieces that have not arrived yet."""

    sent: FulfillmentEvent
    latest: FulfillmentEvent
    away: Counter[str] = field(default_factory=Counter)

    def holds(self, event: FulfillmentEvent) -> bool:
        if event.tracking_number and self.sent.tracking_number:
            return event.tracking_number == self.sent.tracking_number
        return self.away.total() > 0 and (
            not event.lines or any(self.away[part.line_id] for part in event.lines)
        )

    def take(self, arrived: Counter[str]) -> None:
        """Count what ``arrived`` down, here and there."""
        here = self.away & arrived
        self.away -= here
        arrived -= here


def parcels(order: Order) -> tuple[Parcel, ...]:
    """In the order in which they left, and after them what was handed over without having been sent."""
    moving: list[_Moving] = []
    handed: list[Parcel] = []
    for event in sorted(order.events, key=lambda one: one.occurred_at):
        match event.type:
            case "shipped":
                moving.append(_Moving(sent=event, latest=event, away=_pieces(event)))
            case "delivered":
                handed += _delivered(event, moving)
            case "processing":
                pass  # about goods that are still with the shop, though pieces of their line may be away
            case _:
                for parcel in moving:
                    if parcel.holds(event):
                        parcel.latest = event
    return (
        *(Parcel(sent=one.sent, latest=one.latest, lines=one.sent.lines) for one in moving),
        *handed,
    )


def _delivered(event: FulfillmentEvent, moving: list[_Moving]) -> Iterator[Parcel]:
    """Note what arrived of each parcel; what was in none of them was handed over.

    More may have arrived than the parcel held whose number is told: the pieces count, since the order
    counts them too, and nobody could tell of them a second time.
    """
    arrived = _pieces(event)
    for parcel in sorted(moving, key=lambda one: not one.holds(event)):
        is_meant = parcel.holds(event)
        if not is_meant and not parcel.away & arrived:
            continue
        parcel.take(arrived if event.lines else Counter(parcel.away))
        if not parcel.away.total():
            parcel.latest = event
    rest = tuple(
        Quantity(line_id=line_id, quantity=number) for line_id, number in arrived.items() if number
    )
    if rest:
        yield Parcel(sent=None, latest=event, lines=rest)


def _pieces(event: FulfillmentEvent) -> Counter[str]:
    counted = Counter[str]()
    for part in event.lines:
        counted[part.line_id] += part.quantity
    return counted
