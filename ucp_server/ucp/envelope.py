"""The ``ucp`` member of a reply, written for its release from what was negotiated."""

from collections.abc import Iterable
from collections.abc import Set as AbstractSet
from typing import Any

from ucp_server.ports import HandlerListing
from ucp_server.ucp.instruments import render_instruments
from ucp_server.ucp.releases import Capability, Release

Wire = dict[str, Any]


def relevant(release: Release, active: AbstractSet[str], root: str) -> tuple[Capability, ...]:
    """The active capabilities that shape a reply about ``root``.

    Those are the root itself and what extends it (T3:D/overview#Response Capability Selection).
    """
    return tuple(
        capability
        for capability in release.capabilities
        if capability.name in active and (capability.name == root or root in capability.extends)
    )


def render_envelope(release: Release, capabilities: Iterable[Capability]) -> Wire:
    wire: Wire = {"version": release.version}
    if release.envelope_has_status:
        wire["status"] = "success"
    names = [capability.name for capability in capabilities]
    if release.capabilities_are_a_list:
        wire["capabilities"] = [{"name": name, "version": release.version} for name in names]
    else:
        wire["capabilities"] = {name: [{"version": release.version}] for name in names}
    return wire


def put_handlers(release: Release, document: Wire, listings: Iterable[HandlerListing]) -> None:
    """Say how this cart can be paid, where ``release`` looks for it; ``document`` has its envelope."""
    if release.handlers_are_in_payment:
        document.setdefault("payment", {})["handlers"] = [older_listing(entry) for entry in listings]
    else:
        put_map(release, document["ucp"], "payment_handlers", listings_by_name(release, listings))


def put_map(release: Release, ucp: Wire, member: str, entries: Wire) -> None:
    """Add a map whose keys the merchant put in order, and say so (M:D/overview#map_order)."""
    ucp[member] = entries
    if release.envelope_orders_maps and len(entries) > 1:
        ucp.setdefault("map_order", {})[member] = list(entries)


def older_listing(listing: HandlerListing) -> Wire:
    """An entry of ``payment.handlers`` (T1:S/shopping/types/payment_handler.json)."""
    return {
        "id": listing.id,
        "name": listing.name,
        "version": listing.version,
        "spec": listing.spec,
        "config_schema": listing.config_schema,
        "instrument_schemas": list(listing.instrument_schemas),
        "config": dict(listing.config),
    }


def listings_by_name(release: Release, listings: Iterable[HandlerListing]) -> Wire:
    """``ucp.payment_handlers``: reverse-domain name to entries (T2:S/payment_handler.json)."""
    by_name: Wire = {}
    for listing in listings:
        entry: Wire = {
            "id": listing.id,
            "version": listing.version,
            "spec": listing.spec,
            "schema": listing.config_schema,
            "config": dict(listing.config),
        }
        if offers := render_instruments(release, listing.instruments):
            entry["available_instruments"] = offers
        by_name.setdefault(listing.name, []).append(entry)
    return by_name
