"""The checks for anybody's application: ours passes them all, and each sees the fault that it is for."""

import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import msgspec
import pytest
from hypercorn.asyncio import serve
from hypercorn.config import Config
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from conformance.chipp import cli
from conformance.chipp.inputs import Inputs
from conformance.chipp.run import run
from conformance.registry import checks_for
from tests.chipp.world import (
    APP,
    AUDIT,
    DUO,
    KEY,
    LAST,
    MUTE,
    OTHER_KEY,
    REPORT,
    Market,
    listen_at,
    put_tool,
)
from tests.serving import reserved_ports
from tests.simulators.running import Receiver
from tests.ucp.conftest import patient
from ucp_server.store.database import Pool

Wire = dict[str, Any]
# Changes a reply: (method, path below the application, status, document) to (status, document).
Spoil = Callable[[str, str, int, Any], tuple[int, Any]]


class Spoiling:
    """The application, its replies as ``spoil`` leaves them."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app
        self.spoil: Spoil | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or self.spoil is None:
            await self.app(scope, receive, send)
            return
        messages: list[Message] = []

        async def keep(message: Message) -> None:
            messages.append(message)

        await self.app(scope, receive, keep)
        begun, body = messages[0], b"".join(message.get("body", b"") for message in messages[1:])
        path = scope["path"].removeprefix(f"/acp/{APP}")
        status, document = self.spoil(
            scope["method"], path, begun["status"], msgspec.json.decode(body) if body else None
        )
        spoiled = msgspec.json.encode(document)
        kept = [(name, value) for name, value in begun["headers"] if name != b"content-length"]
        length = (b"content-length", b"%d" % len(spoiled))
        await send({"type": "http.response.start", "status": status, "headers": [*kept, length]})
        await send({"type": "http.response.body", "body": spoiled})


def session_with(change: Callable[[Wire], object]) -> Spoil:
    """Sessions as ``change`` leaves them."""

    def spoil(method: str, path: str, status: int, document: Any) -> tuple[int, Any]:
        data = document.get("data") if isinstance(document, dict) else None
        if isinstance(data, dict) and "line_items" in data:
            change(data)
        if isinstance(data, dict) and "checkout_session" in data:
            change(data["checkout_session"])
        return status, document

    return spoil


def order_with(change: Callable[[Wire], object]) -> Spoil:
    def spoil(method: str, path: str, status: int, document: Any) -> tuple[int, Any]:
        if status == 200 and path.endswith("/complete"):
            change(document["data"]["order"])
        return status, document

    return spoil


def statuses(**instead: int) -> Spoil:
    """``s404=410``: other statuses than the right ones."""

    def spoil(method: str, path: str, status: int, document: Any) -> tuple[int, Any]:
        return instead.get(f"s{status}", status), document

    return spoil


def card_with(**members: Any) -> Spoil:
    def spoil(method: str, path: str, status: int, document: Any) -> tuple[int, Any]:
        return status, document | members if path.endswith("agent.json") else document

    return spoil


def product_with(**members: Any) -> Spoil:
    def spoil(method: str, path: str, status: int, document: Any) -> tuple[int, Any]:
        if path == "/products":
            document["data"] = [product | members for product in document["data"]]
        return status, document

    return spoil


def plain_401(method: str, path: str, status: int, document: Any) -> tuple[int, Any]:
    return status, {"error": "unauthorized"} if status == 401 else document


def other_sentence(method: str, path: str, status: int, document: Any) -> tuple[int, Any]:
    return status, {"error": "No."} if status in {400, 404, 405} else document


def new_ids() -> Spoil:
    made = iter(range(1, 10**6))
    return session_with(lambda data: data.update(id=f"00000000-0000-7000-8000-{next(made):012d}"))


def one_id() -> Spoil:
    return session_with(lambda data: data.update(id="00000000-0000-7000-8000-000000000001"))


def cents_as_asked(data: Wire) -> None:
    for line in data["line_items"]:
        line["unitPriceCents"] += line["quantity"]
        line["totalCents"] = line["unitPriceCents"] * line["quantity"]
    data["subtotal"]["amount"] = sum(line["totalCents"] for line in data["line_items"])


def not_canceled(method: str, path: str, status: int, document: Any) -> tuple[int, Any]:
    return (status, {"data": {}}) if path.endswith("/cancel") and status == 200 else (status, document)


FAULTS: dict[str, tuple[Spoil, tuple[str, ...]]] = {
    "a card without endpoints": (
        card_with(endpoints={}),
        ("discovery.card_says_what_can_be_done_and_where",),
    ),
    "a card with more": (card_with(skills=[]), ("discovery.card_is_public",)),
    "a price in words": (product_with(price="4 euro"), ("discovery.products_are_public",)),
    "a flat 401": (plain_401, ("access.no_key_is_401", "access.no_real_key_is_401")),
    "another's key is unknown": (statuses(s403=404), ("access.key_of_another_application_is_403",)),
    "a create is 200": (statuses(s201=200), ("sessions.create_answers_201_with_a_session",)),
    "never ready": (
        session_with(lambda data: data.update(status="not_ready_for_payment")),
        ("sessions.create_answers_201_with_a_session", "completing.complete_makes_an_order"),
    ),
    "camel case outside": (
        session_with(lambda data: data.update(expiresAt=data.pop("expires_at"))),
        ("sessions.get_shows_the_session", "sessions.sent_fields_change_and_others_stay"),
    ),
    "dear by the piece": (session_with(cents_as_asked), ("sessions.quantity_is_one_by_default",)),
    "upper-case currency": (
        session_with(lambda data: data["total"].update(currency="EUR")),
        ("sessions.prices_are_the_applications_own",),
    ),
    "no milliseconds": (
        session_with(lambda data: data.update(expires_at="2026-11-21T11:00:00Z")),
        ("sessions.session_lasts_an_hour",),
    ),
    "a day long": (
        session_with(lambda data: data.update(expires_at="2099-11-21T11:00:00.000Z")),
        ("sessions.session_lasts_an_hour",),
    ),
    "always a buyer": (
        session_with(lambda data: data.update(buyer={"name": "X", "email": None, "phone": None})),
        ("sessions.buyer_is_shown_as_sent", "sessions.buyer_without_name_and_address_is_null"),
    ),
    "a new id each time": (
        new_ids(),
        (
            "idempotency.same_key_is_the_same_session",
            "idempotency.same_key_with_another_body_is_the_same_session",
        ),
    ),
    "one id for all": (one_id(), ("idempotency.without_a_key_each_create_is_a_session",)),
    "always fulfilled": (
        order_with(lambda order: order.update(status="fulfilled")),
        (
            "completing.manual_order_waits_for_a_person",
            "completing.order_of_failing_tools_waits_for_a_person",
        ),
    ),
    "never fulfilled": (
        order_with(lambda order: order.update(status="confirmed")),
        ("completing.automatic_order_is_fulfilled",),
    ),
    "everything is fine": (
        statuses(s400=200, s405=200, s404=200, s410=200),
        (
            "completing.twins_make_one_order",
            "errors.bad_bodies_are_400",
            "errors.bad_updates_are_400_and_change_nothing",
            "errors.unknown_products_are_refused",
            "errors.unknown_sessions_are_404",
            "errors.what_is_sold_out_is_not_sold",
            "errors.expired_sessions_are_410",
        ),
    ),
    "not canceled": (not_canceled, ("completing.cancel_answers_canceled",)),
    "other sentences": (
        other_sentence,
        (
            "errors.unknown_sessions_are_404",
            "errors.canceled_sessions_stay_canceled",
            "errors.completed_sessions_stay_completed",
        ),
    ),
}


@asynccontextmanager
async def served(app: ASGIApp) -> AsyncIterator[str]:
    """``app`` on a free port of this machine."""
    listener = socket.create_server(("127.0.0.1", 0), backlog=64)
    port = listener.getsockname()[1]
    config = Config()
    config.bind = [f"fd://{listener.detach()}"]
    config.errorlog = None
    config.graceful_timeout = 0.1
    over = asyncio.Event()
    serving = asyncio.create_task(serve(app, config, shutdown_trigger=over.wait))
    try:
        yield f"http://127.0.0.1:{port}/acp/{APP}"
    finally:
        over.set()
        await serving


class Stage:
    """Our application, served, with all that its checks need."""

    def __init__(self, market: Market, front: Spoiling, url: str, hook_port: int, hook_secret: str) -> None:
        self.market = market
        self.front = front
        self.inputs = Inputs(
            url=url,
            key=KEY,
            other_key=OTHER_KEY,
            product=REPORT,
            automatic_product=AUDIT,
            failing_product=DUO,
            sold_out_product=LAST,
            hook_port=hook_port,
            hook_secret=hook_secret,
            strict=True,
        )

    async def verdicts(self, *only: str, **more: Any) -> dict[str, str]:
        """By check, without the dialect; the reason beside what did not pass."""
        ids = frozenset(f"chipp.{name}" for name in only)
        inputs = msgspec.structs.replace(self.inputs, only=ids, **more)
        results = await run(inputs)
        return {
            each.check.id.removeprefix("chipp."): each.verdict + (f" {each.reason}" if each.reason else "")
            for each in results
        }


@pytest.fixture
async def stage(market: Market, pool: Pool, outside: Receiver) -> AsyncIterator[Stage]:
    await put_tool(pool, "run_audit", f"{outside.url}/tools/audit")
    # DUO has two tools; one that does its work would be enough.
    async with pool.connection() as connection:
        await connection.execute(f"update app_products set tools = '{{send_report}}' where id = '{DUO}'")
        await connection.execute("update inventory set on_hand = 0 where item_id = 'last'")
    await outside.answer("/tools/audit", then={"status": 200, "body": "done"})
    now = market.clock.at
    market.clock.at = now - timedelta(hours=2)
    expired = await market.create(MUTE)
    market.clock.at = now
    front = Spoiling(patient(market.application))
    with reserved_ports(1) as (port,):
        pass
    await listen_at(pool, f"http://127.0.0.1:{port}/hooks")
    secret = await market.secrets.of("shop", APP)
    async with served(front) as url, market.working():
        made = Stage(market, front, url, port, secret)
        made.inputs = msgspec.structs.replace(made.inputs, expired_session=expired["id"])
        yield made


async def test_ours_passes_every_check(stage: Stage) -> None:
    verdicts = await stage.verdicts()
    assert set(verdicts.values()) == {"pass"}, verdicts
    assert len(verdicts) == len(checks_for("chipp"))


async def test_each_fault_is_seen_by_the_checks_that_it_belongs_to(stage: Stage) -> None:
    for fault, (spoil, names) in FAULTS.items():
        stage.front.spoil = spoil
        verdicts = await stage.verdicts(*names, hook_port=0)
        assert set(verdicts) == set(names), fault
        assert all(verdict.startswith("fail") for verdict in verdicts.values()), (fault, verdicts)


async def test_events_that_are_late_or_not_ours_are_seen(stage: Stage) -> None:
    told = await stage.verdicts("events.event_is_signed", hook_secret="another")
    assert told == {"events.event_is_signed": "fail the signature does not fit"}
    async with stage.market.pool.connection() as connection:
        await connection.execute("update apps set webhook_url = ''")
    events = [
        "events.event_has_its_members",
        "events.manual_order_is_told_as_created",
        "events.automatic_order_is_told_as_fulfilled",
    ]
    assert set((await stage.verdicts(*events, event_wait_s=0.2)).values()) == {
        "fail no event came within 0.2 s"
    }


def test_every_check_has_a_fault_that_it_reports() -> None:
    shown = {name for _, names in FAULTS.values() for name in names}
    others = {each.id.removeprefix("chipp.") for each in checks_for("chipp")} - shown
    assert {name for name in others if not name.startswith("events.")} == set()


async def test_what_is_not_given_is_left_out(stage: Stage) -> None:
    bare = {"other_key": "", "automatic_product": "", "failing_product": "", "sold_out_product": ""}
    skipped = {
        name: verdict
        for name, verdict in (await stage.verdicts(**bare, expired_session="", hook_port=0)).items()
        if verdict != "pass"
    }
    assert len(skipped) == 9
    assert all(verdict.startswith("skip needs") for verdict in skipped.values())


def test_the_list_names_every_check(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["--list"]) == 0
    printed = capsys.readouterr().out
    for each in checks_for("chipp"):
        assert each.id.startswith("chipp.")
        assert f"{each.id}\n" in printed


@pytest.mark.parametrize("arguments", [[], ["http://x.test/acp/1"], ["u", "--key", "k", "--only", "none"]])
def test_a_call_that_makes_no_sense_is_told_so(arguments: list[str]) -> None:
    with pytest.raises(SystemExit):
        cli.main(arguments)
