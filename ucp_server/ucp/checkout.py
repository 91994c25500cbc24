"""Checkouts on the wire of the newest release: requests into commands, checkouts into replies.

Digest 2.3 to 2.13. What is rendered here is brought to older releases by `steps`.
"""

from collections.abc import Iterable, Sequence
from collections.abc import Set as AbstractSet
from types import MappingProxyType
from typing import Any, Final

import msgspec

from ucp_server.asgi.times import rfc3339
from ucp_server.domain import problems
from ucp_server.domain.catalog import picture_url
from ucp_server.domain.checkout import Buyer, Checkout, Consent
from ucp_server.domain.errors import CartNotFound, InvalidRequest, ProblemRefused
from ucp_server.domain.lifecycle import Standing, is_over, standing_of
from ucp_server.domain.lines import WantedLine
from ucp_server.domain.problems import Kind, Problem, Severity
from ucp_server.domain.quote import AppliedDiscount, Quote, QuotedLine, Total
from ucp_server.engine.commands import (
    CompleteCheckout,
    CreateCheckout,
    UpdateCheckout,
    Wanted,
)
from ucp_server.ucp.fulfillment import decode_fulfillment, render_fulfillment
from ucp_server.ucp.ids import (
    decode_cart_id,
    decode_checkout_id,
    render_cart_id,
    render_checkout_id,
    render_order_id,
)
from ucp_server.ucp.messages import render_messages
from ucp_server.ucp.payment import decode_instruments, decode_payment, render_instruments
from ucp_server.ucp.policies import Policy, disclosures, render_policies
from ucp_server.ucp.releases import BUYER_CONSENT, CART, DISCOUNT, FULFILLMENT

Wire = dict[str, Any]
Active = AbstractSet[str]  # names of the capabilities that both sides have

# The purposes that we ask and answer for, in the words of a reply (M:D/buyer-consent).
CONSENT_TEXTS: Final = MappingProxyType(
    {
        "dev.ucp.consent.analytics": "Measure how this shop is used.",
        "dev.ucp.consent.preferences": "Remember the buyer's preferences.",
        "dev.ucp.consent.marketing": "Send news and offers of this shop.",
        "dev.ucp.consent.sale_or_sharing": "Sell or share the buyer's data.",
    }
)

_STATUSES: Final = MappingProxyType(
    {
        Standing.INCOMPLETE: "incomplete",
        Standing.NEEDS_BUYER: "requires_escalation",
        Standing.READY: "ready_for_complete",
        Standing.IN_PROGRESS: "complete_in_progress",
        Standing.COMPLETED: "completed",
        Standing.CANCELED: "canceled",
        Standing.EXPIRED: "canceled",
    }
)

# Each is answered by a message, and with so many no buyer is entitled to one more.
CLAIMS_READ_MAX: Final = 20

# UN/CEFACT Rec 20 "one", in whole steps: what a line is sold in that names no unit.
_PIECE: Final = ("C62", 0)

# What an inactive extension would carry: nobody can have said anything about it.
_OF_EXTENSIONS: Final = MappingProxyType({FULFILLMENT: "methods", DISCOUNT: "discount_codes"})


# --- requests ---


class _UnitSent(msgspec.Struct):
    unit: str
    scale: int = 0


class _ItemSent(msgspec.Struct):
    id: str
    quantity_unit: _UnitSent | None = None


class _LineSent(msgspec.Struct):
    item: _ItemSent
    quantity: int
    id: str | None = None
    parent_id: str | None = None


class _ConsentSent(msgspec.Struct):
    granted: bool
    source: str = "platform"


class _BuyerSent(msgspec.Struct):
    email: str | None = None
    phone_number: str | None = None
    first_name: str | None = None
    last_name: str | None = None
    full_name: str | None = None
    consent: dict[str, Any] | None = None


class _DiscountsSent(msgspec.Struct):
    codes: tuple[str, ...] | None = None


