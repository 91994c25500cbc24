"""Bodies that nobody would send: refused in a sentence, or taken as what they say; never a crash."""

import random
from typing import Any

from tests.chipp.world import AUDIT, BUYER, CHAIR, HOME, Market
from tests.engine.rows import one

SEED = 20261122
ROUNDS = 150
ODD: list[Any] = [
    None, True, 0, -1, 1.5, 2**53, "", " ", "\u0000", "\U0001f600" * 200, "x" * 600, [], {}, [None],
    {"": None}, AUDIT,
]  # fmt: skip


def spoiled(body: Any, chance: random.Random) -> Any:
    """``body`` with one part, at any depth, made odd or taken away."""
    if isinstance(body, dict) and body and chance.random() < 0.8:
        name = chance.choice(sorted(body))
        if chance.random() < 0.15:
            return {key: value for key, value in body.items() if key != name}
        return body | {name: spoiled(body[name], chance)}
    if isinstance(body, list) and body and chance.random() < 0.8:
        place = chance.randrange(len(body))
        return [*body[:place], spoiled(body[place], chance), *body[place + 1 :]]
    return chance.choice(ODD)


async def test_odd_bodies_are_answered(market: Market) -> None:
    chance = random.Random(SEED)
    session = await market.create(AUDIT)
    whole = {
        "line_items": [{"product_id": AUDIT, "quantity": 1}, {"product_id": CHAIR}],
        "buyer": BUYER,
        "shipping_address": HOME,
    }
    taken = 0
    for _ in range(ROUNDS):
        body = spoiled(whole, chance)
        made = await market.ask("POST", "/checkout_sessions", body)
        changed = await market.ask("POST", f"/checkout_sessions/{session['id']}", body)
        assert made.status_code in {201, 400}, (body, made.text)
        assert changed.status_code in {200, 400}, (body, changed.text)
        taken += made.status_code == 201
    assert 0 < taken < ROUNDS
    assert await one(market.pool, "select count(*) from checkouts") == 1 + taken
    assert (await market.get(session))["status"] in {"ready_for_payment", "not_ready_for_payment"}
