"""What is one platform's does not exist for another: every route, for its owner, another, and nobody."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tests.ucp.conftest import (
    CARD,
    JANUARY,
    SCHEMAS,
    USUAL,
    Agent,
    Open,
    create_body,
    pinned,
    profile_url,
    update_body,
)
from ucp_server.modes import RELAXATIONS, Mode
from ucp_server.ucp.binding import Binding
from ucp_server.ucp.releases import SERVED

Wire = dict[str, Any]

# What is sent to each route with an id in it; the routes are those of the binding.
BODIES: dict[tuple[str, str], Wire | None] = {
    ("GET", "/checkout-sessions/{id}"): None,
    ("PUT", "/checkout-sessions/{id}"): create_body(),
    ("POST", "/checkout-sessions/{id}/complete"): {"payment_data": CARD},
    ("POST", "/checkout-sessions/{id}/cancel"): None,
    ("GET", "/orders/{id}"): None,
    ("PUT", "/orders/{id}"): {"adjustments": []},
    ("GET", "/carts/{id}"): None,
    ("PUT", "/carts/{id}"): create_body(release=SERVED[-1]),
    ("POST", "/carts/{id}/cancel"): None,
}
# Opened by a secret of its own, whoever asks.
BY_SECRET = {("POST", "/testing/simulate-shipping/{id}")}


def routes_with_an_id() -> list[tuple[str, str]]:
    """Method and path below the endpoint, from the route table of the mode that has most."""
    nothing: Any = None
    having_schemas: Any = SimpleNamespace(schemas=SCHEMAS)
    binding = Binding(
        engine=nothing,
        browsing=nothing,
        orders=nothing,
        negotiation=nothing,
        authentication=nothing,
        budgets=nothing,
        replies=having_schemas,
        keys=nothing,
        signing=nothing,
        currencies={},
        shop_of=lambda _: None,
        relaxed=RELAXATIONS[Mode.SUITE],
        secret=b"",
    )
    return sorted(
        (method, route.path.removeprefix(f"/ucp/{release}"))
        for release in SERVED
        for route in binding.routes()
        if route.path.startswith(f"/ucp/{release}") and "{id}" in route.path
        for method in (route.methods or set()) - {"HEAD"}
    )


def test_every_route_with_an_id_is_tried():
    assert set(routes_with_an_id()) == set(BODIES) | BY_SECRET


@pytest.mark.parametrize(("method", "path"), sorted(BODIES))
@pytest.mark.parametrize("key", [None, "the-same-key"])
async def test_a_foreign_id_answers_like_an_unknown_one(
    town: Open, tmp_path: Path, method: str, path: str, key: str | None
):
    release = SERVED[-1] if path.startswith("/carts") else USUAL
    platforms = {name: pinned(tmp_path, name, release=release) for name in ("one", "two")}
    async with town(mode="suite", platforms=platforms) as here:
        owner, other = (here.stranger(f'profile="{profile_url(name)}"', release) for name in platforms)
        id_, before = await made(owner, path)
        unknown = f"{id_.partition('_')[0]}_{'0' * 32}"
        foreign = await ask(other, method, path, id_, key)
        nobodys = await ask(other, method, path, unknown, key)
        assert (foreign.status_code, foreign.content) == (nobodys.status_code, nobodys.content)
        assert foreign.status_code == (404 if release in JANUARY else 200)
        assert foreign.json()["messages"][0]["code"] == "not_found"
        assert _without_ids(foreign.headers) == _without_ids(nobodys.headers)
        assert await seen(owner, path, id_) == before
        mine = await ask(owner, method, path, id_, key)
        assert mine.status_code == 200, mine.text
        assert "ucp" in mine.json()
        assert mine.json()["ucp"].get("status", "success") == "success"


async def made(owner: Agent, path: str) -> tuple[str, Wire]:
    """The id of something that ``path`` is about, and how it looks."""
    if path.startswith("/orders"):
        id_ = (await owner.bought())["order"]["id"]
    elif path.startswith("/carts"):
        id_ = (await owner.ask("POST", "/carts", create_body(release=owner.release))).json()["id"]
    else:
        id_ = (await owner.ready())["id"]
    return id_, await seen(owner, path, id_)


async def seen(owner: Agent, path: str, id_: str) -> Wire:
    shown: Wire = (await owner.ask("GET", f"/{path.split('/')[1]}/{id_}")).json()
    return shown


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
