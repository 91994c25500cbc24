"""What is one platform's does not exist for another: every route, for its owner, another, and nobody."""

from typing import Any

import pytest

from tests.ucp.conftest import BASE, CARD, Agent, Open, create_body, update_body
from ucp_server.modes import RELAXATIONS, Mode
from ucp_server.ucp.binding import Binding

Wire = dict[str, Any]

# What is sent to each route with an id in it; the routes are those of the binding.
BODIES: dict[tuple[str, str], Wire | None] = {
    ("GET", "/checkout-sessions/{id}"): None,
    ("PUT", "/checkout-sessions/{id}"): create_body(),
    ("POST", "/checkout-sessions/{id}/complete"): {"payment_data": CARD},
    ("POST", "/checkout-sessions/{id}/cancel"): None,
    ("GET", "/orders/{id}"): None,
    ("PUT", "/orders/{id}"): {"adjustments": []},
}
# Opened by a secret of its own, whoever asks.
BY_SECRET = {("POST", "/testing/simulate-shipping/{id}")}


def routes_with_an_id() -> list[tuple[str, str]]:
    """Method and path below the endpoint, from the route table of the mode that has most."""
    nothing: Any = None
    binding = Binding(
        engine=nothing,
        orders=nothing,
        negotiation=nothing,
        authentication=nothing,
        budgets=nothing,
        replies=nothing,
        keys=nothing,
        signing=nothing,
        currencies={},
        shop_of=lambda _: None,
        relaxed=RELAXATIONS[Mode.SUITE],
        secret=b"",
    )
    return sorted(
        (method, route.path.removeprefix(BASE))
        for route in binding.routes()
        if route.path.startswith(BASE) and "{id}" in route.path
        for method in (route.methods or set()) - {"HEAD"}
    )


def test_every_route_with_an_id_is_tried():
    assert set(routes_with_an_id()) == set(BODIES) | BY_SECRET


@pytest.mark.parametrize(("method", "path"), sorted(BODIES))
@pytest.mark.parametrize("key", [None, "the-same-key"])
async def test_a_foreign_id_answers_like_an_unknown_one(
    town: Open, method: str, path: str, key: str | None
):
    async with town(mode="suite") as here:
        owner, other = here.agent("one"), here.agent("two")
        theirs = await owner.bought() if path.startswith("/orders") else await owner.ready()
        id_ = theirs["order"]["id"] if path.startswith("/orders") else theirs["id"]
        unknown = id_[:4] + "0" * 32
        foreign = await ask(other, method, path, id_, key)
        nobodys = await ask(other, method, path, unknown, key)
        assert (foreign.status_code, foreign.content) == (nobodys.status_code, nobodys.content)
        assert foreign.status_code == 404
        assert _without_ids(foreign.headers) == _without_ids(nobodys.headers)
        assert (await owner.get(theirs)) == theirs
        mine = await ask(owner, method, path, id_, key)
        assert mine.status_code == 200, mine.text


async def ask(agent: Agent, method: str, path: str, id_: str, key: str | None) -> Any:
    body = BODIES[method, path]
    return await agent.ask(
        method, path.format(id=id_), None if body is None else body | {"id": id_}, key=key
    )


def _without_ids(headers: Any) -> dict[str, str]:
    return {name: value for name, value in headers.items() if name not in ("request-id", "date")}


async def test_the_key_of_another_platform_is_free(town: Open):
    async with town() as here:
        one = await here.agent("one").ask("POST", "/checkout-sessions", create_body(), key="k")
        two = await here.agent("two").ask("POST", "/checkout-sessions", create_body(), key="k")
        assert (one.status_code, two.status_code) == (201, 201)
        assert one.json()["id"] != two.json()["id"]
        assert "idempotent-replayed" not in two.headers


async def test_two_merchants_share_nothing(town: Open):
    others = {"other": {"hosts": ("other.test",), "currency": "EUR", "tenant": ""}}
    async with town(others=others) as here:
        mine, theirs = here.agent("one"), here.at("http://other.test").agent("one")
        checkout = await mine.create()
        for method, tail, body in (
            ("GET", "", None),
            ("PUT", "", update_body(checkout)),
            ("POST", "/cancel", None),
        ):
            reply = await theirs.ask(method, f"/checkout-sessions/{checkout['id']}{tail}", body)
            assert reply.status_code == 404
        assert await mine.get(checkout) == checkout
        empty = await theirs.ask("POST", "/checkout-sessions", create_body())
        assert (empty.status_code, empty.json()["messages"][0]["code"]) == (400, "item_unavailable")
