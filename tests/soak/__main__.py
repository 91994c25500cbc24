"""``python -m tests.soak``: buyers, and a hand that kills; then the table of what must hold."""

import argparse
import asyncio
import contextlib
import os
import random
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from tests.engine.invariants import Got, broken
from tests.load.shops import item, write_shop
from tests.serving import Server, prepared
from tests.simulators.ledger import Ledger
from tests.simulators.running import Psp, Receiver, psp, receiver
from tests.soak.buyers import Buyer
from ucp_server.postgres import Cluster, open_cluster
from ucp_server.store.database import Pool, open_pool, read

BUYERS = 8
ITEMS = 20
PIECES = 100_000
WORKERS = 2
# Seconds between two blows: long enough for the last one to heal sometimes, not always.
CALM_S = (1.0, 6.0)
# After the last blow: leases, look-ups and the first pauses of the outbox.
QUIET_WITHIN_S = 180.0

CONFIG = """
[merchant.soak]
title = "Soak"
currency = "USD"
required_buyer_fields = []
complete_addresses = false
handlers = [{{ id = "card", name = "dev.ucp-server.http", config = {{ spec = "https://psp.example/spec", \
config_schema = "https://psp.example/config.json" }}, private = {{ base_url = "{psp}" }} }}]
"""

# What still moves: attempts without an outcome, jobs that are not done.
UNSETTLED = """
select (select count(*) from attempts where state in ('created', 'sent', 'unknown'))
     + (select count(*) from outbox where state = 'pending')
"""
EVENTS = "select id::text, stream, sequence from outbox where kind = 'webhook'"


@dataclass
class Town:
    """All that runs, and how often each blow fell."""

    shop: Server
    cluster: Cluster
    provider: Psp
    platform: Receiver
    blows: Counter[str] = field(default_factory=Counter)


async def main(seconds: float, seed: int) -> int:
    print(f"soak: {seconds:.0f} s, seed {seed}, {BUYERS} buyers, {WORKERS} workers")
    async with _town() as town:
        buyers = [
            Buyer(f"buyer{n}", seed, town.shop.https, town.platform.profile_url, ITEMS)
            for n in range(BUYERS)
        ]
        stop = asyncio.Event()
        shopping = [asyncio.create_task(buyer.shop_until(stop)) for buyer in buyers]
        await _strike_for(town, seconds, random.Random(seed))
        stop.set()
        ended = await asyncio.gather(*shopping, return_exceptions=True)
        found = [f"a buyer ended with {e!r}" for e in ended if isinstance(e, BaseException)]
        found += [wrong for buyer in buyers for wrong in buyer.story.wrong]
        return _report(town, buyers, found + await _look(town))


@contextlib.asynccontextmanager
async def _town() -> AsyncIterator[Town]:
    with tempfile.TemporaryDirectory(prefix="ucp-soak-") as name:
        folder = Path(name)
        os.chmod(name, 0o755)  # noqa: PTH101  async code may not touch a Path; the database's account passes here
        stock = write_shop(folder / "shop", items=ITEMS, pieces=PIECES)
        async with psp() as provider, receiver() as platform:
            config = folder / "soak.toml"
            config.write_text(CONFIG.format(psp=provider.url))
            data = folder / "data"
            options = ["--mode", "demo", "--config", str(config), "--data-dir", str(data)]
            options += ["--import", str(stock), "--workers", str(WORKERS)]
            async with prepared(folder, *options) as shop:
                await shop.start()
                cluster = await open_cluster(data)
                await cluster.start()
                yield Town(shop, cluster, provider, platform)


async def _strike_for(town: Town, seconds: float, dice: random.Random) -> None:
    deadline = time.monotonic() + seconds
    blows: dict[str, Callable[[], Awaitable[None]]] = {
        "kill a worker": lambda: _kill(town, "public"),
        "kill the jobs": lambda: _kill(town, "jobs"),
        "kill Postgres": lambda: _kill_postgres(town),
        "freeze the provider": lambda: _freeze(town, dice.uniform(0.5, 3.0)),
        "restart the provider": town.provider.restart,
    }
    while time.monotonic() < deadline:
        await asyncio.sleep(min(dice.uniform(*CALM_S), max(0.0, deadline - time.monotonic())))
        name = dice.choice([*blows])
        town.blows[name] += 1
        await blows[name]()


async def _kill(town: Town, role: str) -> None:
    for pid in town.shop.pids(role)[:1]:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


async def _kill_postgres(town: Town) -> None:
    """Its parent starts it again; we wait until it is there, to know whom to kill next time."""
    if town.cluster.pid is not None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(town.cluster.pid, signal.SIGKILL)
    await asyncio.sleep(2.0)
    town.cluster = await open_cluster(town.cluster.path.parent)
    await town.cluster.start()


async def _freeze(town: Town, for_s: float) -> None:
    town.provider.freeze()
    await asyncio.sleep(for_s)
    town.provider.thaw()


# --- afterwards ---


async def _look(town: Town) -> list[str]:
    """Wait for quiet, then hold the database against the provider's books and the platform's log."""
    async with open_pool(town.cluster.url(), size=4, name="soak") as pool:
        quiet = await _quiet(pool)
        async with read(pool) as db:
            sent = {row[0]: (row[1], row[2]) for row in await db.fetch(EVENTS)}
        books = Ledger(town.provider.folder / "ledger.jsonl")
        start_stock = {item(number): PIECES for number in range(ITEMS)}
        found = await broken(pool, books, await _got(town, sent), start_stock=start_stock)
    return found if quiet else [f"after {QUIET_WITHIN_S:.0f} s something still moves", *found]


async def _quiet(pool: Pool) -> bool:
    deadline = time.monotonic() + QUIET_WITHIN_S
    while time.monotonic() < deadline:
        async with read(pool) as db:
            if not await db.fetchval(UNSETTLED):
                return True
        await asyncio.sleep(0.5)
    return False


async def _got(town: Town, sent: dict[str, tuple[str, int]]) -> Got:
    got = []
    for event in await town.platform.received():
        event_id = msgspec.json.decode(event.body)["event_id"]
        stream, sequence = sent[event_id]
        got.append((event_id, event.body, stream, sequence))
    return got


def _report(town: Town, buyers: list[Buyer], found: list[str]) -> int:
    ends = sum((buyer.story.ends for buyer in buyers), Counter[str]())
    retries = sum(buyer.story.retries for buyer in buyers)
    for name, count in sorted(town.blows.items()):
        print(f"  {count:>6}  {name}")
    for end, count in sorted(ends.items()):
        print(f"  {count:>6}  checkouts ended as {end}")
    print(f"  {retries:>6}  requests repeated")
    print(f"  {len(found):>6}  invariants broken")
    for line in found[:50]:
        print(f"          {line}")
    return 1 if found else 0


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m tests.soak")
    parser.add_argument("--seconds", type=float, default=1800.0)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    given = parser.parse_args()
    sys.exit(asyncio.run(main(given.seconds, given.seed)))
