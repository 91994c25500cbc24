"""Stored payment methods over the wire."""

from typing import Any

import pytest

from tests.c2a.conftest import CUSTOMER, OTHER_TENANT, Backend, Town, new_method
from ucp_server.c2a.declines import DECLINES_MAX

Wire = dict[str, Any]
METHODS = "/customer/payment/methods"


async def listed(backend: Backend, owner: str = CUSTOMER) -> list[Wire]:
    reply = await backend.ask("GET", f"{METHODS}/list", query={"customerUrn": owner})
    assert reply.status_code == 200, reply.text
    methods: list[Wire] = reply.json()["paymentMethods"]
    return methods


def reference(method: Wire, owner: str = CUSTOMER) -> dict[str, str]:
    return {"customerUrn": owner, "storedMethodUrn": method["storedMethodUrn"]}


async def test_a_method_from_first_to_last(backend: Backend) -> None:
    method = await backend.add(card={"cardAlias": "For flowers"})
    assert {name: method[name] for name in method if name not in ("storedMethodUrn", "createdAt")} == {
        "paymentChannel": "CreditCard",
        "providerIdentifier": "mock_payment_handler",
        "cardAlias": "For flowers",
        "brand": "visa",
        "lastDigits": "4242",
        "expireMonth": "07",
        "expireYear": "2041",
        "isActive": True,
    }
    assert await listed(backend) == [method]
    reply = await backend.ask("GET", f"{METHODS}/info", query=reference(method))
    assert reply.json()["paymentMethod"] == method
    reply = await backend.ask("POST", f"{METHODS}/inactivate", reference(method))
    assert reply.json()["paymentMethod"] == method | {"isActive": False}
    assert await listed(backend) == [method | {"isActive": False}]
    reply = await backend.ask("POST", f"{METHODS}/activate", reference(method))
    assert reply.json()["paymentMethod"] == method
    reply = await backend.ask("DELETE", f"{METHODS}/delete", query=reference(method))
    assert reply.status_code == 200
    assert await listed(backend) == []
    for method_, path in (("GET", "info"), ("DELETE", "delete")):
        reply = await backend.ask(method_, f"{METHODS}/{path}", query=reference(method))
        assert reply.status_code == 404


async def test_a_delete_may_say_what_in_its_body(backend: Backend) -> None:
    method = await backend.add()
    reply = await backend.ask("DELETE", f"{METHODS}/delete", reference(method))
    assert reply.status_code == 200
    assert await listed(backend) == []


async def test_a_card_in_short_names(backend: Backend) -> None:
    card = {"CHN": "Ana Ruiz", "CN": "4242424242424242", "EY": "2041", "EM": "07", "CVC": "737", "CA": "x"}
    reply = await backend.ask("POST", f"{METHODS}/add", {"customerUrn": CUSTOMER, "CC": card})
    assert reply.status_code == 200
    assert reply.json()["paymentMethod"]["cardAlias"] == "x"


async def test_an_add_that_is_correlated_is_done_once(backend: Backend) -> None:
    first = await backend.add(correlationId="add-1")
    assert await backend.add(correlationId="add-1") == first
    assert await backend.add(correlationId="add-1", card={"expireYear": "2042"}) != first
    assert await backend.add() != await backend.add()
    assert len(await listed(backend)) == 4


@pytest.mark.parametrize(
    ("number", "status", "code"),
    [("4000000000000069", 402, "CARD_DECLINED"), ("4242424242424241", 400, "INVALID_CARD")],
)
async def test_what_the_vault_refuses_is_no_method(
    backend: Backend, number: str, status: int, code: str
) -> None:
    reply = await backend.ask("POST", f"{METHODS}/add", new_method(card={"cardNumber": number}))
    assert (reply.status_code, reply.json()["status"]["messageCode"]) == (status, code)
    assert await listed(backend) == []


async def test_whoever_tests_cards_is_told_to_stop(backend: Backend) -> None:
    declined = new_method(card={"cardNumber": "4000000000000069"})
    for _ in range(DECLINES_MAX):
        assert (await backend.ask("POST", f"{METHODS}/add", declined)).status_code == 402
    reply = await backend.ask("POST", f"{METHODS}/add", new_method())
    told = reply.json()["status"]["messageCode"], reply.headers["retry-after"]
    assert (reply.status_code, *told) == (429, "TOO_MANY_CARDS_DECLINED", "360")
    assert (
        await backend.ask("POST", f"{METHODS}/add", new_method(customerUrn="another"))
    ).status_code == 200


async def test_a_shop_without_a_vault_says_so(backend: Backend, here: Town) -> None:
    here.setup.vaults.pop("shop")  # type: ignore[attr-defined]  # a dict here
    reply = await backend.ask("POST", f"{METHODS}/add", new_method())
    assert (reply.status_code, reply.json()["status"]["messageCode"]) == (503, "PSP_UNAVAILABLE")


async def test_methods_are_those_of_their_customer_and_tenant(backend: Backend, here: Town) -> None:
    method = await backend.add()
    assert await listed(await here.backend(name="another")) == [method], "one shop, one list"
    stranger = await here.backend(OTHER_TENANT)
    assert await listed(stranger) == []
    for caller, owner in ((stranger, CUSTOMER), (backend, "somebody")):
        for verb, path in (
            ("GET", "info"),
            ("DELETE", "delete"),
            ("POST", "activate"),
            ("POST", "inactivate"),
        ):
            asked = reference(method, owner)
            body, query = (asked, None) if verb == "POST" else (None, asked)
            reply = await caller.ask(verb, f"{METHODS}/{path}", body, query=query)
            assert reply.status_code == 404, (verb, path)
    assert await listed(backend) == [method]


async def test_a_customer_is_of_the_tables_or_has_a_card(backend: Backend) -> None:
    async def code(path: str, **asked: str) -> str:
        reply = await backend.ask("GET", f"{METHODS}/{path}", query=asked)
        return str(reply.json()["status"]["messageCode"])

    method = await backend.add(customerUrn="cu.00.9")
    urn = method["storedMethodUrn"]
    assert await code("list", customerUrn="cu.00.9") == "SUCCESS"
    assert await code("list", customerUrn=CUSTOMER) == "SUCCESS"
    assert await code("list", customerUrn="nobody") == "CUSTOMER_NOT_FOUND"
    assert await code("info", customerUrn="nobody", storedMethodUrn=urn) == "CUSTOMER_NOT_FOUND"
    assert await code("info", customerUrn=CUSTOMER, storedMethodUrn=urn) == "PAYMENT_METHOD_NOT_FOUND"
    assert await code("info", customerUrn="cu.00.9", storedMethodUrn="x") == "PAYMENT_METHOD_NOT_FOUND"


async def test_what_is_asked_has_to_be_named(backend: Backend) -> None:
    asked: list[tuple[str, str, dict[str, str]]] = [
        ("GET", "list", {}),
        ("GET", "list", {"customerUrn": ""}),
        ("GET", "list", {"customerUrn": "nul\0"}),
        ("GET", "info", {"customerUrn": CUSTOMER}),
        ("DELETE", "delete", {"storedMethodUrn": "pm.1"}),
    ]
    for verb, path, query in asked:
        reply = await backend.ask(verb, f"{METHODS}/{path}", query=query)
        assert (reply.status_code, reply.json()["status"]["messageCode"]) == (400, "INVALID_REQUEST"), query
