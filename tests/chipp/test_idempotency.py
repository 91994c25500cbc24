"""Create under a key: one session of the app, which is what every repeat gets."""

import asyncio
from datetime import timedelta

import httpx2
import pytest

from tests.chipp.world import AUDIT, BUYER, GONE, LAST, OTHER_APP, OTHER_KEY, REPORT, Market
from tests.engine.rows import one
from tests.store.shops import execute

ONE = {"line_items": [{"product_id": AUDIT}]}
OTHER = {"line_items": [{"product_id": REPORT, "quantity": 9}], "buyer": BUYER}


async def make(
    market: Market, body: object = ONE, key: str | bytes = "cart-1", **caller: str
) -> httpx2.Response:
    headers = {"Idempotency-Key": key}
    if caller:
        headers["Authorization"] = f"Bearer {caller.pop('secret')}"
        return await market.ask("POST", "/checkout_sessions", body, headers=headers, key=None, **caller)
    return await market.ask("POST", "/checkout_sessions", body, headers=headers)


async def test_the_same_key_is_the_same_session(market: Market) -> None:
    first, again = await make(market), await make(market)
    assert (again.status_code, again.json()) == (201, first.json())
    assert again.headers["idempotent-replayed"] == "true"
    assert "idempotent-replayed" not in first.headers


@pytest.mark.parametrize(
    "body", [OTHER, {}, b"{", {"line_items": [{"product_id": GONE}]}, {"line_items": [{"product_id": "x"}]}]
)
async def test_another_body_gets_the_old_session(market: Market, body: object) -> None:
    first, again = await make(market), await make(market, body)
    assert (again.status_code, again.json()) == (201, first.json())
    assert await one(market.pool, "select count(*) from checkouts") == 1


async def test_the_session_comes_back_as_it_is_now(market: Market) -> None:
    session = (await make(market)).json()["data"]
    await market.change(session, buyer=BUYER)
    assert (await make(market)).json()["data"]["buyer"] == BUYER
    await market.act(session, "cancel")
    assert (await make(market)).json()["data"]["status"] == "canceled"


async def test_it_comes_back_when_the_first_reply_is_no_longer_kept(market: Market) -> None:
    first = await make(market)
    await execute(market.pool, "delete from replies")
    for body in (ONE, OTHER, {}):
        again = await make(market, body)
        assert (again.status_code, again.json()) == (201, first.json())


async def test_it_does_not_come_back_to_life(market: Market) -> None:
    now = market.clock.at
    market.clock.at = now - timedelta(hours=2)
    await make(market)
    market.clock.at = now
    again = await make(market)
    assert (again.status_code, again.json()) == (410, {"error": "Checkout session has expired"})


async def test_a_key_is_free_text(market: Market) -> None:
    keys = ("a", "A", "with blanks, and; signs=", "ü", "x" * 4_000, '"quoted"')
    made = [(await make(market, key=key.encode())).json()["data"]["id"] for key in keys]
    assert len(set(made)) == len(keys)
    assert [(await make(market, key=key.encode())).json()["data"]["id"] for key in keys] == made


async def test_without_a_key_each_call_is_a_session(market: Market) -> None:
    made = {(await make(market, key=key)).json()["data"]["id"] for key in ("", "  ", "")}
    assert len(made) == 3


async def test_apps_do_not_share_keys(market: Market) -> None:
    ours, theirs = await make(market), await make(market, app=OTHER_APP, secret=OTHER_KEY)
    assert ours.json()["data"]["id"] != theirs.json()["data"]["id"]


async def test_a_refused_create_leaves_its_key_free(market: Market) -> None:
    assert (await make(market, {})).status_code == 400
    assert (await make(market)).status_code == 201


async def test_keys_are_for_creates_only(market: Market) -> None:
    session = await market.create()
    path = f"/checkout_sessions/{session['id']}"
    for buyer in (BUYER, BUYER | {"name": "Another"}):
        reply = await market.ask("POST", path, {"buyer": buyer}, idempotency_key="k")
        assert reply.json()["data"]["buyer"] == buyer


async def test_twins_make_one_session(market: Market) -> None:
    bodies = [ONE if n % 2 else OTHER for n in range(20)]
    replies = await asyncio.gather(*(make(market, body) for body in bodies))
    assert {reply.status_code for reply in replies} == {201}
    assert len({reply.json()["data"]["id"] for reply in replies}) == 1
    assert len({reply.content for reply in replies}) == 1
    assert await one(market.pool, "select count(*) from checkouts") == 1
    assert sum("idempotent-replayed" not in reply.headers for reply in replies) == 1


async def test_the_last_piece_may_stand_in_many_sessions(market: Market) -> None:
    replies = await asyncio.gather(
        *(make(market, {"line_items": [{"product_id": LAST}]}, key=str(n)) for n in range(5))
    )
    assert {reply.json()["data"]["status"] for reply in replies} == {"ready_for_payment"}
