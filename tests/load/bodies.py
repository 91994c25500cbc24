"""What a platform of release 2026-01-11 sends on its way to an order.

In full, as the official suite does, so that any server of the release can be driven with it.
"""

from typing import Any

from tests.load.shops import CURRENCY, OPTION

Wire = dict[str, Any]

MOCK = "mock_payment_handler"
_HANDLER = {
    "id": MOCK,
    "name": "dev.ucp.mock_payment",
    "version": "2026-01-11",
    "spec": "https://ucp.dev/specs/mock",
    "config_schema": "https://ucp.dev/schemas/mock.json",
    "instrument_schemas": ["https://ucp.dev/schemas/shopping/types/card_payment_instrument.json"],
    "config": {},
}
_ADDRESS = {
    "full_name": "Robin Tester",
    "street_address": "12 Harbour Lane",
    "address_locality": "Springfield",
    "address_region": "IL",
    "postal_code": "62704",
    "address_country": "US",
}


def headers(profile_url: str, key: str = "") -> dict[str, str]:
    """Those of a caller; with a ``key`` also what a write needs. The signature is the suite's."""
    sent = {
        "UCP-Agent": f'profile="{profile_url}"',
        "Content-Type": "application/json",
        "Request-Signature": "test",
        "Request-Id": f"bench-{key or 'read'}",
    }
    return sent | ({"Idempotency-Key": key} if key else {})


def create(item: str, *, quantity: int = 1, name: str = "Robin") -> Wire:
    return {
        "line_items": [{"item": {"id": item, "title": item}, "quantity": quantity}],
        "currency": CURRENCY,
        "payment": {"instruments": [], "handlers": [_HANDLER]},
        "buyer": _buyer(name),
    }


def create_ready(item: str, *, quantity: int = 1, name: str = "Robin") -> Wire:
    """With all that a complete needs."""
    return create(item, quantity=quantity, name=name) | {"fulfillment": _fulfillment(name, OPTION)}


def update(checkout: Wire, *, quantity: int = 1, name: str = "Robin", option: str = OPTION) -> Wire:
    """The same lines, an address, and the way there."""
    lines = [
        {"id": line["id"], "item": {"id": line["item"]["id"], "title": ""}, "quantity": quantity}
        for line in checkout["line_items"]
    ]
    return {
        "id": checkout["id"],
        "line_items": lines,
        "currency": CURRENCY,
        "payment": {"instruments": [], "handlers": [_HANDLER]},
        "buyer": _buyer(name),
        "fulfillment": _fulfillment(name, option),
    }


def complete(token: str, handler_id: str = MOCK) -> Wire:
    return {
        "payment_data": {
            "id": "card",
            "handler_id": handler_id,
            "handler_name": handler_id,
            "type": "card",
            "brand": "visa",
            "last_digits": "4242",
            "credential": {"type": "token", "token": token},
        },
        "risk_signals": {},
    }


def total_minor(checkout: Wire) -> int:
    """The total, which every other entry of ``totals`` has to add up to."""
    amounts = {entry["type"]: entry["amount"] for entry in checkout["totals"]}
    total: int = amounts.pop("total")
    # 2026-01-11 shows a discount without a sign.
    parts = sum(-amount if "discount" in kind else amount for kind, amount in amounts.items())
    assert total == parts, checkout["totals"]
    return total


def _fulfillment(name: str, option: str) -> Wire:
    # An id per buyer: some servers keep addresses under the ids that callers give them.
    home = {"id": f"home-{name.lower()}", **_ADDRESS}
    method = {
        "type": "shipping",
        "destinations": [home],
        "selected_destination_id": home["id"],
        "groups": [{"selected_option_id": option}],
    }
    return {"methods": [method]}


def _buyer(name: str) -> Wire:
    return {"first_name": name, "last_name": "Tester", "email": f"{name.lower()}@buyers.example"}
