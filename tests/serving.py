"""The server as it is deployed, for tests: real processes, real listeners, on free ports.

async with server(database) as shop:
    shop.http, shop.https, shop.admin, shop.pids("public")
"""

import asyncio
import contextlib
import os
import signal
import socket
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path

REPOSITORY = Path(__file__).parents[1]
# A cold start on a machine that does eight other things.
READY_S = 60.0
# A drain may wait for requests that a test left open.
STOP_S = 70.0
POLL_S = 0.02
SERVING = "ucp_server.supervisor.serving"


@contextlib.contextmanager
def reserved_ports(count: int) -> Iterator[list[int]]:
    """Free ports that stay ours: bound, not listening, so that only a server of ours may share them."""
    with contextlib.ExitStack() as stack:
        ports = []
        for _ in range(count):
            opened = stack.enter_context(socket.socket())
            opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            opened.bind(("127.0.0.1", 0))
            ports.append(opened.getsockname()[1])
        yield ports


async def until(fact: Callable[[], object], within_s: float = READY_S) -> None:
    """Wait for something that becomes true."""
    deadline = time.monotonic() + within_s
    while not fact():
        assert time.monotonic() < deadline, f"never came true: {fact}"
        await asyncio.sleep(POLL_S)


async def until_async(fact: Callable[[], Awaitable[bool]], within_s: float = READY_S) -> None:
    """Like ``until``, for a fact that has to be asked for."""
    deadline = time.monotonic() + within_s
    while not await fact():
        assert time.monotonic() < deadline, f"never came true: {fact}"
        await asyncio.sleep(POLL_S)


class Server:
    """One ``ucp-server serve``. ``output`` is all that it and its children wrote."""

    def __init__(
        self, log: Path, ports: list[int], arguments: list[str], environment: dict[str, str]
    ) -> None:
        self._log = log
        self._arguments = arguments
        self._environment = environment
        self.program: list[str | Path] = [sys.executable, "-m", "ucp_server"]
        self._process: asyncio.subprocess.Process | None = None
        https, http, admin = ports
        self.https = f"https://127.0.0.1:{https}"
        self.http = f"http://127.0.0.1:{http}"
        self.admin = f"http://127.0.0.1:{admin}"
        self.https_port, self.http_port, self.admin_port = ports

    @property
    def output(self) -> str:
        return self._log.read_text() if self._log.exists() else ""

    @property
    def process(self) -> asyncio.subprocess.Process:
        assert self._process is not None
        return self._process

    @property
    def ports(self) -> list[str]:
        named = {
            "--port": self.https_port,
            "--http-port": self.http_port,
            "--admin-port": self.admin_port,
            "--hosted-port": 0,
        }
        return [part for option, port in named.items() for part in (option, str(port))]

    async def launch(self) -> None:
        """Start the process without waiting for it."""
        with self._log.open("wb") as log:
            self._process = await asyncio.create_subprocess_exec(
                *(*self.program, "serve", *self.ports, *self._arguments),
                stdout=log,
                stderr=log,
                cwd=REPOSITORY,
                env=os.environ | self._environment,
                # So that a Ctrl-C in the tests' terminal is theirs alone.
                start_new_session=True,
            )

    async def start(self) -> None:
        await self.launch()
        await until(lambda: "Ready after" in self.output or self.process.returncode is not None)
        assert self.process.returncode is None, self.output

    def signal(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    async def stop(self) -> int:
        """SIGTERM, and wait for the end; the exit code."""
        if self.process.returncode is None:
            self.process.terminate()
        async with asyncio.timeout(STOP_S):
            return await self.process.wait()

    def pids(self, role: str) -> list[int]:
        """The children of a role: public, jobs."""
        return [pid for pid, command in self._children() if command[3:5] == [SERVING, role]]

    def _children(self) -> list[tuple[int, list[str]]]:
        pid = self.process.pid
        listed = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        return [(int(child), _command(child)) for child in listed]


def _command(pid: str) -> list[str]:
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/cmdline").read_text().rstrip("\0").split("\0")
    return []


@contextlib.asynccontextmanager
async def prepared(
    folder: Path, *arguments: str, environment: dict[str, str] | None = None
) -> AsyncIterator[Server]:
    """A server that the test starts itself; stopped at the end if it runs."""
    with reserved_ports(3) as ports:
        shop = Server(folder / "server.log", ports, list(arguments), environment or {})
        try:
            yield shop
        finally:
            if shop._process is not None:
                await shop.stop()


@contextlib.asynccontextmanager
async def server(
    database: str,
    folder: Path,
    *arguments: str,
    mode: str = "suite",
    workers: int = 1,
    environment: dict[str, str] | None = None,
) -> AsyncIterator[Server]:
    """A running server on an existing database; ``folder`` holds its secret, certificate and log."""
    options = ["--mode", mode, "--database-url", database, "--data-dir", str(folder / "data")]
    options += ["--workers", str(workers), *arguments]
    async with prepared(folder, *options, environment=environment) as shop:
        await shop.start()
        yield shop