class _CheckoutSent(msgspec.Struct):
    line_items: tuple[_LineSent, ...]
    buyer: _BuyerSent | None = None
    discounts: _DiscountsSent | None = None
    context: dict[str, Any] | None = None
    attribution: dict[str, str] | None = None


def decode_create(document: Wire, active: Active) -> CreateCheckout:
    """A create in the newest form.

    Raises `msgspec.ValidationError` where the form is another, and `CartNotFound` for the name of a
    cart that cannot be one of ours.
    """
    wanted = decode_wanted(document, active, creating=True)
    return CreateCheckout(wanted=wanted, cart_id=_decode_cart(document) if CART in active else None)


def _decode_cart(document: Wire) -> str | None:
    """The cart that the checkout is made of (T3:D/cart#Cart-to-Checkout Conversion)."""
    named = document.get("cart_id")
    if named is None:
        return None
    cart_id = decode_cart_id(named)
    if cart_id is None:
        raise CartNotFound(named)
    return cart_id


def decode_update(
    document: Wire, active: Active, checkout_id: str, keep: frozenset[str] = frozenset()
) -> UpdateCheckout:
    """A PUT in the newest form; ``keep`` names what its absence leaves as it is.

    Raises `msgspec.ValidationError`, and `InvalidRequest` where the body names another checkout
    than the path.
    """
    named = document.get("id")
    if isinstance(named, str) and decode_checkout_id(named) != checkout_id:
        raise InvalidRequest("The id in the body is that of another checkout.", where="id")
    wanted = decode_wanted(document, active, creating=False)
    keep |= out_of_reach(active)
    return UpdateCheckout(checkout_id=checkout_id, wanted=msgspec.structs.replace(wanted, keep=keep))


def decode_complete(
    document: Wire, active: Active, checkout_id: str, *, exactly_one: bool = False
) -> CompleteCheckout:
    """A complete in the newest form.

    Raises `msgspec.ValidationError` and what `decode_payment` does, to which ``exactly_one`` goes.
    """
    instrument, credential = decode_payment(document.get("payment"), exactly_one=exactly_one)
    return CompleteCheckout(
        checkout_id=checkout_id,
        instrument=instrument,
        credential=credential,
        buyer=_decode_buyer(msgspec.convert(document.get("buyer"), _BuyerSent | None), active),
        signals=document.get("signals", {}),
    )


def out_of_reach(active: Active) -> frozenset[str]:
    """The members of `Wanted` that belong to an extension which the platform does not have."""
    return frozenset(member for name, member in _OF_EXTENSIONS.items() if name not in active)


def decode_wanted(document: Wire, active: Active, *, creating: bool) -> Wanted:
    """What a checkout or a cart shall hold. Raises as `decode_create`, and `ProblemRefused`."""
    sent = msgspec.convert(document, _CheckoutSent)
    _check_units(sent.line_items)
    methods = document.get("fulfillment") if FULFILLMENT in active else None
    return Wanted(
        lines=tuple(
            WantedLine(
                item_id=line.item.id,
                quantity=line.quantity,
                id=None if creating else line.id,
                parent_id=None if creating else line.parent_id,
            )
            for line in sent.line_items
        ),
        buyer=_decode_buyer(sent.buyer, active),
        methods=decode_fulfillment(methods, creating=creating),
        discount_codes=sent.discounts.codes if sent.discounts and DISCOUNT in active else None,
        claims=_decode_claims(sent.context),
        instruments=decode_instruments(document.get("payment")),
        context=sent.context,
        currency=preferred_currency(sent.context),
        attribution=sent.attribution,
    )


def _check_units(lines: Sequence[_LineSent]) -> None:
    """All is sold by the piece: refuse a quantity in another unit (M:D/checkout#Quantity)."""
    for index, line in enumerate(lines):
        told = line.item.quantity_unit
        if told is not None and (told.unit, told.scale) != _PIECE:
            raise ProblemRefused(problems.sold_by_the_piece(line.item.id, f"lines[{index}]"))


