"""What every simulator process shares: options, one ready line, an end on SIGTERM."""

import argparse
import asyncio
import json
import signal
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

from aiohttp import web

# A request may be anything a test wants to record, but never more than this.
BODY_MAX = 4 * 1024 * 1024


def options(description: str) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument(
        "--until-eof", action="store_true", help="end with the one who started it and holds stdin"
    )
    return parser


async def listen(app: web.Application, port: int) -> tuple[web.AppRunner, int]:
    """Serve `app` on loopback; answers go on after a caller has hung up, as a real PSP's would."""
    runner = web.AppRunner(app, access_log=None, handler_cancellation=False, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", port)
    await site.start()
    return runner, runner.addresses[0][1]


def run(
    given: argparse.Namespace,
    start: Callable[[], Awaitable[tuple[web.AppRunner, dict[str, int]]]],
) -> None:
    """Start, print `{"port": N}` in one line, serve until SIGTERM, SIGINT or the end of stdin."""

    async def main() -> None:
        runner, ports = await start()
        stopping = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stopping.set)
        if given.until_eof:
            loop.add_reader(sys.stdin, stopping.set)
        print(json.dumps(ports), flush=True)
        await stopping.wait()
        await runner.cleanup()

    asyncio.run(main())


def cut(request: web.Request) -> web.Response:
    """Drop the connection without another byte; the returned value is never sent."""
    if request.transport is not None:
        request.transport.abort()
    return web.Response()
