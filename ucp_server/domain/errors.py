"""Refusals: the command did not run. Each has a stable code and facts, never a status.

Refusal
 ├─ CheckoutNotFound, CartNotFound, OrderNotFound   unknown, or somebody else's: nobody can tell which
 ├─ WrongState                         the checkout is past what was asked
 ├─ NotReady                           problems are open that a complete needs closed
 ├─ ProblemRefused                     a problem that the caller's release counts as a refusal
 ├─ InvalidRequest                     readable, but not possible (other id in the body, bad currency)
 ├─ KeyReused                          the same key with another request
 ├─ KeyInFlight                        its first request still runs: try again shortly
 ├─ ReplyExpired                       its reply is gone; the checkout shows what became of it
 ├─ AttemptInFlight                    another attempt to pay is open: try again shortly
 ├─ RevisionConflict                   others changed it each time we tried: try again shortly
 ├─ AdjustmentRefused                  an order cannot be shipped, returned or refunded like that
 ├─ HandlerUnavailable                 a plug-in that is needed does not answer
 ├─ ProductNotFound                    no such product, or nothing of it fits
 ├─ CursorUnknown                      a list that is over, somebody else's, or never was
 ├─ RequestTooLarge                    more is asked at once than is answered
 ├─ OfferNotFound                      no such offer was made to this platform and customer
 ├─ OfferExpired                       its time is over, or its prices no longer hold
 ├─ OfferNotPurchasable                shown, not made; or what it offers cannot be had at the moment
 ├─ ItemNotOffered                     not in the offer, or no longer sold
 ├─ NothingOffered                     nothing is offered on this occasion
 ├─ PromotionUnknown, StorefrontNotFound   a code or a storefront that is not known here
 ├─ SubmissionNotFound, MethodNotFound     unknown, or somebody else's: nobody can tell which
 ├─ CardDeclined                       a card that the provider does not keep
 ├─ VaultUnavailable                   nobody keeps cards here, or it does not answer
 ├─ AttributionRefusal                 of searches, recommendations and the ledger
 │   ├─ SessionNotFound, RecommendationNotFound, ConversionNotFound   unknown, or somebody else's
 │   ├─ SessionExpired                 a search is 24 hours old
 │   ├─ OfferUnknown                  not among what the search found
 │   ├─ OfferGone                      it was offered, and is no longer
 │   ├─ MerchantNotReady               the offer's merchant cannot be paid here
 │   ├─ HandOffRefused                 no checkout could be made of a recommendation
 │   ├─ AlreadyConverted               the search has led to another sale
 │   ├─ ReportRefused                  a sale that cannot be as it is told
 │   └─ RulingRefused                  the conversion's state does not allow it
 └─ StoreUnavailable                   Postgres does not answer: nothing was done
"""

from typing import ClassVar

from ucp_server.domain.problems import Problem


class Refusal(Exception):
    """Why a command was not carried out. ``text`` is for people and holds no secret."""

    code: ClassVar[str] = "refused"
    # Seconds after which trying again makes sense; None where it makes none.
    retry_after_s: int | None = None

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.text = text


class CheckoutNotFound(Refusal):
    code = "not_found"

    def __init__(self, checkout_id: str) -> None:
        super().__init__("This checkout was not found.")
        self.checkout_id = checkout_id


class CartNotFound(Refusal):
    """Also for one that was canceled, is over its time, or has become an order."""

    code = "not_found"

    def __init__(self, cart_id: str) -> None:
        super().__init__("This cart was not found.")
        self.cart_id = cart_id


class OrderNotFound(Refusal):
    code = "not_found"

    def __init__(self, order_id: str) -> None:
        super().__init__("This order was not found.")
        self.order_id = order_id


class WrongState(Refusal):
    """``state`` is the one that stands in the way."""

    code = "invalid_state"

    def __init__(self, state: str) -> None:
        super().__init__(f"The checkout is {state}; this can no longer be done.")
        self.state = state


class NotReady(Refusal):
    """Complete was asked while ``problems`` are open."""

    code = "not_ready"

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        super().__init__("The checkout is not ready to be completed.")
        self.problems = problems


class ProblemRefused(Refusal):
    """A problem that this caller's release answers as a refusal (``refusing_problems``)."""

    code = "problem"

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.text)
        self.problem = problem


class InvalidRequest(Refusal):
    code = "invalid_request"

    def __init__(self, text: str, where: str | None = None) -> None:
        super().__init__(text)
        self.where = where


class KeyReused(Refusal):
    code = "idempotency_key_reused"

    def __init__(self) -> None:
        super().__init__("This idempotency key was used with another request.")


class KeyInFlight(Refusal):
    code = "idempotency_in_flight"
    retry_after_s = 1

    def __init__(self) -> None:
        super().__init__("The first request with this idempotency key still runs.")


class ReplyExpired(Refusal):
    """``checkout_id`` is that of the checkout, or of the cart, that the key was used for."""

    code = "reply_expired"

    def __init__(self, checkout_id: str) -> None:
        super().__init__(
            f"The reply to this idempotency key is no longer kept; see what became of {checkout_id}."
        )
        self.checkout_id = checkout_id


