"""The table of refusals: total, and each release's own words for each of them."""

import inspect
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest

from ucp_server.asgi.checker import Violation
from ucp_server.domain import errors as domain
from ucp_server.domain import problems
from ucp_server.domain.errors import Refusal
from ucp_server.resources import folder
from ucp_server.ucp import refusals
from ucp_server.ucp.errors import TABLE, render_error, render_refusal
from ucp_server.ucp.releases import R_2026_01_11, R_2026_04_08, RELEASES, WITH_SCHEMAS, Release
from ucp_server.ucp.schema import Schemas

VIOLATIONS = (
    Violation(path="$.line_items", keyword="required", text="is required"),
    Violation(path="$.buyer.email", keyword="type", text="must be of type string"),
)
ARGUMENTS: dict[str, Any] = {
    "text": "Why not.",
    "checkout_id": "x",
    "cart_id": "x",
    "order_id": "x",
    "item_id": "x",
    "state": "completed",
    "problems": (problems.out_of_stock("Roses", 0, "lines[0]"), problems.buyer_field_missing("email")),
    "problem": problems.out_of_stock("Roses", 0, "lines[0]"),
    "what": "The payment handler",
    "served": ("2026-01-11",),
    "capability": "dev.ucp.shopping.checkout",
    "fault": "not_json",
    "issuer": "https://shop.example",
    "scope": "dev.ucp.shopping.checkout:manage",
    "retry_after_s": 7,
    "violations": VIOLATIONS,
}


def every_kind(kind: type[Refusal] = Refusal) -> Iterator[type[Refusal]]:
    if kind is domain.AttributionRefusal:
        return  # no platform meets these: it neither searches nor recommends
    # What other bindings find wrong by themselves never comes here.
    if kind.__module__.startswith(("ucp_server.domain.", "ucp_server.ucp.")):
        yield kind
    for further in kind.__subclasses__():
        yield from every_kind(further)


def made(kind: type[Refusal]) -> Refusal:
    wanted = [p for p in inspect.signature(kind).parameters.values() if p.default is p.empty]
    return kind(*(ARGUMENTS[parameter.name] for parameter in wanted))


STOREFRONT = "https://shop.example/"
# What keeps a platform from buying here at all (T3:D/overview, "The continue_url Field").
LEADING_ON = (
    refusals.InvalidProfileUrl,
    refusals.ProfileUnreachable,
    refusals.ProfileMalformed,
    refusals.ProfileNotTrusted,
    refusals.VersionUnsupported,
    refusals.CapabilitiesIncompatible,
    refusals.NothingForSale,
    refusals.NothingInStock,
)


def body(refusal: Refusal, release: Release, *, detailed: bool = False) -> tuple[int, dict[str, Any]]:
    reply = render_refusal(refusal, release, detailed=detailed)
    assert reply.header(b"content-type") == b"application/json"
    return reply.status, msgspec.json.decode(reply.body)


@pytest.mark.parametrize("kind", sorted(set(every_kind()), key=lambda kind: kind.__name__))
def test_every_refusal_has_its_row(kind: type[Refusal]):
    assert kind in TABLE


@pytest.mark.parametrize("kind", TABLE)
@pytest.mark.parametrize("release", RELEASES, ids=lambda release: release.version)
def test_every_row_gives_a_reply(kind: type[Refusal], release: Release):
    refusal = made(kind)
    status, document = body(refusal, release)
    assert 200 <= status < 600
    if refusal.retry_after_s is not None:
        assert render_refusal(refusal, release).header(b"retry-after") == b"%d" % refusal.retry_after_s
    if release.errors == "messages":
        assert document["status"] == "requires_escalation"
        assert all(message["content"] and message["severity"] for message in document["messages"])
    elif status == 200:
        assert document["ucp"]["status"] == "error"
        assert set(document) == {"ucp", "messages"}
    else:
        assert set(document) == {"code", "content"}


@pytest.mark.parametrize("kind", TABLE)
def test_the_body_follows_the_schema_of_errors(kind: type[Refusal]):
    schemas = Schemas(folder("schemas") / "ucp", WITH_SCHEMAS)
    checker = schemas.checker("2026-01-11", "response", "error")
    for detailed in (False, True):
        assert checker.check(body(made(kind), R_2026_01_11, detailed=detailed)[1]) == ()


