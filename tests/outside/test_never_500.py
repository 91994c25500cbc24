"""Whatever is asked, and whatever happens to Postgres: nothing is ever answered with a 500."""

import asyncio
import itertools
import os
import shutil
import signal
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx2
import msgspec
import pytest
import pytest_asyncio
from starlette.routing import Route

from tests.conftest import quick_folder
from tests.outside.calling import BASE, HOME, PINNED, Caller, payment
from tests.outside.shops import DEMO_SHOP, complaints
from tests.serving import Server, prepared, until, until_async
from ucp_server.app import build_jobs, build_public
from ucp_server.config import Secret
from ucp_server.config_sources import read
from ucp_server.postgres.postmaster import read_pid_file

pytestmark = pytest.mark.asyncio(loop_scope="module")

Wire = dict[str, Any]
Asked = tuple[str, str, bytes | None, dict[str, str]]

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "BREW")
MOCK = "mock_payment_handler"
# As many at once as a shop has callers on a busy day, and more than the pool has connections.
AT_ONCE = 32

JSON = {"Content-Type": "application/json"}
FORM = {"Content-Type": "application/x-www-form-urlencoded"}

ODD_VALUES: tuple[Any, ...] = (
    None,
    True,
    0,
    -1,
    1.5,
    2**53,
    10**30,
    "",
    "\0",
    "\u202e" + "x" * 5000,
    "😀\ufffe",
    "../../etc/passwd",
    "1; drop table orders",
    [],
    [[]],
    {},
    {"id": {"id": [None]}},
)
ODD_BODIES = (
    b"",
    b"{}",
    b"[]",
    b"null",
    b'"x"',
    b"1e999",
    b"{" * 50,
    b'{"a":' * 60 + b"1" + b"}" * 60,
    b'{"a":1,"a":2}',
    b'{"id":"\\ud800"}',
    b'\xff\xfe{"a":1}',
    b'{"line_items":"\\u0000"}',
    b"a=b&a=b&form_token=%00",
)
ODD_IDS = (
    "0",
    "chk_" + "0" * 32,
    "ord_" + "f" * 32,
    "x" * 4000,
    "%00",
    "%ff",
    "..%2f..",
    "ä",
    "chk_1?x=%00",
)
ODD_HEADERS: tuple[dict[str, str], ...] = (
    {"UCP-Agent": "profile=;;;"},
    {"UCP-Agent": 'profile="http://127.0.0.1:1/nobody"'},
    {"UCP-Agent": 'profile="https://platform.example/profile"; version="9999-99-99"'},
    {"Idempotency-Key": "k" * 300},
    {"Idempotency-Key": '"'},
    {"Host": "[::1"},
    {"Accept": "text/html;q=\\"},
    {"Content-Type": "application/json; charset=\x7f"},
    {"If-None-Match": '*"W/'},
    {"Content-Encoding": "gzip"},
    {"Forwarded": 'for=;;by="', "Client-Cert": ":AAAA:"},
    {"X-API-Key": "\u00e9" * 50},
    {"Simulation-Secret": "\u00e9"},
)


@pytest.fixture(scope="module")
def quick() -> Iterator[Path]:
    made = quick_folder()
    yield made
    shutil.rmtree(made)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shop(quick: Path) -> AsyncIterator[Server]:
    """In suite mode, which has the most routes, on a Postgres of its own."""
    settings = ["--mode", "suite", "--data-dir", str(quick / "data"), "--workers", "1"]
    async with prepared(quick, *settings, "--import", str(DEMO_SHOP)) as running:
        await running.start()
        yield running


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def caller(shop: Server) -> AsyncIterator[Caller]:
    limits = httpx2.Limits(max_connections=AT_ONCE)
    async with Caller(shop.http, PINNED, limits=limits) as opened:
        yield opened


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def routes(module_database: str, quick: Path) -> dict[str, list[Route]]:
    """Those of the public and of the admin listener, from the applications themselves."""
    folder = quick / "routes"
    folder.mkdir()
    settings = read(None, {}, {"mode": "suite", "data_dir": str(folder), "database_url": module_database})
    settings = msgspec.structs.replace(settings, secret=Secret("s" * 64))
    found = {}
    for name, build in (("public", build_public), ("admin", build_jobs)):
        async with build(settings) as application:
            inner: Any = application
            while not hasattr(inner, "routes"):
                inner = inner.app
            found[name] = list(inner.routes)
    return found


# --- what is asked ---


async def known_ids(caller: Caller) -> dict[str, tuple[str, ...]]:
    """Ids that exist, for each parameter of a path, beside those that never did."""
    opened = await caller.create("gift-card-25")
    done = await caller.buy("tea-peppermint", payment("success_token", MOCK))
    page = opened["continue_url"].split("/")
    return {
        "id": (opened["id"], done["id"], done["order"]["id"], *ODD_IDS),
        "order": (done["order"]["id"], "unpaid", *ODD_IDS),
        "merchant": ("suite", "nobody"),
        "job": ("0" * 32, *ODD_IDS[:3]),
        "page_id": (page[-2], *ODD_IDS),
        "token": (page[-1], "x"),
        "name": ("notebook-meadow.svg", *ODD_IDS),
    }