def _decode_claims(context: Wire | None) -> tuple[str, ...]:
    """What the buyer claims to be entitled to; claims that we do not know stop no sale."""
    told = msgspec.convert((context or {}).get("eligibility", ()), tuple[str, ...])
    return tuple(dict.fromkeys(told[:CLAIMS_READ_MAX]))


def preferred_currency(context: Wire | None) -> str | None:
    """A hint that is no text is no hint: releases before 2026-08-25 left it open."""
    currency = (context or {}).get("currency")
    return currency if isinstance(currency, str) else None


def _decode_buyer(sent: _BuyerSent | None, active: Active) -> Buyer | None:
    if sent is None:
        return None
    given = msgspec.convert(sent.consent or {}, dict[str, _ConsentSent]) if BUYER_CONSENT in active else {}
    return Buyer(
        email=sent.email,
        phone_number=sent.phone_number,
        first_name=sent.first_name,
        last_name=sent.last_name,
        full_name=sent.full_name,
        consents=tuple(
            Consent(purpose=purpose, granted=given[purpose].granted)
            for purpose in CONSENT_TEXTS
            # An answer that repeats what we advertised is not the buyer's.
            if purpose in given and given[purpose].source == "platform"
        ),
    )


# --- replies ---


class Surroundings(msgspec.Struct, frozen=True, kw_only=True):
    """What a reply tells beside the checkout: absolute URLs, and links as the merchant wrote them.

    ``site`` leads the URLs of pictures that came with the shop's tables.
    """

    site: str
    continue_url: str
    permalink_url: str | None = None
    links: tuple[Wire, ...]
    policies: tuple[Policy, ...] = ()


def render(checkout: Checkout, active: Active, around: Surroundings, found: Sequence[Problem] = ()) -> Wire:
    """The checkout in the newest form, without ``ucp``; ``found`` is told beside its own problems."""
    told = problems_for(checkout, active)
    told += tuple(problem for problem in found if problem not in told)
    wire: Wire = {
        "id": render_checkout_id(checkout.id),
        "status": _STATUSES[standing_of(checkout.state, filter(_counts, told))],
        "currency": checkout.currency,
        "line_items": [render_line(line, around.site) for line in checkout.quote.lines],
        "totals": [render_total(row) for row in checkout.quote.totals],
    }
    if messages := render_messages(told) + disclosures(around.policies):
        wire["messages"] = messages
    if around.policies:
        wire["policies"] = render_policies(around.policies)
    wire |= _render_ways_on(checkout, around)
    if checkout.basket.buyer is not None or BUYER_CONSENT in active:
        wire["buyer"] = render_buyer(checkout.basket.buyer or Buyer(), active)
    if FULFILLMENT in active and checkout.quote.methods is not None:
        wire["fulfillment"] = render_fulfillment(checkout.quote.methods)
    if DISCOUNT in active:
        wire |= render_discounts(checkout.basket.discount_codes, checkout.quote)
    if CART in active and checkout.cart_id is not None:
        wire["cart_id"] = render_cart_id(checkout.cart_id)
    return wire | {"payment": {"instruments": render_instruments(checkout.basket.instruments)}}


def _render_ways_on(checkout: Checkout, around: Surroundings) -> Wire:
    """Where the buyer can go from here, and until when."""
    wire: Wire = {"expires_at": rfc3339(checkout.expires_at), "links": list(around.links)}
    if not is_over(checkout.state):
        wire["continue_url"] = around.continue_url
    if checkout.order is not None and around.permalink_url is not None:
        order_id = render_order_id(checkout.order.id)
        wire["order"] = {"id": order_id, "permalink_url": around.permalink_url}
    return wire


