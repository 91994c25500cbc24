"""Every fault point, killed with SIGKILL, raised and canceled; after each, nothing is lost or doubled.

A killed one is a process of its own, forked from a server that has imported everything. Afterwards
the same request is made again and resume runs, in either order, then all jobs are done, and the
invariants are checked over database, provider's books and receiver's log.
"""

import asyncio
import dataclasses
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from multiprocessing.context import ForkServerContext
from pathlib import Path

import msgspec
import pytest

from tests.engine.driver import Errand, open_shop, perform, received
from tests.engine.dying import DIES_WITHIN_S, kill, lapse_open_leases, strike
from tests.engine.invariants import broken
from tests.engine.rows import lapse_leases, one
from tests.engine.world import (
    SCOPE,
    SHOP,
    SetClock,
    call,
    complete,
    create,
    create_served,
    psp_of,
    put_stock,
    put_tools,
)
from tests.worker.world import make_due
from ucp_server.domain.errors import AttemptInFlight, KeyInFlight
from ucp_server.domain.lifecycle import State
from ucp_server.engine.faults import FAULT_POINTS, VARIABLE, armed
from ucp_server.engine.resume import resume_due
from ucp_server.engine.runner import Engine
from ucp_server.store.database import Pool
from ucp_server.worker.deliver import run_once

START_STOCK = {"rose": 50}
ROUNDS_MAX = 20
# Work that dies in tests of its own, each of which names every point of it.
ELSEWHERE = {
    "cart": "test_cart.py",
    "conversion": "test_conversion.py",
    "hand_off": "test_attribution.py",
    "ledger": "test_ledger.py",
    **dict.fromkeys(
        ("vault", "forget", "method", "submit", "submission", "poll"), "test_submission_crashes.py"
    ),
}


@dataclass(frozen=True)
class Case:
    """``work`` that passes ``point``; ``before`` names how far the checkout has come by then."""

    point: str
    work: str
    before: str = "open"
    token: str = "success_token"

    def __str__(self) -> str:
        return f"{self.point}-{self.work}-{self.token}"


def _cases() -> Iterator[Case]:
    special = {
        "complete.before_reserve": Case("complete.before_reserve", "foreign"),
        "complete.reserved": Case("complete.reserved", "foreign"),
        "complete.before_unknown": Case("complete.before_unknown", "complete", token="lost_after_token"),
        "complete.unknown": Case("complete.unknown", "complete", token="lost_after_token"),
        "complete.before_early_answer": Case("complete.before_early_answer", "early"),
        "complete.early_answer": Case("complete.early_answer", "early"),
        "resume.before_void": Case("resume.before_void", "resume", "died at complete.before_send"),
        "resume.voided": Case("resume.voided", "resume", "died at complete.before_send"),
    }
    work = {
        "create": ("create", "nothing"),
        "update": ("update", "open"),
        "cancel": ("cancel", "open"),
        "complete": ("complete", "open"),
        "resume": ("resume", "died at complete.sent"),
        "deliver": ("deliver", "placed"),
        "settle": ("deliver", "placed"),
        "tool": ("deliver", "placed for a tool"),
        "order": ("ship", "placed"),
        "expire": ("read", "over"),
    }
    for point in FAULT_POINTS:
        area = point.partition(".")[0]
        if area not in ELSEWHERE:
            yield special.get(point) or Case(point, *work[area])
    for point in ("complete.sent", "complete.before_close", "complete.closed"):
        yield Case(point, "complete", token="fail_token")
        yield Case(point, "complete", token="challenge_token")
    for point in ("complete.opened", "complete.sent", "complete.before_close", "complete.closed"):
        yield Case(point, "foreign")
    for point in ("complete.before_close", "complete.closed"):
        yield Case(point, "resume", "died at complete.opened")
        yield Case(point, "resume", "died at complete.sent")


CASES = list(_cases())


def test_every_point_has_its_case() -> None:
    here = {case.point for case in CASES}
    tests = {area: (Path(__file__).parent / name).read_text() for area, name in ELSEWHERE.items()}
    for point in FAULT_POINTS:
        area = point.partition(".")[0]
        assert point in here or f'"{point}"' in tests[area], point


