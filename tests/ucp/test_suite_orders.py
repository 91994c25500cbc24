"""Orders outside the protocol: read, overwritten and shipped, where the mode says so."""

from typing import Any

import msgspec
import pytest

from tests.ucp.conftest import BASE, SIMULATION_SECRET, Agent, Open, Town
from ucp_server.domain.errors import AdjustmentRefused
from ucp_server.ucp.refusals import BodyUnreadable
from ucp_server.ucp.suite_orders import decode_order

Wire = dict[str, Any]
REFUND: Wire = {
    "id": "adj_1",
    "type": "refund",
    "occurred_at": "2026-01-11T09:30:00Z",
    "status": "pending",
    "amount": 500,
}


@pytest.fixture
async def suite(town: Open) -> Any:
    async with town(mode="suite") as here:
        yield here


async def ordered(agent: Agent) -> Wire:
    bought = await agent.bought()
    reply = await agent.ask("GET", f"/orders/{bought['order']['id']}")
    assert reply.status_code == 200, reply.text
    return reply.json()


async def test_an_order_says_what_was_promised(suite: Town):
    order = await ordered(suite.agent())
    (expectation,) = order["fulfillment"]["expectations"]
    assert expectation["description"] == "Standard Shipping"
    assert expectation["destination"]["address_country"] == "US"
    assert order["fulfillment"]["events"] == order["adjustments"] == []
    assert order["line_items"][0]["status"] == "processing"
    root = await suite.client.get(f"/orders/{order['id']}", headers={"UCP-Agent": suite.agent()._agent})
    assert root.json() == order


async def test_events_and_adjustments_are_written_as_given(suite: Town):
    agent = suite.agent()
    order = await ordered(agent)
    line = order["line_items"][0]["id"]
    event = {
        "id": "evt_1",
        "occurred_at": "2026-01-11T09:30:00Z",
        "type": "shipped",
        "line_items": [{"id": line, "quantity": 1}],
        "tracking_number": "TRACK123",
        "tracking_url": "http://track.me/123",
    }
    order["fulfillment"]["events"] = [event]
    order["adjustments"] = [REFUND]
    reply = await agent.ask("PUT", f"/orders/{order['id']}", order)
    assert reply.status_code == 200, reply.text
    changed = reply.json()
    assert changed["fulfillment"]["events"] == [event]
    assert changed["adjustments"] == [REFUND]
    assert changed["line_items"][0]["status"] == "partial"
    assert (await agent.ask("GET", f"/orders/{order['id']}")).json() == changed


@pytest.mark.parametrize(
    "change",
    [
        {"adjustments": {}},
        {"adjustments": [REFUND | {"status": "INVALID_STATUS"}]},
        {"adjustments": [REFUND | {"type": "gift"}]},
        {"adjustments": [REFUND | {"occurred_at": "yesterday"}]},
        {"adjustments": [REFUND | {"amount": "500"}]},
        {"fulfillment": {"events": [{"id": "x"}]}},
        {"fulfillment": []},
    ],
)
async def test_what_an_order_cannot_hold_is_422(suite: Town, change: Wire):
    agent = suite.agent()
    order = await ordered(agent)
    reply = await agent.ask("PUT", f"/orders/{order['id']}", order | change)
    assert reply.status_code == 422
    assert (await agent.ask("GET", f"/orders/{order['id']}")).json() == order


def test_what_is_no_json_is_unreadable():
    with pytest.raises(BodyUnreadable):
        decode_order(b"{")
    with pytest.raises(AdjustmentRefused):
        decode_order(b'{"adjustments": 1}')
    assert decode_order(b"{}") == ((), ())


@pytest.mark.parametrize("site", ["", BASE])
async def test_parcels_leave_for_the_right_secret_only(suite: Town, site: str):
    agent = suite.agent()
    order = await ordered(agent)
    path = f"{site}/testing/simulate-shipping/{order['id']}"
    for headers in ({}, {"Simulation-Secret": "wrong"}, {"Simulation-Secret": ""}):
        assert (await suite.client.post(path, headers=headers)).status_code == 403
    shipped = await suite.client.post(path, headers={"Simulation-Secret": SIMULATION_SECRET})
    assert shipped.status_code == 200
    assert [event["type"] for event in shipped.json()["fulfillment"]["events"]] == ["shipped"]
    unknown = f"{site}/testing/simulate-shipping/ord_{'0' * 32}"
    reply = await suite.client.post(unknown, headers={"Simulation-Secret": SIMULATION_SECRET})
    assert reply.status_code == 404


async def test_the_demo_ships_but_shows_no_orders(here: Town):
    agent = here.agent()
    order_id = (await agent.bought())["order"]["id"]
    assert (await agent.ask("GET", f"/orders/{order_id}")).status_code == 404
    reply = await here.client.post(
        f"/testing/simulate-shipping/{order_id}", headers={"Simulation-Secret": SIMULATION_SECRET}
    )
    assert reply.status_code == 200


def test_a_document_of_ours_goes_back_in_unchanged():
    raw = msgspec.json.encode({"adjustments": [REFUND]})
    ((), (adjustment,)) = decode_order(raw)
    assert (adjustment.amount_minor, adjustment.type, adjustment.status) == (500, "refund", "pending")
