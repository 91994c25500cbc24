"""What an agent writes and reads in each release, where the releases differ in form alone."""

from collections.abc import Iterable
from typing import Any

Wire = dict[str, Any]

SERVICE = "dev.ucp.shopping"
CHECKOUT = f"{SERVICE}.checkout"
ORDER = f"{SERVICE}.order"
CART = f"{SERVICE}.cart"
CATALOG_SEARCH = f"{SERVICE}.catalog.search"
CATALOG_LOOKUP = f"{SERVICE}.catalog.lookup"
DISCOUNT = f"{SERVICE}.discount"
FULFILLMENT = f"{SERVICE}.fulfillment"
BUYER_CONSENT = f"{SERVICE}.buyer_consent"

# Each set names the releases that a fact holds in; one that keeps to it is added.
LISTED_CAPABILITIES = frozenset({"2026-01-11"})
HANDLERS_IN_PAYMENT = LISTED_CAPABILITIES
PAYMENT_DATA = LISTED_CAPABILITIES
FLAT_CARDS = LISTED_CAPABILITIES
REQUEST_CURRENCY = LISTED_CAPABILITIES
BODY_ID = frozenset({"2026-01-11", "2026-01-23"})
POSITIVE_DISCOUNTS = frozenset({"2026-01-11", "2026-01-23"})
SIGNING_KEYS = frozenset({"2026-01-11", "2026-01-23", "2026-04-08"})
CONSENT_BOOLEANS = frozenset({"2026-01-11", "2026-01-23", "2026-04-08"})
WITHOUT_CARTS = frozenset({"2026-01-11", "2026-01-23"})
CART_BODY_ID = frozenset({"2026-04-08"})
CHECKOUT_ALONE_EXTENDED = frozenset({"2026-01-11", "2026-01-23"})
UNTYPED_DESTINATIONS = frozenset({"2026-01-11", "2026-01-23", "2026-04-08"})

PURPOSES = {
    "analytics": "dev.ucp.consent.analytics",
    "preferences": "dev.ucp.consent.preferences",
    "marketing": "dev.ucp.consent.marketing",
    "sale_of_data": "dev.ucp.consent.sale_or_sharing",
}


ROOTS = frozenset({CHECKOUT, ORDER, CART, CATALOG_SEARCH, CATALOG_LOOKUP})
PARENTS: dict[str, str | list[str]] = {
    DISCOUNT: [CHECKOUT, CART],
    BUYER_CONSENT: [CHECKOUT, CART],
    FULFILLMENT: [CHECKOUT, CATALOG_SEARCH, CATALOG_LOOKUP],
}


# --- profiles ---


def roots(release: str) -> list[str]:
    """What a platform of ``release`` can ask a shop for."""
    later = [] if release in WITHOUT_CARTS else [CART, CATALOG_SEARCH, CATALOG_LOOKUP]
    return [CHECKOUT, ORDER, *later]


def platform_profile(
    release: str, capabilities: Iterable[str], webhook_url: str | None = None, version: str = ""
) -> Wire:
    """A platform's profile in the form of ``release``; ``version`` is what it claims instead."""
    version = version or release
    listed = {name: _capability(release, name, version, webhook_url) for name in capabilities}
    if release in LISTED_CAPABILITIES:
        entries = [{"name": name, **entry} for name, entry in listed.items()]
        return {"ucp": {"version": version, "capabilities": entries}}
    service = {
        "version": version,
        "transport": "rest",
        "spec": "https://ucp.dev/specification/overview",
        "schema": "https://ucp.dev/services/shopping/rest.openapi.json",
    }
    return {
        "ucp": {
            "version": version,
            "services": {SERVICE: [service]},
            "capabilities": {name: [entry] for name, entry in listed.items()},
            "payment_handlers": {},
        }
    }


def _capability(release: str, name: str, version: str, webhook_url: str | None) -> Wire:
    own = name.removeprefix(f"{SERVICE}.")
    entry: Wire = {
        "version": version,
        "spec": f"https://ucp.dev/specification/{own.replace('_', '-').replace('.', '/')}",
        "schema": f"https://ucp.dev/schemas/shopping/{own.replace('.', '_')}.json",
    }
    if name == ORDER:
        return entry | ({"config": {"webhook_url": webhook_url}} if webhook_url else {})
    return entry if name in ROOTS else entry | {"extends": _parents(release, name)}


def _parents(release: str, extension: str) -> str | list[str]:
    """What an extension extends: more than checkouts, since there is more than checkouts."""
    if release in CHECKOUT_ALONE_EXTENDED:
        return CHECKOUT
    return PARENTS.get(extension, CHECKOUT)


def rest_endpoint(profile: Wire) -> str | None:
    """Where a shop's profile of any release says that its REST operations are."""
    return endpoint(profile, "rest")


def endpoint(profile: Wire, transport_name: str) -> str | None:
    """Where a shop's profile of any release says that it is spoken to by the transport."""
    address = transport(profile, transport_name).get("endpoint")
    return address if isinstance(address, str) else None


