"""The hand-off on the wire (field.md 8: ``/v1/checkout``)."""

from collections.abc import Callable
from typing import Any, Final

from ucp_server.aap.amounts import number_of
from ucp_server.domain.attribution import Attribution
from ucp_server.domain.checkout import Buyer, Checkout
from ucp_server.domain.money import Money
from ucp_server.engine.attribution import HandOff
from ucp_server.store.ids import ulid_of

Wire = dict[str, Any]

# The path of a checkout's page, of its id and token, without the site.
PagePath = Callable[[str, str], str]

# The longest text of a buyer that a page shows; what is longer was never a name.
_DETAIL_MAX: Final = 255


def decode_buyer(details: Wire | None) -> Buyer | None:
    """The buyer as far as ``userDetails`` tell, in the spellings that agents use; None for nobody.

    The rest of it is the vertical's, and whatever resembles attribution in it is not looked at.
    """
    told = {name: value.strip() for name, value in (details or {}).items() if _is_detail(value)}
    buyer = Buyer(
        email=told.get("email"),
        phone_number=told.get("phone", told.get("phoneNumber")),
        first_name=told.get("firstName"),
        last_name=told.get("lastName"),
        full_name=told.get("name", told.get("fullName")),
    )
    return buyer if buyer != Buyer() else None


def _is_detail(value: Any) -> bool:
    return isinstance(value, str) and 0 < len(value.strip()) <= _DETAIL_MAX


def render_hand_off(handed: HandOff, *, merchant: str, page_url: str) -> Wire:
    """``merchant`` is the shop's name for people, ``page_url`` where the buyer pays."""
    checkout, offer = handed.checkout, handed.offer
    return {
        "transactionId": ulid_of(checkout.id),
        "paymentId": payment_id(checkout),
        "checkoutUrl": page_url,
        "status": "awaiting_payment",
        "backend": "orchestrated",
        "mode": "checkout",
        "amount": number_of(Money(checkout.quote.total_minor, checkout.currency)),
        "currency": checkout.currency,
        "merchant": {"id": offer.merchant_id, "name": merchant},
        "offer": {"id": offer.id, "name": offer.name, "provider": offer.provider},
        "session": {"id": ulid_of(handed.session.id), "status": handed.session.state.value},
    }


def render_metadata(checkout: Checkout, written: Attribution) -> Wire:
    """``written`` is what the checkout comes from: the join key of a payment, and no proof of one."""
    return {
        "transactionId": ulid_of(checkout.id),
        "status": checkout.state.value,
        "metadata": {
            "aap_code": written.code,
            "aap_recommendation_id": ulid_of(written.recommendation_id),
            "aap_session_id": ulid_of(written.session_id),
            "aap_offer_id": written.offer_id,
            "aap_merchant_id": written.merchant_id,
            "aap_agent_id": written.agent_id,
        },
    }


def payment_id(checkout: Checkout) -> str:
    """One per checkout, so that a repeat names the same payment."""
    return f"pay_{ulid_of(checkout.id)}"
