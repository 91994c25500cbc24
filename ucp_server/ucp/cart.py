"""Carts on the wire of the newest release: requests into commands, carts into replies.

Digest 2.15. A cart is written in the words of a checkout (T3:D/cart#Entities); what is rendered here
is brought to older releases by `steps`.
"""

from collections.abc import Sequence
from typing import Any, Final

import msgspec

from ucp_server.asgi.times import rfc3339
from ucp_server.domain.cart import PricedCart
from ucp_server.domain.checkout import Buyer
from ucp_server.domain.fulfillment import Address
from ucp_server.domain.problems import Problem, other_currency
from ucp_server.domain.quote import Total
from ucp_server.engine.commands import CreateCart, UpdateCart, Wanted
from ucp_server.ucp.checkout import (
    Active,
    Surroundings,
    as_seen,
    decode_wanted,
    out_of_reach,
    preferred_currency,
    render_buyer,
    render_discounts,
    render_line,
    render_total,
)
from ucp_server.ucp.ids import render_cart_id
from ucp_server.ucp.messages import render_messages
from ucp_server.ucp.policies import disclosures, render_policies
from ucp_server.ucp.releases import BUYER_CONSENT, DISCOUNT

Wire = dict[str, Any]

# Nothing is delivered yet, so whoever shows the sum should not call it a price.
_TOTAL_TEXT: Final = "Estimated total"


# --- requests ---


class _PlaceSent(msgspec.Struct):
    address_country: str | None = None
    address_region: str | None = None
    postal_code: str | None = None


def decode_create_cart(document: Wire, active: Active) -> CreateCart:
    """A create in the newest form. Raises as `checkout.decode_wanted`."""
    return CreateCart(wanted=_decode_wanted(document, active, creating=True))


def decode_update_cart(
    document: Wire, active: Active, cart_id: str, keep: frozenset[str] = frozenset()
) -> UpdateCart:
    """A PUT in the newest form; ``keep`` names what its absence leaves as it is.

    Raises as `decode_create_cart`. The path says which cart it is.
    """
    wanted = _decode_wanted(document, active, creating=False)
    kept = msgspec.structs.replace(wanted, keep=keep | out_of_reach(active))
    return UpdateCart(cart_id=cart_id, wanted=kept)


def _decode_wanted(document: Wire, active: Active, *, creating: bool) -> Wanted:
    wanted = decode_wanted(document, active, creating=creating)
    return msgspec.structs.replace(wanted, ship_to=_decode_place(document.get("context")))


def _decode_place(context: Wire | None) -> Address | None:
    """Where the goods may go, for taxes: nothing is known of them without a country."""
    sent = msgspec.convert(context or {}, _PlaceSent)
    if sent.address_country is None:
        return None
    return Address(country=sent.address_country, region=sent.address_region, postal_code=sent.postal_code)


# --- replies ---


def render(
    priced: PricedCart,
    active: Active,
    around: Surroundings,
    found: Sequence[Problem] = (),
    *,
    is_gone: bool = False,
) -> Wire:
    """The cart in the newest form, without ``ucp``; ``found`` is told beside its own problems.

    ``active`` are the capabilities that shape a cart. From one that ``is_gone`` nothing leads on.
    """
    cart, quote = priced.cart, priced.quote
    told = as_seen(quote.problems, active)
    told += tuple(problem for problem in (*_hint_of_currency(priced), *found) if problem not in told)
    wire: Wire = {
        "id": render_cart_id(cart.id),
        "currency": quote.currency,
        "line_items": [render_line(line, around.site) for line in quote.lines],
        "totals": [_render_total(row) for row in quote.totals],
        "links": list(around.links),
    }
    if messages := render_messages(told) + disclosures(around.policies):
        wire["messages"] = messages
    if around.policies:
        wire["policies"] = render_policies(around.policies)
    if not is_gone:
        wire |= {"continue_url": around.continue_url, "expires_at": rfc3339(cart.expires_at)}
    if cart.basket.buyer is not None or BUYER_CONSENT in active:
        wire["buyer"] = render_buyer(cart.basket.buyer or Buyer(), active)
    return wire | (render_discounts(cart.basket.discount_codes, quote) if DISCOUNT in active else {})


def _hint_of_currency(priced: PricedCart) -> tuple[Problem, ...]:
    """What the estimate tells of the buyer's currency only to whoever named it a moment ago."""
    preferred, ours = preferred_currency(priced.cart.basket.context), priced.quote.currency
    return (other_currency(preferred, ours),) if preferred and preferred != ours else ()


def _render_total(row: Total) -> Wire:
    wire = render_total(row)
    return wire | {"display_text": row.text or _TOTAL_TEXT} if row.type == "total" else wire
