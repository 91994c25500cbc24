"""One table: every refusal, and how it is told.

The page has a body for refused checkouts (a `CheckoutResult` without a number); it is that of the
status, too. Elsewhere an error is a status and a sentence. Bodies of 400 and 401 are our decision.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

import msgspec

from ucp_server.asgi.reply import NO_STORE, Header, Reply
from ucp_server.c2a import refusals
from ucp_server.c2a.replies import client_output
from ucp_server.domain import errors as domain
from ucp_server.domain.errors import Refusal

Wire = dict[str, Any]

# The operations that answer in the form of a checkout.
CHECKOUT_OPERATIONS: Final = frozenset({"submit_checkout", "checkout_status"})


class Row(msgspec.Struct, frozen=True):
    """``at_submit`` is the status of a refused submit where the page has another one (409).

    ``is_told`` where the code alone does not say what to do: then the sentence stands beside it.
    """

    status: int
    code: str
    at_submit: int | None = None
    is_told: bool = True


TABLE: Final[Mapping[type[Refusal], Row]] = MappingProxyType(
    {
        Refusal: Row(400, "INVALID_REQUEST"),
        domain.CheckoutNotFound: Row(404, "TRACKING_NUMBER_NOT_FOUND", is_told=False),
        domain.CartNotFound: Row(404, "ORDER_NOT_FOUND", is_told=False),
        domain.OrderNotFound: Row(404, "ORDER_NOT_FOUND", is_told=False),
        domain.ProductNotFound: Row(404, "ORDERED_ITEM_NOT_FOUND", is_told=False),
        domain.CursorUnknown: Row(400, "INVALID_REQUEST"),
        domain.RequestTooLarge: Row(400, "INVALID_REQUEST"),
        domain.WrongState: Row(409, "CHECK_OUT_CLOSED"),
        domain.NotReady: Row(409, "OFFER_NOT_PURCHASABLE"),
        # The price that was offered changed while the order was taken in.
        domain.ProblemRefused: Row(409, "OFFER_EXPIRED", is_told=False),
        domain.InvalidRequest: Row(400, "INVALID_REQUEST"),
        domain.KeyReused: Row(409, "CORRELATION_ID_CONFLICT", is_told=False),
        domain.KeyInFlight: Row(409, "REQUEST_IN_PROGRESS"),
        domain.ReplyExpired: Row(409, "CORRELATION_ID_CONFLICT", is_told=False),
        domain.AttemptInFlight: Row(409, "REQUEST_IN_PROGRESS"),
        domain.RevisionConflict: Row(503, "TRY_AGAIN"),
        domain.AdjustmentRefused: Row(409, "ORDER_CANNOT_BE_CHANGED"),
        domain.HandlerUnavailable: Row(503, "SHOP_UNAVAILABLE"),
        domain.StoreUnavailable: Row(503, "SHOP_UNAVAILABLE"),
        domain.OfferNotFound: Row(404, "NO_OFFER_FOUND", is_told=False),
        domain.OfferExpired: Row(409, "OFFER_EXPIRED", is_told=False),
        domain.OfferNotPurchasable: Row(409, "OFFER_NOT_PURCHASABLE"),
        domain.ItemNotOffered: Row(404, "ORDERED_ITEM_NOT_FOUND", is_told=False),
        domain.NothingOffered: Row(404, "NO_OFFER_FOUND", is_told=False),
        domain.PromotionUnknown: Row(400, "INVALID_PROMOTION_CODE", is_told=False),
        domain.StorefrontNotFound: Row(404, "STOREFRONT_NOT_FOUND", is_told=False),
        domain.SubmissionNotFound: Row(404, "TRACKING_NUMBER_NOT_FOUND", is_told=False),
        domain.MethodNotFound: Row(404, "PAYMENT_METHOD_NOT_FOUND", at_submit=409, is_told=False),
        domain.CardDeclined: Row(402, "CARD_DECLINED", at_submit=409),
        domain.VaultUnavailable: Row(503, "PSP_UNAVAILABLE"),
        refusals.TenantNotFound: Row(404, "TENANT_NOT_FOUND"),
        refusals.Unauthenticated: Row(401, "UNAUTHORIZED"),
        refusals.BodyUnreadable: Row(400, "INVALID_REQUEST"),
        refusals.BodyInvalid: Row(400, "INVALID_REQUEST"),
        refusals.NamedTwice: Row(400, "INVALID_REQUEST"),
        refusals.ChannelNotOffered: Row(409, "PAYMENT_CHANNEL_NOT_SUPPORTED"),
        refusals.ProviderNotFound: Row(409, "PAYMENT_PROVIDER_NOT_FOUND"),
        refusals.FreshCardRefused: Row(403, "FRESH_CARD_NOT_ACCEPTED"),
        refusals.CardInvalid: Row(400, "INVALID_CARD"),
        refusals.TooManyCards: Row(429, "TOO_MANY_CARDS_DECLINED"),
        refusals.CustomerNotFound: Row(404, "CUSTOMER_NOT_FOUND", is_told=False),
    }
)

_INVALID_CARD: Final = Row(400, "INVALID_CARD")

# RFC 9110 11.6.1: a 401 names a way to authenticate.
_CHALLENGE: Final[Header] = (b"www-authenticate", b'ApiKey realm="c2a"')


def render_refusal(refusal: Refusal, operation: str) -> Reply:
    """The refusal as ``operation`` tells it."""
    row = _row(refusal)
    status = row.status
    if operation == "submit_checkout" and row.at_submit is not None:
        status = row.at_submit
    text = refusal.text if row.is_told else ""
    return render_error(status, row.code, text, operation, retry_after_s=refusal.retry_after_s)


def render_error(
    status: int, code: str, text: str, operation: str, *, retry_after_s: int | None = None
) -> Reply:
    """An error in the form of ``operation``; of one that is unknown in the general form."""
    headers: tuple[Header, ...] = (NO_STORE, _CHALLENGE) if status == 401 else (NO_STORE,)
    if retry_after_s is not None:
        headers += ((b"retry-after", b"%d" % retry_after_s),)
    document: Wire = {"status": {"messageCode": code}}
    if operation in CHECKOUT_OPERATIONS:
        document = {
            "trackingNumber": None,
            **document,
            "followUpInstructions": {"canFollowUp": False},
        }
    if text:
        document["message"] = text
    return client_output(status, document, *headers)


def _row(refusal: Refusal) -> Row:
    if isinstance(refusal, domain.CardDeclined) and refusal.is_invalid:
        return _INVALID_CARD
    return TABLE[type(refusal)]
