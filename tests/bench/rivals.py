"""Who is measured in turn: the server as deployed, an empty application, the bare engine, the sample."""

from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Protocol

import asyncpg
import msgspec

from tests.bench import client, direct, empty, process, sample_server
from tests.bench.client import Job, Result
from tests.load import bodies
from tests.load.serving import MERCHANT, RELEASE, arguments, write_config
from tests.load.shops import CURRENCY, write_shop
from tests.serving import Server, prepared, reserved_ports, until, until_async
from tests.simulators.running import Receiver, receiver
from ucp_server.postgres import Cluster, open_cluster
from ucp_server.store.database import open_pool
from ucp_server.store.importing import import_shop
from ucp_server.store.migrate import migrate

# So many that buyers meet at the same one as seldom as in a shop.
ITEMS = 200
PIECES = 10_000_000
# Every order's event has to be out this long after its round, or it is not being delivered.
DELIVERED_S = 60.0


class Rival(Protocol):
    """``run`` is one measurement; ``cpu_s`` what its server has cost so far."""

    name: str

    async def run(self, buyers: int, seconds: float) -> Result: ...

    def cpu_s(self) -> float: ...


class Ours:
    """The server as deployed; a measurement ends when its events are delivered."""

    def __init__(self, town: "Town", release: str, profile_url: str, name: str) -> None:
        self.name = name
        self._town = town
        self._release = release
        self._profile_url = profile_url
        self._orders = self._events = self._read = 0

    async def run(self, buyers: int, seconds: float) -> Result:
        url = f"{self._town.server.https}/ucp/{self._release}"
        job = _lifecycles(url, self._profile_url, buyers, seconds)
        result = await _ask(client, msgspec.structs.replace(job, release=self._release))
        self._orders += result.lifecycles
        await until(self._all_delivered, within_s=DELIVERED_S)
        return result

    def cpu_s(self) -> float:
        assert self._town.cluster.pid is not None
        return process.cpu_s([self._town.server.process.pid, self._town.cluster.pid])

    def _all_delivered(self) -> bool:
        """Whether the platform has logged as many events as there were orders."""
        log = self._town.platform.folder / "received.jsonl"
        if log.exists():
            with log.open("rb") as file:
                file.seek(self._read)
                new = file.read()
            whole = new[: new.rfind(b"\n") + 1]
            self._read += len(whole)
            self._events += whole.count(b'"path": "%s"' % hook(self._release).encode())
        return self._events >= self._orders


def hook(release: str) -> str:
    """Where the buyers of ``release`` want their events."""
    return f"/hooks/{release}"


class Empty:
    """Processes of ``empty``; what they cost includes nothing else."""

    name = "empty POST"

    def __init__(self, url: str, pids: Sequence[int]) -> None:
        self.url = url
        self.pids = pids

    async def run(self, buyers: int, seconds: float) -> Result:
        return await _ask(client, Job(what="empty", url=self.url, buyers=buyers, seconds=seconds))

    def cpu_s(self) -> float:
        return process.cpu_s(self.pids)


class Direct:
    """The engine in a process of its own, on a database of its own beside the server's."""

    name = "engine"

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._used_s = 0.0

    async def run(self, buyers: int, seconds: float) -> Result:
        job = Job(what="lifecycle", url="", buyers=buyers, seconds=seconds, items=ITEMS)
        url = self._cluster.url("direct")
        result = await _ask(direct, direct.Question(job=job, database_url=url, merchant_id=MERCHANT))
        self._used_s += result.client_cpu
        return result

    def cpu_s(self) -> float:
        assert self._cluster.pid is not None
        return self._used_s + process.cpu_s([self._cluster.pid])


class Sample:
    """The official Python sample, over plain http as it comes. Its events are tried once, and no longer."""

    name = "sample"

    def __init__(self, running: sample_server.Sample, profile_url: str) -> None:
        self._running = running
        self._profile_url = profile_url

    async def run(self, buyers: int, seconds: float) -> Result:
        job = _lifecycles(self._running.url, self._profile_url, buyers, seconds)
        return await _ask(client, msgspec.structs.replace(job, may_fail=True))

    def cpu_s(self) -> float:
        return process.cpu_s([self._running.pid])


def _lifecycles(url: str, profile_url: str, buyers: int, seconds: float) -> Job:
    return Job(
        what="lifecycle", url=url, profile_url=profile_url, buyers=buyers, seconds=seconds, items=ITEMS
    )


