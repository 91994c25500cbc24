"""The family of processes on a Postgres of somebody else's: killed, replaced, kept out, stopped.

One server for the module; what a test kills, it waits for.
"""

import asyncio
import os
import signal
import stat
from collections.abc import AsyncIterator
from pathlib import Path

import httpx2
import pytest
import pytest_asyncio

from tests.conftest import fresh_database
from tests.serving import Server, prepared, until, until_async
from tests.supervisor.talking import answers, begin_request
from ucp_server.engine import faults
from ucp_server.postgres import Cluster

pytestmark = pytest.mark.asyncio(loop_scope="module")

SECRET = "5ecret" * 6
PLAN = "create.committed=kill"


class Family:
    """A running server, and what stood in the environment of the processes that it began with."""

    def __init__(self, shop: Server, database: str, folder: Path) -> None:
        self.shop = shop
        self.database = database
        self.folder = folder
        self.first_environments = [_of_process(pid, "environ") for pid in self.pids]

    @property
    def pids(self) -> list[int]:
        return [*self.shop.pids("public"), *self.shop.pids("jobs")]


def _of_process(pid: int, file: str) -> bytes:
    return Path(f"/proc/{pid}/{file}").read_bytes()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def started(postgres: Cluster, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Family]:
    folder = tmp_path_factory.mktemp("family")
    environment = {
        "UCP_SERVER_SECRET": SECRET,
        "UCP_SERVER_HTTP_SOCKET": str(folder / "shop.sock"),
        faults.VARIABLE: PLAN,
    }
    async with fresh_database(postgres) as database:
        options = ["--mode", "suite", "--database-url", database, "--data-dir", str(folder / "data")]
        async with prepared(folder, *options, "--workers", "2", environment=environment) as shop:
            await shop.start()
            yield Family(shop, database, folder)


@pytest_asyncio.fixture(loop_scope="module")
async def family(started: Family) -> Family:
    if started.shop.process.returncode is not None:
        await started.shop.start()
    await until(lambda: len(started.pids) == len(started.first_environments))
    return started


async def test_secrets_stand_in_no_child_s_arguments_or_environment(family: Family) -> None:
    arguments = [_of_process(pid, "cmdline") for pid in family.pids]
    for content in (*arguments, *family.first_environments, family.shop.output.encode()):
        assert SECRET.encode() not in content
        assert family.database.encode() not in content


async def test_the_metrics_of_all_processes_are_added_up(family: Family) -> None:
    before = await _checks_counted(family.shop)
    for _ in range(20):
        assert await answers(f"{family.shop.http}/healthz")
    assert await _checks_counted(family.shop) == before + 20


async def _checks_counted(shop: Server) -> float:
    async with httpx2.AsyncClient(verify=False) as client:
        lines = (await client.get(f"{shop.admin}/metrics")).text.splitlines()
    counted = (line for line in lines if line.startswith("ucp_server_requests_total{"))
    return sum(float(line.split()[-1]) for line in counted if "/healthz" in line)


async def test_a_proxy_of_the_same_group_comes_in_by_the_unix_socket(family: Family) -> None:
    path = family.folder / "shop.sock"
    assert stat.S_IMODE(path.stat().st_mode) == 0o660
    assert f"unix:{path}" in family.shop.output
    assert await answers("http://shop.example/healthz", over=path)


async def test_a_killed_process_is_replaced_while_the_others_serve(family: Family) -> None:
    shop = family.shop
    for role in ("public", "jobs"):
        before = set(shop.pids(role))
        victim = min(before)
        os.kill(victim, signal.SIGKILL)
        # Once that is said, the kernel queues nobody before its listeners any more.
        await until(lambda victim=victim: f"process {victim} was ended by signal 9" in shop.output)
        assert await answers(f"{shop.http}/healthz")
        assert await answers("http://shop.example/healthz", over=family.folder / "shop.sock")
        await until(lambda role=role, before=before: len(shop.pids(role)) == len(before))
    await until_async(lambda: answers(f"{shop.admin}/readyz"))


async def test_sighup_replaces_every_process_and_no_request_notices(family: Family) -> None:
    shop, before = family.shop, set(family.pids)
    shop.signal(signal.SIGHUP)
    while "Every process was replaced" not in shop.output:
        assert await answers("http://shop.example/healthz", over=family.folder / "shop.sock")
        # What waits for a port's process when that closes is reset by the kernel: ask again.
        assert await answers(f"{shop.http}/healthz") or await answers(f"{shop.http}/healthz")
    await until(lambda: len(family.pids) == len(before))
    assert not before & set(family.pids)


async def test_a_fault_strikes_the_first_processes_and_not_their_successors(family: Family) -> None:
    armed, harmless = (f"{faults.VARIABLE}={plan}\0".encode() for plan in (PLAN, ""))
    assert all(armed in environment for environment in family.first_environments)
    victim, *_ = before = family.shop.pids("public")
    os.kill(victim, signal.SIGKILL)
    await until(lambda: set(family.shop.pids("public")) - set(before))
    (heir,) = set(family.shop.pids("public")) - set(before)
    await until(lambda: harmless in _of_process(heir, "environ"))


async def test_a_second_server_in_the_same_folder_is_kept_out(family: Family, tmp_path: Path) -> None:
    options = ["--database-url", family.database, "--data-dir", str(family.folder / "data")]
    async with prepared(tmp_path, "--mode", "suite", *options) as twin:
        await twin.launch()
        assert await twin.process.wait() == 1
        assert f"The process {family.shop.process.pid} already works in" in twin.output


async def test_a_second_signal_does_not_wait_for_open_requests(family: Family) -> None:
    _, writer = await asyncio.open_connection("127.0.0.1", family.shop.http_port)
    await begin_request(writer)
    family.shop.signal(signal.SIGINT)
    await until(lambda: "Stopping" in family.shop.output)
    family.shop.signal(signal.SIGINT)
    async with asyncio.timeout(10):
        assert await family.shop.process.wait() == 0
    writer.close()
