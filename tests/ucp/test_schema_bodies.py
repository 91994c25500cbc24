"""Bodies as they are sent: what agents send of 2026-01-11 passes, and so does what we answer."""

from typing import Any

import pytest

from tests.ucp.schema_layout import RELEASES, SCHEMAS
from ucp_server.ucp.schema import Schemas

RELEASE = "2026-01-11"
ALL = frozenset(
    {f"dev.ucp.shopping.{name}" for name in ("fulfillment", "discount", "buyer_consent", "order")}
)

Body = dict[str, Any]

LINE = {"id": "li_1", "item": {"id": "mug", "title": "Enamel mug", "price": 1490}, "quantity": 3}
ADDRESS = {
    "street_address": "4 Elm Row",
    "address_locality": "Porto",
    "postal_code": "4000-001",
    "address_country": "PT",
}
BUYER = {"email": "ana@buyer.example", "first_name": "Ana", "last_name": "Reis"}
TOTALS = [{"type": "subtotal", "amount": 4470}, {"type": "total", "amount": 4470}]
HANDLER = {
    "id": "mock_payment_handler",
    "name": "dev.ucp.mock_payment",
    "version": RELEASE,
    "spec": "https://shop.example/mock",
    "config_schema": "https://shop.example/mock/config.json",
    "instrument_schemas": ["https://shop.example/mock/instrument.json"],
    "config": {},
}
TOKEN = {"type": "PAYMENT_GATEWAY", "token": "tok_demo"}
BOUND = {
    "type": "stripe_token",
    "token": "tok_demo",
    "binding": {"checkout_id": "chk_7001", "identity": {"access_token": "t"}},
}
PAN = {
    "type": "card",
    "card_number_type": "fpan",
    "number": "4242424242424242",
    "expiry_month": 12,
    "expiry_year": 2030,
    "cvc": "123",
    "name": "Ana Reis",
}
INSTRUMENT = {"id": "pi_31", "handler_id": "com.google.pay", "type": "card", "credential": TOKEN}
SHOWN = {**INSTRUMENT, "brand": "visa", "last_digits": "4242", "billing_address": ADDRESS}


def shipping(**members: Any) -> Body:
    return {"methods": [{"type": "shipping", **members}]}


def update(**members: Any) -> Body:
    return {"id": "chk_7001", "line_items": [LINE], **members}


# (operation, what it shows, body)
REQUESTS: list[tuple[str, str, Body]] = [
    # the shapes of the published REST page
    ("create_checkout", "with lines alone", {"line_items": [LINE]}),
    ("create_checkout", "with a currency", {"line_items": [LINE], "currency": "EUR"}),
    ("update_checkout", "with a buyer", update(buyer=BUYER)),
    ("update_checkout", "with an address", update(fulfillment=shipping(destinations=[ADDRESS]))),
    ("update_checkout", "with a choice", update(
        fulfillment=shipping(
            id="shipping_1", line_item_ids=["li_1"], selected_destination_id="home",
            destinations=[{"id": "home", **ADDRESS}],
            groups=[{"id": "package_1", "selected_option_id": "express"}],
        ))),
    ("complete_checkout", "with a token alone", {"payment_data": INSTRUMENT}),
    ("complete_checkout", "with all to show", {"payment_data": SHOWN, "risk_signals": {"x": 1}}),
    # the shapes of the official suite
    ("create_checkout", "of the suite", {
        "id": "b1946ac9", "line_items": [LINE], "currency": "USD", "buyer": {"fullName": "Ana Reis"},
        "payment": {"instruments": [], "selected_instrument_id": "instr_1", "handlers": [HANDLER]},
        "fulfillment": shipping(
            destinations=[{"id": "dest_1", "address_country": "US"}],
            selected_destination_id="dest_1", groups=[{"selected_option_id": "std-ship"}],
        )}),
    ("update_checkout", "with a method's type alone", update(payment={}, fulfillment=shipping())),
    ("update_checkout", "with a group's choice alone", update(
        fulfillment=shipping(selected_destination_id="a", groups=[{"selected_option_id": "std-ship"}]),
        discounts={"codes": ["10OFF", "WELCOME20"]}, platform=None)),
    ("update_checkout", "with a method's id alone", update(
        fulfillment={"methods": [{"id": "m1", "line_item_ids": ["li_1"]}]})),
    ("complete_checkout", "with a card number", {"payment_data": {**SHOWN, "credential": PAN}}),
    ("complete_checkout", "with a bound token", {"payment_data": {**SHOWN, "credential": BOUND}}),
    ("complete_checkout", "with a mandate", {
        "payment_data": SHOWN, "ap2": {"checkout_mandate": "h.p.s~kb"}}),
    # what the release has besides
    ("create_checkout", "with a store to collect at", {
        "line_items": [LINE],
        "fulfillment": {"methods": [{"type": "pickup", "destinations": [{"name": "Centre"}]}]}}),
    ("create_checkout", "with consent", {
        "line_items": [LINE], "buyer": {**BUYER, "consent": {"marketing": True, "sale_of_data": False}}}),
    ("create_checkout", "with nothing chosen", {
        "line_items": [LINE], "fulfillment": shipping(selected_destination_id=None)}),
]  # fmt: skip

