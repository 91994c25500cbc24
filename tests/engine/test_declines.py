"""Cards are not to be tested here: a checkout takes so many declined payments and no more."""

import pytest

from tests.engine.rows import attempts
from tests.engine.world import SCOPE, SHOP, call, complete, create, psp_of, seen, update
from ucp_server.domain.errors import NotReady, WrongState
from ucp_server.domain.lifecycle import Standing, State
from ucp_server.engine.runner import Engine
from ucp_server.engine.setup import Setup

BAD = "fail_token"


async def declined(engine: Engine, checkout_id: str, times: int, **more: object) -> None:
    for _ in range(times):
        await engine.run(call(), complete(checkout_id, BAD, **more))


async def test_the_platform_may_try_so_often_and_then_the_buyer_alone(engine: Engine, setup: Setup) -> None:
    checkout_id = str((await engine.run(call(), create())).checkout_id)
    await declined(engine, checkout_id, SHOP.declines_max)
    left = await engine.read(SCOPE, checkout_id)
    assert (left.state, left.standing, left.declines) == (State.OPEN, Standing.NEEDS_BUYER, 5)
    with pytest.raises(NotReady) as refused:
        await engine.run(call(), complete(checkout_id))
    assert [problem.code for problem in refused.value.problems] == ["payment_declined_too_often"]
    assert len(await attempts(setup.pool)) == SHOP.declines_max
    paid = await engine.run(call(), complete(checkout_id, by_buyer=True))
    assert seen(paid.reply)["standing"] == "completed"


async def test_no_change_of_the_basket_brings_tries_back(engine: Engine, setup: Setup) -> None:
    checkout_id = str((await engine.run(call(), create())).checkout_id)
    await declined(engine, checkout_id, SHOP.declines_max)
    changed = await engine.run(call(), update(checkout_id, rose=3))
    assert seen(changed.reply)["standing"] == "needs_buyer"
    with pytest.raises(NotReady):
        await engine.run(call(), complete(checkout_id))


async def test_the_buyer_has_as_many_tries_and_then_it_is_over(engine: Engine, setup: Setup) -> None:
    checkout_id = str((await engine.run(call(), create())).checkout_id)
    await declined(engine, checkout_id, SHOP.declines_max)
    await declined(engine, checkout_id, SHOP.declines_max, by_buyer=True)
    assert (await engine.read(SCOPE, checkout_id)).state is State.CANCELED
    with pytest.raises(WrongState):
        await engine.run(call(), complete(checkout_id, by_buyer=True))
    assert await attempts(setup.pool) == ["declined"] * (2 * SHOP.declines_max)


async def test_a_challenge_is_no_decline(engine: Engine, setup: Setup) -> None:
    checkout_id = str((await engine.run(call(), create())).checkout_id)
    await engine.run(call(), complete(checkout_id, "step_up_token"))
    assert (await engine.read(SCOPE, checkout_id)).declines == 0


async def test_a_repeated_request_is_one_decline(engine: Engine, setup: Setup) -> None:
    checkout_id = str((await engine.run(call(), create())).checkout_id)
    for _ in range(SHOP.declines_max + 1):
        await engine.run(call("k1"), complete(checkout_id, BAD))
    with psp_of(setup).books() as books:
        assert len(books.entries) == 1
