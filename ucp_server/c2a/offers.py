"""Offers on the wire: what is asked of them, and how they are told (offer, bundles, showcase pages).

The pages leave the inside of an artifact group open. Ours names what an agent needs to choose and to
order; an amount says its currency and how many of its digits are decimals, since the pages do not
agree on a unit.
"""

from typing import Any

from ucp_server.asgi.times import rfc3339
from ucp_server.c2a.ids import render_offer_id, render_shown_id
from ucp_server.c2a.replies import SUCCESS
from ucp_server.domain.catalog import picture_url
from ucp_server.domain.money import exponent
from ucp_server.domain.offering import MadeOffer, OfferedBundle
from ucp_server.engine.offering import Occasion

Wire = dict[str, Any]


def decode_occasion(document: Wire) -> Occasion:
    """From a checked `offer_request`."""
    context = document["context"]
    return Occasion(
        interaction_type=context["interactionType"],
        owner=context.get("customerUrn"),
        # An empty field of a form is no code.
        promotion_code=context.get("promotionCode", "").strip() or None,
        storefront=context.get("storefrontUrn"),
    )


def render_offer(offer: MadeOffer, site: str, *, is_purchasable: bool) -> Wire:
    """An `offer_reply`. One that was only shown has an identifier that orders nothing."""
    return {
        "status": SUCCESS,
        "offer": {
            "offerIdentifier": render_offer_id(offer.id) if is_purchasable else render_shown_id(offer.id),
            "presentationType": "Bundles" if is_purchasable else "Showcase",
            "isPurchasable": is_purchasable,
            "artifactGroups": _render_groups(offer, site),
            "expiresAt": rfc3339(offer.expires_at),
        },
    }


def _render_groups(offer: MadeOffer, site: str) -> list[Wire]:
    """By heading, in the order of the shop; add-ons stand in the bundle that they belong to."""
    groups: dict[str, list[Wire]] = {}
    for offered in offer.bundles:
        if offered.bundle.parent is None:
            add_ons = [one for one in offer.bundles if one.bundle.parent == offered.bundle.id]
            artifact = _render_artifact(offered, offer, site)
            artifact["addOns"] = [_render_artifact(one, offer, site) for one in add_ons]
            groups.setdefault(offered.bundle.group, []).append(artifact)
    return [{"title": title, "artifacts": artifacts} for title, artifacts in groups.items()]


def _render_artifact(offered: OfferedBundle, offer: MadeOffer, site: str) -> Wire:
    bundle = offered.bundle
    image_url = picture_url(offered.image_url, site)
    return {
        "itemIdentifier": bundle.id,
        **({"parentItemIdentifier": bundle.parent} if bundle.parent else {}),
        "title": bundle.title,
        **({"imageUrl": image_url} if image_url else {}),
        "quantity": bundle.quantity,
        "isAvailable": offered.is_available,
        "price": {
            "unit": _render_amount(offered.unit_minor, offer.currency),
            "list": _render_amount(offered.list_minor, offer.currency),
            "total": _render_amount(offered.total_minor, offer.currency),
        },
        "addOns": [],
    }


def _render_amount(minor: int, currency: str) -> Wire:
    return {"amount": minor, "currency": currency, "decimals": exponent(currency)}
