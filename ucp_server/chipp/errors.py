"""One table: every refusal and its status; two shapes of body (field.md 9).

A 401 nests code and message, everything else is one sentence. What a state forbids is told in the
page's own words, with the session's status at the end.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

from ucp_server.asgi.reply import NO_STORE, Header, Reply, json_reply
from ucp_server.chipp import refusals
from ucp_server.chipp.checkout import IN_PROGRESS, NOT_READY
from ucp_server.domain import errors as domain
from ucp_server.domain.errors import Refusal
from ucp_server.domain.lifecycle import State
from ucp_server.domain.problems import Problem

Wire = dict[str, Any]

TABLE: Final[Mapping[type[Refusal], int]] = MappingProxyType(
    {
        Refusal: 400,
        domain.CheckoutNotFound: 404,
        domain.OrderNotFound: 404,
        domain.WrongState: 400,
        domain.NotReady: 400,
        domain.ProblemRefused: 400,
        domain.InvalidRequest: 400,
        # A key leads to its session whatever else is sent, so that these three are never met.
        domain.KeyReused: 400,
        domain.KeyInFlight: 503,
        domain.ReplyExpired: 410,
        domain.AttemptInFlight: 400,
        domain.RevisionConflict: 503,
        domain.AdjustmentRefused: 400,
        domain.HandlerUnavailable: 503,
        domain.StoreUnavailable: 503,
        refusals.Unauthenticated: 401,
        refusals.Forbidden: 403,
        refusals.AppNotFound: 404,
        refusals.ProductNotFound: 400,
        refusals.BodyUnreadable: 400,
        refusals.BodyInvalid: 400,
    }
)

# What an operation does, in the sentence that refuses it.
_VERBS: Final = MappingProxyType(
    {"update_session": "update", "complete_session": "complete", "cancel_session": "cancel"}
)
# Too late for a cancel, where the page has a status of its own.
_TOO_LATE: Final = frozenset({State.COMPLETED, State.COMPLETING})
# A caller mends a few things at a time.
_REASONS_MAX: Final = 3

# RFC 9110 11.6.1: a 401 names a way to authenticate.
_CHALLENGE: Final[Header] = (b"www-authenticate", b"Bearer")


def render_refusal(refusal: Refusal, operation: str) -> Reply:
    """The refusal of ``operation`` as this protocol tells it."""
    status, text = _told(refusal, operation)
    headers = () if refusal.retry_after_s is None or status < 500 else _retry_after(refusal.retry_after_s)
    return render_error(status, refusal.code, text, *headers)


def render_error(status: int, code: str, text: str, *headers: Header) -> Reply:
    """An error as this protocol writes it, also for what the layers around the routes found."""
    if status == 401:
        body: Wire = {"error": {"code": code, "message": text}}
        return json_reply(status, body, NO_STORE, _CHALLENGE, *headers)
    return json_reply(status, {"error": text}, NO_STORE, *headers)


def forbidden_transition(operation: str, status: str) -> str:
    """The page's sentence for what a session's status does not allow."""
    return f"Cannot {_VERBS.get(operation, 'use')} checkout in status: {status}"


def not_ready(operation: str, problems: tuple[Problem, ...]) -> str:
    """The same with the reasons, which a session has no member for."""
    reasons = " ".join(problem.text for problem in problems[:_REASONS_MAX])
    return f"{forbidden_transition(operation, NOT_READY)}. {reasons}".rstrip()


def _told(refusal: Refusal, operation: str) -> tuple[int, str]:
    status = next(TABLE[kind] for kind in type(refusal).__mro__ if kind in TABLE)
    match refusal:
        case domain.CheckoutNotFound():
            return status, "Checkout session not found"
        case domain.OrderNotFound():
            return status, "Order not found"
        case domain.WrongState(state=State.EXPIRED) | domain.ReplyExpired():
            return 410, "Checkout session has expired"
        case domain.WrongState(state=state):
            return _forbidden(operation, State(state), status)
        case domain.AttemptInFlight():
            return _forbidden(operation, State.COMPLETING, status)
        case domain.NotReady(problems=problems):
            return status, not_ready(operation, problems)
    return status, refusal.text


def _forbidden(operation: str, state: State, status: int) -> tuple[int, str]:
    is_too_late = operation == "cancel_session" and state in _TOO_LATE
    name = IN_PROGRESS if state is State.COMPLETING else state.value
    return 405 if is_too_late else status, forbidden_transition(operation, name)


def _retry_after(seconds: int) -> tuple[Header, ...]:
    return ((b"retry-after", b"%d" % seconds),)
