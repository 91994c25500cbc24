"""A shop with everything around it, each a process that can be hurt: Postgres behind a line that breaks."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import aiohttp

from tests.load import bodies
from tests.load.serving import MERCHANT, RELEASE, arguments, write_config
from tests.load.shops import CURRENCY, item, write_shop
from tests.serving import Server, prepared, until_async
from tests.simulators.running import Proxy, Psp, Receiver, proxy, psp, receiver
from ucp_server.postgres import Cluster, open_cluster
from ucp_server.store.database import open_pool
from ucp_server.store.importing import import_shop
from ucp_server.store.migrate import migrate
from ucp_server.store.partitions import make_partitions

ITEMS = 4
# Enough for the whole run, but of the first item few enough that it sells out.
PIECES = 100_000
SCARCE = 100
HEALTHY_S = 60.0


@dataclass(frozen=True)
class World:
    server: Server
    cluster: Cluster
    line: Proxy
    provider: Psp
    platform: Receiver

    @property
    def endpoint(self) -> str:
        return f"{self.server.http}/ucp/{RELEASE}"

    @property
    def start_stock(self) -> dict[str, int]:
        return {item(number): PIECES for number in range(ITEMS)} | {item(0): SCARCE}

    def postgres_pids(self) -> list[int]:
        """The postmaster first, then everything below it."""
        parent = self.cluster.pid
        if parent is None:
            return []
        with suppress(OSError):
            listed = Path(f"/proc/{parent}/task/{parent}/children").read_text().split()
            return [parent, *map(int, listed)]
        return []

    async def is_healthy(self) -> bool:
        """Whether a buyer gets an answer of the database."""
        nobody = f"{self.endpoint}/checkout-sessions/chk_{'0' * 32}"
        headers = bodies.headers(self.platform.profile_url)
        try:
            async with (
                aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=2)) as session,
                session.get(nobody, headers=headers) as reply,
            ):
                return reply.status == 404
        except (aiohttp.ClientError, TimeoutError):
            return False

    async def heal(self) -> None:
        """Undo every fault, and wait until all of it serves."""
        await self.line.control(reset=True)
        for process in (self.provider, self.platform):
            process.thaw()
        for pid in (*self.server.pids("public"), *self.server.pids("jobs"), *self.postgres_pids()):
            send(pid, signal.SIGCONT)
        await self.provider.control(delay_s=0, paused=False, fail_next={"count": 0})
        await self.platform.answer("/hooks/orders", then=None)
        await until_async(self.is_healthy, within_s=HEALTHY_S)


def send(pid: int, number: signal.Signals) -> None:
    """A signal for a process that may be gone by now."""
    with suppress(ProcessLookupError):
        os.kill(pid, number)


@asynccontextmanager
async def world(folder: Path, workers: int) -> AsyncIterator[World]:
    """Everything running, the shop filled."""
    cluster = await open_cluster(folder / "database")
    await cluster.start()
    try:
        await _fill(cluster, folder)
        async with (
            psp(folder / "psp") as provider,
            receiver(folder / "platform") as platform,
            proxy(_socket_of(cluster), folder / "line") as line,
        ):
            options = {
                "--mode": "demo",
                "--config": write_config(folder, psp_url=provider.url),
                "--database-url": f"postgresql://ucp@127.0.0.1:{line.port}/ucp?sslmode=disable",
                "--data-dir": folder / "data",
                "--workers": workers,
            }
            async with prepared(folder, *arguments(options)) as server:
                await server.start()
                yield World(server, cluster, line, provider, platform)
    finally:
        await cluster.stop()


async def _fill(cluster: Cluster, folder: Path) -> None:
    shop = await asyncio.to_thread(write_shop, folder / "shop", items=ITEMS, pieces=PIECES, first=SCARCE)
    await migrate(cluster.url())
    async with open_pool(cluster.url(), size=2) as pool:
        await make_partitions(pool, datetime.now(UTC))
        await import_shop(pool, MERCHANT, CURRENCY, shop)


def _socket_of(cluster: Cluster) -> str:
    where = parse_qs(urlsplit(cluster.url()).query)
    return f"{where['host'][0]}/.s.PGSQL.{where['port'][0]}"