def transport(document: Wire, name: str) -> Wire:
    """What a profile or a checkout of any release says of a transport; empty where it does not."""
    services = _object(document.get("ucp")).get("services")
    service = _object(services).get(SERVICE)
    if isinstance(service, list):
        return _object(next((each for each in service if _object(each).get("transport") == name), None))
    return _object(_object(service).get(name))


def capability_names(ucp: Wire) -> list[str]:
    """What the ``ucp`` of a profile or a reply lists."""
    return [str(each.get("name")) for each in capability_entries(ucp)]


def capability_entries(ucp: Wire) -> list[Wire]:
    """The capabilities of a profile or a reply, each with its ``name`` and its ``extends``."""
    listed = ucp.get("capabilities")
    if isinstance(listed, dict):
        return [{"name": name, **entry} for name, entries in listed.items() for entry in entries]
    entries = listed if isinstance(listed, list) else []
    return [each for each in entries if isinstance(each, dict)]


def handlers(document: Wire) -> list[Wire]:
    """The payment handlers of a profile or a checkout, each with its reverse-domain ``name``."""
    by_name = _object(document.get("ucp")).get("payment_handlers")
    if isinstance(by_name, dict):
        return [{"name": name, **entry} for name, entries in by_name.items() for entry in entries]
    return list(_object(document.get("payment")).get("handlers") or ())


def keys(release: str, profile: Wire) -> Any:
    """The public keys that a shop signs with, as its profile has them; None where it has none."""
    return profile.get("signing_keys" if release in SIGNING_KEYS else "keys")


def _object(value: Any) -> Wire:
    return value if isinstance(value, dict) else {}


# --- requests ---


def create(release: str, line_items: list[Wire], currency: str, /, **members: Any) -> Wire:
    """The body of a create."""
    body: Wire = {"line_items": line_items}
    if release in REQUEST_CURRENCY:
        body |= {"currency": currency, "payment": {"instruments": []}}
    return body | members


def update(release: str, checkout: Wire, /, **members: Any) -> Wire:
    """The body of an update with the checkout's own lines, and with ``members``."""
    lines = [
        {"id": line["id"], "item": {"id": line["item"]["id"]}, "quantity": line["quantity"]}
        for line in checkout["line_items"]
    ]
    body = create(release, lines, checkout["currency"])
    return ({"id": checkout["id"]} if release in BODY_ID else {}) | body | members


def update_cart(release: str, cart: Wire, /, **members: Any) -> Wire:
    """The body of a cart's update with its own lines, and with ``members``."""
    lines = [
        {"id": line["id"], "item": {"id": line["item"]["id"]}, "quantity": line["quantity"]}
        for line in cart["line_items"]
    ]
    named = {"id": cart["id"]} if release in CART_BODY_ID else {}
    return {**named, "line_items": lines} | members


def complete(release: str, instrument: Wire) -> Wire:
    """The body of a complete that is paid with ``instrument``."""
    if release in PAYMENT_DATA:
        return {"payment_data": instrument, "risk_signals": {}}
    return {"payment": {"instruments": [instrument]}}


def card(release: str, handler_id: str, credential: Wire) -> Wire:
    """A payment instrument."""
    instrument: Wire = {"id": "instrument_1", "handler_id": handler_id, "type": "card"}
    shown = {"brand": "Visa", "last_digits": "4242"}
    flat = release in FLAT_CARDS
    return instrument | (shown if flat else {"display": shown}) | {"credential": credential}


def shipping(release: str, addresses: list[Wire], selected: str, options: Iterable[str] = ()) -> Wire:
    """The ``fulfillment`` of goods that are shipped to one of ``addresses``, each with its id."""
    typed = {} if release in UNTYPED_DESTINATIONS else {"type": "shipping_address"}
    method: Wire = {
        "type": "shipping",
        "destinations": [{**typed, **address} for address in addresses],
        "selected_destination_id": selected,
    }
    groups = [{"selected_option_id": option} for option in options]
    return {"methods": [method | ({"groups": groups} if groups else {})]}


def consent(release: str, **given: bool) -> Wire:
    """The ``buyer.consent`` of what was agreed to, by the names of the first releases."""
    if release in CONSENT_BOOLEANS:
        return dict(given)
    return {PURPOSES[name]: {"granted": word, "source": "platform"} for name, word in given.items()}


# --- replies ---


def consented(release: str, checkout: Wire) -> dict[str, bool]:
    """What the buyer of a checkout said to each purpose, by the names of the first releases.

    What a shop presumes of a purpose that nobody was asked about is no answer.
    """
    told = _object(_object(checkout.get("buyer")).get("consent"))
    if release in CONSENT_BOOLEANS:
        return told
    names = {purpose: name for name, purpose in PURPOSES.items()}
    return {
        names.get(purpose, purpose): bool(each["granted"])
        for purpose, each in told.items()
        if each["source"] == "platform"
    }


def discounted(release: str, checkout: Wire) -> int:
    """What the discounts of a checkout take off its price, as a positive number."""
    rows = [row["amount"] for row in checkout["totals"] if row["type"] in ("discount", "items_discount")]
    return sum(rows) if release in POSITIVE_DISCOUNTS else -sum(rows)
