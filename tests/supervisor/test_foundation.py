"""A server with its own Postgres: everything it consists of killed in turn, and brought back.

One folder for the module; what a test ends, the next one finds started again.
"""

import asyncio
import io
import os
import shutil
import signal
import socket
import ssl
from collections.abc import AsyncIterator
from pathlib import Path

import httpx2
import pytest
import pytest_asyncio

from tests.conftest import quick_folder
from tests.serving import Server, prepared, until, until_async
from tests.supervisor.talking import answers, begin_request, refuses
from ucp_server.config import Settings
from ucp_server.modes import Mode
from ucp_server.postgres.postmaster import is_alive, read_pid_file
from ucp_server.supervisor.foundation import laid
from ucp_server.supervisor.progress import Progress

pytestmark = pytest.mark.asyncio(loop_scope="module")


class Home:
    """The folder of a server, and what runs in it."""

    def __init__(self, folder: Path, shop: Server) -> None:
        self.folder = folder
        self.shop = shop
        self.socket = folder / "shop.sock"

    @property
    def family(self) -> list[int]:
        return [*self.shop.pids("public"), *self.shop.pids("jobs")]

    @property
    def postgres(self) -> int:
        noted = read_pid_file(self.folder / "data" / "postgres")
        assert noted is not None
        return noted.pid

    @property
    def trusting(self) -> ssl.SSLContext:
        return ssl.create_default_context(cafile=self.folder / "data" / "certificate.pem")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def kept() -> AsyncIterator[Home]:
    folder = quick_folder()
    options = ["--mode", "suite", "--data-dir", str(folder / "data"), "--workers", "1"]
    environment = {"UCP_SERVER_HTTP_SOCKET": str(folder / "shop.sock")}
    async with prepared(folder, *options, environment=environment) as shop:
        await shop.start()
        yield Home(folder, shop)
    noted = read_pid_file(folder / "data" / "postgres")
    if noted is not None and is_alive(noted.pid):
        os.kill(noted.pid, signal.SIGQUIT)
    shutil.rmtree(folder)


@pytest_asyncio.fixture(loop_scope="module")
async def home(kept: Home) -> Home:
    if kept.shop.process.returncode is not None:
        await kept.shop.start()
    return kept


async def test_all_listeners_of_a_server_answer(home: Home) -> None:
    async with httpx2.AsyncClient(verify=home.trusting, http2=True) as client:
        reply = await client.get(f"{home.shop.https}/healthz")
        assert (reply.status_code, reply.http_version) == (200, "HTTP/2")
    for url in (f"{home.shop.http}/healthz", f"{home.shop.admin}/readyz", f"{home.shop.admin}/metrics"):
        assert await answers(url)
    assert await answers("http://shop.example/healthz", over=home.socket)


async def test_a_killed_postgres_is_started_again_under_the_same_processes(home: Home) -> None:
    before = home.family
    os.kill(home.postgres, signal.SIGKILL)
    await until(lambda: "PostgreSQL runs again" in home.shop.output)
    await until_async(lambda: answers(f"{home.shop.admin}/readyz"))
    assert home.family == before


async def test_after_kill_9_of_all_but_postgres_the_next_start_adopts_it(home: Home) -> None:
    left = home.postgres
    for pid in (home.shop.process.pid, *home.family):
        os.kill(pid, signal.SIGKILL)
    await home.shop.process.wait()
    assert home.socket.is_socket()
    await home.shop.start()
    assert "adopted" in home.shop.output
    assert home.postgres == left
    assert await answers(f"{home.shop.admin}/readyz")
    assert await answers("http://shop.example/healthz", over=home.socket)


async def test_children_of_a_killed_parent_end_and_free_their_listeners(home: Home) -> None:
    orphans = home.family
    os.kill(home.shop.process.pid, signal.SIGKILL)
    os.kill(home.postgres, signal.SIGKILL)
    await home.shop.process.wait()
    await home.shop.start()
    assert await answers(f"{home.shop.http}/healthz")
    assert await answers("http://shop.example/healthz", over=home.socket)
    await until(lambda: not any(is_alive(pid) for pid in orphans))


async def test_production_on_an_embedded_postgres_is_told_what_that_lacks() -> None:
    folder, out = quick_folder(), io.StringIO()
    settings = Settings(mode=Mode.PRODUCTION, data_dir=folder / "data")
    try:
        async with laid(settings, Progress(out)) as foundation:
            assert foundation.cluster is not None
        assert "has no replica, no point-in-time recovery" in out.getvalue()
    finally:
        shutil.rmtree(folder)


async def test_sigterm_answers_what_is_open_waits_for_nobody_deaf_and_leaves_no_trace(home: Home) -> None:
    family, postgres = home.family, home.postgres
    deaf = await asyncio.to_thread(_pooled, home)
    reader, writer = await asyncio.open_connection("127.0.0.1", home.shop.http_port)
    await begin_request(writer)
    # Less than the 30 s for which the loop would wait for a client that does not say goodbye.
    async with asyncio.timeout(20):
        home.shop.signal(signal.SIGTERM)
        await until_async(lambda: refuses(home.shop.http_port))
        assert not home.socket.exists()
        writer.write(b'": 1}')
        answer = await reader.read()
        assert await home.shop.process.wait() == 0, home.shop.output
    assert answer.startswith(b"HTTP/1.1 4"), answer
    assert b"\r\n\r\n" in answer
    assert not any(is_alive(pid) for pid in (*family, postgres))
    assert not (home.folder / "data" / "metrics").exists()
    writer.close()
    deaf.close()


def _pooled(home: Home) -> ssl.SSLSocket:
    """A connection that was answered once and that nobody reads until it is needed again."""
    opened = socket.create_connection(("127.0.0.1", home.shop.https_port))
    connection = home.trusting.wrap_socket(opened, server_hostname="localhost")
    connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
    assert connection.recv(2**12).startswith(b"HTTP/1.1 200")
    return connection
