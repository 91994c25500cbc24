"""python -m tests.soak [--seconds 1800] [--seed N] [--buyers N] [--workers N]
python -m tests.soak --submissions 10000 [--seed N]

Ends with 1 when any invariant was broken. The seed chooses buyers and faults; who wins a race does not
repeat, but what is asked for does.
"""

import argparse
import asyncio
import random
import shutil
import sys
import tempfile
import time
from pathlib import Path

from tests.load.calling import calling
from tests.soak import submissions, verdict
from tests.soak.buyers import Buyers
from tests.soak.faults import Mischief
from tests.soak.history import unknown
from tests.soak.world import ITEMS, World, world
from ucp_server.store.database import open_pool

# The last part of a run is calm, so that it also shows how quickly all is well again.
CALM_SHARE = 0.1


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m tests.soak", description="Buyers and faults, for long."
    )
    parser.add_argument("--seconds", type=float, default=1800.0)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(2**32))
    parser.add_argument("--buyers", type=int, default=8)
    parser.add_argument("--workers", type=int, default=3)
    parser.add_argument("--submissions", type=int, help="hand in so many of them instead")
    return parser.parse_args()


async def soak(given: argparse.Namespace) -> bool:
    """Whether everything held."""
    print(
        f"seed {given.seed}: {given.buyers} buyers, {given.workers} workers, {given.seconds:.0f} s",
        flush=True,
    )
    async with (
        world(given.folder, given.workers) as here,
        calling(here.endpoint, here.platform.profile_url) as caller,
    ):
        buyers, mischief = Buyers(caller, given.seed, ITEMS), Mischief(here, given.seed)
        await _run(here, buyers, mischief, given)
        return await _told(here, buyers, mischief)


async def _run(here: World, buyers: Buyers, mischief: Mischief, given: argparse.Namespace) -> None:
    async with asyncio.TaskGroup() as group:
        for number in range(given.buyers):
            group.create_task(buyers.run(number))
        await mischief.run(given.seconds * (1 - CALM_SHARE))
        healing = time.monotonic()
        await here.heal()
        print(f"served again {time.monotonic() - healing:.1f} s after the last fault", flush=True)
        await asyncio.sleep(given.seconds * CALM_SHARE)
        buyers.stopping = True


async def _told(here: World, buyers: Buyers, mischief: Mischief) -> bool:
    seen = buyers.history
    async with open_pool(here.cluster.url(), size=2) as pool:
        quiet_s = await verdict.settle(here, pool)
        found = await verdict.judge(here, pool, seen)
    print(f"{sum(mischief.done.values())} faults: {_counts(mischief.done)}")
    print(f"{sum(buyers.ended.values())} intents: {_counts(buyers.ended)}")
    print(f"{len(seen.ops)} requests, {unknown(seen.ops)} without an answer; quiet after {quiet_s:.1f} s")
    print("slowest, with all repeats: " + ", ".join(f"{k} {s:.1f} s" for k, s in buyers.slowest.items()))
    for line in verdict.table(found):
        print(line)
    return not found


def _counts(counted: dict[str, int]) -> str:
    return ", ".join(f"{what} {count}" for what, count in sorted(counted.items(), key=lambda e: -e[1]))


async def _chosen(given: argparse.Namespace) -> bool:
    if given.submissions is None:
        return await soak(given)
    print(f"seed {given.seed}: {given.submissions} submissions", flush=True)
    return await submissions.soak(given.folder, number=given.submissions, seed=given.seed)


def main() -> int:
    given = arguments()
    given.folder = Path(tempfile.mkdtemp(prefix="ucp-soak-"))
    # The account that root lends to Postgres has to get through.
    given.folder.chmod(0o755)
    if not asyncio.run(_chosen(given)):
        print(f"logs, books and database are in {given.folder}")
        return 1
    shutil.rmtree(given.folder)
    return 0


if __name__ == "__main__":
    sys.exit(main())
