"""What the agent writes and reads in each release of UCP it knows, where they differ in form.

Each set names the releases in which something was so; a newer release is in none of them.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

import msgspec

Wire = dict[str, Any]
Parents = Mapping[str, tuple[str, ...]]

TRANSPORTS: Final = ("rest", "mcp")
# By the last part of the path that asks the same over REST.
CATALOG_TOOLS: Final = {"search": "search_catalog", "lookup": "lookup_catalog", "product": "get_product"}
RELEASES: Final = ("2026-01-11", "2026-01-23", "2026-04-08", "2026-08-25")

_SERVICE: Final = "dev.ucp.shopping"
_FIRST: Final = frozenset({"2026-01-11"})
_JANUARY: Final = frozenset({"2026-01-11", "2026-01-23"})
_BEFORE_AUGUST: Final = frozenset({"2026-01-11", "2026-01-23", "2026-04-08"})

# What a framed page of the first release could hand over; later ones say so themselves.
_DELEGATIONS_FIRST: Final = (
    "payment.instruments_change",
    "payment.credential",
    "fulfillment.address_change",
)

# Names below ``dev.ucp.shopping``: what an agent asks a shop for, and what else it understands.
_ROOTS_JANUARY: Final = ("checkout", "order")
_ROOTS_LATER: Final = (*_ROOTS_JANUARY, "cart", "catalog.search", "catalog.lookup")
_EXTENSIONS: Final = ("fulfillment", "discount", "buyer_consent")
_CHECKOUT: Final = ("checkout",)
# Extensions are of more than checkouts where there is more than checkouts.
_PARENTS_APRIL: Final[Parents] = MappingProxyType({"discount": ("checkout", "cart")})
_PARENTS_AUGUST: Final[Parents] = MappingProxyType(
    {
        **_PARENTS_APRIL,
        "buyer_consent": ("checkout", "cart"),
        "fulfillment": ("checkout", "catalog.search", "catalog.lookup"),
    }
)


def capabilities(release: str) -> tuple[str, ...]:
    """The names below ``dev.ucp.shopping`` that the agent has in ``release``."""
    return (*_roots(release), *_EXTENSIONS)


def _roots(release: str) -> tuple[str, ...]:
    return _ROOTS_JANUARY if release in _JANUARY else _ROOTS_LATER


class Offer(msgspec.Struct, frozen=True, kw_only=True):
    """What a shop's profile says: where to call, which release, what can pay."""

    release: str
    endpoint: str
    capabilities: tuple[str, ...]
    handlers: tuple[str, ...]
    keys: tuple[Wire, ...]
    is_embeddable: bool = False

    def has(self, capability: str) -> bool:
        """Whether the shop has what the agent has too, by its name below ``dev.ucp.shopping``."""
        known = capability in capabilities(self.release)
        return known and f"{_SERVICE}.{capability}" in self.capabilities


# --- profiles ---


def profile(release: str, webhook_url: str) -> Wire:
    """The agent's own profile (digest 2.1)."""
    entries = {
        f"{_SERVICE}.{name}": _capability(name, release, webhook_url) for name in capabilities(release)
    }
    if release in _FIRST:
        listed = [{"name": name, **entry} for name, entry in entries.items()]
        return {"ucp": {"version": release, "capabilities": listed}}
    service = {
        "version": release,
        "transport": "rest",
        "spec": "https://ucp.dev/specification/overview",
        "schema": "https://ucp.dev/services/shopping/rest.openapi.json",
    }
    return {
        "ucp": {
            "version": release,
            "services": {_SERVICE: [service]},
            "capabilities": {name: [entry] for name, entry in entries.items()},
            "payment_handlers": {},
        }
    }


def _capability(name: str, release: str, webhook_url: str) -> Wire:
    entry: Wire = {
        "version": release,
        "spec": f"https://ucp.dev/specification/{name.replace('_', '-').replace('.', '/')}",
        "schema": f"https://ucp.dev/schemas/shopping/{name.replace('.', '_')}.json",
    }
    if name == "order":
        entry["config"] = {"webhook_url": webhook_url}
    elif name not in _roots(release):
        entry["extends"] = _parents(name, release)
    return entry


def _parents(extension: str, release: str) -> str | list[str]:
    """One name, or a list of several."""
    wider = _PARENTS_APRIL if release in _BEFORE_AUGUST else _PARENTS_AUGUST
    parents = _CHECKOUT if release in _JANUARY else wider.get(extension, _CHECKOUT)
    named = [f"{_SERVICE}.{parent}" for parent in parents]
    return named[0] if len(named) == 1 else named


def read_offer(found: Wire, transport: str = "rest") -> Offer:
    """A shop's profile of any release that we know; raises KeyError or TypeError for another."""
    ucp = found["ucp"]
    release: str = ucp["version"]
    if release not in RELEASES:
        raise KeyError(f"release {release} among those known here")
    service = ucp["services"][_SERVICE]
    if release in _FIRST:
        offered, names = service[transport], [entry["name"] for entry in ucp["capabilities"]]
        transports = set(service)
    else:
        by_transport = {entry["transport"]: entry for entry in service}
        offered, names = by_transport[transport], list(ucp["capabilities"])
        transports = set(by_transport)
    return Offer(
        release=release,
        endpoint=offered["endpoint"].rstrip("/"),
        capabilities=tuple(names),
        handlers=tuple(handlers(release, found)),
        keys=tuple(found.get("signing_keys" if release in _BEFORE_AUGUST else "keys", ())),
        is_embeddable="embedded" in transports,
    )


