"""Where the goods go and how: destinations, methods, groups, options."""

from datetime import datetime
from typing import Literal

import msgspec


class Address(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A postal address in the members of UCP's postal address; ``country`` is ISO 3166-1 alpha-2."""

    street_address: str | None = None
    extended_address: str | None = None
    locality: str | None = None
    region: str | None = None
    country: str | None = None
    postal_code: str | None = None
    first_name: str | None = None
    last_name: str | None = None
    full_name: str | None = None
    phone_number: str | None = None


class Destination(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A buyer's address to ship to, or a place of ours (with a ``name``) to collect at."""

    id: str
    kind: Literal["shipping_address", "business_location"]
    address: Address | None = None
    name: str | None = None


class Option(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One offered way to fulfil a group: its price before tax handling, in minor units.

    ``service_level`` ("standard", "express", ...) is the shop's own word; promotions free the
    standard one.
    """

    id: str
    title: str
    price_minor: int
    service_level: str | None = None
    description: str | None = None
    carrier: str | None = None
    earliest_at: datetime | None = None
    latest_at: datetime | None = None


class Group(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Lines that travel together; ``options`` are offered, one may be selected."""

    id: str
    line_ids: tuple[str, ...]
    options: tuple[Option, ...] = ()
    selected_option_id: str | None = None

    @property
    def selected(self) -> Option | None:
        return next((o for o in self.options if o.id == self.selected_option_id), None)


class Method(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How some lines reach the buyer. ``destinations`` is None until one is known."""

    id: str
    type: str  # "shipping" or "pickup"
    line_ids: tuple[str, ...]
    destinations: tuple[Destination, ...] | None = None
    selected_destination_id: str | None = None
    groups: tuple[Group, ...] = ()

    @property
    def destination(self) -> Destination | None:
        return next((d for d in self.destinations or () if d.id == self.selected_destination_id), None)


class NewAddress(msgspec.Struct, frozen=True, kw_only=True):
    """An address that a buyer used and that may be offered again; ``owner`` stands for the e-mail."""

    owner: str
    id: str
    address: Address


class WantedDestination(msgspec.Struct, frozen=True, kw_only=True):
    """An address as a caller sent it; ``id`` when it names one that we know."""

    id: str | None = None
    address: Address | None = None


class WantedGroup(msgspec.Struct, frozen=True, kw_only=True):
    id: str | None = None
    selected_option_id: str | None = None


class WantedMethod(msgspec.Struct, frozen=True, kw_only=True):
    """A method as a caller sent it. Every member may be missing: an older caller names no ids.

    A missing ``id`` means the method of that ``type``, else the one in the same place; missing
    ``line_ids`` mean all lines that no other method has. ``destinations`` of None keep what is
    known, an empty tuple clears it.
    """

    id: str | None = None
    type: str | None = None
    line_ids: tuple[str, ...] | None = None
    destinations: tuple[WantedDestination, ...] | None = None
    selected_destination_id: str | None = None
    groups: tuple[WantedGroup, ...] = ()