class AttemptInFlight(Refusal):
    code = "payment_in_flight"
    retry_after_s = 1

    def __init__(self) -> None:
        super().__init__("A payment for this checkout is under way.")


class RevisionConflict(Refusal):
    code = "conflict"
    retry_after_s = 1

    def __init__(self) -> None:
        super().__init__("Others changed this at the same moment; please try again.")


class AdjustmentRefused(Refusal):
    code = "adjustment_refused"


class HandlerUnavailable(Refusal):
    code = "handler_unavailable"
    retry_after_s = 5

    def __init__(self, what: str) -> None:
        super().__init__(f"{what} does not answer at the moment.")


class StoreUnavailable(Refusal):
    code = "store_unavailable"
    retry_after_s = 1

    def __init__(self) -> None:
        super().__init__("The shop cannot be reached at the moment; nothing was changed.")


class ProductNotFound(Refusal):
    code = "not_found"

    def __init__(self) -> None:
        super().__init__("This product was not found.")


class CursorUnknown(Refusal):
    code = "invalid_cursor"

    def __init__(self) -> None:
        super().__init__("This cursor leads nowhere, or no longer: please search again.")


class RequestTooLarge(Refusal):
    code = "request_too_large"


class OfferNotFound(Refusal):
    code = "offer_not_found"

    def __init__(self) -> None:
        super().__init__("No such offer was made to you.")


class OfferExpired(Refusal):
    """Ask for a new one."""

    code = "offer_expired"

    def __init__(self) -> None:
        super().__init__("This offer no longer holds.")


class OfferNotPurchasable(Refusal):
    code = "offer_not_purchasable"


class ItemNotOffered(Refusal):
    """``item_id`` is the caller's name of it."""

    code = "item_not_offered"

    def __init__(self, item_id: str) -> None:
        super().__init__("An item of this order is not offered, or no longer sold.")
        self.item_id = item_id


class NothingOffered(Refusal):
    code = "nothing_offered"

    def __init__(self) -> None:
        super().__init__("Nothing is offered on this occasion.")


class PromotionUnknown(Refusal):
    code = "promotion_unknown"

    def __init__(self) -> None:
        super().__init__("This promotion code does not hold here.")


class StorefrontNotFound(Refusal):
    code = "storefront_not_found"

    def __init__(self) -> None:
        super().__init__("This storefront is not known here.")


class SubmissionNotFound(Refusal):
    code = "not_found"

    def __init__(self) -> None:
        super().__init__("This submission was not found.")


class MethodNotFound(Refusal):
    code = "method_not_found"

    def __init__(self) -> None:
        super().__init__("This payment method was not found.")


class CardDeclined(Refusal):
    """``is_invalid``: it is no card at all, rather than one that the provider does not take."""

    code = "card_declined"

    def __init__(self, text: str, *, is_invalid: bool = False) -> None:
        super().__init__(text)
        self.is_invalid = is_invalid


class VaultUnavailable(Refusal):
    """``retry_after_s`` is None where no handler of the merchant keeps cards."""

    code = "vault_unavailable"

    def __init__(self, *, is_offered: bool = True) -> None:
        super().__init__("Cards cannot be kept at the moment." if is_offered else "No cards are kept here.")
        self.retry_after_s = 5 if is_offered else None


class AttributionRefusal(Refusal):
    """What only those meet who search, recommend, or tell of sales."""


class SessionNotFound(AttributionRefusal):
    code = "session_not_found"

    def __init__(self) -> None:
        super().__init__("This search was not found.")


class SessionExpired(AttributionRefusal):
    code = "session_expired"

    def __init__(self) -> None:
        super().__init__("The time of this search is over; please search again.")


class RecommendationNotFound(AttributionRefusal):
    code = "recommendation_not_found"

    def __init__(self) -> None:
        super().__init__("This recommendation was not found.")


class OfferUnknown(AttributionRefusal):
    code = "offer_unknown"

    def __init__(self) -> None:
        super().__init__("This offer is not among what the search found.")


class OfferGone(AttributionRefusal):
    code = "offer_gone"

    def __init__(self) -> None:
        super().__init__("This offer is no longer made.")


class MerchantNotReady(AttributionRefusal):
    code = "merchant_not_ready"

    def __init__(self) -> None:
        super().__init__("The merchant of this offer cannot be paid here.")


class HandOffRefused(AttributionRefusal):
    code = "hand_off_refused"


class AlreadyConverted(AttributionRefusal):
    code = "already_converted"

    def __init__(self) -> None:
        super().__init__("This search has led to another sale.")


class ReportRefused(AttributionRefusal):
    code = "report_refused"


class ConversionNotFound(AttributionRefusal):
    code = "conversion_not_found"

    def __init__(self) -> None:
        super().__init__("This conversion was not found.")


class RulingRefused(AttributionRefusal):
    """``state`` is the one that stands in the way."""

    code = "ruling_refused"

    def __init__(self, state: str) -> None:
        super().__init__(f"The conversion is {state}; this cannot be decided.")
        self.state = state
