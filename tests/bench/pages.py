"""What pages cost beside an empty POST, and how large they are: ``python -m tests.bench.pages``.

The server as deployed, over TLS, with one process for it and its database on one processor, the buyers
and the empty application on what is left of them in turn. Each of the buyers has a checkout, a cart and
an order of its own, asks for their pages over a connection that it keeps, and waits for each reply.

    python -m tests.bench.pages [--rounds N] [--seconds S] [--buyers N]
"""

import argparse
import asyncio
import os
import re
import ssl
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from statistics import median, quantiles
from typing import Any, Final, NamedTuple, Self
from urllib.parse import urlencode, urljoin, urlsplit

import httpx2
import uvloop

from conformance import forms
from tests.bench import process
from tests.bench.overload import OTHERS, SERVER, pin
from tests.bench.rivals import ITEMS, Town, empty_posts, opened
from tests.load import bodies
from tests.load.shops import item
from tests.pages.browser import Page, same_site
from ucp_server.ucp.releases import CART, CHECKOUT, FULFILLMENT

RELEASE: Final = "2026-08-25"
WARM_UP_S: Final = 1.0
# Of the p95 of an empty POST.
WANTED: Final = 8.0
REPLY_S: Final = 60.0
# A busy machine sheds what begins something.
TRIES_MAX: Final = 20
SHED: Final = 503
# Long enough for a loop that is late to catch up; not counted as time that a page takes.
SHED_S: Final = 0.1
KB: Final = 1000
_LENGTH: Final = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_LINKED: Final = re.compile(r'(?:href|src)="(/assets/[^"]+\.(?:css|js))"')

Wire = dict[str, Any]


class Visit(NamedTuple):
    """Requests as bytes, asked for in turn; ``status`` is what each is answered with."""

    requests: Sequence[bytes]
    status: int = 200