@pytest.mark.parametrize(
    ("refusal", "status", "code"),
    [
        (domain.CheckoutNotFound("x"), 404, "not_found"),
        (domain.WrongState("completed"), 409, "invalid_state"),
        (domain.ProblemRefused(problems.out_of_stock("Roses", 0, "lines[0]")), 400, "out_of_stock"),
        (domain.ProblemRefused(problems.payment_failed("No.")), 402, "payment_failed"),
        (domain.KeyReused(), 409, "idempotency_key_reused"),
        (domain.RevisionConflict(), 503, "conflict"),
        (domain.StoreUnavailable(), 503, "store_unavailable"),
        (refusals.VersionUnsupported(("2026-01-11",)), 400, "version_unsupported"),
        (refusals.ProfileUnreachable("no"), 400, "profile_unreachable"),
        (refusals.CapabilitiesIncompatible("x"), 200, "capabilities_incompatible"),
        (refusals.Unauthenticated("no"), 401, "unauthorized"),
    ],
)
def test_the_words_of_2026_01_11(refusal: Refusal, status: int, code: str):
    got, document = body(refusal, R_2026_01_11)
    assert (got, document["messages"][0]["code"]) == (status, code)
    assert {"detail", "code"}.isdisjoint(document)


@pytest.mark.parametrize(
    ("refusal", "status"),
    [
        (refusals.InvalidProfileUrl("no"), 400),
        (refusals.ProfileUnreachable("no"), 424),
        (refusals.ProfileMalformed("no"), 422),
        (refusals.VersionUnsupported(("2026-01-11",)), 422),
        (refusals.ProfileNotTrusted(), 403),
        (refusals.CapabilitiesIncompatible("x"), 200),
        (domain.CheckoutNotFound("x"), 200),
        (domain.KeyReused(), 409),
    ],
)
def test_the_statuses_from_2026_04_08_on(refusal: Refusal, status: int):
    assert body(refusal, R_2026_04_08)[0] == status


@pytest.mark.parametrize("kind", TABLE)
@pytest.mark.parametrize("release", RELEASES, ids=lambda release: release.version)
def test_whoever_cannot_buy_here_is_led_to_the_storefront(kind: type[Refusal], release: Release):
    reply = render_refusal(made(kind), release, storefront=STOREFRONT)
    led = msgspec.json.decode(reply.body).get("continue_url")
    assert (led == STOREFRONT) is (release.errors == "transport" and kind in LEADING_ON)


def test_the_suite_reads_detail_and_code():
    refusal = domain.ProblemRefused(problems.out_of_stock("Gardenias", 0, "lines[0]"))
    _, document = body(refusal, R_2026_01_11, detailed=True)
    assert document["detail"] == "Insufficient stock for Gardenias: none is left."
    assert document["code"] == "out_of_stock"


def test_every_problem_that_stands_in_the_way_is_told_with_its_place():
    _, document = body(domain.NotReady(ARGUMENTS["problems"]), R_2026_01_11)
    assert [message["path"] for message in document["messages"]] == ["$.line_items[0]", "$.buyer.email"]


def test_every_violation_is_told_with_its_place():
    _, document = body(refusals.BodyInvalid(VIOLATIONS), R_2026_01_11)
    assert [message["path"] for message in document["messages"]] == ["$.line_items", "$.buyer.email"]


def test_a_401_says_how_to_authenticate():
    assert render_refusal(refusals.Unauthenticated("no"), R_2026_01_11).header(b"www-authenticate")


def test_an_error_of_a_layer_has_the_form_of_the_release():
    reply = render_error(R_2026_01_11, 413, "body_too_large", "The body is too large.", detailed=True)
    document = msgspec.json.decode(reply.body)
    assert reply.status == 413
    assert document["messages"][0]["code"] == "body_too_large"
    assert document["detail"] == "The body is too large."
    later = msgspec.json.decode(render_error(R_2026_04_08, 413, "body_too_large", "Too large.").body)
    assert later == {"code": "body_too_large", "content": "Too large."}
