"""One table: every refusal, its status, and its text where the published page has one (field.md 8).

The body is ``{"error": "<text>"}`` and nothing else.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

import msgspec

from ucp_server.aap import refusals
from ucp_server.asgi.reply import NO_STORE, Header, Reply, json_reply
from ucp_server.domain import errors as domain
from ucp_server.domain.errors import Refusal


class Row(msgspec.Struct, frozen=True):
    """``text`` of None: the refusal's own."""

    status: int
    text: str | None = None


_CHECKOUT_REFUSED: Final = "Could not create checkout"

TABLE: Final[Mapping[type[Refusal], Row]] = MappingProxyType(
    {
        Refusal: Row(400),
        # Searches and recommendations
        domain.AttributionRefusal: Row(400),
        domain.SessionNotFound: Row(404, "Session not found"),
        domain.SessionExpired: Row(410, "Session expired"),
        domain.RecommendationNotFound: Row(404, "Recommendation not found"),
        domain.OfferUnknown: Row(404, "Offer not found"),
        domain.OfferGone: Row(410, "Offer no longer available"),
        domain.MerchantNotReady: Row(503, "Merchant has no connected payment processor"),
        domain.HandOffRefused: Row(502, _CHECKOUT_REFUSED),
        domain.AlreadyConverted: Row(409, "Session already converted"),
        domain.ReportRefused: Row(422),
        domain.ConversionNotFound: Row(404, "Conversion not found"),
        domain.RulingRefused: Row(409),
        # Of checkouts: what stands in the way of the hand-off
        domain.CheckoutNotFound: Row(404, "Checkout not found"),
        domain.CartNotFound: Row(404),
        domain.OrderNotFound: Row(404),
        domain.ProductNotFound: Row(404),
        domain.CursorUnknown: Row(400),
        domain.RequestTooLarge: Row(400),
        domain.WrongState: Row(409),
        domain.NotReady: Row(502, _CHECKOUT_REFUSED),
        domain.ProblemRefused: Row(502, _CHECKOUT_REFUSED),
        domain.InvalidRequest: Row(502, _CHECKOUT_REFUSED),
        domain.KeyReused: Row(409),
        domain.KeyInFlight: Row(409),
        domain.ReplyExpired: Row(409),
        domain.AttemptInFlight: Row(409),
        domain.RevisionConflict: Row(503),
        domain.AdjustmentRefused: Row(422),
        domain.HandlerUnavailable: Row(502, _CHECKOUT_REFUSED),
        domain.StoreUnavailable: Row(503),
        # Of offers of the other kind, and of stored methods
        domain.OfferNotFound: Row(404, "Offer not found"),
        domain.OfferExpired: Row(410, "Offer no longer available"),
        domain.OfferNotPurchasable: Row(409),
        domain.ItemNotOffered: Row(404),
        domain.NothingOffered: Row(404),
        domain.PromotionUnknown: Row(404),
        domain.StorefrontNotFound: Row(404),
        domain.SubmissionNotFound: Row(404),
        domain.MethodNotFound: Row(404, "Stored method not found"),
        domain.CardDeclined: Row(402),
        domain.VaultUnavailable: Row(502, _CHECKOUT_REFUSED),
        # Our own
        refusals.Unauthenticated: Row(401),
        refusals.TooManyRequests: Row(429),
        refusals.BadRequest: Row(400),
        refusals.NotRecommended: Row(409),
        refusals.NotSigned: Row(401),
        refusals.NoEvidence: Row(422),
    }
)

# RFC 9110 11.6.1: a 401 names a way to authenticate.
_CHALLENGE: Final[Header] = (b"www-authenticate", b'Bearer realm="aap"')


def text_of(refusal: Refusal) -> str:
    """The sentence that stands for ``refusal``."""
    return TABLE[type(refusal)].text or refusal.text


def render_refusal(refusal: Refusal) -> Reply:
    row = TABLE[type(refusal)]
    headers: tuple[Header, ...] = ()
    if refusal.retry_after_s is not None and row.status in {409, 429, 503}:
        headers = ((b"retry-after", b"%d" % refusal.retry_after_s),)
    return render_error(row.status, text_of(refusal)).adding(*headers)


def render_error(status: int, text: str) -> Reply:
    headers: tuple[Header, ...] = (NO_STORE, _CHALLENGE) if status == 401 else (NO_STORE,)
    return json_reply(status, {"error": text}, *headers)
