"""The forms of bodies: sound documents, and the same verdict by the reference engine."""

from typing import Any

import msgspec
import pytest
from jsonschema import Draft202012Validator, FormatChecker

from tests.chipp.world import AUDIT, BUYER, HOME, SCHEMAS
from ucp_server.chipp.schema import REPLIES, REQUESTS
from ucp_server.resources import folder

Wire = dict[str, Any]

LINE: Wire = {"product_id": AUDIT, "quantity": 2}
MONEY: Wire = {"amount": 8400, "currency": "eur"}
AT = "2026-11-21T10:00:00.000Z"
SESSION: Wire = {
    "id": AUDIT,
    "status": "ready_for_payment",
    "line_items": [
        {
            "productId": AUDIT,
            "productName": "Site audit",
            "sku": "AUD-2",
            "quantity": 2,
            "unitPriceCents": 4200,
            "totalCents": 8400,
        }
    ],
    "subtotal": MONEY,
    "total": MONEY,
    "buyer": BUYER,
    "shipping_address": HOME,
    "payment": {"payment_intent_id": "pi_1"},
    "expires_at": AT,
    "created_at": AT,
    "updated_at": AT,
}
ORDER: Wire = {
    "id": AUDIT,
    "status": "fulfilled",
    "fulfillment_result": [{"toolName": "run_audit", "success": True, "output": "done"}],
    "created_at": AT,
}
GOOD: dict[str, Wire] = {
    "create_session": {"line_items": [LINE], "buyer": BUYER, "shipping_address": HOME},
    "update_session": {"line_items": [LINE], "buyer": BUYER, "shipping_address": HOME},
    "session": {"data": SESSION},
    "completed": {"data": {"checkout_session": SESSION, "order": ORDER}},
    "canceled": {"data": {"canceled": True}},
    "order": {"data": ORDER},
    "event": {
        "event": "order.fulfilled",
        "order_id": AUDIT,
        "checkout_session_id": AUDIT,
        "application_id": AUDIT,
        "status": "fulfilled",
        "fulfillment_result": ORDER["fulfillment_result"],
        "total": MONEY,
        "created_at": AT,
    },
    "error": {"error": "Checkout session not found"},
    "unauthorized": {"error": {"code": "unauthorized", "message": "Missing Authorization header"}},
    "products": {
        "data": [
            {
                "id": AUDIT,
                "name": "Site audit",
                "description": "",
                "sku": "AUD-2",
                "price": MONEY,
                "fulfillment_type": "manual",
            }
        ]
    },
    "agent": {
        "name": "Audits",
        "description": "",
        "url": "https://shop.test/acp/1",
        "version": "1.0.0",
        "capabilities": {"products": True, "checkout": True},
        "endpoints": {
            "products": "https://shop.test/acp/1/products",
            "checkout": "https://shop.test/acp/1/checkout_sessions",
        },
        "authentication": {"type": "bearer", "description": ""},
    },
}
ODD: tuple[Any, ...] = (None, 0, -1, 1.5, "", "x", "EUR", True, [], {}, [None], {"x": 1})


def definitions(name: str) -> Wire:
    file = "requests.json" if name in REQUESTS else "replies.json"
    document = msgspec.json.decode((folder("schemas") / "chipp" / file).read_bytes(), type=Wire)
    Draft202012Validator.check_schema(document)
    return {"$ref": f"#/$defs/{name}", "$defs": document["$defs"]}


def spoiled(document: Any) -> list[Any]:
    """Every variant with one part, at any depth, made odd, taken away or added."""
    found: list[Any] = list(ODD)
    if isinstance(document, dict):
        found += [{k: v for k, v in document.items() if k != name} for name in document]
        found += [document | {"more": 1}]
        found += [document | {name: each} for name in document for each in spoiled(document[name])]
    if isinstance(document, list) and document:
        found += [[each, *document[1:]] for each in spoiled(document[0])]
    return found


@pytest.mark.parametrize("name", [*REQUESTS, *REPLIES])
def test_both_engines_see_the_same_faults(name: str) -> None:
    checker = (SCHEMAS.requests if name in REQUESTS else SCHEMAS.replies)[name]
    reference = Draft202012Validator(
        definitions(name), format_checker=FormatChecker(["uuid", "email", "uri"])
    )
    assert checker.check(GOOD[name]) == ()
    variants = spoiled(GOOD[name])
    verdicts = [checker.check(variant) == () for variant in variants]
    differing = [
        variant
        for variant, verdict in zip(variants, verdicts, strict=True)
        if reference.is_valid(variant) != verdict
    ]
    assert differing == []
    assert not all(verdicts)


@pytest.mark.parametrize("name", sorted(set(REPLIES) - {"error"}))
def test_replies_are_closed(name: str) -> None:
    assert SCHEMAS.replies[name].check(GOOD[name] | {"more": 1}) != ()


@pytest.mark.parametrize("name", REQUESTS)
def test_requests_are_open(name: str) -> None:
    checker = SCHEMAS.requests[name]
    assert checker.check(GOOD[name] | {"more": 1, "line_items": [LINE | {"price": 1}]}) == ()