METHOD = {
    "id": "method_1",
    "type": "shipping",
    "line_item_ids": ["li_1"],
    "destinations": [{"id": "home", **ADDRESS}],
    "selected_destination_id": "home",
    "groups": [
        {
            "id": "group_1",
            "line_item_ids": ["li_1"],
            "selected_option_id": "standard",
            "options": [
                {
                    "id": "standard",
                    "title": "Standard, 3 to 5 days",
                    "earliest_fulfillment_time": "2026-11-24T08:00:00Z",
                    "totals": [{"type": "total", "amount": 500}],
                }
            ],
        }
    ],
}
PICKUP = {
    "id": "method_2",
    "type": "pickup",
    "line_item_ids": [],
    "destinations": [{"id": "store", "name": "Centre", "address": ADDRESS}],
}
ENVELOPE = {
    "version": RELEASE,
    "capabilities": [
        {"name": "dev.ucp.shopping.checkout", "version": RELEASE},
        {
            "name": "dev.ucp.shopping.discount",
            "version": RELEASE,
            "extends": "dev.ucp.shopping.checkout",
        },
    ],
}
CHECKOUT = {
    "ucp": ENVELOPE,
    "id": "chk_7001",
    "status": "incomplete",
    "currency": "EUR",
    "line_items": [{**LINE, "totals": TOTALS}],
    "buyer": BUYER,
    "totals": TOTALS,
    "messages": [
        {
            "type": "error",
            "code": "missing",
            "path": "$.buyer.email",
            "content": "An e-mail address is needed.",
            "severity": "recoverable",
        },
        {"type": "warning", "code": "discount_code_invalid", "content": "SUMMER is not known."},
        {"type": "info", "content": "Delivery is free above 50 euro."},
    ],
    "links": [{"type": "terms_of_service", "url": "https://shop.example/terms"}],
    "expires_at": "2026-11-22T16:00:00Z",
    "continue_url": "https://shop.example/checkout/abc",
    "payment": {"handlers": [HANDLER], "instruments": []},
    "fulfillment": {"methods": [METHOD, PICKUP]},
    "discounts": {
        "codes": ["SPRING"],
        "applied": [
            {
                "code": "SPRING",
                "title": "Spring",
                "amount": 447,
                "automatic": False,
                "allocations": [{"path": "$.line_items[0]", "amount": 447}],
            }
        ],
    },
}
COMPLETED = {
    **CHECKOUT,
    "status": "completed",
    "order": {"id": "ord_52", "permalink_url": "https://shop.example/orders/ord_52"},
}
ORDER = {
    "ucp": ENVELOPE,
    "id": "ord_52",
    "checkout_id": "chk_7001",
    "permalink_url": "https://shop.example/orders/ord_52",
    "line_items": [
        {
            "id": "li_1",
            "item": {"id": "mug", "title": "Enamel mug", "price": 1490},
            "quantity": {"total": 3, "fulfilled": 1},
            "totals": TOTALS,
            "status": "partial",
        }
    ],
    "fulfillment": {
        "expectations": [
            {
                "id": "exp_1",
                "line_items": [{"id": "li_1", "quantity": 3}],
                "method_type": "shipping",
                "destination": ADDRESS,
                "description": "Arrives in 3 to 5 days",
            }
        ],
        "events": [
            {
                "id": "evt_1",
                "occurred_at": "2026-11-23T09:00:00Z",
                "type": "shipped",
                "line_items": [{"id": "li_1", "quantity": 1}],
                "tracking_url": "https://carrier.example/1",
            }
        ],
    },
    "adjustments": [
        {
            "id": "adj_1",
            "type": "refund",
            "occurred_at": "2026-11-24T09:00:00Z",
            "status": "completed",
            "amount": 1490,
        }
    ],
    "totals": TOTALS,
}
# the superset that the official suite and the specification both read
EVENT = {
    **ORDER,
    "event_id": "01",
    "created_time": "2026-11-23T09:00:01Z",
    "event_type": "order_shipped",
    "order": ORDER,
}
SERVICE = {
    "version": RELEASE,
    "spec": "https://ucp.dev/specs/shopping",
    "rest": {
        "schema": "https://ucp.dev/services/shopping/openapi.json",
        "endpoint": "https://shop.example/ucp/2026-01-11",
    },
}
LISTED = {
    "name": "dev.ucp.shopping.checkout",
    "version": RELEASE,
    "spec": "https://ucp.dev/specs/shopping/checkout",
    "schema": "https://ucp.dev/schemas/shopping/checkout.json",
}
PROFILE = {
    "ucp": {
        "version": RELEASE,
        "services": {"dev.ucp.shopping": SERVICE},
        "capabilities": [LISTED],
    },
    "payment": {"handlers": [HANDLER]},
    "signing_keys": [
        {"kid": "k1", "kty": "EC", "crv": "P-256", "x": "AA", "y": "AA", "use": "sig", "alg": "ES256"}
    ],
}
ERROR = {
    "status": "requires_escalation",
    "messages": [
        {
            "type": "error",
            "code": "invalid_cart_items",
            "content": "One line is no longer for sale.",
            "severity": "requires_buyer_input",
        }
    ],
}
REPLIES: list[tuple[str, str, Body]] = [
    *(
        (f"{verb}_checkout", "in full", CHECKOUT)
        for verb in ("create", "get", "update", "complete", "cancel")
    ),
    ("complete_checkout", "with an order", COMPLETED),
    ("order_event", "in full", EVENT),
    ("get_order", "in full", ORDER),
    ("profile", "in full", PROFILE),
    ("error", "as published", ERROR),
    ("error", "as the suite reads it", {**ERROR, "detail": "Insufficient stock", "code": "out_of_stock"}),
]


