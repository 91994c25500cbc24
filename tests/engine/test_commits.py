"""Commits whose answer is lost: on a line that is cut before or after, each write is applied once."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Literal
from urllib.parse import parse_qs, urlsplit

import pytest

from tests.engine.rows import one
from tests.engine.world import SCOPE, call, cancel, complete, create, make_setup, psp_of, seen, update
from tests.simulators.running import Proxy, proxy
from ucp_server.domain.errors import StoreUnavailable
from ucp_server.domain.lifecycle import State
from ucp_server.engine.commands import Call, Command, Scope
from ucp_server.engine.orders import Orders, Parcel
from ucp_server.engine.runner import Engine
from ucp_server.engine.setup import Setup
from ucp_server.store.database import Pool, open_pool

When = Literal["before", "answered"]
# Each round cuts 8 commits before they arrive and 8 after they were applied.
ROUNDS = 3


@pytest.fixture
async def line(database: str, tmp_path: Path) -> AsyncIterator[Proxy]:
    parts = urlsplit(database)
    where = parse_qs(parts.query)
    async with proxy(f"{where['host'][0]}/.s.PGSQL.{where['port'][0]}", tmp_path / "proxy") as started:
        yield started


@pytest.fixture
async def far_pool(line: Proxy, database: str) -> AsyncIterator[Pool]:
    """A pool whose connections run through ``line``."""
    parts = urlsplit(database)
    url = f"postgresql://{parts.username}@127.0.0.1:{line.port}{parts.path}?sslmode=disable"
    async with open_pool(url, size=2) as pool:
        yield pool


@pytest.fixture
def setup(far_pool: Pool, tmp_path: Path) -> Setup:
    return make_setup(far_pool, tmp_path / "books.jsonl")


async def cut(line: Proxy, text: str, when: When, nth: int = 1) -> None:
    await line.control(cut_on={"text": text, "way": "up", "when": when, "nth": nth})


async def new_checkout(engine: Engine, scope: Scope = SCOPE) -> str:
    answer = await engine.run(call(scope=scope), create())
    assert answer.checkout_id is not None
    return answer.checkout_id


class Cuts:
    """Counts that every order to cut was carried out."""

    def __init__(self, line: Proxy) -> None:
        self.line = line
        self.wanted = 0

    async def at(self, text: str, when: When, nth: int = 1) -> None:
        self.wanted += 1
        await cut(self.line, text, when, nth)

    async def check(self) -> None:
        assert (await self.line.facts())["cuts"] == self.wanted


@pytest.mark.parametrize("when", ["before", "answered"])
async def test_every_write_is_applied_once_and_answered(
    engine: Engine, setup: Setup, line: Proxy, pool: Pool, when: When
) -> None:
    cuts = Cuts(line)
    for n in range(ROUNDS):
        await _keyed(engine, cuts, when, n)
        await _without_key(engine, cuts, when, n)
        await _paid(engine, cuts, when, n)
    await cuts.check()
    assert await one(pool, "select count(*) from checkouts") == ROUNDS * 4
    assert await one(pool, "select count(*) from orders") == ROUNDS * 2
    assert await one(pool, "select count(*) from orders where version = 2") == ROUNDS
    assert await one(pool, "select count(*) from claims where replied_at is null") == 0
    with psp_of(setup).books() as books:
        assert [entry.event for entry in books.entries] == ["authorised"] * ROUNDS * 2


async def _keyed(engine: Engine, cuts: Cuts, when: When, n: int) -> None:
    await cuts.at(f"create-{n}", when)
    answer = await engine.run(call(f"create-{n}", operation="create"), create())
    assert answer.checkout_id is not None
    id_ = answer.checkout_id
    changes: dict[str, tuple[Command, int]] = {
        "update": (update(id_, rose=2), 2),
        "cancel": (cancel(id_), 3),
    }
    for operation, (command, revision) in changes.items():
        key = f"{operation}-{n}"
        await cuts.at(key, when)
        answer = await engine.run(call(key, operation=operation), command)
        assert seen(answer.reply)["revision"] == revision
        assert (await engine.run(call(key, operation=operation), command)).reply == answer.reply
    assert (await engine.read(SCOPE, id_)).state is State.CANCELED


async def _without_key(engine: Engine, cuts: Cuts, when: When, n: int) -> None:
    scope = Scope(merchant_id="shop", platform_id=f"https://keyless-{n}.example/profile")
    keyless: Call = call(scope=scope)
    await cuts.at(scope.platform_id, when)
    answer = await engine.run(keyless, create())
    assert answer.checkout_id is not None
    # Its first mention is in the statement that reads.
    await cuts.at(scope.platform_id, when, 2)
    changed = await engine.run(keyless, update(answer.checkout_id, rose=3))
    assert seen(changed.reply)["revision"] == 2
    assert (await engine.read(scope, answer.checkout_id)).revision == 2


async def _paid(engine: Engine, cuts: Cuts, when: When, n: int) -> None:
    """The statement that opens the attempt names the key first, the one that closes it second."""
    for nth, phase in ((1, "open"), (2, "close")):
        checkout_id, key = await new_checkout(engine), f"{phase}-{n}"
        await cuts.at(key, when, nth)
        answer = await engine.run(call(key), complete(checkout_id))
        assert seen(answer.reply)["standing"] == "completed"
        assert (await engine.run(call(key), complete(checkout_id))).reply == answer.reply
    # A word that only the written order has.
    await cuts.at(f"TRACK-{n}", when)
    order = await Orders(engine.setup).ship("shop", checkout_id, Parcel(tracking_number=f"TRACK-{n}"))
    assert order == await engine.read_order(SCOPE, checkout_id)


async def test_a_store_that_stays_away_is_said_to_be(engine: Engine, line: Proxy) -> None:
    checkout_id = await new_checkout(engine)
    await line.control(refusing=True, cut_all=True)
    with pytest.raises(StoreUnavailable):
        await engine.run(call("k1", operation="create"), create())
    with pytest.raises(StoreUnavailable):
        await engine.read(SCOPE, checkout_id)
    with pytest.raises(StoreUnavailable):
        await engine.run(call("k1"), complete(checkout_id))
    with psp_of(engine.setup).books() as books:
        assert books.entries == []
    await line.control(reset=True)
    answer = await engine.run(call("k1"), complete(checkout_id))
    assert seen(answer.reply)["standing"] == "completed"