def handlers(release: str, document: Wire) -> list[str]:
    """The ids of those that can pay, in a profile or in a checkout."""
    if release in _FIRST:
        return [entry["id"] for entry in document.get("payment", {}).get("handlers", ())]
    by_name = document.get("ucp", {}).get("payment_handlers", {})
    return [entry["id"] for entries in by_name.values() for entry in entries]


# --- bodies ---


def create(release: str, line_items: list[Wire], buyer: Wire, currency: str) -> Wire:
    body: Wire = {"line_items": line_items, "buyer": buyer}
    if release in _FIRST:
        body |= {"currency": currency, "payment": {}}
    return body


def cart(lines: list[Wire], buyer: Wire, country: str, code: str | None) -> Wire:
    """The body of a cart; its ``country`` is what taxes can be estimated by."""
    body: Wire = {"line_items": lines, "buyer": buyer, "context": {"address_country": country}}
    return body if code is None else body | {"discounts": {"codes": [code]}}


def of_cart(cart: Wire) -> Wire:
    """The body of a create whose content is the cart's."""
    return {"cart_id": cart["id"], "line_items": []}


def update(release: str, checkout: Wire, buyer: Wire) -> Wire:
    """What the checkout holds already, to be sent once more with what is new."""
    lines = [
        {"id": line["id"], "item": {"id": line["item"]["id"]}, "quantity": line["quantity"]}
        for line in checkout["line_items"]
    ]
    body = create(release, lines, buyer, checkout["currency"])
    return {"id": checkout["id"], **body} if release in _JANUARY else body


def destination(release: str, address: Wire) -> Wire:
    return address if release in _BEFORE_AUGUST else {"type": "shipping_address", **address}


def complete(release: str, handler_id: str, token: str) -> Wire:
    """The agent's one way to pay: a card, as ``handler_id`` takes it."""
    card = instrument(release, "instr_agent", handler_id, "visa", "4242")
    card["credential"] = {"type": "token", "token": token}
    return {"payment_data": card} if release in _FIRST else {"payment": {"instruments": [card]}}


def instrument(release: str, id_: str, handler_id: str, brand: str, digits: str) -> Wire:
    """A card, without what pays."""
    shown = {"brand": brand, "last_digits": digits}
    card: Wire = {"id": id_, "handler_id": handler_id, "type": "card"}
    return card | (shown if release in _FIRST else {"display": shown})


# --- pages in a frame ---


def embedding(offer: Offer, checkout: Wire) -> Wire | None:
    """What may be handed over, and in which colours; None where the page cannot be framed.

    At first the profile said so for all checkouts; since 2026-01-23 each says so for itself.
    """
    if offer.release in _FIRST:
        return {"delegate": list(_DELEGATIONS_FIRST)} if offer.is_embeddable else None
    services = checkout.get("ucp", {}).get("services", {}).get(_SERVICE, ())
    entry = next((entry for entry in services if entry["transport"] == "embedded"), None)
    return None if entry is None else entry.get("config", {})


def tells_status(release: str) -> bool:
    """Whether the answer to a framed page holds its outcome; in January a failure was an error."""
    return release not in _JANUARY


def chosen(release: str, card: Wire) -> Wire:
    """The part of a checkout that names the card to pay with."""
    if release in _FIRST:
        return {"payment": {"selected_instrument_id": card["id"], "instruments": [card]}}
    return {"payment": {"instruments": [card | {"selected": True}]}}


# --- calls of tools ---


def call(release: str, name: str, profile_url: str, key: str | None, target: str, body: Wire) -> Wire:
    """The method and params of a JSON-RPC call; at first an operation was a method of its own."""
    named = {"id": target} if target else {}
    if release in _FIRST:
        keyed = {"idempotency_key": key} if key else {}
        about: Wire = {"_meta": {"ucp": {"profile": profile_url}}, **keyed}
        return {"method": name, "params": {**about, **body, **named}}
    meta: Wire = {"ucp-agent": {"profile": profile_url}, **({"idempotency-key": key} if key else {})}
    held = "catalog" if name in CATALOG_TOOLS.values() else name.partition("_")[2]
    # What is changed is named beside the payload.
    payload = {member: value for member, value in body.items() if not target or member != "id"}
    arguments = {"meta": meta, **named, **({held: payload} if body else {})}
    return {"method": "tools/call", "params": {"name": name, "arguments": arguments}}


def told(release: str, result: Wire) -> Wire:
    """The document in the result of a call."""
    if release not in _JANUARY:
        document: Wire = result["structuredContent"]
        return document
    return {member: value for member, value in result.items() if member != "content"}


def is_signed_by_jws(release: str) -> bool:
    """Whether events carry a detached JWS; since 2026-04-08 it is a signature of RFC 9421."""
    return release in _JANUARY


def errors(checkout: Wire) -> str:
    """What the errors among its messages say to people."""
    return " ".join(m["content"] for m in checkout.get("messages", ()) if m["type"] == "error")
