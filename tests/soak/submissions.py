"""Submissions while processes are killed at random: python -m tests.soak --submissions 10000

Fronts hand orders in under names of their own, workers pay them at a provider with books of its own,
callers poll and pass challenges. Every process is only ever ended by SIGKILL.
"""

import asyncio
import multiprocessing
import random
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from multiprocessing.context import ForkServerContext
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Final

import aiohttp

from tests.engine.driver import received
from tests.engine.invariants import broken, cards_left
from tests.engine.rows import one, rows
from tests.engine.world import SCOPE, SECRET, card, put_stock
from tests.serving import until_async
from tests.simulators.ledger import Ledger
from tests.simulators.running import Psp, psp
from tests.soak.submitting import REFUSED, Stage, open_shop, run_front, run_worker, vault_of
from ucp_server.domain.errors import StoreUnavailable
from ucp_server.domain.submission import ENDED
from ucp_server.engine.runner import Engine
from ucp_server.engine.setup import Setup
from ucp_server.engine.stored_methods import StoredMethods
from ucp_server.engine.submissions import Submissions
from ucp_server.postgres import open_cluster
from ucp_server.store.database import Pool, open_pool
from ucp_server.store.migrate import migrate
from ucp_server.store.partitions import make_partitions

FRONTS, WORKERS = 2, 2
# Long enough for some orders, short enough for many deaths.
LIVES_S = (1.0, 8.0)
QUICK_LIVES_S = (0.2, 1.5)
QUICK_KILLS: Final = 12
LOOK_EVERY_S: Final = 0.2
POLLS_AT_ONCE: Final = 4
# A job whose worker died comes back after a minute, an unseen payment is made again a few times.
QUIET_WITHIN_S: Final = 240.0
# A machine so busy that this is not enough tells nothing.
ENDED_WITHIN_S, EACH_WITHIN_S = 300.0, 0.5
HOWS, WHENS = ("cut", "500", "garbage"), ("before", "after")

_WAITING: Final = """
select tracking from submissions where state in ('processing', 'action_needed')
order by state, random() limit 64
"""
_KEYS: Final = "select psp_key, checkout_id from attempts"
_UNDONE: Final = (
    "select (select count(*) from outbox where state = 'pending') "
    "+ (select count(*) from attempts where state in ('created', 'sent', 'unknown'))"
)
# As if the minute of a dead worker's lease had passed, for living ones too: they meet at the same job.
_HURRY_EVERY_S: Final = 2.0
_JOBS_DUE: Final = "update outbox set next_at = now() where state = 'pending'"
_ATTEMPTS_DUE: Final = """
update attempts set lease_until = now()
where state in ('created', 'sent', 'unknown') and lease_until > now() + interval '4 s'
"""


@dataclass(frozen=True)
class Verdict:
    """What came of a run. ``ended`` counts answers, ``broken`` tells what did not hold."""

    number: int
    seconds: float
    kills: int
    polls: int
    ended: Counter[str]
    charged_twice: int
    broken: Sequence[str]

    def table(self) -> Iterator[str]:
        yield f"{self.number} submissions in {self.seconds:.0f} s: {self.kills} kills, {self.polls} polls"
        yield from (f"  {count:>6}  {what}" for what, count in self.ended.most_common())
        yield f"  {self.ended.total():>6}  terminal answers"
        yield f"  {self.charged_twice:>6}  double charges"
        yield f"  {len(self.broken):>6}  invariants broken"
        yield from (f"  BROKEN {text}" for text in self.broken)


