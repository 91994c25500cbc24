"""Crowds over HTTP, against two workers: one execution, no piece sold twice, nobody charged for nothing."""

import asyncio
import uuid
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.engine.rows import rows
from tests.load import bodies
from tests.load.calling import Answer, Caller, calling
from tests.load.serving import HANDLER, RELEASE, write_config
from tests.load.shops import PRICE_MINOR, SHIPPING_MINOR, item, write_shop
from tests.serving import server
from tests.simulators.running import Psp, psp, receiver
from ucp_server.store.database import Pool

CROWD = 200
PIECES = 20
PAYMENT = bodies.complete("success_token", HANDLER)


@dataclass(frozen=True)
class Town:
    caller: Caller
    provider: Psp


@asynccontextmanager
async def town(database: str, folder: Path, *, pieces: int) -> AsyncIterator[Town]:
    shop_folder = write_shop(folder / "shop", items=1, pieces=pieces)
    async with psp(folder / "psp") as provider, receiver(folder / "platform") as platform:
        options = (
            "--config",
            str(write_config(folder, psp_url=provider.url)),
            "--import",
            str(shop_folder),
        )
        async with (
            server(database, folder, *options, mode="demo", workers=2) as shop,
            calling(f"{shop.http}/ucp/{RELEASE}", platform.profile_url) as caller,
        ):
            yield Town(caller, provider)


def key() -> str:
    return uuid.uuid4().hex


async def ready(caller: Caller, name: str = "Robin") -> str:
    made = await caller.create(bodies.create_ready(item(0), name=name), key())
    assert (made.status, made.document["status"]) == (201, "ready_for_complete"), made.raw
    checkout_id: str = made.document["id"]
    return checkout_id


async def test_twins_are_one_execution_and_hear_the_same(database: str, tmp_path: Path) -> None:
    async with town(database, tmp_path, pieces=CROWD) as here:
        for executions, provider_takes_s in enumerate((0, 2), 1):
            await here.provider.control(delay_s=provider_takes_s)
            checkout_id, one_key = await ready(here.caller), key()
            answers = await asyncio.gather(
                *(here.caller.complete(checkout_id, PAYMENT, one_key) for _ in range(CROWD))
            )
            assert len({(answer.status, answer.raw) for answer in answers}) == 1
            assert (answers[0].status, answers[0].document["status"]) == (200, "completed")
            assert len(await here.provider.calls("authorise")) == executions
            assert await here.provider.held_minor() == executions * (PRICE_MINOR + SHIPPING_MINOR)


async def test_a_crowd_gets_what_is_there_and_nobody_else_pays(
    database: str, tmp_path: Path, pool: Pool
) -> None:
    async with town(database, tmp_path, pieces=PIECES) as here:
        checkouts = await asyncio.gather(*(ready(here.caller, f"Robin{n}") for n in range(CROWD)))
        answers = await asyncio.gather(
            *(here.caller.complete(checkout_id, PAYMENT, key()) for checkout_id in checkouts)
        )
        assert Counter(map(_outcome, answers)) == {"completed": PIECES, "out_of_stock": CROWD - PIECES}
        assert await here.provider.held_minor() == PIECES * (PRICE_MINOR + SHIPPING_MINOR)
        assert await rows(pool, "select on_hand, reserved, sold from inventory") == [
            {"on_hand": 0, "reserved": 0, "sold": PIECES}
        ]
        assert len(await rows(pool, "select id from orders")) == PIECES


def _outcome(answer: Answer) -> str:
    """``completed``, or the code of a refusal that a person can act on."""
    if answer.status == 200:
        status: str = answer.document["status"]
        return status
    assert answer.status == 400, answer.raw
    (code,) = answer.codes
    return code
