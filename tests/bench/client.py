"""The buyers, in a process of their own: reads a `Job` from stdin, prints a `Result`.

Closed loop: each buyer waits for a reply before it sends the next request, over one TLS connection
that it keeps. The process says how busy it was, since a client that is busy all the time measures
itself.
"""

import asyncio
import resource
import ssl
import sys
import time
import uuid
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

import aiohttp
import msgspec
import uvloop

from tests.load import bodies
from tests.load.serving import RELEASE
from tests.load.shops import PRICE_MINOR, SHIPPING_MINOR, item

# A reply later than this is a failure of the server, not a slow reply.
REPLY_S = 60.0
# A server that sheds the same request this often does not serve it.
TRIES_MAX = 10

_encode = msgspec.json.encode
_decode = msgspec.json.decode


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """``what``: lifecycles in ``release`` at ``url`` (its endpoint), or empty POSTs to ``url`` itself.

    ``may_fail`` counts wrong replies instead of ending with the first: for somebody else's server.
    """

    what: str
    url: str
    buyers: int
    seconds: float
    profile_url: str = ""
    release: str = RELEASE
    items: int = 1
    may_fail: bool = False


class Result(msgspec.Struct, kw_only=True):
    """Times in seconds; ``times`` by operation, one for each reply, the repeats of a 503 included.

    ``shed`` counts these 503, ``failed`` lifecycles that ended with a wrong reply.
    """

    elapsed: float
    lifecycles: int
    times: dict[str, list[float]]
    client_cpu: float
    shed: int = 0
    failed: int = 0


class Wrong(Exception):
    """A reply that is not what it has to be: the figures would mean nothing."""


@dataclass
class Buyers:
    job: Job
    session: aiohttp.ClientSession
    times: dict[str, list[float]] = field(default_factory=dict)
    lifecycles: int = 0
    last_at: float = 0.0
    shed: int = 0
    failed: int = 0

    async def run(self, number: int, until: float) -> None:
        one: Callable[[int], Awaitable[None]] = self._buy if self.job.what == "lifecycle" else self._post
        while time.perf_counter() < until:
            try:
                await one(number)
            except (Wrong, aiohttp.ClientError, TimeoutError):
                if not self.job.may_fail:
                    raise
                self.failed += 1
            else:
                self.lifecycles += 1
                self.last_at = time.perf_counter()

    async def _post(self, number: int) -> None:
        del number
        headers = {"Content-Type": "application/json"}
        await self._ask("empty", "POST", self.job.url, b"{}", headers, 200)

    async def _buy(self, number: int) -> None:
        agent, at, release = self.job.profile_url, f"{self.job.url}/checkout-sessions", self.job.release
        body = _encode(bodies.create(item(number % self.job.items), name=f"Robin{number}", release=release))
        made = await self._ask("create", "POST", at, body, bodies.headers(agent, _key()), 201)
        _check(bodies.total_minor(made, release) == PRICE_MINOR, made)
        at = f"{at}/{made['id']}"
        body = _encode(bodies.update(made, name=f"Robin{number}", release=release))
        ready = await self._ask("update", "PUT", at, body, bodies.headers(agent, _key()), 200)
        self._check_due(ready, "ready_for_complete")
        seen = await self._ask("get", "GET", at, None, bodies.headers(agent, ""), 200)
        self._check_due(seen, "ready_for_complete")
        body = _encode(bodies.complete("success_token", release=release))
        headers = bodies.headers(agent, _key())
        done = await self._ask("complete", "POST", f"{at}/complete", body, headers, 200)
        self._check_due(done, "completed")
        _check(done.get("order", {}).get("id"), done)

    def _check_due(self, checkout: bodies.Wire, status: str) -> None:
        due_minor = bodies.total_minor(checkout, self.job.release)
        _check((checkout["status"], due_minor) == (status, PRICE_MINOR + SHIPPING_MINOR), checkout)

    async def _ask(
        self,
        operation: str,
        method: str,
        url: str,
        body: bytes | None,
        headers: dict[str, str],
        status: int,
    ) -> bodies.Wire:
        started = time.perf_counter()
        for _ in range(TRIES_MAX):
            async with self.session.request(method, url, data=body, headers=headers) as reply:
                raw = await reply.read()
            if reply.status != 503:
                break
            self.shed += 1
            await asyncio.sleep(float(reply.headers["Retry-After"]))
        self.times.setdefault(operation, []).append(time.perf_counter() - started)
        _check(reply.status == status, f"{method} {url}: {reply.status} {raw.decode(errors='replace')}")
        document: bodies.Wire = _decode(raw)
        return document


def _key() -> str:
    return uuid.uuid4().hex


def _check(holds: object, told: object) -> None:
    if not holds:
        raise Wrong(str(told)[:2000])


async def _run(job: Job) -> Result:
    # What is measured is the server; its certificate is its own.
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    connector = aiohttp.TCPConnector(limit=0, ssl=context)
    timeout = aiohttp.ClientTimeout(total=REPLY_S)
    async with aiohttp.ClientSession(
        connector=connector, timeout=timeout, cookie_jar=aiohttp.DummyCookieJar()
    ) as session:
        buyers = Buyers(job, session)
        cpu, started = _cpu(), time.perf_counter()
        async with asyncio.TaskGroup() as group:
            for number in range(job.buyers):
                group.create_task(buyers.run(number, started + job.seconds))
        return Result(
            elapsed=buyers.last_at - started,
            lifecycles=buyers.lifecycles,
            times=buyers.times,
            client_cpu=_cpu() - cpu,
            shed=buyers.shed,
            failed=buyers.failed,
        )


def _cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def main() -> None:
    job = msgspec.json.decode(sys.stdin.buffer.read(), type=Job)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        result = runner.run(_run(job))
    sys.stdout.buffer.write(_encode(result))


if __name__ == "__main__":
    main()