async def _ask(module: ModuleType, question: msgspec.Struct) -> Result:
    answer = await process.ask(module.__name__, msgspec.json.encode(question))
    return msgspec.json.decode(answer, type=Result)


# --- starting them ---


@dataclass(frozen=True, kw_only=True)
class Town:
    """The shop's goods in ``shop``, the ``server`` that sells them, and a ``platform`` to buy from."""

    shop: Path
    cluster: Cluster
    server: Server
    platform: Receiver

    async def ours(self, release: str, name: str) -> Ours:
        """The buyers of one release, whose events go to a place of their own."""
        profile = bodies.profile(release, f"{self.platform.url}{hook(release)}")
        profile_url = await self.platform.serve_profile(release, profile)
        return Ours(self, release, profile_url, name)


@asynccontextmanager
async def running(
    folder: Path, workers: int, sample: Path | None = None, releases: Sequence[str] = (RELEASE,)
) -> AsyncIterator[list[Rival]]:
    """On one Postgres with fsync on: ours, the empty application, the engine, and the ``sample``.

    Of several ``releases`` each is a rival of the others, and nobody else is.
    """
    async with AsyncExitStack() as stack:
        town = await stack.enter_async_context(opened(folder, workers))
        if len(releases) > 1:
            yield [await town.ours(release, release) for release in releases]
            return
        rivals: list[Rival] = [
            await town.ours(releases[0], "server"),
            await stack.enter_async_context(empty_posts(folder, workers)),
            Direct(town.cluster),
        ]
        if sample is not None:
            rivals.append(await stack.enter_async_context(_sample(folder, sample, town)))
        yield rivals


@asynccontextmanager
async def opened(folder: Path, workers: int) -> AsyncIterator[Town]:
    """The server as deployed, on one Postgres with fsync on, and somebody to buy from it."""
    shop = write_shop(folder / "shop", items=ITEMS, pieces=PIECES)
    cluster = await open_cluster(folder / "database")
    await cluster.start()
    try:
        await _fill(cluster, shop)
        async with (
            receiver(folder / "platform") as platform,
            _served(folder, cluster, shop, workers) as server,
        ):
            yield Town(shop=shop, cluster=cluster, server=server, platform=platform)
    finally:
        await cluster.stop()


@asynccontextmanager
async def _served(folder: Path, cluster: Cluster, shop: Path, workers: int) -> AsyncIterator[Server]:
    options = {
        "--mode": "demo",
        "--config": write_config(folder),
        "--database-url": cluster.url(),
        "--data-dir": folder / "data",
        "--import": shop,
        "--workers": workers,
    }
    async with prepared(folder, *arguments(options)) as server:
        await server.start()
        yield server


async def _fill(cluster: Cluster, shop: Path) -> None:
    """The engine's own database."""
    connection = await asyncpg.connect(cluster.url())
    try:
        await connection.execute("CREATE DATABASE direct")
    finally:
        await connection.close()
    await migrate(cluster.url("direct"))
    async with open_pool(cluster.url("direct"), size=2) as pool:
        await import_shop(pool, MERCHANT, CURRENCY, shop)


@asynccontextmanager
async def _sample(folder: Path, sample: Path, town: Town) -> AsyncIterator[Sample]:
    """Its events go where they are not taken for ours."""
    (folder / "sample").mkdir()
    profile = bodies.profile(RELEASE, f"{town.platform.url}/hooks/sample")
    async with sample_server.start(sample, town.shop, folder / "sample") as running:
        yield Sample(running, await town.platform.serve_profile("sample", profile))


@asynccontextmanager
async def empty_posts(folder: Path, workers: int) -> AsyncIterator[Empty]:
    """As many processes as the server has, with its certificate."""
    metrics = folder / "empty-metrics"
    metrics.mkdir()
    environment = {"PROMETHEUS_MULTIPROC_DIR": str(metrics)}
    files = (str(folder / "data" / name) for name in ("certificate.pem", "certificate-key.pem"))
    async with AsyncExitStack() as stack:
        (port,) = stack.enter_context(reserved_ports(1))
        where = (str(port), *files)
        processes = [
            await stack.enter_async_context(
                process.spawned(empty.__name__, *where, log=folder / "empty.log", environment=environment)
            )
            for _ in range(workers)
        ]
        url = f"https://127.0.0.1:{port}/"
        await until_async(lambda: _answers(url))
        yield Empty(url, [each.pid for each in processes])


async def _answers(url: str) -> bool:
    try:
        await _ask(client, Job(what="empty", url=url, buyers=8, seconds=0.05))
    except RuntimeError:
        return False
    return True