class Line:
    """A connection over HTTP/1.1 that knows as much of it as the figures need, and costs as little."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    @classmethod
    async def to(cls, site: str) -> Self:
        where = urlsplit(site)
        return cls(*await asyncio.open_connection(where.hostname, where.port, ssl=_any_certificate()))

    async def ask(self, request: bytes, status: int) -> bool:
        """False where it was told to come back, as a machine that others use makes the server say."""
        self._writer.write(request)
        head = await self._reader.readuntil(b"\r\n\r\n")
        length = _LENGTH.search(head)
        body = await self._reader.readexactly(int(length[1])) if length else b""
        answered = int(head[9:12])
        if answered not in (status, SHED):
            raise RuntimeError(f"{request[:200]!r}: {head!r} {body[:2000]!r}")
        return answered == status

    async def close(self) -> None:
        self._writer.close()
        await self._writer.wait_closed()


class Asked(NamedTuple):
    """``times`` in milliseconds, ``cpu_ms`` of the server and of Postgres for each reply.

    ``shed`` counts those who were told to come back, whose times are not among the others.
    """

    times: list[float]
    elapsed_s: float
    cpu_ms: float
    shed: int

    @property
    def p95_ms(self) -> float:
        return quantiles(self.times, n=20)[-1]


class Stand(NamedTuple):
    """A ``site``, one visit to it for each buyer, and what its server has used so far."""

    site: str
    visits: Sequence[Visit]
    cpu_s: Callable[[], float]


async def ask(stand: Stand, seconds: float) -> Asked:
    """All buyers at once, each over a line of its own."""
    lines = [await Line.to(stand.site) for _ in stand.visits]
    times: list[float] = []
    shed = 0
    before, begun = stand.cpu_s(), time.perf_counter()

    async def go_round(line: Line, visit: Visit) -> None:
        nonlocal shed
        number = 0
        while (started := time.perf_counter()) < begun + seconds:
            if await line.ask(visit.requests[number % len(visit.requests)], visit.status):
                times.append((time.perf_counter() - started) * 1e3)
                number += 1
            else:
                shed += 1
                await asyncio.sleep(SHED_S)

    await asyncio.gather(*map(go_round, lines, stand.visits))
    elapsed_s, used_s = time.perf_counter() - begun, stand.cpu_s() - before
    for line in lines:
        await line.close()
    return Asked(times, elapsed_s, used_s / len(times) * 1e3, shed)


# --- what is looked at ---


class Agent:
    """Makes what buyers are handed over."""

    def __init__(self, client: httpx2.AsyncClient, endpoint: str, profile_url: str) -> None:
        self._client = client
        self._endpoint = endpoint
        self._profile_url = profile_url
        self._asked = 0

    async def ready(self, number: int) -> Wire:
        made = await self._post("/checkout-sessions", self._wish(number))
        body = bodies.update(made, release=RELEASE)
        return await self._ask("PUT", f"/checkout-sessions/{made['id']}", body)

    async def bought(self, number: int) -> Wire:
        checkout = await self.ready(number)
        path = f"/checkout-sessions/{checkout['id']}/complete"
        return await self._post(path, bodies.complete("success_token", release=RELEASE))

    async def cart(self, number: int) -> Wire:
        return await self._post("/carts", {"line_items": self._wish(number)["line_items"]})

    def _wish(self, number: int) -> Wire:
        """Three kinds of goods, as an order has on the average."""
        wish = bodies.create(item(number), release=RELEASE)
        lines = [{"item": {"id": item((number + n) % ITEMS)}, "quantity": 1 + n} for n in range(3)]
        return wish | {"line_items": lines}

    async def _post(self, path: str, body: Wire) -> Wire:
        return await self._ask("POST", path, body)

    async def _ask(self, method: str, path: str, body: Wire) -> Wire:
        self._asked += 1
        headers = bodies.headers(self._profile_url, f"pages-{self._asked}")
        for _ in range(TRIES_MAX):
            reply = await self._client.request(
                method, f"{self._endpoint}{path}", json=body, headers=headers
            )
            if reply.status_code != SHED:
                break
            await asyncio.sleep(float(reply.headers["retry-after"]))
        if reply.status_code not in (200, 201):
            raise RuntimeError(f"{method} {path}: {reply.status_code} {reply.text[:2000]}")
        document: Wire = reply.json()
        return document


async def visits_of(agent: Agent, client: httpx2.AsyncClient, site: str, number: int) -> dict[str, Visit]:
    """What one buyer asks for, by the name of the page."""
    checkout, order = await agent.ready(number), (await agent.bought(number))["order"]
    page = Page(await client.get(urljoin(site, urlsplit(checkout["continue_url"]).path)))
    order_path = urlsplit(order["permalink_url"]).path
    return {
        "checkout": Visit([_get(page.url)]),
        "checkout, update": Visit(_updates(page), status=303),
        "cart": Visit([_get(urljoin(site, urlsplit((await agent.cart(number))["continue_url"]).path))]),
        "order": Visit([_get(urljoin(site, order_path))]),
        "window": Visit([_get(urljoin(site, "/"))]),
        "receipt": Visit([_get(urljoin(site, f"{order_path}/receipt"))]),
        "shop window": Visit([_get(urljoin(site, "/"))]),
    }


def _updates(page: Page) -> list[bytes]:
    """More of the first kind of goods, and less again."""
    quantity = next(name for name in page.fields() if name.startswith("quantity."))
    return [
        _request(
            "POST", page.url, urlencode(page.fields() | {"action": "update", quantity: number}).encode()
        )
        for number in ("2", "1")
    ]


def _get(url: str) -> bytes:
    return _request("GET", url)


def _request(
    method: str, url: str, body: bytes = b"", kind: str = "application/x-www-form-urlencoded"
) -> bytes:
    where = urlsplit(url)
    sent = {"Host": where.netloc, "Accept-Language": "en", **same_site(url)}
    if body:
        sent |= {"Content-Type": kind, "Content-Length": str(len(body))}
    head = "".join(f"{name}: {value}\r\n" for name, value in sent.items())
    return f"{method} {where.path} HTTP/1.1\r\n{head}\r\n".encode() + body


# --- measuring ---


async def main(given: argparse.Namespace) -> None:
    async with AsyncExitStack() as stack:
        folder = stack.enter_context(process.open_folder())
        town = await stack.enter_async_context(opened(folder, workers=1))
        empty = await stack.enter_async_context(empty_posts(folder, workers=1))
        client = await stack.enter_async_context(httpx2.AsyncClient(verify=False, timeout=REPLY_S))
        assert town.cluster.pid is not None
        served = [town.server.process.pid, town.cluster.pid]
        pin(process.family([*served, *empty.pids]), SERVER)
        pin({os.getpid()}, OTHERS)
        site, count = town.server.https, given.buyers
        agent = await _agent(town, client)
        buyers = [await visits_of(agent, client, site, number) for number in range(count)]
        nothing = Visit([_request("POST", empty.url, b"{}", "application/json")])
        stands = {"empty POST": Stand(empty.url, [nothing] * count, empty.cpu_s)} | {
            name: Stand(site, [visits[name] for visits in buyers], lambda: process.cpu_s(served))
            for name in buyers[0]
        }
        sizes = {name: await _size(client, site, visit) for name, visit in buyers[0].items()}
        print(f"{count} buyers, {given.rounds} rounds in turn, medians")
        _print(await _measure(stands, given), sizes)


async def _measure(stands: Mapping[str, Stand], given: argparse.Namespace) -> dict[str, list[Asked]]:
    found: dict[str, list[Asked]] = {name: [] for name in stands}
    for stand in stands.values():
        # The first one waits for templates and plans, and nobody else with it.
        await ask(stand._replace(visits=stand.visits[:1]), WARM_UP_S)
        await ask(stand, WARM_UP_S)
    for _ in range(given.rounds):
        for name, stand in stands.items():
            found[name].append(await ask(stand, given.seconds))
    return found


def _print(found: Mapping[str, Sequence[Asked]], sizes: Mapping[str, str]) -> None:
    empty = found["empty POST"]
    print(f"{'':18}{'per s':>8}{'p50 ms':>9}{'p95 ms':>9}{'CPU ms':>9}{'p95':>8}{'CPU':>8}   kB")
    for name, rounds in found.items():
        figures = (
            median(len(one.times) / one.elapsed_s for one in rounds),
            median(median(one.times) for one in rounds),
            median(one.p95_ms for one in rounds),
            median(one.cpu_ms for one in rounds),
        )
        late = median(one.p95_ms / other.p95_ms for one, other in zip(rounds, empty, strict=True))
        dear = median(one.cpu_ms / other.cpu_ms for one, other in zip(rounds, empty, strict=True))
        said = f"{figures[0]:>8.0f}{figures[1]:>9.2f}{figures[2]:>9.2f}{figures[3]:>9.2f}"
        print(f"{name:18}{said}{late:>7.1f}x{dear:>7.1f}x   {sizes.get(name, '')}", flush=True)
    shed = sum(one.shed for rounds in found.values() for one in rounds)
    if shed:
        print(f"{shed} were told to come back, and are not counted")
    print(f"wanted: p95 at most {WANTED:g} times that of the empty POST")


async def _size(client: httpx2.AsyncClient, site: str, visit: Visit) -> str:
    """Of the page with its styles and scripts, as sent without compression."""
    method, path, *_ = visit.requests[0].decode().split()
    if method != "GET":
        return ""
    html = (await client.get(urljoin(site, path))).text
    linked = [await client.get(urljoin(site, url)) for url in dict.fromkeys(_LINKED.findall(html))]
    parts = [len(html.encode()), *(len(reply.content) for reply in linked)]
    return f"{sum(parts) / KB:.1f} ({' + '.join(f'{part / KB:.1f}' for part in parts)})"


async def _agent(town: Town, client: httpx2.AsyncClient) -> Agent:
    profile = forms.platform_profile(RELEASE, (CHECKOUT, CART, FULFILLMENT))
    profile_url = await town.platform.serve_profile(RELEASE, profile)
    return Agent(client, f"{town.server.https}/ucp/{RELEASE}", profile_url)


def _any_certificate() -> ssl.SSLContext:
    """What is measured is the server; its certificate is its own."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.pages")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=3.0, help="of each measurement")
    parser.add_argument("--buyers", type=int, default=16)
    return parser.parse_args()


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main(arguments()))
