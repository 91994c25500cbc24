"""Simulators for tests: each a process that starts, is talked to, is stopped, frozen or killed.

async with psp() as provider:
    provider.url, await provider.ledger()
"""

import asyncio
import base64
import json
import os
import signal
import sys
import tempfile
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, NamedTuple, Self, TypeVar

import aiohttp

REPOSITORY = Path(__file__).parents[2]
# A cold interpreter on a machine that does eight other things takes seconds, not tens of them.
READY_S = 30.0
STOP_S = 5.0
CALL_S = 70.0
# Looking again this often is quick for a test and nothing for the simulator.
POLL_S = 0.02


class Process:
    """A running simulator. `url` is its HTTP side, `folder` holds its files and its stderr."""

    def __init__(self, name: str, folder: Path, *arguments: str) -> None:
        self.name, self.folder = name, folder
        self._arguments = arguments
        self._process: asyncio.subprocess.Process | None = None
        self._session: aiohttp.ClientSession | None = None
        self.ports: dict[str, int] = {}

    @property
    def port(self) -> int:
        return self.ports["port"]

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.ports.get('control', self.port)}"

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    async def start(self, port: int = 0) -> Self:
        """Start it and wait for its ready line; `port` 0 takes any free one."""
        self.folder.mkdir(parents=True, exist_ok=True)
        module = f"tests.simulators.{self.name}"
        with (self.folder / f"{self.name}.stderr").open("ab") as errors:
            self._process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", module, "--port", str(port)),
                *("--until-eof", "--folder", str(self.folder), *self._arguments),
                # Never written to: it ends when we do, however we end, and so does the simulator.
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=errors,
                cwd=REPOSITORY,
            )
        assert self._process.stdout is not None
        async with asyncio.timeout(READY_S):
            line = await self._process.stdout.readline()
        if not line:
            errors_text = (self.folder / f"{self.name}.stderr").read_text()
            raise RuntimeError(f"{self.name} did not start: {errors_text}")
        self.ports = json.loads(line)
        self._session = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=CALL_S))
        return self

    async def stop(self) -> None:
        """SIGTERM, then SIGKILL for one that does not hear; always reaped."""
        if self._session is not None:
            await self._session.close()
            self._session = None
        if self._process is None or self._process.returncode is not None:
            return
        self._process.send_signal(signal.SIGCONT)
        self._process.terminate()
        try:
            async with asyncio.timeout(STOP_S):
                await self._process.wait()
        except TimeoutError:
            await self.kill()

    async def kill(self) -> None:
        assert self._process is not None
        self._process.kill()
        await self._process.wait()

    async def restart(self) -> None:
        """On the same port and with the same files, as after a crash."""
        await self.stop()
        await self.start(self.port)

    def freeze(self) -> None:
        os.kill(self.pid, signal.SIGSTOP)

    def thaw(self) -> None:
        os.kill(self.pid, signal.SIGCONT)

    async def call(self, method: str, path: str, document: Any = None) -> Any:
        """One request to its HTTP side; the answer as JSON, and never an error status."""
        assert self._session is not None
        async with self._session.request(method, self.url + path, json=document) as reply:
            assert reply.status == 200, (method, path, reply.status, await reply.text())
            return await reply.json()

    async def control(self, **orders: Any) -> Any:
        return await self.call("POST", "/control", orders)


class Psp(Process):
    async def ledger(self) -> list[dict[str, Any]]:
        return await self.call("GET", "/ledger")

    async def cards(self) -> list[str]:
        """The references of all cards in its vault."""
        return await self.call("GET", "/cards")

    async def calls(self, call: str | None = None) -> list[dict[str, Any]]:
        """Every call it got, or those of one kind: authorise, look_up, capture, ..., vault, forget."""
        made = (await self.call("GET", "/calls"))["calls"]
        return [entry for entry in made if call in {None, entry["call"]}]

    async def running_max(self) -> int:
        return (await self.call("GET", "/calls"))["running_max"]

    async def held_minor(self, key: str | None = None) -> int:
        """What buyers are charged or held for: authorised and not voided, less refunds."""
        totals: dict[str, int] = {}
        for entry in await self.ledger():
            match entry["event"]:
                case "authorised":
                    totals[entry["key"]] = entry["amount_minor"]
                case "voided":
                    totals[entry["key"]] = 0
                case "refunded":
                    totals[entry["key"]] -= entry["amount_minor"]
        return sum(amount for of, amount in totals.items() if key in {None, of})

    async def pass_challenge(self, reference: str, *, passed: bool = True) -> Any:
        return await self.call("POST", f"/challenges/{reference}", {"passed": passed})


