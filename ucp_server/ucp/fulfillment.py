"""The fulfillment extension on the wire of the newest release (D/fulfillment)."""

from collections.abc import Sequence
from typing import Any

import msgspec

from ucp_server.asgi.times import rfc3339
from ucp_server.domain.fulfillment import (
    Destination,
    Group,
    Method,
    Option,
    WantedDestination,
    WantedGroup,
    WantedMethod,
)
from ucp_server.ucp.addresses import decode_address, render_address

Wire = dict[str, Any]


class _GroupSent(msgspec.Struct):
    id: str | None = None
    selected_option_id: str | None = None


class _MethodSent(msgspec.Struct):
    id: str | None = None
    type: str | None = None
    line_item_ids: tuple[str, ...] | None = None
    destinations: tuple[dict[str, Any], ...] | None = None
    selected_destination_id: str | None = None
    groups: tuple[_GroupSent, ...] = ()


class _FulfillmentSent(msgspec.Struct):
    methods: tuple[_MethodSent, ...] | None = None


def decode_fulfillment(wire: Any, *, creating: bool) -> tuple[WantedMethod, ...] | None:
    """The wanted methods; None where the document says nothing of them.

    Lines have no ids yet while a checkout is being created, so nothing can name them then.
    """
    sent = msgspec.convert(wire, _FulfillmentSent | None)
    if sent is None or sent.methods is None:
        return None
    return tuple(
        WantedMethod(
            id=method.id,
            type=method.type,
            line_ids=None if creating else method.line_item_ids,
            destinations=_decode_destinations(method.destinations),
            selected_destination_id=method.selected_destination_id,
            groups=tuple(
                WantedGroup(id=group.id, selected_option_id=group.selected_option_id)
                for group in method.groups
            ),
        )
        for method in sent.methods
    )


def _decode_destinations(sent: tuple[Wire, ...] | None) -> tuple[WantedDestination, ...] | None:
    if sent is None:
        return None
    return tuple(
        WantedDestination(
            id=msgspec.convert(wire.get("id"), str | None),
            address=decode_address(wire),
        )
        for wire in sent
    )


def render_fulfillment(methods: Sequence[Method]) -> Wire:
    return {"methods": [_render_method(method) for method in methods]}


def _render_method(method: Method) -> Wire:
    wire: Wire = {"id": method.id, "type": method.type, "line_item_ids": list(method.line_ids)}
    if method.destinations is not None:
        wire["destinations"] = [render_destination(place) for place in method.destinations]
    if method.selected_destination_id is not None:
        wire["selected_destination_id"] = method.selected_destination_id
    if method.groups:
        wire["groups"] = [_render_group(group) for group in method.groups]
    return wire


def render_destination(place: Destination) -> Wire:
    """A buyer's address lies flat in its destination, a place of ours has a name and an address."""
    if place.kind == "shipping_address":
        return {"type": place.kind, "id": place.id, **render_address(place.address)}
    wire: Wire = {"type": place.kind, "id": place.id, "name": place.name or place.id}
    if place.address is not None:
        wire["address"] = render_address(place.address)
    return wire


def _render_group(group: Group) -> Wire:
    wire: Wire = {"id": group.id, "line_item_ids": list(group.line_ids)}
    wire["options"] = [_render_option(option) for option in group.options]
    if group.selected_option_id is not None:
        wire["selected_option_id"] = group.selected_option_id
    return wire


def _render_option(option: Option) -> Wire:
    wire: Wire = {
        "id": option.id,
        "title": option.title,
        "totals": [{"type": "total", "amount": option.price_minor}],
    }
    if option.description is not None:
        wire["description"] = {"plain": option.description}
    if option.carrier is not None:
        wire["carrier"] = option.carrier
    if option.earliest_at is not None:
        wire["earliest_fulfillment_time"] = rfc3339(option.earliest_at)
    if option.latest_at is not None:
        wire["latest_fulfillment_time"] = rfc3339(option.latest_at)
    return wire
