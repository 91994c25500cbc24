"""A flood, in a process of its own: reads a `Job` from stdin, prints a `Result`.

Open loop: buyers begin at a fixed rate, whatever became of those before, over connections that were
opened before and stay open. A buyer who is told to come back when everything is still to be done goes
elsewhere; one whose checkout is there already comes back when told. Meanwhile somebody asks for
/healthz on a connection of its own.
"""

import asyncio
import ssl
import sys
import time
import uuid
from collections.abc import Coroutine
from dataclasses import dataclass, field
from typing import Any

import aiohttp
import msgspec
import uvloop

from tests.bench import process
from tests.load import bodies
from tests.load.shops import item

# A checkout that is there is not given up as long as its buyer waits.
TRIES_MAX = 20
# A reply later than this is as good as none.
REPLY_S = 10.0
# What those that watch processes ask for, and how long they wait for it.
HEALTH_EVERY_S = 0.1
# Buyers who are under way when the time is over may finish: they count as begun, not as bought.
LEAVE_S = 3.0
COME_BACK = frozenset({429, 503})

_encode = msgspec.json.encode
_decode = msgspec.json.decode


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """``per_s`` buyers begin in every second, for ``seconds``; then those under way may finish.

    With ``whole`` they buy, in ``release``; otherwise they only make a checkout. ``per_s`` of 0 is a closed
    loop: each of the ``connections`` goes on as soon as it can. ``site`` has /healthz, ``path`` the
    operations below it.
    """

    site: str
    path: str
    profile_url: str
    release: str
    per_s: float
    seconds: float
    connections: int
    items: int
    whole: bool
    server_pids: tuple[int, ...] = ()


class Result(msgspec.Struct, kw_only=True):
    """``turned_away`` were told to come back before they had anything, ``broken`` had something and ended
    with no order; ``late`` never got a connection.

    Times are in seconds: ``shed_times`` of replies that say come back, ``create_times`` of those that made
    a checkout. ``server_cpu_s`` is what the server had used when the first buyer began, at
    ``began_at`` (Unix time); ``ended_at`` is when the last one was done.
    """

    begun: int = 0
    done: int = 0
    turned_away: int = 0
    broken: int = 0
    late: int = 0
    shed_times: list[float] = msgspec.field(default_factory=list)
    create_times: list[float] = msgspec.field(default_factory=list)
    health_times: list[float] = msgspec.field(default_factory=list)
    unhealthy: int = 0
    server_cpu_s: float = 0.0
    began_at: float = 0.0
    ended_at: float = 0.0
    reasons: dict[str, int] = msgspec.field(default_factory=dict)


class TurnedAway(Exception):
    """Told to come back, and did not."""


class Broken(Exception):
    """No reply that a buyer can go on with."""


