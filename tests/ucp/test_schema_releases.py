"""What a body may hold under one release and may not under another: the schemas tell them apart."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.ucp.schema_layout import RELEASES, SCHEMAS
from ucp_server.ucp.schema import Direction, Schemas

Body = dict[str, Any]

FIRST, SECOND, APRIL, AUGUST = RELEASES
JANUARY = {FIRST, SECOND}
LATER = {APRIL, AUGUST}
ALL = {*RELEASES}

CHECKOUT = "dev.ucp.shopping.checkout"
LINE = {"id": "li_1", "item": {"id": "mug", "title": "Enamel mug", "price": 1490}, "quantity": 2}
ADDRESS = {"street_address": "4 Elm Row", "postal_code": "4000-001", "address_country": "PT"}
SUBTOTAL, TOTAL = {"type": "subtotal", "amount": 2980}, {"type": "total", "amount": 2980}
TOKEN = {"type": "token", "token": "tok_demo"}
INSTRUMENT = {"id": "pi_1", "handler_id": "mock", "type": "card", "credential": TOKEN}
FLAT = {**INSTRUMENT, "brand": "visa", "last_digits": "4242"}  # as 2026-01-11 shows it
MOCK = {
    "id": "mock",
    "version": "2026-01-23",
    "name": "com.example.mock",
    "spec": "https://shop.example/mock",
    "schema": "https://shop.example/mock.json",
    "config_schema": "https://shop.example/mock/config.json",
    "instrument_schemas": ["https://shop.example/mock/instrument.json"],
    "config": {},
}
CONSENTED = {"granted": True, "source": "platform"}
KEY = {"kid": "k1", "kty": "EC", "crv": "P-256", "x": "AA", "y": "AA", "use": "sig", "alg": "ES256"}


@pytest.fixture(scope="module")
def schemas() -> Schemas:
    return Schemas(SCHEMAS, RELEASES)


def refused(schemas: Schemas, release: str, direction: Direction, operation: str, body: Body) -> set[str]:
    """Where the body breaks the release."""
    checker = schemas.checker(release, direction, operation, schemas.extensions(release))
    return {fault.path for fault in checker.check(body)}


# --- what platforms send, in the shapes that the releases' REST pages print


def create(**members: Any) -> Body:
    return {"line_items": [{"item": {"id": "mug"}, "quantity": 2}], **members}


def update(**members: Any) -> Body:
    return {"id": "chk_1", "line_items": [LINE], **members}


def shipping(**members: Any) -> Body:
    return {"methods": [{"type": "shipping", **members}]}


CHOICE = shipping(
    id="m_1",
    line_item_ids=["li_1"],
    destinations=[{"id": "home", **ADDRESS}],
    selected_destination_id="home",
    groups=[{"id": "package_1", "selected_option_id": "express"}],
)
PICKUP = {"methods": [{"type": "pickup", "selected_destination_id": "centre"}]}
TWO_CARDS = {"instruments": [INSTRUMENT, {**INSTRUMENT, "id": "pi_2", "selected": True}]}

# (operation, what it shows, body, the releases that read it)
SENT: list[tuple[str, str, Body, set[str]]] = [
    ("create_checkout", "lines alone", create(), ALL),
    ("create_checkout", "no lines", {}, set()),
    ("create_checkout", "no quantity", {"line_items": [{"item": {"id": "mug"}}]}, set()),
    ("create_checkout", "a card as 2026-01-11 shows it", create(payment={"instruments": [FLAT]}), ALL),
    ("create_checkout", "a card without brand and digits", create(payment=TWO_CARDS), ALL - {FIRST}),
    ("create_checkout", "consent by words", create(buyer={"consent": {"marketing": True}}), ALL - {AUGUST}),
    ("create_checkout", "consent by purpose",
     create(buyer={"consent": {"dev.ucp.consent.marketing": CONSENTED}}), ALL),
    ("create_checkout", "a claim", create(context={"eligibility": ["com.example.member"]}), ALL),
    ("create_checkout", "a claim of nobody", create(context={"eligibility": ["member"]}), JANUARY),
    ("create_checkout", "a signal of nobody", create(signals={"ip": "192.0.2.1"}), JANUARY),
    ("create_checkout", "an attribution that is no text", create(attribution={"source": 7}), JANUARY),
    ("create_checkout", "a unit", {"line_items": [{"item": {
        "id": "tea", "quantity_unit": {"unit": "GRM", "display_text": "g"}}, "quantity": 2}]}, ALL),
    ("create_checkout", "half a unit", {"line_items": [{"item": {
        "id": "tea", "quantity_unit": {"unit": "GRM"}}, "quantity": 2}]}, ALL - {AUGUST}),
    ("update_checkout", "the id in the body", update(), ALL),
    ("update_checkout", "the id in the path alone", {"line_items": [LINE]}, LATER),
    ("update_checkout", "an address", update(fulfillment=shipping(destinations=[ADDRESS])), ALL),
    ("update_checkout", "an address for no way to go",
     update(fulfillment={"methods": [{"id": "m_1", "destinations": [ADDRESS]}]}), ALL - {AUGUST}),
    ("update_checkout", "a choice", update(fulfillment=CHOICE), ALL),
    ("update_checkout", "a choice in some group",
     update(fulfillment=shipping(groups=[{"selected_option_id": "express"}])), JANUARY),
    ("update_checkout", "a place of ours", update(fulfillment=PICKUP), ALL),
    ("update_checkout", "a way nobody knew",
     update(fulfillment={"methods": [{"type": "curbside"}]}), {AUGUST}),
    ("complete_checkout", "payment data", {"payment_data": INSTRUMENT, "risk_signals": {}}, {FIRST}),
    ("complete_checkout", "instruments", {"payment": TWO_CARDS}, ALL - {FIRST}),
    ("complete_checkout", "an instrument without type",
     {"payment": {"instruments": [{"id": "pi_1", "handler_id": "mock"}]}}, set()),
]  # fmt: skip


@pytest.mark.parametrize("release", RELEASES)
@pytest.mark.parametrize(("operation", "shows", "body", "releases"), SENT)
def test_a_request_is_read_by_the_releases_that_know_it(
    schemas: Schemas, release: str, operation: str, shows: str, body: Body, releases: set[str]
) -> None:
    places = refused(schemas, release, "request", operation, body)
    assert (not places) is (release in releases), (shows, places)


# --- what we answer: a body that the release has, and the same with one thing that some refuse


def envelope(release: str) -> Body:
    if release == FIRST:
        return {"version": release, "capabilities": [{"name": CHECKOUT, "version": release}]}
    capabilities = {CHECKOUT: [{"version": release}]}
    return {"version": release, "capabilities": capabilities, "payment_handlers": {}}


def checkout(release: str) -> Body:
    body = {
        "ucp": envelope(release),
        "id": "chk_1",
        "status": "incomplete",
        "currency": "EUR",
        "line_items": [{**LINE, "totals": [TOTAL]}],
        "totals": [SUBTOTAL, TOTAL],
        "links": [],
    }
    return {**body, "payment": {"handlers": [MOCK]}} if release == FIRST else body


def order(release: str) -> Body:
    line = {**LINE, "quantity": {"total": 2, "fulfilled": 0}, "totals": [TOTAL], "status": "processing"}
    body = {
        "ucp": envelope(release),
        "id": "ord_1",
        "checkout_id": "chk_1",
        "permalink_url": "https://shop.example/orders/1",
        "line_items": [line],
        "fulfillment": {},
        "totals": [SUBTOTAL, TOTAL],
    }
    if release in LATER:
        return {**body, "currency": "EUR"}
    return {**body, "event_id": "evt_1", "created_time": "2026-11-22T06:00:00Z"}


def profile(release: str) -> Body:
    rest = {"endpoint": "https://shop.example/ucp", "schema": "https://shop.example/rest.json"}
    service = {"version": release, "spec": "https://shop.example/spec"}
    if release == FIRST:
        services = {"dev.ucp.shopping": {**service, "rest": rest}}
        return {
            "ucp": {"version": release, "services": services, "capabilities": []},
            "payment": {"handlers": [MOCK]},
            "signing_keys": [KEY],
        }
    capability = {"version": release, "schema": "https://shop.example/checkout.json"}
    ucp = {
        "version": release,
        "services": {"dev.ucp.shopping": [{**service, **rest, "transport": "rest"}]},
        "capabilities": {CHECKOUT: [capability]},
        "payment_handlers": {"com.example.mock": [MOCK]},
    }
    return {"ucp": ucp, "keys" if release == AUGUST else "signing_keys": [KEY]}


def message(**members: Any) -> list[Body]:
    return [{"type": "error", "code": "missing", "content": "No street", **members}]


def row(kind: str, amount: int, **members: Any) -> list[Body]:
    return [SUBTOTAL, {"type": kind, "amount": amount, **members}, TOTAL]


def method(**members: Any) -> Body:
    given = {"id": "m_1", "type": "shipping", "line_item_ids": ["li_1"], **members}
    return {"methods": [given]}


def option(description: Any) -> Body:
    fast = {"id": "fast", "title": "Fast", "totals": [TOTAL], "description": description}
    return method(groups=[{"id": "g_1", "line_item_ids": ["li_1"], "options": [fast]}])


def adjustment(**members: Any) -> list[Body]:
    at = "2026-11-23T09:00:00Z"
    return [{"id": "a_1", "type": "refund", "occurred_at": at, "status": "completed", **members}]


def expectation(way: str) -> Body:
    lines = [{"id": "li_1", "quantity": 2}]
    promised = {"id": "x_1", "line_items": lines, "method_type": way, "destination": ADDRESS}
    return {"expectations": [promised]}


CENTRE = {"id": "centre", "name": "Centre", "address": ADDRESS}
HOME = {"id": "home", **ADDRESS}
TYPED = {"type": "shipping_address", **HOME}
REMOVED = [{**LINE, "quantity": {"total": 0, "fulfilled": 0}, "totals": [TOTAL], "status": "removed"}]
BODIES: dict[str, Callable[[str], Body]] = {
    "get_checkout": checkout,
    "order_event": order,
    "get_order": order,
    "profile": profile,
}

# (operation, member, its value or ... for none, the releases whose replies may be so)
TOLD: list[tuple[str, str, Any, set[str]]] = [
    ("get_checkout", "links", ..., set()),
    ("get_checkout", "currency", ..., set()),
    ("get_checkout", "payment", ..., ALL - {FIRST}),
    ("get_checkout", "totals", row("discount", 300), JANUARY),
    ("get_checkout", "totals", row("discount", -300), LATER),
    ("get_checkout", "totals", row("tax", -1), set()),
    ("get_checkout", "totals", row("gift", 300, display_text="Wrapping"), LATER),
    ("get_checkout", "totals", row("gift", 300), set()),
    ("get_checkout", "totals", [SUBTOTAL, SUBTOTAL, TOTAL], JANUARY),
    ("get_checkout", "totals", [TOTAL], JANUARY),
    ("get_checkout", "totals", row("fee", 2**53), set()),
    ("get_checkout", "messages", message(severity="recoverable"), ALL),
    ("get_checkout", "messages", message(severity="unrecoverable"), LATER),
    ("get_checkout", "messages", message(severity="escalation"), set()),
    ("get_checkout", "fulfillment", option("Two days"), ALL - {AUGUST}),
    ("get_checkout", "fulfillment", option({"plain": "Two days"}), {AUGUST}),
    ("get_checkout", "fulfillment", method(destinations=[HOME]), ALL - {AUGUST}),
    ("get_checkout", "fulfillment", method(destinations=[TYPED]), ALL),
    ("get_checkout", "fulfillment", method(type="pickup", destinations=[CENTRE]), ALL - {AUGUST}),
    ("get_checkout", "fulfillment",
     method(type="pickup", destinations=[{"type": "business_location", **CENTRE}]), ALL),
    ("get_checkout", "fulfillment", method(type="curbside"), {AUGUST}),
    ("get_checkout", "discounts",
     {"applied": [{"title": "Spring", "amount": 300, "provisional": "yes"}]}, JANUARY),
    ("get_checkout", "policies", [{"type": "returns"}], ALL - {AUGUST}),
    ("get_checkout", "actions", {}, ALL),
    ("get_checkout", "actions", {"dev.example.look": []}, ALL - {AUGUST}),
    ("order_event", "event_id", ..., LATER),
    ("get_order", "event_id", ..., ALL),
    ("get_order", "currency", ..., JANUARY),
    ("get_order", "totals", row("discount", -300), LATER),
    ("get_order", "line_items", REMOVED, LATER),
    ("get_order", "adjustments", adjustment(amount="all"), LATER),
    ("get_order", "adjustments", adjustment(amount=1490), ALL),
    ("get_order", "adjustments", adjustment(totals=[{"type": "total", "amount": -1490}]), ALL),
    ("get_order", "adjustments", adjustment(line_items=[{"id": "li_1", "quantity": 1}]), ALL),
    ("get_order", "adjustments", adjustment(line_items=[{"id": "li_1", "quantity": -1}]), LATER),
    ("get_order", "fulfillment", expectation("digital"), ALL),
    ("get_order", "fulfillment", expectation("curbside"), {AUGUST}),
    ("get_order", "messages", message(severity="mild"), JANUARY),
    ("get_order", "attribution", {"source": 7}, JANUARY),
    ("profile", "ucp", ..., set()),
    ("profile", "signing_keys", [{"kty": "EC"}], {AUGUST}),
    ("profile", "keys", [{"kty": "EC"}], ALL - {AUGUST}),
    ("profile", "keys", [{**KEY, "d": "AA"}], ALL - {AUGUST}),
    ("profile", "keys", [{**KEY, "alg": "ES384"}], ALL - {AUGUST}),
]  # fmt: skip


@pytest.mark.parametrize("release", RELEASES)
@pytest.mark.parametrize("operation", BODIES)
def test_a_plain_reply_of_the_release_passes(schemas: Schemas, release: str, operation: str) -> None:
    assert refused(schemas, release, "response", operation, BODIES[operation](release)) == set()


@pytest.mark.parametrize("release", RELEASES)
@pytest.mark.parametrize(
    ("operation", "member", "value", "releases"),
    TOLD,
    # The processes that share the tests must call them by the same names: sets have no order.
    ids=lambda part: "+".join(sorted(part)) if isinstance(part, set) else str(part)[:40],
)
def test_a_reply_holds_only_what_its_release_has(
    schemas: Schemas, release: str, operation: str, member: str, value: Any, releases: set[str]
) -> None:
    body = {name: part for name, part in BODIES[operation](release).items() if name != member}
    if value is not ...:
        body[member] = value
    places = refused(schemas, release, "response", operation, body)
    assert (not places) is (release in releases), places
    assert all(place == f"$.{member}" or place.startswith(f"$.{member}") for place in places)


@pytest.mark.parametrize("release", RELEASES)
def test_an_envelope_of_another_release_is_seen(schemas: Schemas, release: str) -> None:
    for other in RELEASES:
        body = {**checkout(release), "ucp": envelope(other)}
        places = refused(schemas, release, "response", "get_checkout", body)
        assert (not places) is ((other == FIRST) is (release == FIRST)), (other, places)


@pytest.mark.parametrize("release", sorted(LATER))
def test_what_nobody_can_show_is_answered_by_a_closed_envelope(schemas: Schemas, release: str) -> None:
    messages = message(severity="unrecoverable")
    gone = {"ucp": {"version": release, "status": "error"}, "messages": messages}
    assert refused(schemas, release, "response", "error", gone) == set()
    for broken in (
        {**gone, "detail": "gone"},
        {**gone, "ucp": envelope(release)},
        {**gone, "messages": []},
    ):
        assert refused(schemas, release, "response", "error", broken) != set()


@pytest.mark.parametrize("release", sorted(JANUARY))
def test_errors_of_january_are_a_status_and_messages(schemas: Schemas, release: str) -> None:
    body = {"status": "requires_escalation", "messages": message(severity="recoverable")}
    assert refused(schemas, release, "response", "error", body) == set()
    assert refused(schemas, release, "response", "error", {**body, "status": "error"}) == {"$.status"}


@pytest.mark.parametrize("release", sorted(LATER))
def test_a_root_names_the_other_releases_by_date(schemas: Schemas, release: str) -> None:
    root = profile(release)
    root["ucp"]["supported_versions"] = {SECOND: f"https://shop.example/.well-known/ucp/{SECOND}"}
    assert refused(schemas, release, "response", "profile", root) == set()
    root["ucp"]["supported_versions"] = {"newest": "https://shop.example/"}
    assert refused(schemas, release, "response", "profile", root) != set()
