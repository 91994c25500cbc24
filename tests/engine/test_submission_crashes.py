"""Submissions and stored methods, killed, raised and canceled at every point on their way.

Afterwards the caller asks the same again and workers go on; then the invariants are checked, and that
the vault holds no card that nobody knows of.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from multiprocessing.context import ForkServerContext
from pathlib import Path

import pytest

from tests.engine.driver import Errand, open_shop, perform, received
from tests.engine.dying import kill, lapse_open_leases, strike
from tests.engine.invariants import broken, cards_left
from tests.engine.rows import one, rows
from tests.engine.world import (
    BAD_CARD,
    CHALLENGED_CARD,
    GOOD_CARD,
    LOST_AFTER_CARD,
    SCOPE,
    SECRET,
    card,
    order,
    psp_of,
    put_stock,
)
from tests.worker.world import make_due
from ucp_server.domain.errors import MethodNotFound
from ucp_server.domain.submission import ENDED
from ucp_server.engine.resume import resume_due
from ucp_server.engine.runner import Engine
from ucp_server.engine.stored_methods import StoredMethods
from ucp_server.engine.submissions import Submissions
from ucp_server.store.database import Pool
from ucp_server.worker.deliver import run_once

START_STOCK = {"rose": 50}
ROUNDS_MAX = 20


@dataclass(frozen=True)
class Case:
    """``work`` that passes ``point``, with a card; ``before`` names how far it has come by then."""

    point: str
    work: str
    before: str = "submitted"
    number: str = GOOD_CARD
    keep: bool = False

    def __str__(self) -> str:
        return f"{self.point}-{self.work}-{self.before}-{self.number[-4:]}{'-keep' * self.keep}"


def _cases() -> Iterator[Case]:
    handing_in = ("create.before_commit", "create.committed", "submit.before_commit", "submit.committed")
    for point in ("vault.before_send", "vault.sent", *handing_in):
        yield Case(point, "submit", "nothing")
    for point in ("vault.before_send", "vault.sent", "method.before_commit", "method.committed"):
        yield Case(point, "add", "nothing")
    for point in ("forget.before_send", "forget.sent", "method.before_delete", "method.deleted"):
        yield Case(point, "drop", "added")
    for point in ("poll.before_commit", "poll.committed"):
        yield Case(point, "poll")
    yield from _payments()


def _payments() -> Iterator[Case]:
    completing = (
        *("complete.before_open", "complete.opened", "complete.before_send", "complete.sent"),
        *("complete.before_close", "complete.closed", "complete.answering"),
    )
    recording = ("submission.loaded", "submission.ran", "submission.before_record", "submission.recorded")
    letting_go = ("submission.before_let_go", "submission.let_go")
    for point in (*completing, *recording, *letting_go, "forget.before_send", "forget.sent"):
        yield Case(point, "deliver")
    for point in letting_go:
        yield Case(point, "deliver", keep=True)
    for point in ("complete.sent", "complete.closed", "submission.before_cancel", "submission.canceled"):
        yield Case(point, "deliver", number=BAD_CARD)
    for point in ("complete.opened", "complete.sent", "complete.closed", "submission.before_record"):
        yield Case(point, "deliver", number=CHALLENGED_CARD)
    for point in ("complete.before_unknown", "complete.unknown"):
        yield Case(point, "deliver", number=LOST_AFTER_CARD)
    for point in (
        *("submission.before_round", "submission.next_round", "complete.opened", "complete.before_close"),
        *("complete.closed", "submission.ran", "submission.recorded"),
    ):
        yield Case(point, "deliver", "challenge passed", CHALLENGED_CARD)


class Scene:
    """One shop, in which one case dies and is brought to its end."""

    def __init__(self, database: str, pool: Pool, folder: Path, case: Case) -> None:
        self.case = case
        self.database = database
        self.pool = pool
        self.folder = folder
        self.setup, self.delivery = open_shop(pool, folder, case.work)
        self.submissions = Submissions(self.setup, Engine(self.setup), SECRET)

    async def prepare(self, key: str) -> Errand:
        method_id = ""
        if self.case.before == "added":
            method_id = (await StoredMethods(self.setup, SECRET).add("shop", "ada", card(), None, key)).id
        elif self.case.before != "nothing":
            await self.submissions.submit(SCOPE, order(key, self.case.number, keep=self.case.keep))
        if self.case.before == "challenge passed":
            await self.pass_challenges()
        return Errand(
            database=self.database,
            folder=str(self.folder),
            work=self.case.work,
            checkout_id=method_id,
            key=key,
            token=self.case.number,
        )

    async def pass_challenges(self) -> None:
        for _ in range(ROUNDS_MAX):
            waiting = await rows(self.pool, "select psp_key from attempts where state = 'action_needed'")
            for row in waiting:
                psp_of(self.setup).pass_challenge(row["psp_key"])
            if waiting:
                await make_due(self.pool)
                return
            await self.work()
        raise AssertionError("nobody came to a challenge")

    async def work(self) -> int:
        await lapse_open_leases(self.pool)
        done = await resume_due(self.setup)
        await make_due(self.pool)
        return done + await run_once(self.delivery)

    async def bring_to_an_end(self, errand: Errand) -> None:
        await lapse_open_leases(self.pool)
        if errand.work != "deliver":
            replies = {await perform(errand, self.setup, self.delivery) for _ in range(2)}
            assert len(replies) == 1
        if self.case.number == CHALLENGED_CARD and self.case.before == "submitted":
            await self.pass_challenges()
        for _ in range(ROUNDS_MAX):
            if not await self.work():
                return
        raise AssertionError("there is no end to the work")

    async def check(self) -> None:
        with psp_of(self.setup).books() as books:
            found = await broken(self.pool, books, received(self.folder), start_stock=START_STOCK)
        methods = await rows(self.pool, "select state from stored_methods")
        assert found + cards_left(psp_of(self.setup).kept, methods) == []


@pytest.mark.parametrize("case", list(_cases()), ids=str)
async def test_nothing_is_lost_or_doubled(
    database: str, pool: Pool, tmp_path: Path, forks: ForkServerContext, case: Case
) -> None:
    await put_stock(pool, **START_STOCK)
    scene = Scene(database, pool, tmp_path, case)
    for action in ("kill", "raise", "cancel"):
        errand = await scene.prepare(action)
        if action == "kill":
            await kill(forks, errand, case.point)
        else:
            await strike(errand, scene.setup, scene.delivery, case.point, action)
        if case.work == "drop":
            await drop_again(scene, errand)
            continue
        await scene.bring_to_an_end(errand)
        await scene.check()
        await expect(scene, errand)


async def drop_again(scene: Scene, errand: Errand) -> None:
    """A second request deletes it, or finds that it is gone."""
    try:
        await perform(errand, scene.setup, scene.delivery)
    except MethodNotFound:
        assert scene.case.point == "method.deleted"
    await scene.check()
    assert psp_of(scene.setup).kept == []


async def expect(scene: Scene, errand: Errand) -> None:
    """One end for each, however often it died on the way."""
    if errand.work == "add":
        made = await one(scene.pool, "select count(*) from stored_methods where key = $1", errand.key)
        assert made == 1
        return
    named = "correlation" if errand.work == "submit" else "tracking"
    (row,) = await rows(scene.pool, f"select * from submissions where {named} = $1", errand.key)
    assert row["state"] in ENDED
    paid = await one(scene.pool, "select count(*) from orders where id = $1", row["checkout_id"])
    assert (row["state"], row["failure"], paid) == (
        ("failed", "payment_failed", 0) if scene.case.number == BAD_CARD else ("done", None, 1)
    )
    seen = await scene.submissions.poll(SCOPE, row["tracking"])
    assert seen.state == row["state"]