def paths(route: Route, ids: dict[str, tuple[str, ...]]) -> Iterator[str]:
    """The template with each known and each odd id in turn."""
    template = route.path.replace(":path}", "}")
    chosen = {name: ids.get(name, ODD_IDS) for name in route.param_convertors}
    for number in range(max(map(len, chosen.values()), default=1)):
        yield template.format(**{name: some[min(number, len(some) - 1)] for name, some in chosen.items()})


def plain(routes: Sequence[Route], ids: dict[str, tuple[str, ...]]) -> Iterator[Asked]:
    """Every path by its own methods, and its first by every method, with nothing and an empty object."""
    for route in routes:
        for number, path in enumerate(paths(route, ids)):
            for method in METHODS if number == 0 else sorted(route.methods or ()):
                yield method, path, None, JSON
                yield method, path, b"{}", JSON


def odd(routes: Sequence[Route], ids: dict[str, tuple[str, ...]]) -> Iterator[Asked]:
    """Every route by its own methods, with odd bodies and odd headers."""
    for route in routes:
        path = next(paths(route, ids))
        for method in sorted(route.methods or ()):
            for body, content_type in itertools.product(ODD_BODIES, (JSON, FORM)):
                yield method, path, body, content_type
            for headers in ODD_HEADERS:
                yield method, path, b"{}", JSON | headers


def bent(document: Any) -> Iterator[Any]:
    """The document with each of its members replaced by some odd values, one at a time."""
    turns = itertools.cycle(range(len(ODD_VALUES)))
    for path in _places(document):
        for _ in range(5):
            yield _replaced(document, path, ODD_VALUES[next(turns)])