@dataclass
class Flood:
    job: Job
    session: aiohttp.ClientSession
    result: Result = field(default_factory=Result)
    _until: float = 0.0
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)

    async def run(self) -> Result:
        await asyncio.gather(*(self._connect() for _ in range(self.job.connections)))
        self.result.server_cpu_s, self.result.began_at = process.cpu_s(self.job.server_pids), time.time()
        self._until = time.perf_counter() + self.job.seconds
        watching = asyncio.create_task(self._watch())
        await (self._begin_in_time() if self.job.per_s else self._go_round())
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=LEAVE_S)
        for task in self._tasks:
            task.cancel()
        watching.cancel()
        return self.result

    async def _connect(self) -> None:
        async with self.session.get(f"{self.job.site}/healthz") as reply:
            await reply.read()
            # All at once, so that each has its own connection.
            await asyncio.sleep(0.2)

    async def _begin_in_time(self) -> None:
        started, number = time.perf_counter(), 0
        while (now := time.perf_counter()) < self._until:
            while number / self.job.per_s <= now - started:
                self._begin(number)
                number += 1
            await asyncio.sleep(0.002)

    def _begin(self, number: int) -> None:
        if len(self._tasks) >= self.job.connections:
            self.result.late += 1
        else:
            self._keep(self._buy(number))

    def _keep(self, buying: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(buying)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _go_round(self) -> None:
        async def one(number: int) -> None:
            while time.perf_counter() < self._until:
                await self._buy(number)

        await asyncio.gather(*(one(number) for number in range(self.job.connections)))

    async def _buy(self, number: int) -> None:
        result = self.result
        result.begun += 1
        try:
            await self._order(number)
        except TurnedAway:
            result.turned_away += 1
        except (Broken, aiohttp.ClientError, TimeoutError) as error:
            reason = str(error) or type(error).__name__
            result.reasons[reason] = result.reasons.get(reason, 0) + 1
            result.broken += 1
        else:
            result.done += 1
            result.ended_at = time.time()

    async def _order(self, number: int) -> None:
        job, at = self.job, f"{self.job.site}{self.job.path}/checkout-sessions"
        started = time.perf_counter()
        body = bodies.create(item(number % job.items), name=f"Robin{number % 64}", release=job.release)
        made = await self._ask("POST", at, body, tries=1)
        self.result.create_times.append(time.perf_counter() - started)
        if not job.whole:
            return
        at = f"{at}/{made['id']}"
        await self._ask("PUT", at, bodies.update(made, name=f"Robin{number % 64}", release=job.release))
        await self._ask("GET", at, None)
        body = bodies.complete("success_token", release=job.release)
        done = await self._ask("POST", f"{at}/complete", body)
        if done["status"] != "completed":
            raise Broken(f"ended as {done['status']}")

    async def _ask(
        self, method: str, url: str, body: bodies.Wire | None, tries: int = TRIES_MAX
    ) -> bodies.Wire:
        headers = bodies.headers(self.job.profile_url, uuid.uuid4().hex if body else "")
        raw = None if body is None else _encode(body)
        for _ in range(tries):
            started = time.perf_counter()
            async with self.session.request(method, url, data=raw, headers=headers) as reply:
                told = await reply.read()
            if reply.status not in COME_BACK:
                break
            self.result.shed_times.append(time.perf_counter() - started)
            if tries > 1:
                await asyncio.sleep(float(reply.headers["Retry-After"]))
        else:
            if tries == 1:
                raise TurnedAway
            raise Broken(f"{method} was told to come back {tries} times")
        if reply.status not in (200, 201):
            raise Broken(f"{method}: {reply.status} {told[:120].decode(errors='replace')}")
        document: bodies.Wire = _decode(told)
        return document

    async def _watch(self) -> None:
        async with aiohttp.ClientSession(connector=_connector(1)) as own:
            while True:
                started = time.perf_counter()
                try:
                    async with own.get(f"{self.job.site}/healthz") as reply:
                        await reply.read()
                    self.result.unhealthy += reply.status != 200
                except (aiohttp.ClientError, TimeoutError):
                    self.result.unhealthy += 1
                self.result.health_times.append(time.perf_counter() - started)
                await asyncio.sleep(HEALTH_EVERY_S)


def _connector(limit: int) -> aiohttp.TCPConnector:
    # What is measured is the server; its certificate is its own.
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return aiohttp.TCPConnector(limit=limit, ssl=context, keepalive_timeout=60)


async def _run(job: Job) -> Result:
    async with aiohttp.ClientSession(
        connector=_connector(job.connections),
        timeout=aiohttp.ClientTimeout(total=REPLY_S),
        cookie_jar=aiohttp.DummyCookieJar(),
    ) as session:
        return await Flood(job, session).run()


def main() -> None:
    job = msgspec.json.decode(sys.stdin.buffer.read(), type=Job)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        result = runner.run(_run(job))
    sys.stdout.buffer.write(_encode(result))


if __name__ == "__main__":
    main()
