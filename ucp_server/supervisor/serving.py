"""What a child process does: ``python -m ucp_server.supervisor.serving ROLE [FD]``.

Its stdin is one end of a socket pair. The parent writes one line, the settings; the child answers
``ready``; the end of the stream is the order to drain, whether given or because the parent died.
FD is the number of an inherited listening socket, which other processes accept from too.
"""

import asyncio
import gc
import os
import signal
import socket
import ssl
import sys
import threading
import time
from collections.abc import Sequence

import uvloop

from ucp_server import app
from ucp_server.asgi.metrics import Metrics
from ucp_server.config import ConfigError, Settings, from_json
from ucp_server.store.importing import BadShop
from ucp_server.supervisor import http
from ucp_server.supervisor.log import log_to_stderr
from ucp_server.supervisor.roles import READY, Role

# What a drain may take beyond the listener's own limit, for closing pools and jobs.
CLOSING_S = 15
# A buyer waits for a request, nobody for a job: where the processors do not suffice, requests go
# first. A job's process still gets a third of what a request's gets (sched(7): 1.25 for each step).
JOBS_NICENESS = 5
EXIT_BAD_SHOP = 65
EXIT_STUCK = 70
EXIT_BAD_SETTING = 78


def main() -> None:
    """Serve until told to stop. Exits with 0 after a complete drain."""
    log_to_stderr()
    role, shared = Role(sys.argv[1]), tuple(map(int, sys.argv[2:]))
    # A copy of stdin, so that nothing in the application can read from the original.
    channel = socket.socket(fileno=os.dup(sys.stdin.fileno()))
    with channel, channel.makefile("rb") as lines:
        settings = from_json(lines.readline())
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(_run(role, settings, channel, shared))


async def _run(role: Role, settings: Settings, channel: socket.socket, shared: Sequence[int]) -> None:
    if role is Role.PREPARE:
        try:
            lines = await app.prepare(settings)
        except BadShop as error:
            channel.sendall(f"Nothing of {settings.import_dir} was loaded:\n{error}\n".encode())
            raise SystemExit(EXIT_BAD_SHOP) from error
        except ConfigError as error:
            channel.sendall(f"{error}\n".encode())
            raise SystemExit(EXIT_BAD_SETTING) from error
        channel.sendall("".join(f"{line}\n" for line in lines).encode())
        return
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(_without_handshakes)
    stop = asyncio.Event()
    loop.add_signal_handler(signal.SIGTERM, stop.set)
    # The terminal's Ctrl-C is the parent's to understand.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    limit_s = settings.drain_s + CLOSING_S
    threading.Thread(target=_watch, args=(channel, loop, stop, limit_s), daemon=True).start()

    async def until_stopped() -> None:
        # What lives by now lives as long as the process: collections need not look at it again.
        gc.collect()
        gc.freeze()
        channel.sendall(READY)
        await stop.wait()

    if role is Role.PUBLIC:
        await _serve_public(settings, shared, until_stopped, stop)
    else:
        await _serve_jobs(settings, until_stopped)


async def _serve_public(
    settings: Settings, shared: Sequence[int], until_stopped: http.Until, stop: asyncio.Event
) -> None:
    """Ready once every listener is open; all drain at the same time."""
    metrics = Metrics()
    hosted_opened = asyncio.Event()

    async def until_hosted_stops() -> None:
        hosted_opened.set()
        await stop.wait()

    async def until_all_stop() -> None:
        await hosted_opened.wait()
        await until_stopped()

    async with (
        app.build_public(settings, metrics) as application,
        app.build_hosted(settings, metrics) as hosted,
        asyncio.TaskGroup() as listeners,
    ):
        if settings.hosted_port:
            opening = http.serve(hosted, http.hosted_config(settings), until_hosted_stops)
            listeners.create_task(opening)
        else:
            hosted_opened.set()
        await http.serve(application, http.public_config(settings, shared), until_all_stop)


async def _serve_jobs(settings: Settings, until_stopped: http.Until) -> None:
    os.nice(JOBS_NICENESS)
    async with app.build_jobs(settings) as application:
        if settings.admin_port:
            await http.serve(application, http.admin_config(settings), until_stopped)
        else:
            await until_stopped()


def _watch(
    channel: socket.socket, loop: asyncio.AbstractEventLoop, stop: asyncio.Event, limit_s: float
) -> None:
    """Order the drain when the parent does or dies, and end a process whose loop hangs in it."""
    channel.recv(1)
    loop.call_soon_threadsafe(stop.set)
    time.sleep(limit_s)
    os._exit(EXIT_STUCK)


def _without_handshakes(loop: asyncio.AbstractEventLoop, context: dict[str, object]) -> None:
    """Clients that speak no TLS 1.3, or no TLS, are no news."""
    if not isinstance(context.get("exception"), ssl.SSLError | ConnectionError):
        loop.default_exception_handler(context)


if __name__ == "__main__":
    main()
