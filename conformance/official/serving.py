"""Our own server in suite mode, for as long as the suite runs."""

import asyncio
import contextlib
import signal
import sys
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp

from conformance.official.suite import Target, free_port

# A first start unpacks and initialises a database.
START_LIMIT_S = 180.0
STOP_LIMIT_S = 30.0
LOOK_AGAIN_S = 0.2


class StartFailed(Exception):
    """The server ended, or never answered; the text is the end of what it said."""


@contextlib.asynccontextmanager
async def served(data: Path, simulation_secret: str) -> AsyncIterator[Target]:
    """The server with the suite's shop, listening on loopback, with a database of its own."""
    port = free_port()
    with tempfile.TemporaryDirectory(prefix="ucp-suite-") as folder:
        log = Path(folder) / "server.log"
        with log.open("wb") as output:
            process = await asyncio.create_subprocess_exec(
                str(Path(sys.executable).parent / "ucp-server"),
                *("serve", "--mode", "suite", "--port", "0", "--http-port", str(port)),
                *("--admin-port", str(free_port())),
                *("--import", str(data), "--simulation-secret", simulation_secret),
                *("--data-dir", str(Path(folder) / "data")),
                stdout=output,
                stderr=asyncio.subprocess.STDOUT,
            )
        target = Target(f"http://localhost:{port}", data, simulation_secret)
        try:
            await _until_it_answers(process, target.server_url, log)
            yield target
        finally:
            await _stop(process)


async def _until_it_answers(process: asyncio.subprocess.Process, url: str, log: Path) -> None:
    async with aiohttp.ClientSession() as session:
        for _ in range(int(START_LIMIT_S / LOOK_AGAIN_S)):
            if process.returncode is not None:
                break
            with contextlib.suppress(aiohttp.ClientError, TimeoutError):
                async with session.get(f"{url}/.well-known/ucp") as reply:
                    if reply.status == 200:
                        return
            await asyncio.sleep(LOOK_AGAIN_S)
    raise StartFailed(_tail(log))


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