def problems_for(checkout: Checkout, active: Active) -> tuple[Problem, ...]:
    """The checkout's problems as this platform can act on them.

    Once a checkout is over nobody can mend anything.
    """
    over = is_over(checkout.state)
    return as_seen((each for each in checkout.problems if not (over and each.kind is Kind.ERROR)), active)


def as_seen(found: Iterable[Problem], active: Active) -> tuple[Problem, ...]:
    """Problems as a platform with the capabilities ``active`` can act on them.

    One that lies in an extension which the platform does not have cannot be seen or mended by it:
    then the buyer is asked, on our pages.
    """
    unseen = tuple(out_of_reach(active))
    return tuple(
        _out_of_sight(problem) if (problem.where or "").startswith(unseen) else problem for problem in found
    )


def _counts(problem: Problem) -> bool:
    """A claim that cannot be verified is told, and changes nothing else of the checkout.

    D/checkout, "Eligibility Verification at Completion".
    """
    return problem.code != problems.ELIGIBILITY_INVALID


def _out_of_sight(problem: Problem) -> Problem:
    severity = Severity.BUYER_INPUT if problem.kind is Kind.ERROR else problem.severity
    return msgspec.structs.replace(problem, severity=severity, where=None)


def render_line(line: QuotedLine, site: str) -> Wire:
    item: Wire = {"id": line.item_id, "title": line.title, "price": line.unit_price_minor}
    image_url = picture_url(line.image_url, site)
    if image_url is not None:
        item["image_url"] = image_url
    wire: Wire = {
        "id": line.line_id,
        "item": item,
        "quantity": line.quantity,
        "totals": [render_total(row) for row in line.totals],
    }
    if line.parent_id is not None:
        wire["parent_id"] = line.parent_id
    return wire


def render_total(row: Total) -> Wire:
    wire: Wire = {"type": row.type, "amount": row.amount_minor}
    if row.text is not None:
        wire["display_text"] = row.text
    return wire


def render_buyer(buyer: Buyer, active: Active) -> Wire:
    told = {
        "first_name": buyer.first_name,
        "last_name": buyer.last_name,
        "full_name": buyer.full_name,
        "email": buyer.email,
        "phone_number": buyer.phone_number,
    }
    wire: Wire = {member: text for member, text in told.items() if text is not None}
    if BUYER_CONSENT in active:
        wire["consent"] = _render_consents(buyer)
    return wire


def _render_consents(buyer: Buyer) -> Wire:
    """Every purpose that we ask for; what nobody was asked yet is not granted (M:D/buyer-consent)."""
    answers = {consent.purpose: consent for consent in buyer.consents}
    return {
        purpose: {
            "granted": purpose in answers and answers[purpose].granted,
            "source": answers[purpose].source if purpose in answers else "business",
            "description": text,
        }
        for purpose, text in CONSENT_TEXTS.items()
    }


def render_discounts(codes: Sequence[str] | None, quote: Quote) -> Wire:
    """The member ``discounts``, where there is anything to tell of ``codes`` and what they did."""
    if codes is None and not quote.discounts:
        return {}
    return {
        "discounts": {
            "codes": list(codes or ()),
            "applied": [_render_applied(discount, quote) for discount in quote.discounts],
        }
    }


def _render_applied(discount: AppliedDiscount, quote: Quote) -> Wire:
    places = {line.line_id: index for index, line in enumerate(quote.lines)}
    wire: Wire = {"title": discount.title, "amount": discount.amount_minor}
    if discount.code is not None:
        wire["code"] = discount.code
    if discount.automatic:
        wire["automatic"] = True
    if discount.claim is not None:
        wire["eligibility"] = discount.claim
    if discount.provisional:
        wire["provisional"] = True
    if discount.priority is not None:
        wire["priority"] = discount.priority
    if discount.method is not None:
        wire["method"] = discount.method
    if discount.allocations:
        wire["allocations"] = [
            {"path": f"$.line_items[{places[part.line_id]}]", "amount": part.amount_minor}
            for part in discount.allocations
        ]
    return wire