class _Herd:
    """Processes that are started again as often as they are killed, until their work is done."""

    def __init__(self, context: ForkServerContext) -> None:
        self._context = context
        self._work: list[tuple[Callable[..., None], tuple[object, ...]]] = []
        self._alive: list[BaseProcess | None] = []

    def add(self, run: Callable[..., None], *arguments: object) -> None:
        self._work.append((run, arguments))
        self._alive.append(self._start(len(self._work) - 1))

    def _start(self, number: int) -> BaseProcess:
        run, arguments = self._work[number]
        process = self._context.Process(target=run, args=arguments, daemon=True)
        process.start()
        return process

    def tend(self) -> None:
        """Start again what was killed; one that ended by itself has nothing left to do."""
        for number, process in enumerate(self._alive):
            if process is None or process.exitcode is None:
                continue
            is_done = process.exitcode == 0
            assert is_done or process.exitcode < 0, "a process died of itself"
            self._alive[number] = None if is_done else self._start(number)

    def kill_one(self, chance: random.Random) -> bool:
        """Whether somebody was there to be killed."""
        living = [process for process in self._alive if process is not None and process.exitcode is None]
        if living:
            chance.choice(living).kill()
        return bool(living)

    def kill_all(self) -> None:
        for process in self._alive:
            if process is not None:
                process.kill()
                process.join()


@dataclass
class Run:
    """A quick run has few deaths, and no patience with the leases of the dead."""

    stage: Stage
    pool: Pool
    provider: Psp
    setup: Setup
    is_quick: bool
    kills: int = 0
    polls: int = 0
    is_over: bool = False
    lines: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(POLLS_AT_ONCE))
    told: dict[str, tuple[str, str | None]] = field(default_factory=dict)

    @property
    def lives_s(self) -> tuple[float, float]:
        return QUICK_LIVES_S if self.is_quick else LIVES_S

    async def to_the_end(self, herd: _Herd) -> float:
        started = time.monotonic()
        chance = random.Random(f"{self.stage.seed}/deaths")
        async with asyncio.TaskGroup() as group:
            group.create_task(self._kill(herd, chance))
            group.create_task(self._trouble(chance))
            group.create_task(self._call())
            hurrying = group.create_task(self._hurry())
            await until_async(self._all_ended, ENDED_WITHIN_S + self.stage.number * EACH_WITHIN_S)
            self.is_over = True
            await self.provider.control(fail_next={"count": 0})
            await until_async(self._is_quiet, QUIET_WITHIN_S)
            hurrying.cancel()
        return time.monotonic() - started

    async def _kill(self, herd: _Herd, chance: random.Random) -> None:
        while not self.is_over:
            await asyncio.sleep(chance.uniform(*self.lives_s))
            if not self.is_quick or self.kills < QUICK_KILLS:
                self.kills += herd.kill_one(chance)
            herd.tend()

    async def _trouble(self, chance: random.Random) -> None:
        """The provider's line breaks, too, in every way."""
        while not self.is_over:
            how, when = chance.choice(HOWS), chance.choice(WHENS)
            trouble = {"count": chance.randint(1, 2), "how": how, "when": when, "calls": "any"}
            await self.provider.control(fail_next=trouble)
            await asyncio.sleep(chance.uniform(*self.lives_s))

    # --- callers ---

    async def _call(self) -> None:
        """Poll some of what is not at its end, and pass the challenges that turn up."""
        submissions = Submissions(self.setup, Engine(self.setup), SECRET)
        async with aiohttp.ClientSession() as browser:
            while not self.is_over:
                waiting = [row["tracking"] for row in await rows(self.pool, _WAITING)]
                await asyncio.gather(*(self._look(submissions, browser, one_) for one_ in waiting))
                await asyncio.sleep(LOOK_EVERY_S)

    async def _look(self, submissions: Submissions, browser: aiohttp.ClientSession, tracking: str) -> None:
        try:
            async with self.lines:
                seen = await submissions.poll(SCOPE, tracking)
        except StoreUnavailable:
            # "Try again", on a busy machine: the next round does.
            return
        self.polls += 1
        if seen.state in ENDED:
            self.told[tracking] = (seen.state, seen.failure)
        if seen.action_url:
            async with browser.post(seen.action_url, json={"passed": True}) as reply:
                assert reply.status == 200

    # --- the end ---

    async def _hurry(self) -> None:
        """At the end every run: a capture that failed five times would rest for an hour."""
        while True:
            await asyncio.sleep(_HURRY_EVERY_S)
            async with self.pool.connection() as connection:
                if self.is_quick or self.is_over:
                    await connection.execute(_JOBS_DUE)
                if self.is_quick:
                    await connection.execute(_ATTEMPTS_DUE)

    async def _all_ended(self) -> bool:
        wanted = sum(self.stage.pays(n) != REFUSED for n in range(self.stage.number))
        ended = "select count(*) from submissions where state in ('done', 'failed')"
        return bool(await one(self.pool, ended) >= wanted)

    async def _is_quiet(self) -> bool:
        return bool(await one(self.pool, _UNDONE) == 0)

    async def judge(self, seconds: float) -> Verdict:
        """Ask as every caller would, then hold it against database, books and log."""
        submissions, ended = Submissions(self.setup, Engine(self.setup), SECRET), Counter[str]()
        found = []
        for row in await rows(self.pool, "select tracking from submissions"):
            seen = await submissions.poll(SCOPE, row["tracking"])
            ended[f"{seen.state} ({seen.failure})" if seen.failure else str(seen.state)] += 1
            if self.told.get(seen.tracking, (seen.state, seen.failure)) != (seen.state, seen.failure):
                found.append(f"26: {seen.tracking} was told {self.told[seen.tracking]} before")
        ended["refused by the vault"] = self.stage.number - ended.total()
        books = Ledger(self.provider.folder / "ledger.jsonl")
        methods = await rows(self.pool, "select state from stored_methods")
        found += await broken(
            self.pool, books, received(self.stage.folder), start_stock={"rose": self.stage.number}
        )
        found += cards_left(await self.provider.cards(), methods)
        return Verdict(
            self.stage.number, seconds, self.kills, self.polls, ended, await self._twice(books), found
        )

    async def _twice(self, books: Ledger) -> int:
        """Checkouts for which the provider holds or took money under two keys."""
        of_key = {row["psp_key"]: row["checkout_id"] for row in await rows(self.pool, _KEYS)}
        charged = Counter(
            of_key.get(key) for key, a in books.authorisations.items() if a.status == "approved"
        )
        return sum(count > 1 for count in charged.values())


