"""One child process as its parent sees it. What it is told and says is in ``serving``."""

import asyncio
import contextlib
import os
import socket
import subprocess
import sys
import time

from ucp_server.config_sources import ENVIRONMENT_PREFIX
from ucp_server.supervisor.roles import READY, Role

# Imports take half a second on an idle core; a busy machine may have none idle.
READY_TIMEOUT_S = 60.0
POLL_S = 0.02


class Child:
    """A started process. ``lines`` are what it said before it was ready or ended."""

    def __init__(
        self,
        role: Role,
        process: subprocess.Popen[bytes],
        streams: tuple[asyncio.StreamReader, asyncio.StreamWriter],
    ) -> None:
        self.role = role
        self.pid = process.pid
        self.started_at = time.monotonic()
        self.lines: list[str] = []
        self._process = process
        self._reader, self._writer = streams

    async def ready(self) -> bool:
        """Wait until it serves; False when it ended, or was not ready in time, instead."""
        try:
            async with asyncio.timeout(READY_TIMEOUT_S):
                async for line in self._reader:
                    if line == READY:
                        return True
                    self.lines.append(line.decode().rstrip())
        except TimeoutError:
            self.kill()
        except ConnectionError:
            pass  # it ended before it had read what we sent
        return False

    async def wait(self) -> int:
        """The exit code; negative for the signal that ended it."""
        # Asked for rather than waited for: asyncio's own watcher loses the code of a process that
        # ends while it is being signalled.
        code = self._process.poll()
        while code is None:
            await asyncio.sleep(POLL_S)
            code = self._process.poll()
        self._writer.close()
        return code

    def drain(self) -> None:
        """Tell it to finish what is open and to end."""
        if not self._writer.is_closing() and self._writer.can_write_eof():
            self._writer.write_eof()

    def kill(self) -> None:
        self._process.kill()


async def start_child(
    role: Role, settings: bytes, environment: dict[str, str], shared: socket.socket | None = None
) -> Child:
    """Start ``role`` and hand it ``settings`` (JSON); ``environment`` is added to our own.

    Settings of ours in the environment stay behind: a child gets them over its stdin alone.
    ``shared`` is the Unix socket that it accepts from beside its own listeners.
    """
    ours, theirs = socket.socketpair()
    with theirs:
        process = _spawn(role, theirs, environment, () if shared is None else (shared.fileno(),))
    reader, writer = await asyncio.open_connection(sock=ours)
    writer.write(settings + b"\n")
    with contextlib.suppress(ConnectionError):  # what ended it shows when it is waited for
        await writer.drain()
    return Child(role, process, (reader, writer))


def _spawn(
    role: Role, channel: socket.socket, environment: dict[str, str], shared: tuple[int, ...]
) -> subprocess.Popen[bytes]:
    inherited = {
        name: value for name, value in os.environ.items() if not name.startswith(ENVIRONMENT_PREFIX)
    }
    return subprocess.Popen(
        # -P: a folder named like one of our packages in the current one is not ours.
        [sys.executable, "-P", "-m", "ucp_server.supervisor.serving", role.value, *map(str, shared)],
        stdin=channel.fileno(),
        pass_fds=shared,
        env=inherited | environment,
        # A Ctrl-C in the terminal reaches our group; the drain is ours to order.
        start_new_session=True,
    )
