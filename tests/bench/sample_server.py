"""The official Python sample (Universal-Commerce-Protocol/samples at f10fc65), run as it is.

`python -m tests.bench.sample_server --sample DIR` shows that it runs: one buying lifecycle.
The requests that drive it are those of `tests.load.bodies`, the shop that of `tests.load.shops`.
"""

import argparse
import asyncio
import signal
import socket
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import aiohttp

from conformance.official.environment import prepare, requirements
from tests.load import bodies
from tests.load.shops import item, write_shop

SERVER = Path("rest/python/server")
# The release of its SDK whose models are those of the commit that the sample was written against.
SDK = "ucp-sdk==0.1.0"
# Generates the routes that are checked in; never imported.
NOT_NEEDED = frozenset({"ucp-sdk", "fastapi-code-generator"})
START_LIMIT_S = 60.0
STOP_LIMIT_S = 10.0
LOOK_AGAIN_S = 0.1


@dataclass(frozen=True)
class Sample:
    """The running sample: `url` is its endpoint, plain http on loopback."""

    url: str
    pid: int


class NotRunning(Exception):
    """It could not be filled or did not answer; the text is the end of what it said."""


@asynccontextmanager
async def start(
    sample: Path, shop: Path, folder: Path, python: Path | None = None
) -> AsyncIterator[Sample]:
    """The sample with the shop's CSV files loaded, its database and log in `folder`.

    `python` is an interpreter with its requirements; without one an environment is made.
    """
    server = (sample / SERVER).resolve()
    if python is None:
        python = await prepare(folder / "environment", [SDK, *requirements(server, NOT_NEEDED)])
    log = folder / "sample.log"
    stores = [f"--{name}_db_path={folder / name}.db" for name in ("products", "transactions")]
    filling = await _run(python, server, log, "import_csv.py", *stores, f"--data_dir={shop}")
    if await filling.wait():
        raise NotRunning(_tail(log))
    port = _free_port()
    process = await _run(python, server, log, "server.py", *stores, f"--port={port}")
    try:
        url = f"http://127.0.0.1:{port}"
        await _until_it_answers(url, process, log)
        yield Sample(url, process.pid)
    finally:
        await _stop(process)


async def lifecycle(url: str, session: aiohttp.ClientSession, profile_url: str) -> bodies.Wire:
    """Create, update with fulfilment, get, complete with payment: the completed checkout."""
    at = f"{url}/checkout-sessions"
    made = await _ask(session, "POST", at, profile_url, bodies.create(item(0)))
    at = f"{at}/{made['id']}"
    await _ask(session, "PUT", at, profile_url, bodies.update(made))
    await _ask(session, "GET", at, profile_url, None)
    return await _ask(session, "POST", f"{at}/complete", profile_url, bodies.complete("success_token"))


async def _ask(
    session: aiohttp.ClientSession, method: str, url: str, profile_url: str, body: bodies.Wire | None
) -> bodies.Wire:
    headers = bodies.headers(profile_url, key=str(time.monotonic_ns()))
    async with session.request(method, url, json=body, headers=headers) as reply:
        if reply.status not in {200, 201}:
            raise NotRunning(f"{method} {url} answered {reply.status}: {await reply.text()}")
        document: bodies.Wire = await reply.json()
        return document


async def _run(
    python: Path, server: Path, log: Path, program: str, *arguments: str
) -> asyncio.subprocess.Process:
    with log.open("ab") as output:
        return await asyncio.create_subprocess_exec(
            str(python), program, *arguments, cwd=server, stdout=output, stderr=output
        )


async def _until_it_answers(url: str, process: asyncio.subprocess.Process, log: Path) -> None:
    async with aiohttp.ClientSession() as session:
        for _ in range(int(START_LIMIT_S / LOOK_AGAIN_S)):
            with suppress(aiohttp.ClientError):
                async with session.get(f"{url}/.well-known/ucp") as reply:
                    if reply.status == 200:
                        return
            if process.returncode is not None:
                break
            await asyncio.sleep(LOOK_AGAIN_S)
    raise NotRunning(_tail(log))


async def _stop(process: asyncio.subprocess.Process) -> None:
    if process.returncode is not None:
        return
    process.send_signal(signal.SIGTERM)
    try:
        async with asyncio.timeout(STOP_LIMIT_S):
            await process.wait()
    except TimeoutError:
        process.kill()
        await process.wait()


def _tail(log: Path) -> str:
    return log.read_text(errors="replace")[-2000:]


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


async def show(sample: Path, python: Path | None) -> None:
    with tempfile.TemporaryDirectory(prefix="ucp-sample-") as name:
        folder = Path(name)
        shop = write_shop(folder / "shop", items=1, pieces=100)
        async with start(sample, shop, folder, python) as running, aiohttp.ClientSession() as session:
            started = time.perf_counter()
            done = await lifecycle(running.url, session, f"{running.url}/no-profile")
            took_ms = (time.perf_counter() - started) * 1000
            print(f"{done['status']}, order {done['order']['id']}, {took_ms:.0f} ms")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m tests.bench.sample_server")
    parser.add_argument("--sample", type=Path, required=True)
    parser.add_argument("--python", type=Path)
    given = parser.parse_args()
    asyncio.run(show(given.sample, given.python))