class Received(NamedTuple):
    method: str
    path: str
    headers: list[tuple[str, str]]
    body: bytes
    arrived_at: float

    def header(self, name: str) -> str | None:
        return next((value for key, value in self.headers if key.lower() == name.lower()), None)


class Receiver(Process):
    @property
    def profile_url(self) -> str:
        return f"{self.url}/profile.json"

    def profile_named(self, name: str) -> str:
        return f"{self.url}/profile/{name}.json"

    @property
    def webhook_url(self) -> str:
        """Where the good profile wants its order events."""
        return f"{self.url}/hooks/orders"

    async def received(
        self, path: str = "/hooks/orders", *, at_least: int = 0, wait_s: float = 20.0
    ) -> list[Received]:
        """What came in at `path`, once there are `at_least` of them; fails when there are not."""
        entries = await self.call("GET", f"/log?path={path}&at_least={at_least}&wait_s={wait_s}")
        assert len(entries) >= at_least, f"{len(entries)} of {at_least} at {path}"
        return [
            Received(
                entry["method"],
                entry["path"],
                [(name, value) for name, value in entry["headers"]],
                base64.b64decode(entry["body_base64"]),
                entry["arrived_at"],
            )
            for entry in entries
        ]

    async def answer(self, path: str, *answers: dict[str, Any], then: dict[str, Any] | None) -> None:
        """Give `answers` one by one, then `then` for ever (None: as before any order)."""
        orders: dict[str, Any] = {"path": path, "answers": list(answers)}
        await self.call("POST", "/control", orders if then is None else orders | {"then": then})

    async def serve_profile(self, name: str, document: Any, headers: dict[str, str] | None = None) -> str:
        """Serve `document` from now on; its URL."""
        told = {"document": document, "headers": headers or {}}
        await self.call("PUT", f"/profile/{name}.json", told)
        return self.profile_named(name)


class Proxy(Process):
    """`port` is the broken line, `url` the control side."""

    async def facts(self) -> dict[str, int]:
        return await self.call("GET", "/control")


P = TypeVar("P", bound="Process")


@asynccontextmanager
async def _running(make: Callable[[Path], P], folder: Path | None) -> AsyncIterator[P]:
    with tempfile.TemporaryDirectory(prefix="simulator-") as own:
        process = make(folder or Path(own))
        try:
            yield await process.start()
        finally:
            await process.stop()


@asynccontextmanager
async def psp(folder: Path | None = None) -> AsyncIterator[Psp]:
    async with _running(lambda at: Psp("psp", at), folder) as process:
        yield process


@asynccontextmanager
async def receiver(folder: Path | None = None) -> AsyncIterator[Receiver]:
    async with _running(lambda at: Receiver("receiver", at), folder) as process:
        yield process


@asynccontextmanager
async def proxy(upstream: str, folder: Path | None = None) -> AsyncIterator[Proxy]:
    """Before `upstream`: "host:port", or the path of a Unix socket."""
    async with _running(lambda at: Proxy("proxy", at, "--upstream", upstream), folder) as process:
        yield process


async def until(true: Callable[[], Any], *, wait_s: float = 10.0) -> Any:
    """Wait until `true()` (which may be awaitable) is; the value. TimeoutError past `wait_s`."""
    async with asyncio.timeout(wait_s):
        while True:
            value = true()
            if asyncio.iscoroutine(value):
                value = await value
            if value:
                return value
            await asyncio.sleep(POLL_S)
