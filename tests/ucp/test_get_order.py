"""An order that is asked for: whole, as it is now, and by the platform that placed it alone."""

from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from tests.ucp.conftest import SCHEMAS, SIMULATION_SECRET, Agent, Open, Town, pinned, profile_url
from tests.ucp.test_authentication import issue
from ucp_server.modes import Mode
from ucp_server.store.database import Pool
from ucp_server.ucp.releases import CHECKOUT, ORDER, RELEASES, ROWS, SERVED, Release
from ucp_server.ucp.rest import operation_routes

Wire = dict[str, Any]

ASKED = [version for version in SERVED if ROWS[version].serves_orders]
NOT_ASKED = [version for version in SERVED if not ROWS[version].serves_orders]


@pytest.mark.parametrize("release", RELEASES)
def test_where_events_are_all_there_is_they_are_january_s(release: Release):
    """T3:D/order#Operations: whoever lists the capability later serves the operation."""
    nothing: Any = None
    paths = {route.path for route in operation_routes(release, lambda *_: nothing)}
    assert (f"/ucp/{release.version}/orders/{{id}}" in paths) is release.serves_orders
    assert ORDER in {capability.name for capability in release.capabilities}
    assert release.serves_orders or release.events_name_themselves


async def shown(agent: Agent, order_id: str) -> Wire:
    reply = await agent.ask("GET", f"/orders/{order_id}")
    assert (reply.status_code, reply.headers["cache-control"]) == (200, "no-store")
    order: Wire = reply.json()
    assert SCHEMAS.checker(agent.release, "response", "get_order").check(order) == ()
    return order


@pytest.mark.parametrize("release", ASKED)
async def test_an_order_is_shown_as_it_is_now(here: Town, release: str):
    agent = here.agent_of(release)
    done = await agent.bought()
    order = await shown(agent, done["order"]["id"])
    assert order["ucp"]["version"] == release
    assert list(order["ucp"]["capabilities"]) == [ORDER]
    assert (order["id"], order["checkout_id"]) == (done["order"]["id"], done["id"])
    assert order["permalink_url"] == done["order"]["permalink_url"]
    assert (order["currency"], order["totals"]) == (done["currency"], done["totals"])
    (line,) = order["line_items"]
    assert (line["status"], line["quantity"]) == (
        "processing",
        {"original": 2, "total": 2, "fulfilled": 0},
    )
    assert order["fulfillment"]["events"] == order["adjustments"] == []
    (expectation,) = order["fulfillment"]["expectations"]
    assert expectation["destination"]["address_country"] == "US"
    simulated = await agent.ask(
        "POST",
        f"/testing/simulate-shipping/{order['id']}",
        headers={"Simulation-Secret": SIMULATION_SECRET},
    )
    assert await shown(agent, order["id"]) == simulated.json()
    assert simulated.json()["line_items"][0]["status"] == "fulfilled"


async def test_an_order_outlives_the_release_that_it_was_placed_under(town: Open, tmp_path: Path):
    """Its platform has moved on, or gone back: it is the same order, told in the words of today."""
    placed = {}
    async with town() as here:
        for release in SERVED:
            placed[release] = (await here.agent_of(release).bought())["order"]["id"]
    for other in ASKED:
        moved = {
            release: replace(pinned(tmp_path, "moved", release=other), profile=profile_url(release))
            for release in SERVED
        }
        async with town(platforms=moved) as here:
            for release, order_id in placed.items():
                order = await shown(here.stranger(f'profile="{profile_url(release)}"', other), order_id)
                assert (order["ucp"]["version"], order["id"]) == (other, order_id)


@pytest.mark.parametrize("release", ASKED)
async def test_nobody_learns_of_the_orders_of_others(town: Open, tmp_path: Path, release: str):
    names = ("one", "two")
    platforms = {name: pinned(tmp_path, name, release=release) for name in names}
    platforms["bare"] = pinned(tmp_path, "bare", release=release, capabilities=(CHECKOUT,))
    async with town(platforms=platforms) as here:
        one, two, bare = (
            here.stranger(f'profile="https://{name}.example/profile"', release) for name in platforms
        )
        order_id = (await one.bought())["order"]["id"]
        foreign = await two.ask("GET", f"/orders/{order_id}")
        unknown = await two.ask("GET", f"/orders/ord_{'0' * 32}")
        never = await two.ask("GET", "/orders/42")
        assert (foreign.status_code, foreign.json()) == (unknown.status_code, unknown.json())
        assert (never.status_code, never.json()) == (unknown.status_code, unknown.json())
        # T3:D/order-rest#Get Order, "Not Found": an outcome, and no fault of the request.
        assert (unknown.status_code, unknown.json()["ucp"]["status"]) == (200, "error")
        (message,) = unknown.json()["messages"]
        assert (message["code"], message["severity"]) == ("not_found", "unrecoverable")
        assert SCHEMAS.checker(release, "response", "error").check(unknown.json()) == ()
        without = await bare.ask("GET", f"/orders/{order_id}")
        assert without.json()["messages"][0]["code"] == "capabilities_incompatible"
        assert (await shown(one, order_id))["id"] == order_id


@pytest.mark.parametrize("release", ASKED)
async def test_an_order_is_only_read(here: Town, release: str):
    agent = here.agent_of(release)
    for method in ("PUT", "POST", "DELETE"):
        reply = await agent.ask(method, f"/orders/ord_{'0' * 32}", {})
        assert reply.status_code == 405
        assert set(reply.headers["allow"].split(", ")) == {"GET", "HEAD"}


@pytest.mark.parametrize("release", NOT_ASKED)
async def test_in_january_orders_come_as_events_alone(here: Town, release: str):
    agent = here.agent_of(release)
    order_id = (await agent.bought())["order"]["id"]
    assert (await agent.ask("GET", f"/orders/{order_id}")).status_code == 404


@pytest.mark.parametrize("release", ASKED[-1:])
async def test_a_name_alone_opens_no_order_in_production(
    town: Open, pool: Pool, tmp_path: Path, release: str
):
    platforms = {
        "known": pinned(tmp_path, "known", release=release, auth="api_key"),
        "named": pinned(tmp_path, "named", release=release, auth="open", writes=False),
    }
    async with town(
        platforms=platforms, server={"mode": Mode.PRODUCTION}, public_url="https://shop.test"
    ) as here:
        (merchant_id,) = here.settings.merchant
        key = await issue(pool, profile_url("known"), merchant_id)
        known, named = (here.stranger(f'profile="{profile_url(name)}"', release) for name in platforms)
        path = f"/orders/ord_{'0' * 32}"
        for refused in (await named.ask("GET", path), await known.ask("GET", path)):
            assert (refused.status_code, refused.json()["code"]) == (401, "unauthorized")
            assert "www-authenticate" in refused.headers
        proven = await known.ask("GET", path, headers={"X-API-Key": key})
        assert (proven.status_code, proven.json()["messages"][0]["code"]) == (200, "not_found")
