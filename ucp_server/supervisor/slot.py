"""One place for a process: whoever stands in it is replaced when it dies."""

import asyncio
import time
from collections.abc import Awaitable, Callable

from ucp_server.supervisor.child import Child
from ucp_server.supervisor.roles import Role

# A process that dies at once is started again ever more slowly, but never given up for good.
BACKOFF_MIN_S = 0.1
BACKOFF_MAX_S = 5.0
# One that served this long was healthy; what ended it is news.
HEALTHY_S = 60.0
# Before it ever served, the cause is a setting, and trying again will not help.
FIRST_TRIES_MAX = 3


def backoff_s(failures: int) -> float:
    """How long to wait after so many deaths in a row."""
    return min(BACKOFF_MIN_S * 2.0 ** (failures - 1), BACKOFF_MAX_S)


class NeverServed(Exception):
    """A process died each time before it could serve."""


class Slot:
    """``start`` makes a child; a death is told to ``say``, and its pid to ``bury``."""

    def __init__(
        self,
        start: Callable[[], Awaitable[Child]],
        role: Role,
        say: Callable[[str], None],
        bury: Callable[[int], None],
    ) -> None:
        self.role = role
        self.child: Child | None = None
        self.serving = asyncio.Event()
        self._start = start
        self._say = say
        self._bury = bury
        self._stopping = False
        self._failures = 0

    async def keep(self) -> None:
        """Keep the place filled until ``stop``. Raises NeverServed."""
        while not self._stopping:
            if self.child is None:
                self.child = await self._start()
                if await self.child.ready():
                    self.serving.set()
            child = self.child
            code = await child.wait()
            self._bury(child.pid)
            if self.child is child:
                self.child = None
                await self._mourn(child, code)

    async def _mourn(self, child: Child, code: int) -> None:
        if self._stopping:
            return
        lived_s = time.monotonic() - child.started_at
        self._failures = 1 if lived_s > HEALTHY_S else self._failures + 1
        if not self.serving.is_set() and self._failures >= FIRST_TRIES_MAX:
            raise NeverServed(f"The {self.role} process ended {self._failures} times before it served.")
        delay_s = backoff_s(self._failures)
        how = f"was ended by signal {-code}" if code < 0 else f"ended with exit code {code}"
        self._say(f"{self.role} process {child.pid} {how} after {lived_s:.0f} s; next in {delay_s:.1f} s")
        await asyncio.sleep(delay_s)

    async def replace(self) -> None:
        """Put a fresh process in the place before the old one drains."""
        fresh = await self._start()
        if not await fresh.ready():
            self._say(f"the new {self.role} process did not serve; the old one stays")
            await fresh.wait()
            return
        old, self.child = self.child, fresh
        if old is not None:
            old.drain()

    def kill(self) -> None:
        if self.child is not None:
            self.child.kill()

    async def stop(self, within_s: float) -> None:
        """Drain and wait; kill what is left after ``within_s``."""
        self._stopping = True
        child = self.child
        if child is None:
            return
        child.drain()
        try:
            async with asyncio.timeout(within_s):
                await child.wait()
        except TimeoutError:
            self._say(f"{self.role} process {child.pid} did not drain within {within_s:.0f} s")
            child.kill()
            await child.wait()
