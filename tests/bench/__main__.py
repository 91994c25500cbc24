"""python -m tests.bench [--sample DIR | --releases R,R|all] [--seconds N] [--buyers 1,16,64] [...]

Of several releases each is measured against the newest of them.
"""

import argparse
import asyncio
import os
from pathlib import Path

from tests.bench.measures import Cell
from tests.bench.process import open_folder
from tests.bench.rivals import Rival, running
from tests.bench.table import lines
from tests.load.serving import RELEASE
from ucp_server.ucp.releases import SERVED

WARM_UP_S = 1.0


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m tests.bench", description="Buying lifecycles per second."
    )
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--sample", type=Path, help="a checkout of the official samples, measured in turn")
    which.add_argument("--releases", type=_releases, default=(RELEASE,), help="oldest first, or all")
    parser.add_argument("--seconds", type=float, default=3.0, help="of each measurement")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--buyers", default="1,16,64")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    return parser.parse_args()


def _releases(given: str) -> tuple[str, ...]:
    return SERVED if given == "all" else tuple(given.split(","))


async def bench(given: argparse.Namespace) -> None:
    buyers = [int(count) for count in given.buyers.split(",")]
    cells: dict[tuple[str, int], list[Cell]] = {}
    with open_folder() as folder:
        async with running(folder, given.workers, given.sample, given.releases) as rivals:
            for rival in rivals:
                await rival.run(max(buyers), WARM_UP_S)
            for number in range(given.rounds):
                # Whoever comes first finds fewer rows.
                first = number % len(rivals)
                for count in buyers:
                    for rival in rivals[first:] + rivals[:first]:
                        cells.setdefault((rival.name, count), []).append(
                            await _measured(rival, count, given.seconds)
                        )
    print(
        f"{os.cpu_count()} processors, {given.workers} workers, TLS 1.3, fsync on; "
        f"{given.rounds} rounds in turn of {given.seconds:g} s, medians"
    )
    for line in lines(cells, buyers, given.releases):
        print(line)


async def _measured(rival: Rival, buyers: int, seconds: float) -> Cell:
    before = rival.cpu_s()
    result = await rival.run(buyers, seconds)
    return Cell(result, rival.cpu_s() - before)


if __name__ == "__main__":
    asyncio.run(bench(arguments()))
