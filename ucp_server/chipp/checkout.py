"""Sessions: requests become our commands, a checkout becomes a session (field.md 9).

Requests are snake_case, the members of a line in a reply camelCase; amounts are in minor units.
"""

from collections.abc import Mapping
from typing import Any, Final

from ucp_server.asgi.times import iso8601
from ucp_server.chipp.ids import decode_id
from ucp_server.chipp.refusals import ProductNotFound
from ucp_server.domain.checkout import Buyer, Checkout, Subscriber
from ucp_server.domain.fulfillment import Address
from ucp_server.domain.lifecycle import State
from ucp_server.domain.lines import WantedLine
from ucp_server.domain.problems import Kind, Problem
from ucp_server.domain.quote import QuotedLine
from ucp_server.domain.tools import SoldAs
from ucp_server.engine.commands import CreateCheckout, UpdateCheckout, Wanted
from ucp_server.store.apps import AppProduct

Wire = dict[str, Any]
Products = Mapping[str, AppProduct]

# One hour, says the page.
SESSION_S: Final = 60 * 60

NOT_READY: Final = "not_ready_for_payment"
READY: Final = "ready_for_payment"
IN_PROGRESS: Final = "in_progress"

_ADDRESS: Final = {
    "line1": "street_address",
    "line2": "extended_address",
    "city": "locality",
    "state": "region",
    "postal_code": "postal_code",
    "country": "country",
}


# --- requests ---


def product_ids(document: Wire) -> list[str]:
    """The products that a request names, as we write their ids."""
    return [_product_id(line) for line in document.get("line_items") or ()]


def _product_id(line: Wire) -> str:
    given = str(line["product_id"])
    return decode_id(given) or given


def decode_create(document: Wire, products: Products, subscriber: Subscriber | None) -> CreateCheckout:
    """Raises `ProductNotFound` for what is not among ``products``."""
    return CreateCheckout(wanted=_wanted(document, products), subscriber=subscriber, ttl_s=SESSION_S)


def decode_update(document: Wire, products: Products, checkout_id: str) -> UpdateCheckout:
    """What is not sent stays; a buyer's members each for themselves, an address as a whole."""
    kept = frozenset({"lines", "buyer", "buyer_members", "ship_to"})
    wanted = _wanted(document, products, kept)
    return UpdateCheckout(checkout_id=checkout_id, wanted=wanted)


def _wanted(document: Wire, products: Products, kept: frozenset[str] = frozenset()) -> Wanted:
    return Wanted(
        lines=tuple(_wanted_line(line, products) for line in document.get("line_items") or ()),
        buyer=_wanted_buyer(document.get("buyer")),
        ship_to=_wanted_address(document.get("shipping_address")),
        keep=kept,
    )


def _wanted_line(line: Wire, products: Products) -> WantedLine:
    product = products.get(_product_id(line))
    if product is None:
        raise ProductNotFound(_product_id(line))
    return WantedLine(
        item_id=product.item_id,
        # JSON knows no integers: 2.0 is one, too.
        quantity=int(line.get("quantity") or 1),
        sold_as=SoldAs(
            product_id=product.id,
            sku=product.sku,
            tools=product.tools if product.fulfillment == "automatic" else (),
        ),
    )


def _wanted_buyer(sent: Wire | None) -> Buyer | None:
    if sent is None:
        return None
    return Buyer(full_name=sent.get("name"), email=sent.get("email"), phone_number=sent.get("phone"))


def _wanted_address(sent: Wire | None) -> Address | None:
    if sent is None:
        return None
    return Address(**{ours: sent.get(theirs) for theirs, ours in _ADDRESS.items()})


# --- replies ---


def status_of(checkout: Checkout) -> str:
    """Where the session stands; a payment that failed leaves it as ready as it was."""
    if checkout.state is State.OPEN:
        return NOT_READY if open_errors(checkout) else READY
    return IN_PROGRESS if checkout.state is State.COMPLETING else checkout.state.value


def open_errors(checkout: Checkout) -> tuple[Problem, ...]:
    """What has to be mended before it can be paid."""
    found = checkout.quote.problems + checkout.lasting_problems
    return tuple(problem for problem in found if problem.kind is Kind.ERROR)


def render(checkout: Checkout) -> Wire:
    """The session, without the envelope ``data``."""
    quote = checkout.quote
    sold_as = {line.id: line.sold_as for line in checkout.basket.lines}
    subtotal = sum(line.unit_price_minor * line.quantity for line in quote.lines)
    return {
        "id": checkout.id,
        "status": status_of(checkout),
        "line_items": [_line(line, sold_as[line.line_id]) for line in quote.lines],
        "subtotal": amount(subtotal, checkout.currency),
        "total": amount(quote.total_minor, checkout.currency),
        "buyer": _buyer(checkout.basket.buyer),
        "shipping_address": _address(checkout.basket.ship_to),
        # Who pays is settled between the app and the merchant; no intent of a caller's is part of it.
        "payment": None,
        "expires_at": iso8601(checkout.expires_at),
        "created_at": iso8601(checkout.created_at),
        "updated_at": iso8601(checkout.updated_at),
    }


def amount(minor: int, currency: str) -> Wire:
    return {"amount": minor, "currency": currency.lower()}


def _line(line: QuotedLine, sold_as: SoldAs | None) -> Wire:
    return {
        "productId": sold_as.product_id if sold_as else line.item_id,
        "productName": line.title,
        "sku": sold_as.sku if sold_as else "",
        "quantity": line.quantity,
        "unitPriceCents": line.unit_price_minor,
        "totalCents": line.unit_price_minor * line.quantity,
    }


def _buyer(buyer: Buyer | None) -> Wire | None:
    """Nobody, as long as there is neither a name nor an e-mail address, says the page."""
    if buyer is None or not (buyer.full_name or buyer.email):
        return None
    return {"name": buyer.full_name, "email": buyer.email, "phone": buyer.phone_number}


def _address(address: Address | None) -> Wire | None:
    if address is None:
        return None
    shown = {theirs: getattr(address, ours) for theirs, ours in _ADDRESS.items()}
    return shown if any(shown.values()) else None
