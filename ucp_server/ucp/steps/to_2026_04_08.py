"""Between 2026-08-25 and 2026-04-08."""

from types import MappingProxyType
from typing import Any, Final

from ucp_server.ucp.steps import Step, methods_in, objects_in, options_in, variants_in

Wire = dict[str, Any]

# The four booleans of buyer consent, and the purposes that replaced them (M:D/buyer-consent).
CONSENTS: Final = MappingProxyType(
    {
        "analytics": "dev.ucp.consent.analytics",
        "preferences": "dev.ucp.consent.preferences",
        "marketing": "dev.ucp.consent.marketing",
        "sale_of_data": "dev.ucp.consent.sale_or_sharing",
    }
)


def consent_booleans_become_purposes(document: Wire) -> None:
    """2026-08-25 made ``buyer.consent`` a map of purposes (S/shopping/buyer_consent.json)."""
    buyer = document.get("buyer")
    if not isinstance(buyer, dict) or not isinstance(buyer.get("consent"), dict):
        return
    given = buyer["consent"]
    buyer["consent"] = {
        purpose: {"granted": given[name], "source": "platform"}
        for name, purpose in CONSENTS.items()
        if name in given
    }


def consent_purposes_become_booleans(document: Wire) -> None:
    """Before 2026-08-25 ``buyer.consent`` was four booleans; purposes beyond them are left out.

    They were the buyer's: what we offer to answer had no place yet.
    """
    buyer = document.get("buyer")
    if not isinstance(buyer, dict) or "consent" not in buyer:
        return
    purposes = buyer.pop("consent")
    given = {
        name: purposes[purpose]["granted"]
        for name, purpose in CONSENTS.items()
        if purpose in purposes and purposes[purpose]["source"] == "platform"
    }
    if given:
        buyer["consent"] = given
    if not buyer:
        del document["buyer"]


def quantities_are_in_pieces(document: Wire) -> None:
    """2026-08-25 let a request name the unit of a quantity (S/shopping/types/item.json)."""
    for line in objects_in(document, "line_items"):
        if isinstance(line.get("item"), dict):
            line["item"].pop("quantity_unit", None)


def destinations_get_a_type(document: Wire) -> None:
    """2026-08-25 typed destinations (S/shopping/types/fulfillment_destination.json).

    From then on a place of ours is chosen by its id alone, so those that a platform sends back are
    dropped; everything else that it could send was an address.
    """
    for method in methods_in(document):
        if method.get("type") == "pickup":
            method.pop("destinations", None)
        for destination in objects_in(method, "destinations"):
            destination["type"] = "shipping_address"


def destinations_lose_their_type(document: Wire) -> None:
    """Before 2026-08-25 only the members told an address from a store.

    S/shopping/types/shipping_destination.json, retail_location.json.
    """
    for method in methods_in(document):
        for destination in objects_in(method, "destinations"):
            destination.pop("type", None)


def descriptions_become_text(document: Wire) -> None:
    """Before 2026-08-25 an option's description was a string; its plain form says the same.

    S/shopping/types/fulfillment_option.json.
    """
    for option in options_in(document):
        if "description" in option:
            option["description"] = option["description"]["plain"]


def policies_are_links_only(document: Wire) -> None:
    """2026-08-25 gave replies the rules of the shop (S/shopping/types/policy.json).

    Before, ``links`` led there; what a buyer has to see stays a warning.
    """
    document.pop("policies", None)


def unit_prices_are_in_plain_numbers(document: Wire) -> None:
    """2026-08-25 made measures counts of steps in a coded unit (S/shopping/types/unit_price.json).

    Before, the content was a decimal number, what it is compared with an integer, and the unit a text
    for people (T3:S/shopping/types/variant.json). What is compared with half a litre had no form.
    """
    for variant in variants_in(document):
        price = variant.get("unit_price")
        if not isinstance(price, dict):
            continue
        measure, reference = _plain(price["measure"]), _plain(price["reference"])
        if isinstance(reference["value"], int):
            price["measure"], price["reference"] = measure, reference
        else:
            del variant["unit_price"]


def _plain(measure: Wire) -> Wire:
    value, steps = measure["value"], 10 ** measure.get("scale", 0)
    return {
        "value": value // steps if value % steps == 0 else value / steps,
        "unit": measure.get("display_text", measure["unit"]),
    }


REQUESTS: Final[tuple[Step, ...]] = (
    consent_booleans_become_purposes,
    quantities_are_in_pieces,
    destinations_get_a_type,
)
CHECKOUTS: Final[tuple[Step, ...]] = (
    consent_purposes_become_booleans,
    destinations_lose_their_type,
    descriptions_become_text,
    policies_are_links_only,
)
CARTS: Final[tuple[Step, ...]] = (policies_are_links_only,)
ORDERS: Final[tuple[Step, ...]] = ()
CATALOGS: Final[tuple[Step, ...]] = (unit_prices_are_in_plain_numbers,)