class Scene:
    """One shop, in which case after case dies and is brought to its end."""

    def __init__(self, database: str, pool: Pool, folder: Path, case: Case) -> None:
        self.case = case
        self.database = database
        self.pool = pool
        self.folder = folder
        self.setup, self.delivery = open_shop(pool, folder, case.work)
        self.engine = Engine(self.setup)

    async def prepare(self, key: str) -> Errand:
        checkout_id = ""
        before = self.case.before
        if before != "nothing":
            setup = self.setup
            if before == "over":
                then = datetime.now(UTC) - timedelta(seconds=SHOP.ttl_s + 60)
                setup = dataclasses.replace(setup, clock=SetClock(then))
            wanted = create_served() if before == "placed for a tool" else create()
            answer = await Engine(setup).run(call(), wanted)
            assert answer.checkout_id is not None
            checkout_id = answer.checkout_id
        if before.startswith("placed"):
            await self.engine.run(call(key), complete(checkout_id))
        if before.startswith("died at "):
            point = before.removeprefix("died at ")
            with armed(f"{point}=cancel"), suppress(asyncio.CancelledError):
                await self.engine.run(call(key, operation="complete"), complete(checkout_id))
            await lapse_leases(self.pool)
        return Errand(
            database=self.database,
            folder=str(self.folder),
            work=self.case.work,
            checkout_id=checkout_id,
            key=key,
            token=self.case.token,
        )

    async def bring_to_an_end(self, errand: Errand, *, retry_first: bool) -> None:
        """What callers and workers do after a death; the reply of a key never changes."""
        await lapse_leases(self.pool)
        await make_due(self.pool)
        if not retry_first:
            await self.work_off()
        replies = {await self.ask_again(errand) for _ in range(2)}
        assert len(replies) == 1
        await self.work_off()
        replies.add(await self.ask_again(errand))
        assert len(replies) == 1

    async def ask_again(self, errand: Errand) -> bytes | None:
        """The same request, until it is answered."""
        if errand.work in {"resume", "deliver", "ship"}:
            return None
        again = msgspec.structs.replace(errand, work=errand.work)
        for _ in range(ROUNDS_MAX):
            try:
                return await perform(again, self.setup, self.delivery)
            except (AttemptInFlight, KeyInFlight):
                await lapse_leases(self.pool)
                await resume_due(self.setup)
        raise AssertionError("the request was never answered")

    async def work_off(self) -> None:
        for _ in range(ROUNDS_MAX):
            await lapse_open_leases(self.pool)
            done = await resume_due(self.setup)
            await make_due(self.pool)
            done += await run_once(self.delivery)
            if not done:
                return
        raise AssertionError("there is no end to the work")

    async def check(self) -> None:
        with psp_of(self.setup).books() as books:
            found = await broken(self.pool, books, received(self.folder), start_stock=START_STOCK)
        assert found == []


@pytest.mark.parametrize("case", CASES, ids=str)
async def test_nothing_is_lost_or_doubled(
    database: str, pool: Pool, tmp_path: Path, forks: ForkServerContext, case: Case
) -> None:
    await put_stock(pool, **START_STOCK)
    await put_tools(pool, "polish")
    scene = Scene(database, pool, tmp_path, case)
    retries_matter = case.work in {"complete", "foreign", "early"}
    for action in ("kill", "raise", "cancel"):
        for retry_first in (True, False) if retries_matter else (True,):
            errand = await scene.prepare(f"{action}-{retry_first}")
            if action == "kill":
                await kill(forks, errand, case.point)
            else:
                await strike(errand, scene.setup, scene.delivery, case.point, action)
            await scene.bring_to_an_end(errand, retry_first=retry_first)
            await scene.check()
            await expect(scene, errand)


async def expect(scene: Scene, errand: Errand) -> None:
    """The end that each kind of work has, however often it died on the way."""
    if errand.work == "create":
        created = await one(
            scene.pool, "select count(*) from claims where operation = 'create' and key = $1", errand.key
        )
        assert created == 1
        return
    state = (await scene.engine.read(SCOPE, errand.checkout_id)).state
    wanted = {"update": State.OPEN, "cancel": State.CANCELED, "read": State.EXPIRED}
    paid = State.COMPLETED
    if scene.case.token in {"fail_token", "challenge_token"}:
        paid = State.OPEN
    if scene.case.before in {"died at complete.opened", "died at complete.before_send"}:
        # Nobody asked again: what was never sent is given back.
        paid = State.OPEN
    if errand.work == "early" and not await provider_holds_money_for(scene, errand):
        # The early answer does not wait for the sending, and died before it.
        paid = State.OPEN
    assert state is wanted.get(errand.work, paid)
    if scene.case.before == "placed for a tool":
        order = await scene.engine.read_order(SCOPE, errand.checkout_id)
        assert [(run.state, run.output) for run in order.runs] == [("done", "polish done")]


async def provider_holds_money_for(scene: Scene, errand: Errand) -> bool:
    used = "select array_agg(psp_key) from attempts where checkout_id = $1"
    keys = await one(scene.pool, used, errand.checkout_id)
    with psp_of(scene.setup).books() as books:
        # A key that was voided before it came stands in the books, too.
        known = [books.find(key) for key in keys]
    return any(found is not None and found.status == "approved" for found in known)


async def test_the_variable_makes_a_process_die(database: str, pool: Pool, tmp_path: Path) -> None:
    """By the real way in: a fresh interpreter with the variable set."""
    errand = Errand(database=database, folder=str(tmp_path), work="create", key="k1")
    ended = await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "-m", "tests.engine.driver", msgspec.json.encode(errand)],
        env={**os.environ, VARIABLE: "create.committed=kill"},
        check=False,
        timeout=DIES_WITHIN_S,
    )
    assert ended.returncode == -signal.SIGKILL
    assert await one(pool, "select count(*) from checkouts") == 1
