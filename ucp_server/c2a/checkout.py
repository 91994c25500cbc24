"""A checkout on the wire: the order and how it is paid, and the result (submit-checkout page)."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

import msgspec

from ucp_server.asgi.reply import NO_STORE, Header, Reply
from ucp_server.c2a.cards import decode_card
from ucp_server.c2a.ids import decode_method_urn, decode_offer_id, is_shown_id
from ucp_server.c2a.refusals import ChannelNotOffered, FreshCardRefused, ProviderNotFound
from ucp_server.c2a.replies import client_output
from ucp_server.domain.errors import MethodNotFound, OfferNotFound, OfferNotPurchasable
from ucp_server.domain.submission import ENDED, Submission, SubmissionState
from ucp_server.engine.offering import Chosen
from ucp_server.engine.submissions import NewCard, StoredMethodRef
from ucp_server.store.ids import ulid_of

Wire = dict[str, Any]

# The page's default for the least wait between two looks.
RETRY_AFTER_S: Final = 2
# A minute of looks at that pace: most payments are decided in the first three.
LOOKS_SUGGESTED: Final = 30
# Cards are all that a payment handler of ours keeps.
CREDIT_CARD: Final = "CreditCard"

_STATES: Final[Mapping[SubmissionState, str]] = {
    SubmissionState.PROCESSING: "CHECK_OUT_PROCESSING",
    SubmissionState.ACTION_NEEDED: "CHECK_OUT_3DS_REQUIRED",
    SubmissionState.DONE: "CHECK_OUT_DONE",
    SubmissionState.FAILED: "CHECK_OUT_FAILED",
}
# Failures that the status page gives a code and a status of their own.
_FAILURES: Final = {
    "item_unavailable": (404, "ORDERED_ITEM_NOT_FOUND"),
    "expired": (409, "OFFER_EXPIRED"),
    "totals_changed": (409, "OFFER_EXPIRED"),
}
_FAILED: Final = (200, "CHECK_OUT_FAILED")
# What the caller may tell its customer, by why it failed.
_SENTENCES: Final = {
    "payment_failed": "The payment was declined.",
    "challenge_failed": "The payment was not confirmed by its owner.",
    "out_of_stock": "An item of this order is sold out.",
    "expired": "The order was not paid in time.",
    "totals_changed": "The price changed; please ask for a new offer.",
    "canceled": "The order was canceled.",
}


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
    """Raises OfferNotFound, and OfferNotPurchasable for one that was only shown."""
    order = document["order"]
    identifier = order["offerIdentifier"]
    if is_shown_id(identifier):
        raise OfferNotPurchasable("A showcase is to look at; ask /offer/bundles for an offer.")
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


def render_accepted(submission: Submission, status_url: str, buyer_url: str | None) -> Reply:
    """202: taken in, or taken in before. ``Location`` and ``Link`` lead to the status."""
    link = f'<{status_url}>; rel="status"'.encode()
    headers = (b"location", status_url.encode()), (b"link", link)
    document = render_result(submission, status_url, buyer_url)
    return client_output(202, document, *headers, *_pace(submission))


def render_status(submission: Submission, status_url: str, buyer_url: str | None) -> Reply:
    """200 with the state; a failure that has a status of its own comes with that one."""
    status, _ = _outcome(submission)
    document = render_result(submission, status_url, buyer_url)
    return client_output(status, document, *_pace(submission))


def render_result(submission: Submission, status_url: str, buyer_url: str | None) -> Wire:
    """A `checkout_result`. ``buyer_url`` is where the buyer acts while the payment asks for it."""
    _, code = _outcome(submission)
    document: Wire = {
        "trackingNumber": submission.tracking,
        "status": {"messageCode": code},
        "followUpInstructions": _render_follow_up(submission, status_url),
    }
    if submission.state is SubmissionState.ACTION_NEEDED:
        document["redirectInstructions"] = _render_redirect(submission, buyer_url)
    if submission.state is SubmissionState.FAILED:
        sentence = _SENTENCES.get(submission.failure or "", "The order could not be completed.")
        document["message"] = sentence
    return document


def _outcome(submission: Submission) -> tuple[int, str]:
    if submission.state is SubmissionState.FAILED:
        return _FAILURES.get(submission.failure or "", _FAILED)
    return 200, _STATES[submission.state]


def _pace(submission: Submission) -> tuple[Header, ...]:
    if submission.state in ENDED:
        return (NO_STORE,)
    return NO_STORE, (b"retry-after", b"%d" % RETRY_AFTER_S)


def _render_follow_up(submission: Submission, status_url: str) -> Wire:
    """``currentRetryAttempt`` counts the looks so far; at the end there is nothing to follow."""
    if submission.state in ENDED:
        return {"canFollowUp": False}
    return {
        "retryAfterSeconds": RETRY_AFTER_S,
        "remainingRetryCount": max(0, LOOKS_SUGGESTED - submission.polls),
        "currentRetryAttempt": submission.polls,
        "followUpUrl": status_url,
        "canFollowUp": True,
    }


def _render_redirect(submission: Submission, buyer_url: str | None) -> Wire:
    """A page to go to, never one to be shown inside the caller's own: that is how buyers are phished."""
    return {
        "redirectUrl": buyer_url,
        "htmlContent": None,
        "threeDIdentifier": ulid_of(submission.id),
        "isRedirectRequired": buyer_url is not None,
        "hasNextSteps": True,
        "showHtmlContent": False,
    }
