"""What the agent's own page has for its buyer, in the words of each release: cards and addresses."""

from typing import Any, Final
from urllib.parse import urlencode, urlsplit

import msgspec

from ucp_server.agent import speech
from ucp_server.agent.speech import Offer

Wire = dict[str, Any]

_CARDS: Final = (("visa", "4242"), ("mastercard", "4444"))
_PARCEL_SHOP: Final = {
    "id": "work",
    "street_address": "Neuer Wall 10",
    "address_locality": "Hamburg",
    "postal_code": "20354",
    "address_country": "DE",
}


class Card(msgspec.Struct, frozen=True, kw_only=True):
    """``chosen`` and ``paying`` are the parts of a checkout that answer which card, and with what."""

    label: str
    chosen: Wire
    paying: Wire


class Place(msgspec.Struct, frozen=True, kw_only=True):
    label: str
    destination: Wire


class Stage(msgspec.Struct, frozen=True, kw_only=True):
    """What the agent's page shows: the checkout at ``url``, a page of ``origin``.

    ``tells_status``: an outcome is told in a result, not as an error of JSON-RPC. ``schemes`` are the
    colours that the shop has its page in.
    """

    url: str
    origin: str
    version: str
    tells_status: bool
    schemes: tuple[str, ...]
    cards: tuple[Card, ...]
    places: tuple[Place, ...]


def stage(offer: Offer, checkout: Wire, token: str, home: Wire) -> Stage | None:
    """None where the shop does not let its pages be framed; ``home`` is the buyer's usual address."""
    config = speech.embedding(offer, checkout)
    if config is None or "continue_url" not in checkout:
        return None
    url = urlsplit(checkout["continue_url"])
    asked = {"ec_version": offer.release, "ec_delegate": ",".join(config.get("delegate", ()))}
    handlers = speech.handlers(offer.release, checkout)
    handler = next((h for h in handlers if "mock" in h), handlers[0] if handlers else "")
    return Stage(
        url=f"{checkout['continue_url']}{'&' if url.query else '?'}{urlencode(asked)}",
        origin=f"{url.scheme}://{url.netloc}",
        version=offer.release,
        tells_status=speech.tells_status(offer.release),
        schemes=tuple(config.get("color_scheme", ())),
        cards=tuple(_card(offer.release, handler, token, *card) for card in _CARDS),
        places=tuple(_place(offer.release, address) for address in (home, _PARCEL_SHOP)),
    )


def _card(release: str, handler: str, token: str, brand: str, digits: str) -> Card:
    instrument = speech.instrument(release, f"card_{digits}", handler, brand, digits)
    credential = {"type": "token", "token": token}
    return Card(
        label=f"{brand.title()} •••• {digits}",
        chosen=speech.chosen(release, instrument),
        paying=speech.chosen(release, instrument | {"credential": credential}),
    )


def _place(release: str, address: Wire) -> Place:
    parts = (address["street_address"], f"{address['postal_code']} {address['address_locality']}")
    return Place(label=", ".join(parts), destination=speech.destination(release, address))