@pytest.fixture(scope="module")
def schemas() -> Schemas:
    return Schemas(SCHEMAS, RELEASES)


@pytest.mark.parametrize(("operation", "shows", "body"), REQUESTS)
def test_a_request_as_sent_passes(schemas: Schemas, operation: str, shows: str, body: Body) -> None:
    if "platform" in body:  # dropped by the suite's own encoder as well
        body = {name: value for name, value in body.items() if value is not None}
    assert schemas.checker(RELEASE, "request", operation, ALL).check(body) == ()


@pytest.mark.parametrize(("operation", "shows", "body"), REPLIES)
def test_a_reply_as_we_send_it_passes(schemas: Schemas, operation: str, shows: str, body: Body) -> None:
    assert schemas.checker(RELEASE, "response", operation, ALL).check(body) == ()


def test_a_platforms_profile_needs_no_service(schemas: Schemas) -> None:
    order = {**LISTED, "name": "dev.ucp.shopping.order", "config": {"webhook_url": "http://localhost/"}}
    profile = {"ucp": {"version": RELEASE, "capabilities": [order]}}
    assert schemas.checker(RELEASE, "request", "profile").check(profile) == ()
    assert schemas.checker(RELEASE, "response", "profile").check(profile) != ()


@pytest.mark.parametrize(
    ("operation", "broken", "path"),
    [
        ("error", {**ERROR, "messages": []}, "$.messages"),
        ("error", {**ERROR, "status": "failed"}, "$.status"),
        ("error", [], "$"),
        ("get_checkout", {**CHECKOUT, "status": "open"}, "$.status"),
        ("get_checkout", {**CHECKOUT, "expires_at": "soon"}, "$.expires_at"),
        ("get_checkout", {**CHECKOUT, "totals": [{"type": "gift", "amount": 1}]}, "$.totals[0].type"),
        ("get_checkout", {**CHECKOUT, "totals": [{"type": "fee", "amount": -1}]}, "$.totals[0].amount"),
        ("order_event", ORDER, "$.event_id"),
        ("profile", {"ucp": {**PROFILE["ucp"], "version": "newest"}}, "$.ucp.version"),
    ],
)  # fmt: skip
def test_a_reply_that_breaks_the_release_is_seen(
    schemas: Schemas, operation: str, broken: Any, path: str
) -> None:
    faults = schemas.checker(RELEASE, "response", operation, ALL).check(broken)
    assert path in {fault.path for fault in faults}


@pytest.mark.parametrize(
    ("operation", "broken", "path"),
    [
        ("create_checkout", {"currency": "EUR"}, "$.line_items"),
        ("update_checkout", {"line_items": [LINE]}, "$.id"),
        ("complete_checkout", {}, "$.payment_data"),
        ("complete_checkout", {"payment_data": {"id": "1", "type": "card"}}, "$.payment_data.handler_id"),
        ("complete_checkout", {"payment_data": {**INSTRUMENT, "type": "cash"}}, "$.payment_data.type"),
        (
            "complete_checkout",
            {"payment_data": {**INSTRUMENT, "credential": {}}},
            "$.payment_data.credential.type",
        ),
    ],
)  # fmt: skip
def test_a_request_that_lacks_what_we_need_is_refused(
    schemas: Schemas, operation: str, broken: Body, path: str
) -> None:
    faults = schemas.checker(RELEASE, "request", operation, ALL).check(broken)
    assert [fault.path for fault in faults] == [path]
