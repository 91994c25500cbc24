"""Which instruments can be paid with: what the handler takes and the platform has, for this cart.

M:D/payment/guide, "Resolving available_instruments". Entries are `InstrumentOffer`s with constraints in
the newest form; 2026-04-08 knew but the brands of cards (T3:S/shopping/types/card_payment_instrument).
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import msgspec

from ucp_server.ports import HandlerListing, InstrumentOffer
from ucp_server.ucp.constraints import both, is_expression
from ucp_server.ucp.releases import Release

Wire = dict[str, Any]
Offers = tuple[InstrumentOffer, ...]

# Of all handlers of a platform together, as JSON: what is kept with every claim of it. Whoever writes
# more is offered what the merchant takes.
INSTRUMENTS_KEPT_BYTES: Final = 2_048


def read_instruments(handlers: Any) -> dict[str, Offers]:
    """What a platform's ``payment_handlers`` can do, by name of the handler.

    One that does not say so can do everything, and is not among them.
    """
    found: dict[str, Offers] = {}
    for name, entries in handlers.items() if isinstance(handlers, dict) else ():
        offers = [_offers(entry) for entry in entries if isinstance(entry, dict)]
        if offers and all(offers):
            found[name] = tuple(offer for entry in offers for offer in entry)
    return found if len(msgspec.json.encode(found)) <= INSTRUMENTS_KEPT_BYTES else {}


def _offers(entry: Wire) -> Offers:
    listed = entry.get("available_instruments")
    return tuple(
        InstrumentOffer(type=each["type"], constraints=_expression(each.get("constraints")))
        for each in (listed if isinstance(listed, list) else ())
        if isinstance(each, dict) and isinstance(each.get("type"), str)
    )


def _expression(constraints: Any) -> Wire:
    """In the newest form; what nobody can read says nothing."""
    brands = constraints.get("brands") if isinstance(constraints, dict) else None
    if isinstance(brands, list):
        return {"properties": {"brand": {"enum": brands}}}
    return constraints if is_expression(constraints) else {}


def narrowed(listings: Iterable[HandlerListing], theirs: Mapping[str, Offers]) -> list[HandlerListing]:
    """``listings`` as far as a platform can use them; a handler with nothing in common is left out."""
    usable = []
    for listing in listings:
        offers = theirs.get(listing.name)
        common = in_common(listing.instruments, offers) if offers is not None else listing.instruments
        if common or offers is None:
            usable.append(msgspec.structs.replace(listing, instruments=common))
    return usable


def in_common(ours: Sequence[InstrumentOffer], theirs: Sequence[InstrumentOffer]) -> Offers:
    """In our order, which is that of preference; where we name none, all of theirs."""
    if not ours:
        return tuple(theirs)
    met = [
        InstrumentOffer(type=mine.type, constraints=constraints)
        for mine in ours
        for other in theirs
        if mine.type == other.type
        and (constraints := both(_expression(mine.constraints), other.constraints)) is not None
    ]
    return tuple(offer for place, offer in enumerate(met) if offer not in met[:place])


def render_instruments(release: Release, offers: Iterable[InstrumentOffer]) -> list[Wire]:
    """``available_instruments`` of a handler as ``release`` writes them; empty where it knows of none."""
    if release.instruments_told == "not":
        return []
    return [_render(release, offer) for offer in offers]


def _render(release: Release, offer: InstrumentOffer) -> Wire:
    constraints = offer.constraints
    if release.instruments_told == "by_brand":
        brand = constraints.get("properties", {}).get("brand", {})
        constraints = {"brands": brand["enum"]} if "enum" in brand else {}
    return {"type": offer.type} | ({"constraints": constraints} if constraints else {})
