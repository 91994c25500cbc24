"""A checkout as it is asked for: the order, and how it is paid (submit-checkout page)."""

from datetime import datetime
from typing import Any, Final

import msgspec

from ucp_server.c2a.cards import decode_card
from ucp_server.c2a.ids import decode_method_urn, decode_offer_id, is_shown_id
from ucp_server.c2a.refusals import ChannelNotOffered, FreshCardRefused, ProviderNotFound
from ucp_server.domain.errors import MethodNotFound, OfferNotFound, OfferNotPurchasable
from ucp_server.engine.offering import Chosen
from ucp_server.engine.submissions import NewCard, StoredMethodRef

Wire = dict[str, Any]

# Cards are all that a payment handler of ours keeps.
CREDIT_CARD: Final = "CreditCard"


class Terms(msgspec.Struct, frozen=True, kw_only=True):
    """What decides how a payment may be made: whether card numbers may come in, and who takes them.

    ``provider`` is the handler that keeps the merchant's cards, None where there is none.
    """

    takes_fresh_cards: bool
    provider: str | None
    at: datetime


class CheckoutRequest(msgspec.Struct, frozen=True, kw_only=True):
    """A decoded `checkout_request`, its payment aside, which is decoded last."""

    offer_id: str
    owner: str
    chosen: tuple[Chosen, ...]
    correlation: str | None


def decode_order(document: Wire) -> CheckoutRequest:
    """Raises OfferNotFound, and OfferNotPurchasable for one that was only shown, or not so."""
    order = document["order"]
    identifier = order["offerIdentifier"]
    if is_shown_id(identifier):
        raise OfferNotPurchasable("A showcase is to look at; ask /offer/bundles for an offer.")
    if order.get("installmentIdentifier"):
        # Charging the whole of what somebody wants to pay in parts would be worse than to refuse.
        raise OfferNotPurchasable("This offer cannot be paid in instalments.")
    offer_id = decode_offer_id(identifier)
    if offer_id is None:
        raise OfferNotFound
    return CheckoutRequest(
        offer_id=offer_id,
        owner=order["customer"]["customerUrn"],
        correlation=correlation_of(document),
        chosen=tuple(
            Chosen(
                bundle_id=item["itemIdentifier"],
                quantity=item.get("quantity", 1),
                parent_id=item.get("parentItemIdentifier"),
            )
            for item in order["items"]
        ),
    )


def correlation_of(document: Wire) -> str | None:
    """The caller's own id of its order."""
    correlation: str | None = document["order"].get("correlationId")
    return correlation


def decode_payment(document: Wire, terms: Terms) -> StoredMethodRef | NewCard:
    """Raises ChannelNotOffered, ProviderNotFound, MethodNotFound, FreshCardRefused, CardInvalid."""
    payment = document["paymentMethod"]
    check_channel(payment, terms)
    card = payment["creditCard"]
    if payment.get("useStoredMethod") or card.get("useStoredMethod"):
        method_id = decode_method_urn(card["storedMethodUrn"])
        if method_id is None:
            raise MethodNotFound
        return StoredMethodRef(id=method_id)
    if not terms.takes_fresh_cards:
        raise FreshCardRefused
    keep = payment.get("storeMethodSuccessPayment", "").casefold() == "always"
    return NewCard(card=decode_card(card, terms.at), keep=keep, alias=card.get("cardAlias") or None)


def check_channel(payment: Wire, terms: Terms) -> None:
    """Only cards, and only with the provider that keeps them: found by itself where none is named."""
    if payment.get("paymentChannel", CREDIT_CARD) != CREDIT_CARD:
        raise ChannelNotOffered
    if payment.get("providerIdentifier") not in {None, terms.provider}:
        raise ProviderNotFound
