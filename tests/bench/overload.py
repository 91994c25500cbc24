"""python -m tests.bench.overload [--times 3] [--seconds N] [--connections N] [--rounds N]

How much a server still gets done that is asked for more than it can do. The server, its database and
its background process have one processor, the buyers the other one.
"""

import argparse
import asyncio
import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from statistics import mean, median

import msgspec

from tests.bench import flood, process
from tests.bench.flood import Job, Result
from tests.bench.rivals import ITEMS, Town, hook, opened
from tests.load import bodies
from ucp_server.ucp.releases import SERVED

# Of what is done when nobody asks for more; the rest is the price of saying no.
GOODPUT_WANTED = 0.9
# The processors: one for the server, one for everybody else.
SERVER, OTHERS = {0}, {1}
# So many at once keep one processor busy, and do not yet wait for each other.
CLOSED_LOOP_BUYERS = 16
# When no event came for so long, all are delivered; a minute's worth of looks.
QUIET_S = 1.0
QUIET_TRIES_MAX = 60


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.overload", description=__doc__)
    parser.add_argument("--times", type=float, default=3.0, help="what can be done")
    parser.add_argument("--seconds", type=float, default=6.0, help="of each measurement")
    parser.add_argument("--connections", type=int, default=192)
    parser.add_argument("--rounds", type=int, default=3)
    return parser.parse_args()


async def bench(given: argparse.Namespace) -> None:
    with process.open_folder() as folder:
        async with opened(folder, workers=1) as town:
            assert town.cluster.pid is not None
            pin(process.family([town.server.process.pid, town.cluster.pid]), SERVER)
            pin(set(process.family([os.getpid()])) - set(process.family([town.server.process.pid])), OTHERS)
            job = await _job(town, given)
            for whole, what in ((True, "buying lifecycles"), (False, "new checkouts")):
                await _measure(town, msgspec.structs.replace(job, whole=whole), what, given)


async def _job(town: Town, given: argparse.Namespace) -> Job:
    assert town.cluster.pid is not None
    release = SERVED[-1]
    profile = bodies.profile(release, f"{town.platform.url}{hook(release)}")
    return Job(
        site=town.server.https,
        path=f"/ucp/{release}",
        profile_url=await town.platform.serve_profile(release, profile),
        release=release,
        per_s=0,
        seconds=given.seconds,
        connections=CLOSED_LOOP_BUYERS,
        items=ITEMS,
        whole=True,
        server_pids=(town.server.process.pid, town.cluster.pid),
    )


@dataclass(frozen=True)
class Measured:
    """One measurement from its first buyer until its last event was delivered, at ``ended_at``."""

    result: Result
    ended_at: float
    cpu_s: float

    @property
    def seconds(self) -> float:
        return max(self.ended_at, self.result.ended_at) - self.result.began_at

    @property
    def per_s(self) -> float:
        return self.result.done / self.seconds

    @property
    def per_cpu_s(self) -> float:
        """What others take of the processor meanwhile does not show here."""
        return self.result.done / self.cpu_s


async def _measure(town: Town, closed: Job, what: str, given: argparse.Namespace) -> None:
    """The capacity before and after each flood, since these machines change their speed."""
    shares, by_cpu = [], []
    before = await _run(town, closed)
    for _ in range(given.rounds):
        asked = given.times * before.per_s
        flooded = msgspec.structs.replace(closed, per_s=asked, connections=given.connections)
        during = await _run(town, flooded)
        after = await _run(town, closed)
        shares.append(during.per_s / mean((before.per_s, after.per_s)))
        by_cpu.append(during.per_cpu_s / mean((before.per_cpu_s, after.per_cpu_s)))
        _print(what, before, after, asked, during)
        print(f"  {shares[-1]:.0%} of what can be done, {by_cpu[-1]:.0%} by processor time", flush=True)
        before = after
    print(
        f"{what}: {median(shares):.0%} of what can be done, {median(by_cpu):.0%} by processor time; "
        f"wanted {GOODPUT_WANTED:.0%}\n"
    )


async def _run(town: Town, job: Job) -> Measured:
    """One measurement; what it left to be delivered is no burden of the next one."""
    answer = await process.ask(flood.__name__, msgspec.json.encode(job))
    result = msgspec.json.decode(answer, type=Result)
    log = town.platform.folder / "received.jsonl"
    await _until_quiet(log)
    cpu_s = process.cpu_s(job.server_pids) - result.server_cpu_s
    return Measured(result, _changed_at(log), cpu_s)


async def _until_quiet(log: Path) -> None:
    sizes = [-1]
    for _ in range(QUIET_TRIES_MAX):
        sizes.append(_size(log))
        if sizes[-1] == sizes[-2]:
            return
        await asyncio.sleep(QUIET_S)


def _changed_at(file: Path) -> float:
    return file.stat().st_mtime if file.exists() else 0.0


def _size(file: Path) -> int:
    return file.stat().st_size if file.exists() else 0


def _print(what: str, before: Measured, after: Measured, asked: float, during: Measured) -> None:
    result, seconds = during.result, during.seconds
    print(
        f"{what}: can do {before.per_s:.0f} to {after.per_s:.0f} a second, asked for {asked:.0f}, "
        f"begun {result.begun / seconds:.0f}, done {during.per_s:.0f}; turned away "
        f"{result.turned_away / seconds:.0f}, broken {result.broken}, late {result.late}\n"
        f"  made after {_quantiles(result.create_times)}, told to come back {len(result.shed_times)} times "
        f"after {_quantiles(result.shed_times)}, /healthz after {_quantiles(result.health_times)}, "
        f"unhealthy {result.unhealthy} of {len(result.health_times)} {result.reasons or ''}"
    )


def _quantiles(times: list[float]) -> str:
    if not times:
        return "-"
    ordered = sorted(times)
    p50, p99 = (ordered[min(len(ordered) - 1, int(share * len(ordered)))] * 1000 for share in (0.5, 0.99))
    return f"{p50:.0f} / {p99:.0f} ms"


def pin(pids: Iterable[int], processors: set[int]) -> None:
    """All their threads, and whatever they begin later."""
    for pid in pids:
        for thread in Path(f"/proc/{pid}/task").iterdir():
            os.sched_setaffinity(int(thread.name), processors)


if __name__ == "__main__":
    asyncio.run(bench(arguments()))
