"""What a platform sends on its way to an order: in 2026-01-11, unless another release is asked for.

There in full, as the official suite does, so that any server of that release can be driven with it.
"""

from typing import Any

from conformance import forms
from tests.load.serving import RELEASE
from tests.load.shops import CURRENCY, OPTION

Wire = dict[str, Any]

# Where a way can be chosen for goods whose group the caller cannot know yet.
UNNAMED_GROUPS = frozenset({"2026-01-11", "2026-01-23"})
EXTENSIONS = ("fulfillment", "discount", "buyer_consent")

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


def profile(release: str, webhook_url: str) -> Wire:
    """A platform's profile with everything of ``release`` that it can ask for."""
    names = (forms.CHECKOUT, forms.ORDER, *(f"{forms.SERVICE}.{name}" for name in EXTENSIONS))
    return forms.platform_profile(release, names, webhook_url)


def create(item: str, *, quantity: int = 1, name: str = "Robin", release: str = RELEASE) -> Wire:
    lines = [{"item": {"id": item, "title": item}, "quantity": quantity}]
    members = {"buyer": _buyer(name), **_handlers(release)}
    return forms.create(release, lines, CURRENCY, **members)


def create_ready(item: str, *, quantity: int = 1, name: str = "Robin") -> Wire:
    """With all that a complete needs."""
    made = create(item, quantity=quantity, name=name)
    return made | {"fulfillment": _fulfillment(name, OPTION, RELEASE)}


def update(
    checkout: Wire,
    *,
    quantity: int = 1,
    name: str = "Robin",
    option: str = OPTION,
    release: str = RELEASE,
) -> Wire:
    """The same lines, an address, and the way there."""
    lines = [
        {"id": line["id"], "item": {"id": line["item"]["id"], "title": ""}, "quantity": quantity}
        for line in checkout["line_items"]
    ]
    fulfillment = _fulfillment(name, option, release)
    if release not in UNNAMED_GROUPS:
        _name_as_shown(fulfillment, checkout)
    filled = {"buyer": _buyer(name), "fulfillment": fulfillment}
    return forms.update(release, checkout, line_items=lines, **filled, **_handlers(release))


def complete(token: str, handler_id: str = MOCK, release: str = RELEASE) -> Wire:
    return forms.complete(release, forms.card(release, handler_id, {"type": "token", "token": token}))


def total_minor(checkout: Wire, release: str = RELEASE) -> int:
    """The total, which every other entry of ``totals`` has to add up to."""
    amounts = {entry["type"]: entry["amount"] for entry in checkout["totals"]}
    total: int = amounts.pop("total")
    sign = -1 if release in forms.POSITIVE_DISCOUNTS else 1
    parts = sum(sign * amount if "discount" in kind else amount for kind, amount in amounts.items())
    assert total == parts, checkout["totals"]
    return total


def _handlers(release: str) -> Wire:
    """Our own handler back again, where the release has it in a checkout's payment."""
    listed = {"payment": {"instruments": [], "handlers": [_HANDLER]}}
    return listed if release in forms.HANDLERS_IN_PAYMENT else {}


def _fulfillment(name: str, option: str, release: str) -> Wire:
    # An id per buyer: some servers keep addresses under the ids that callers give them.
    home = {"id": f"home-{name.lower()}", **_ADDRESS}
    return forms.shipping(release, [home], home["id"], [option])


def _name_as_shown(fulfillment: Wire, checkout: Wire) -> None:
    """Say which of the checkout's methods is meant, and which of its groups."""
    (method,), (shown,) = fulfillment["methods"], checkout["fulfillment"]["methods"]
    method |= {"id": shown["id"], "line_item_ids": shown["line_item_ids"]}
    for group, known in zip(method["groups"], shown["groups"], strict=True):
        group["id"] = known["id"]


def _buyer(name: str) -> Wire:
    return {"first_name": name, "last_name": "Tester", "email": f"{name.lower()}@buyers.example"}