async def run(database: str, folder: Path, *, number: int, seed: int, is_quick: bool = False) -> Verdict:
    """The whole run on an empty, migrated database; ``folder`` takes the provider's files."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tests.soak.submitting"])
    async with open_pool(database, size=8, name="callers") as pool, psp(folder / "psp") as provider:
        await make_partitions(pool, datetime.now(UTC))
        await put_stock(pool, rose=number)
        setup = open_shop(pool, provider.url, folder)
        method = await StoredMethods(setup, SECRET).add("shop", "ada", card(), "ada's", "first")
        stage = Stage(
            database=database,
            provider_url=provider.url,
            folder=folder,
            number=number,
            seed=seed,
            fronts=FRONTS,
            method_id=method.id,
        )
        whole, herd = Run(stage, pool, provider, setup, is_quick), _Herd(context)
        try:
            for share in range(FRONTS):
                herd.add(run_front, stage, share)
            for _ in range(WORKERS):
                herd.add(run_worker, stage)
            return await whole.judge(await whole.to_the_end(herd))
        finally:
            herd.kill_all()
            await vault_of(setup).close()


async def soak(folder: Path, *, number: int, seed: int) -> bool:
    """On a cluster of its own, in real time; prints the table. Whether everything held."""
    cluster = await open_cluster(folder / "database")
    await cluster.start()
    try:
        await migrate(cluster.url())
        verdict = await run(cluster.url(), folder, number=number, seed=seed)
    finally:
        await cluster.stop()
    for line in verdict.table():
        print(line)
    return not verdict.broken and verdict.ended.total() == number and not verdict.charged_twice
