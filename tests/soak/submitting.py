"""The processes of a run of submissions, each made to be killed: fronts take orders, workers pay them."""

import asyncio
import random
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.engine.driver import LoggingReceiver
from tests.engine.rows import one, rows
from tests.engine.world import SCOPE, SECRET, make_setup, order
from tests.serving import until_async
from tests.worker.world import make_delivery
from ucp_server.domain.errors import CardDeclined, Refusal
from ucp_server.engine.runner import Engine
from ucp_server.engine.setup import Setup, Timings
from ucp_server.engine.submissions import StoredMethodRef, Submissions
from ucp_server.handlers.payment_http import HttpPayment
from ucp_server.ports import HandlerListing
from ucp_server.store.database import Pool, open_pool
from ucp_server.store.ids import new_id
from ucp_server.worker.loop import routines, run_until_canceled

# A dead holder is noticed quickly; a starved one loses its lease, which must not matter either.
TIMINGS: Final = Timings(answer_within_s=4.0, lease_s=3.0, renew_every_s=1.0, authorise_within_s=8.0)
AT_ONCE: Final = 4
PAUSE_S: Final = 0.2
# Callers who hear of nothing but waiting come no more; and what waits for half an hour expires.
BACKLOG_MAX: Final = 200
WAITS_WITHIN_S: Final = 600.0
_PROCESSING: Final = "select count(*) from submissions where state = 'processing'"
GOOD, BAD, CHALLENGED, REFUSED = (
    "4242424242424242",
    "4000000000000002",
    "4000000000003155",
    "4000000000000069",
)
LISTING: Final = HandlerListing(
    id="psp", name="test.psp", version="1", spec="https://psp.test", config_schema="https://psp.test"
)


@dataclass(frozen=True, kw_only=True)
class Stage:
    """Where it happens. ``number`` orders are handed in by ``fronts`` processes; ``method_id`` is ada's."""

    database: str
    provider_url: str
    folder: Path
    number: int
    seed: int
    fronts: int
    method_id: str

    def pays(self, n: int) -> str | StoredMethodRef:
        """What order ``n`` is paid with: the same whoever asks, however often."""
        chance = random.Random(f"{self.seed}/card/{n}").random()
        for share, pays in ((0.05, BAD), (0.08, CHALLENGED), (0.1, REFUSED)):
            if chance < share:
                return pays
        return StoredMethodRef(id=self.method_id) if chance < 0.3 else GOOD

    def is_kept(self, n: int) -> bool:
        return random.Random(f"{self.seed}/keep/{n}").random() < 0.1


def open_shop(pool: Pool, provider_url: str, folder: Path) -> Setup:
    """A shop whose payments and cards lie with a provider of its own process."""
    payment = HttpPayment(LISTING, provider_url)
    return make_setup(
        pool,
        folder / "no-books",
        payments={"shop": {"psp": payment}},
        vaults={"shop": ("psp", payment)},
        timings=TIMINGS,
    )


def vault_of(setup: Setup) -> HttpPayment:
    _, vault = setup.vaults["shop"]
    assert isinstance(vault, HttpPayment)
    return vault


def run_front(stage: Stage, share: int) -> None:
    """Hand in every order of a share that is not in yet."""
    asyncio.run(_hand_in(stage, share))


def run_worker(stage: Stage) -> None:
    """Do jobs until killed."""
    asyncio.run(_work(stage))


async def _hand_in(stage: Stage, share: int) -> None:
    async with open_pool(stage.database, size=AT_ONCE, name="front") as pool:
        setup = open_shop(pool, stage.provider_url, stage.folder)
        submissions = Submissions(setup, Engine(setup), SECRET)
        known = {row["correlation"] for row in await rows(pool, "select correlation from submissions")}
        waiting = iter([n for n in range(share, stage.number, stage.fronts) if name_of(n) not in known])

        async def is_patient() -> bool:
            return bool(await one(pool, _PROCESSING) < BACKLOG_MAX)

        async def lane() -> None:
            for n in waiting:
                await until_async(is_patient, within_s=WAITS_WITHIN_S)
                await _until_taken(submissions, stage, n)

        async with asyncio.TaskGroup() as group:
            for _ in range(AT_ONCE):
                group.create_task(lane())
        await vault_of(setup).close()


async def _until_taken(submissions: Submissions, stage: Stage, n: int) -> None:
    """As a caller does that hears "try again", or nothing."""
    while True:
        pays = stage.pays(n)
        given = order(f"trk_{new_id()}", pays, keep=stage.is_kept(n), correlation=name_of(n))
        try:
            await submissions.submit(SCOPE, given)
        except CardDeclined:
            assert pays == REFUSED
            return
        except Refusal as refusal:
            if refusal.retry_after_s is None:
                raise
            await asyncio.sleep(PAUSE_S)
        else:
            return


async def _work(stage: Stage) -> None:
    async with open_pool(stage.database, size=8, name="worker") as pool:
        setup = open_shop(pool, stage.provider_url, stage.folder)
        platform = LoggingReceiver(log=stage.folder / "received.jsonl")
        await run_until_canceled(routines(setup, make_delivery(setup, platform)))


def name_of(n: int) -> str:
    """The caller's own name of its order."""
    return f"web-{n}"
