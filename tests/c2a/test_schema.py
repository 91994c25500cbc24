"""The forms: sound documents of ours, which refuse what the published tables do not allow."""

from typing import Any

import msgspec
import pytest
from jsonschema import Draft202012Validator

from tests.c2a.conftest import SCHEMAS, card, checkout, new_method, stored
from tests.ucp.schema_layout import laid_out
from ucp_server.c2a.schema import DOCUMENTS, Document
from ucp_server.resources import folder

Wire = dict[str, Any]
FOLDER = folder("schemas") / "c2a"


@pytest.mark.parametrize("name", DOCUMENTS)
def test_documents_are_sound_and_laid_out_as_we_keep_them(name: Document) -> None:
    raw = (FOLDER / f"{name}.json").read_text()
    document = msgspec.json.decode(raw)
    Draft202012Validator.check_schema(document)
    assert document["$id"] == f"urn:ucp-server:c2a:{name}"
    assert raw == laid_out(document)


def test_every_document_is_used() -> None:
    assert {path.stem for path in FOLDER.glob("*.json")} == set(DOCUMENTS)


def without(document: Wire, *path: str | int) -> Wire:
    copy = msgspec.json.decode(msgspec.json.encode(document))
    at: Any = copy
    for step in path[:-1]:
        at = at[step]
    del at[path[-1]]
    return copy


FRESH = checkout("of_77q")
STORED = checkout("of_77q", payment=stored("pm.00.9.1"))


def test_the_examples_of_the_page_are_taken() -> None:
    published = {
        "order": {
            "offerIdentifier": "of_77q",
            "correlationId": "web-88",
            "items": [{"itemIdentifier": "it_p1", "quantity": 1}],
            "customer": {"customerUrn": "cu.00.9", "ipAddress": "203.0.113.9"},
        },
        "paymentMethod": {
            "paymentChannel": "CreditCard",
            "creditCard": card(),
            "storeMethodSuccessPayment": "always",
        },
    }
    assert SCHEMAS["checkout_request"].check(published) == ()
    assert SCHEMAS["checkout_request"].check(STORED) == ()


@pytest.mark.parametrize("is_on_payment", [True, False])
def test_a_stored_method_may_be_named_on_either_level(is_on_payment: bool) -> None:
    payment = stored("pm.00.9.1")
    del (payment if is_on_payment else payment["creditCard"])["useStoredMethod"]
    document = checkout("of_77q") | {"paymentMethod": {"paymentChannel": "CreditCard", **payment}}
    assert SCHEMAS["checkout_request"].check(document) == ()


@pytest.mark.parametrize(
    ("document", "path"),
    [
        (FRESH, ("order",)),
        (FRESH, ("paymentMethod",)),
        (FRESH, ("order", "offerIdentifier")),
        (FRESH, ("order", "items")),
        (FRESH, ("order", "customer")),
        (FRESH, ("order", "customer", "customerUrn")),
        (FRESH, ("order", "items", 0, "itemIdentifier")),
        (FRESH, ("paymentMethod", "paymentChannel")),
        (FRESH, ("paymentMethod", "creditCard")),
        (FRESH, ("paymentMethod", "creditCard", "cardHolderName")),
        (FRESH, ("paymentMethod", "creditCard", "cardNumber")),
        (FRESH, ("paymentMethod", "creditCard", "expireYear")),
        (FRESH, ("paymentMethod", "creditCard", "expireMonth")),
        (FRESH, ("paymentMethod", "creditCard", "cvc")),
        (STORED, ("paymentMethod", "creditCard", "storedMethodUrn")),
    ],
)
def test_what_the_table_requires_is_required(document: Wire, path: tuple[str | int, ...]) -> None:
    found = SCHEMAS["checkout_request"].check(without(document, *path))
    assert [fault.keyword for fault in found] == ["required"]
    assert found[0].path.endswith(str(path[-1]))


@pytest.mark.parametrize(
    "changes",
    [
        {"order": {"items": []}},
        {"order": {"items": [{"itemIdentifier": "a", "quantity": 0}]}},
        {"order": {"items": [{"itemIdentifier": "a", "quantity": 1.5}]}},
        {"order": {"items": [{"itemIdentifier": "a", "quantity": "1"}]}},
        {"order": {"items": [{"itemIdentifier": "a"}] * 101}},
        {"order": {"offerIdentifier": 7}},
        {"order": {"correlationId": ""}},
        {"order": {"correlationId": "x" * 256}},
        {"order": {"resellerID": "7"}},
        {"payment": {"paymentChannel": "Barter"}},
        {"payment": {"useStoredMethod": "yes"}},
        {"card": {"expireYear": "31"}},
        {"card": {"expireMonth": "7"}},
        {"card": {"expireMonth": "13"}},
        {"card": {"expireMonth": 7}},
        {"card": {"cvc": "12"}},
        {"card": {"cardNumber": "4242"}},
        {"card": {"cardNumber": 4242424242424242}},
        {"card": {"cardNumber": "4242x4242x4242x4242"}},
    ],
)
def test_what_no_order_can_hold_is_refused_without_a_word_of_it(changes: Wire) -> None:
    found = SCHEMAS["checkout_request"].check(checkout("of_77q", **changes))
    assert found
    assert all("4242" not in fault.text + fault.path for fault in found)


def test_a_card_to_keep_is_a_whole_card() -> None:
    assert SCHEMAS["method_add_request"].check(new_method()) == ()
    for member in card():
        assert SCHEMAS["method_add_request"].check(without(new_method(), "creditCard", member))
