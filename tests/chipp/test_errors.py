"""The table of refusals: total, and in the two shapes that the protocol has."""

from typing import Any

import msgspec
import pytest

from tests.chipp.world import SCHEMAS
from tests.ucp.test_errors import every_kind, made
from ucp_server.chipp.errors import TABLE, render_error, render_refusal
from ucp_server.chipp.rest import SESSION_ROUTES
from ucp_server.domain import errors as domain
from ucp_server.domain.errors import Refusal
from ucp_server.domain.lifecycle import State

OPERATIONS = [operation for _, _, operation in SESSION_ROUTES]
# What `Engine.run`, its reads and this binding raise; refusals of other uses fall to the first row.
REACHABLE = {
    domain.CheckoutNotFound,
    domain.OrderNotFound,
    domain.WrongState,
    domain.NotReady,
    domain.ProblemRefused,
    domain.InvalidRequest,
    domain.KeyReused,
    domain.KeyInFlight,
    domain.ReplyExpired,
    domain.AttemptInFlight,
    domain.RevisionConflict,
    domain.HandlerUnavailable,
    domain.StoreUnavailable,
}


def told(refusal: Refusal, operation: str = "get_session") -> tuple[int, Any]:
    reply = render_refusal(refusal, operation)
    document = msgspec.json.decode(reply.body)
    form = "unauthorized" if reply.status == 401 else "error"
    assert SCHEMAS.replies[form].check(document) == ()
    return reply.status, document["error"]


def kinds_here() -> list[type[Refusal]]:
    ours = ("ucp_server.domain.", "ucp_server.chipp.")
    return sorted({kind for kind in every_kind() if kind.__module__.startswith(ours)}, key=str)


@pytest.mark.parametrize("kind", kinds_here(), ids=lambda kind: kind.__name__)
def test_every_refusal_is_an_error_of_one_of_the_two_shapes(kind: type[Refusal]) -> None:
    for operation in OPERATIONS:
        status, _ = told(made(kind), operation)
        assert 400 <= status < 600
    if kind in REACHABLE or kind.__module__.startswith("ucp_server.chipp."):
        assert kind in TABLE


@pytest.mark.parametrize(
    ("operation", "state", "status", "text"),
    [
        ("complete_session", State.CANCELED, 400, "Cannot complete checkout in status: canceled"),
        ("complete_session", State.COMPLETED, 400, "Cannot complete checkout in status: completed"),
        ("complete_session", State.COMPLETING, 400, "Cannot complete checkout in status: in_progress"),
        ("complete_session", State.EXPIRED, 410, "Checkout session has expired"),
        ("update_session", State.COMPLETED, 400, "Cannot update checkout in status: completed"),
        ("update_session", State.COMPLETING, 400, "Cannot update checkout in status: in_progress"),
        ("cancel_session", State.CANCELED, 400, "Cannot cancel checkout in status: canceled"),
        ("cancel_session", State.COMPLETED, 405, "Cannot cancel checkout in status: completed"),
        ("cancel_session", State.COMPLETING, 405, "Cannot cancel checkout in status: in_progress"),
        ("get_session", State.EXPIRED, 410, "Checkout session has expired"),
    ],
)
def test_what_a_status_forbids_is_told_in_the_pages_words(
    operation: str, state: State, status: int, text: str
) -> None:
    assert told(domain.WrongState(state), operation) == (status, text)


def test_what_passes_says_when_to_come_back() -> None:
    reply = render_refusal(domain.StoreUnavailable(), "get_session")
    assert (reply.status, reply.header(b"retry-after")) == (503, b"1")
    assert render_refusal(domain.AttemptInFlight(), "complete_session").header(b"retry-after") is None


def test_an_unauthorised_caller_gets_the_nested_shape() -> None:
    reply = render_error(401, "unauthorized", "Who are you?")
    assert msgspec.json.decode(reply.body) == {"error": {"code": "unauthorized", "message": "Who are you?"}}
