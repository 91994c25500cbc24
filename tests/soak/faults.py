"""What happens to a shop in a bad week, all within minutes: each fault strikes, lasts and is undone."""

import asyncio
import random
import signal
import time
from collections import Counter
from collections.abc import Awaitable, Callable

from tests.soak.world import World, send

# Seconds between faults: long enough for some purchases, short enough for many faults.
CALM_S = (0.5, 3.0)
# How long one lasts: from a hiccup to longer than a lease (6 s).
LASTS_S = (0.2, 4.0)
FROZEN_S = (1.0, 9.0)

Fault = Callable[["Mischief"], Awaitable[None]]


class Mischief:
    """Does random faults to ``world``, one after the other; the same ones for the same ``seed``."""

    def __init__(self, world: World, seed: int) -> None:
        self.world = world
        self.chance = random.Random(f"{seed}/faults")
        self.done = Counter[str]()

    async def run(self, seconds: float) -> None:
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            await self._pause(CALM_S)
            fault = self.chance.choices(list(FAULTS), list(FAULTS.values()))[0]
            await fault(self)
            self.done[fault.__name__.replace("_", " ")] += 1

    async def _pause(self, bounds: tuple[float, float]) -> None:
        await asyncio.sleep(self.chance.uniform(*bounds))

    # --- our processes ---

    async def kill_a_worker(self) -> None:
        self._signal("public", signal.SIGKILL)

    async def kill_the_jobs(self) -> None:
        self._signal("jobs", signal.SIGKILL)

    async def freeze_a_worker(self) -> None:
        await self._freeze("public")

    async def freeze_the_jobs(self) -> None:
        await self._freeze("jobs")

    async def replace_every_process(self) -> None:
        self.world.server.signal(signal.SIGHUP)

    def _signal(self, role: str, number: signal.Signals) -> int | None:
        pids = self.world.server.pids(role)
        if not pids:
            return None
        pid = self.chance.choice(pids)
        send(pid, number)
        return pid

    async def _freeze(self, role: str) -> None:
        pid = self._signal(role, signal.SIGSTOP)
        await self._pause(FROZEN_S)
        if pid is not None:
            send(pid, signal.SIGCONT)

    # --- Postgres and the line to it ---

    async def kill_a_backend(self) -> None:
        pids = self.world.postgres_pids()[1:]
        if pids:
            # Any process of Postgres: it ends all others and recovers by itself.
            send(self.chance.choice(pids), signal.SIGKILL)

    async def kill_postgres(self) -> None:
        for pid in self.world.postgres_pids()[:1]:
            send(pid, signal.SIGKILL)
        await self._pause(LASTS_S)
        await self.world.cluster.start()

    async def freeze_postgres(self) -> None:
        pids = self.world.postgres_pids()
        for pid in pids:
            send(pid, signal.SIGSTOP)
        await self._pause(LASTS_S)
        for pid in pids:
            send(pid, signal.SIGCONT)

    async def cut_all_lines(self) -> None:
        await self.world.line.control(cut_all=True)

    async def cut_a_line_somewhere(self) -> None:
        """Often in the middle of a statement or of its answer: was it carried out?"""
        way = self.chance.choice(("up", "down"))
        await self.world.line.control(cut_after={"bytes": self.chance.randint(1, 60_000), "way": way})

    async def lose_the_answer_to_a_write(self) -> None:
        """A write that is carried out, and whose answer never comes."""
        when = self.chance.choice(("before", "after", "answered"))
        # A reply that is kept begins with the bytes of its packing: status, then its body.
        await self.world.line.control(cut_on={"text": '{"ucp":', "way": "up", "when": when})

    async def slow_line(self) -> None:
        await self.world.line.control(latency_s=self.chance.uniform(0.01, 0.1))
        await self._pause(LASTS_S)
        await self.world.line.control(latency_s=0)

    async def silent_line(self) -> None:
        await self.world.line.control(frozen=True)
        await self._pause(LASTS_S)
        await self.world.line.control(frozen=False)

    # --- the provider ---

    async def provider_fails(self) -> None:
        order = {
            "count": self.chance.randint(1, 6),
            "how": self.chance.choice(("cut", "500", "garbage")),
            "when": self.chance.choice(("before", "after")),
        }
        await self.world.provider.control(fail_next=order)
        await self._pause(LASTS_S)

    async def provider_is_slow(self) -> None:
        await self.world.provider.control(delay_s=self.chance.uniform(0.5, 9.0))
        await self._pause(LASTS_S)
        await self.world.provider.control(delay_s=0)

    async def provider_dies(self) -> None:
        provider = self.world.provider
        await provider.kill()
        await self._pause(LASTS_S)
        await provider.restart()

    async def provider_freezes(self) -> None:
        self.world.provider.freeze()
        await self._pause(FROZEN_S)
        self.world.provider.thaw()

    # --- the platform's receiver ---

    async def receiver_refuses(self) -> None:
        answer = {"status": self.chance.choice((429, 500, 503))}
        await self.world.platform.answer("/hooks/orders", then=answer)
        await self._pause(LASTS_S)
        await self.world.platform.answer("/hooks/orders", then=None)

    async def receiver_hangs_up(self) -> None:
        answer = {"cut": self.chance.choice(("before", "after_status"))}
        await self.world.platform.answer("/hooks/orders", then=answer)
        await self._pause(LASTS_S)
        await self.world.platform.answer("/hooks/orders", then=None)

    async def receiver_freezes(self) -> None:
        self.world.platform.freeze()
        await self._pause(FROZEN_S)
        self.world.platform.thaw()


# With their weights: what kills comes most often.
FAULTS: dict[Fault, int] = {
    Mischief.kill_a_worker: 6,
    Mischief.kill_the_jobs: 3,
    Mischief.freeze_a_worker: 3,
    Mischief.freeze_the_jobs: 1,
    Mischief.replace_every_process: 1,
    Mischief.kill_a_backend: 2,
    Mischief.kill_postgres: 2,
    Mischief.freeze_postgres: 2,
    Mischief.cut_all_lines: 3,
    Mischief.cut_a_line_somewhere: 5,
    Mischief.lose_the_answer_to_a_write: 5,
    Mischief.slow_line: 2,
    Mischief.silent_line: 2,
    Mischief.provider_fails: 5,
    Mischief.provider_is_slow: 2,
    Mischief.provider_dies: 2,
    Mischief.provider_freezes: 1,
    Mischief.receiver_refuses: 2,
    Mischief.receiver_hangs_up: 2,
    Mischief.receiver_freezes: 1,
}