def _places(document: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    members = document.items() if isinstance(document, dict) else enumerate(document)
    for key, value in members:
        yield (*path, key)
        if isinstance(value, dict | list):
            yield from _places(value, (*path, key))


def _replaced(document: Any, path: tuple[Any, ...], value: Any) -> Any:
    copy = document.copy()
    copy[path[0]] = value if len(path) == 1 else _replaced(copy[path[0]], path[1:], value)
    return copy


def whole_bodies(ids: dict[str, tuple[str, ...]]) -> Iterator[tuple[str, str, Wire]]:
    """A sound body for every route of ours that reads one."""
    open_id, _, order_id, *_ = ids["id"]
    line = {"id": "li_1", "item": {"id": "tea-peppermint", "title": "x", "price": 1}, "quantity": 2}
    method = {
        "id": "shipping_1",
        "type": "shipping",
        "line_item_ids": ["li_1"],
        "destinations": [HOME],
        "selected_destination_id": "home",
        "groups": [{"id": "shipping_1_group_1", "selected_option_id": "world"}],
    }
    checkout = {
        "line_items": [line],
        "currency": "USD",
        "buyer": {"email": "a@example.com", "first_name": "A", "consent": {"marketing": True}},
        "payment": {"instruments": [payment("success_token", MOCK)["payment_data"]], "handlers": []},
        "fulfillment": {"methods": [method]},
        "discounts": {"codes": ["HELLO10"]},
    }
    event = {"id": "e", "type": "shipped", "occurred_at": "2026-01-11T00:00:00Z"}
    event |= {"line_items": [{"id": "li_1", "quantity": 1}], "tracking_url": "https://x.example/"}
    adjustment = event | {"type": "refund", "status": "pending", "amount": 5, "description": "d"}
    yield "POST", f"{BASE}/checkout-sessions", checkout
    yield "PUT", f"{BASE}/checkout-sessions/{open_id}", {"id": open_id, **checkout}
    yield "POST", f"{BASE}/checkout-sessions/{open_id}/complete", payment("fail_token", MOCK)
    order = {"id": order_id, "fulfillment": {"events": [event]}, "adjustments": [adjustment]}
    yield "PUT", f"{BASE}/orders/{order_id}", order


def admin_bodies(order_id: str) -> Iterator[tuple[str, str, Wire]]:
    order = f"/merchants/suite/orders/{order_id}"
    lines = [{"line_id": "li_1", "quantity": 1}]
    parcel = {
        "lines": lines,
        "carrier": "c",
        "tracking_number": "1",
        "tracking_url": "u",
        "description": "d",
    }
    yield "POST", f"{order}/ship", parcel
    yield "POST", f"{order}/deliver", parcel
    yield "POST", f"{order}/cancel", {"lines": lines, "text": "t"}
    yield "POST", f"{order}/return", {"lines": lines, "text": "t"}
    yield "POST", f"{order}/refund", {"amount_minor": 1, "text": "t"}


def bent_bodies(sound: Iterator[tuple[str, str, Wire]]) -> Iterator[Asked]:
    for method, path, document in sound:
        for number, body in enumerate(bent(document)):
            key = {"Idempotency-Key": f"bent-{number}"} if number % 2 else {}
            yield method, path, msgspec.json.encode(body), JSON | key


async def declined(caller: Caller) -> Asked:
    """A payment that is refused: whether the bent bodies bring one depends on who comes first."""
    ready = await caller.ready("tea-peppermint")
    body = msgspec.json.encode(payment("fail_token", MOCK))
    return "POST", f"{BASE}/checkout-sessions/{ready['id']}/complete", body, JSON


# --- asking ---


async def statuses(client: httpx2.AsyncClient, asked: Sequence[Asked]) -> Counter[int]:
    """How often each status was answered; an answer that nobody may get is told with its question."""
    counted = Counter[int]()
    queue = iter(asked)

    async def ask_on() -> None:
        for method, path, body, headers in queue:
            raw = [(name.encode(), text.encode("latin-1")) for name, text in headers.items()]
            try:
                reply = await client.request(method, path, content=body, headers=raw)
            except (httpx2.RemoteProtocolError, httpx2.ReadError, httpx2.WriteError):
                # A body that is not wanted is not read: then the line ends under our hands.
                counted[0] += 1
                continue
            counted[reply.status_code] += 1
            assert reply.status_code < 500 or reply.status_code == 503, (method, path, body, headers)
            assert "content-type" in reply.headers or not reply.content

    async with asyncio.TaskGroup() as group:
        for _ in range(AT_ONCE):
            group.create_task(ask_on())
    return counted


async def test_nothing_that_is_asked_is_answered_with_a_500(
    shop: Server, caller: Caller, routes: dict[str, list[Route]]
) -> None:
    ids = await known_ids(caller)
    counted = await statuses(caller.client, [await declined(caller)])
    # What ends a checkout or an order comes last.
    counted += await statuses(caller.client, list(bent_bodies(whole_bodies(ids))))
    counted += await statuses(caller.client, [*odd(routes["public"], ids), *plain(routes["public"], ids)])
    assert counted.keys() >= {200, 201, 400, 402, 404, 405, 409, 415, 422}, counted
    async with httpx2.AsyncClient(base_url=shop.admin, timeout=30) as client:
        counted = await statuses(client, list(bent_bodies(admin_bodies(ids["order"][0]))))
        counted += await statuses(client, [*odd(routes["admin"], ids), *plain(routes["admin"], ids)])
    assert counted.keys() >= {200, 400, 404, 405, 409}, counted
    assert complaints(shop) == []


# --- without Postgres ---


@contextmanager
def frozen(postmaster: int) -> Iterator[None]:
    """Postgres neither answers nor hangs up."""
    family = [postmaster, *_children(postmaster)]
    for pid in family:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in family:
            os.kill(pid, signal.SIGCONT)


def _children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def one_each(routes: Sequence[Route], ids: dict[str, tuple[str, ...]]) -> list[Asked]:
    """Every route once by each of its methods."""
    return [
        (method, next(paths(route, ids)), b"{}" if method in ("POST", "PUT") else None, JSON)
        for route in routes
        for method in sorted(route.methods or ())
    ]


async def heals(shop: Server, caller: Caller) -> None:
    """All connections work again: more callers at once than there are connections get their answers."""

    async def is_ready() -> bool:
        async with httpx2.AsyncClient(base_url=shop.admin, timeout=30) as client:
            return (await client.get("/readyz")).status_code == 200

    async def sells() -> bool:
        line = {"line_items": [{"item": {"id": "gift-card-25"}, "quantity": 1}], "currency": "USD"}
        replies = [caller.ask("POST", "/checkout-sessions", line) for _ in range(AT_ONCE)]
        return {reply.status_code for reply in await asyncio.gather(*replies)} == {201}

    await until_async(is_ready)
    await until_async(sells)


@pytest.mark.parametrize("trouble", ["frozen", "killed"])
async def test_without_postgres_everybody_is_asked_for_patience(
    shop: Server, caller: Caller, quick: Path, routes: dict[str, list[Route]], trouble: str
) -> None:
    ids = await known_ids(caller)
    noted = read_pid_file(quick / "data" / "postgres")
    assert noted is not None
    processes = {role: shop.pids(role) for role in ("public", "jobs")}
    public = one_each(routes["public"], ids) + list(bent_bodies(whole_bodies(ids)))[::20]
    admin = one_each(routes["admin"], ids)
    async with httpx2.AsyncClient(base_url=shop.admin, timeout=30) as client:

        async def ask() -> Counter[int]:
            answers = await asyncio.gather(statuses(caller.client, public), statuses(client, admin))
            return answers[0] + answers[1]

        if trouble == "frozen":
            with frozen(noted.pid):
                counted = await ask()
            assert counted[503], counted
        else:
            os.kill(noted.pid, signal.SIGKILL)
            counted = await ask()
            await until(lambda: "PostgreSQL runs again" in shop.output)
    await heals(shop, caller)
    assert complaints(shop) == []
    assert {role: shop.pids(role) for role in processes} == processes
