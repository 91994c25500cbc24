"""The table of refusals: total, and in the form of what was asked."""

import inspect
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest

from tests.c2a.conftest import SCHEMAS
from ucp_server.asgi.checker import Violation
from ucp_server.c2a import refusals
from ucp_server.c2a.errors import TABLE, render_error, render_refusal
from ucp_server.domain import errors as domain
from ucp_server.domain import problems
from ucp_server.domain.errors import Refusal

ARGUMENTS: dict[str, Any] = {
    "text": "Why not.",
    "checkout_id": "x",
    "cart_id": "x",
    "order_id": "x",
    "item_id": "x",
    "state": "completed",
    "problems": (problems.out_of_stock("Roses", 0, "lines[0]"),),
    "problem": problems.out_of_stock("Roses", 0, "lines[0]"),
    "what": "The shop",
    "fault": "not_json",
    "member": "order",
    "wait_s": 7,
    "violations": (Violation(path="$.order", keyword="required", text="is required"),),
}
OPERATIONS = ("submit_checkout", "checkout_status", "make_offer", "add_method", "")


def every_kind(kind: type[Refusal] = Refusal) -> Iterator[type[Refusal]]:
    """All that the engine and this binding raise, but for what only recommendations meet."""
    if kind is domain.AttributionRefusal:
        return
    if kind.__module__.startswith(("ucp_server.domain.", "ucp_server.c2a.")):
        yield kind
    for further in kind.__subclasses__():
        yield from every_kind(further)


def made(kind: type[Refusal]) -> Refusal:
    wanted = [p for p in inspect.signature(kind).parameters.values() if p.default is p.empty]
    return kind(*(ARGUMENTS[parameter.name] for parameter in wanted))


@pytest.mark.parametrize("kind", sorted(set(every_kind()), key=lambda kind: kind.__name__))
def test_every_refusal_has_its_row(kind: type[Refusal]) -> None:
    assert kind in TABLE


@pytest.mark.parametrize("operation", OPERATIONS)
@pytest.mark.parametrize("kind", TABLE)
def test_every_row_gives_a_reply_of_its_form(kind: type[Refusal], operation: str) -> None:
    refusal = made(kind)
    reply = render_refusal(refusal, operation)
    assert 400 <= reply.status < 600
    form = SCHEMAS["checkout_result" if "checkout" in operation else "status_reply"]
    assert form.check(msgspec.json.decode(reply.body)) == ()
    wait = refusal.retry_after_s
    assert reply.header(b"retry-after") == (None if wait is None else b"%d" % wait)
    assert (reply.header(b"www-authenticate") is not None) == (reply.status == 401)


@pytest.mark.parametrize(
    ("refusal", "status", "code"),
    [
        (domain.OfferExpired(), 409, "OFFER_EXPIRED"),
        (domain.KeyReused(), 409, "CORRELATION_ID_CONFLICT"),
        (domain.MethodNotFound(), 409, "PAYMENT_METHOD_NOT_FOUND"),
    ],
)
def test_what_the_page_refuses_at_admission_has_the_body_of_the_page(
    refusal: Refusal, status: int, code: str
) -> None:
    reply = render_refusal(refusal, "submit_checkout")
    assert reply.status == status
    assert msgspec.json.decode(reply.body) == {
        "trackingNumber": None,
        "status": {"messageCode": code},
        "followUpInstructions": {"canFollowUp": False},
    }


@pytest.mark.parametrize(
    ("refusal", "operation", "status", "code"),
    [
        (domain.ItemNotOffered("x"), "submit_checkout", 404, "ORDERED_ITEM_NOT_FOUND"),
        (domain.SubmissionNotFound(), "checkout_status", 404, "TRACKING_NUMBER_NOT_FOUND"),
        (domain.MethodNotFound(), "show_method", 404, "PAYMENT_METHOD_NOT_FOUND"),
        (domain.CardDeclined("No."), "add_method", 402, "CARD_DECLINED"),
        (domain.CardDeclined("No.", is_invalid=True), "add_method", 400, "INVALID_CARD"),
        (domain.CardDeclined("No.", is_invalid=True), "submit_checkout", 400, "INVALID_CARD"),
        (domain.VaultUnavailable(), "add_method", 503, "PSP_UNAVAILABLE"),
        (refusals.Unauthenticated(), "make_offer", 401, "UNAUTHORIZED"),
        (refusals.TenantNotFound(), "make_offer", 404, "TENANT_NOT_FOUND"),
        (refusals.FreshCardRefused(), "submit_checkout", 403, "FRESH_CARD_NOT_ACCEPTED"),
    ],
)
def test_the_words_of_the_table(refusal: Refusal, operation: str, status: int, code: str) -> None:
    reply = render_refusal(refusal, operation)
    assert reply.status == status
    assert msgspec.json.decode(reply.body)["status"] == {"messageCode": code}


def test_a_layer_tells_its_error_in_the_form_of_the_path() -> None:
    reply = render_error(413, "BODY_TOO_LARGE", "Too large.", "submit_checkout")
    assert msgspec.json.decode(reply.body) == {
        "trackingNumber": None,
        "status": {"messageCode": "BODY_TOO_LARGE"},
        "followUpInstructions": {"canFollowUp": False},
        "message": "Too large.",
    }
