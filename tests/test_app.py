"""The composition root: what is put together, and how it ends."""

import json
import logging
from pathlib import Path
from typing import Any

import asyncpg
import httpx2
import msgspec
import pytest
from starlette.requests import Request
from starlette.routing import Route
from starlette.types import Scope

from tests.asgi.calling import call, scope_of
from ucp_server import app, background, bindings, house
from ucp_server.asgi.checker import Violation
from ucp_server.asgi.lines import Lines
from ucp_server.asgi.metrics import Metrics
from ucp_server.asgi.reply import Reply, json_reply
from ucp_server.asgi.stack import wrap
from ucp_server.config import ConfigError, Handler, Mail, Merchant, Secret, Settings
from ucp_server.domain.events import JobKind
from ucp_server.modes import Mode
from ucp_server.resources import folder
from ucp_server.store.importing import BadShop
from ucp_server.worker.deliver import RULES

MERCHANT = Merchant(title="Kiosk", currency="EUR", hosts=("shop.example",))


def settings(database: str, tmp_path: Path, mode: Mode = Mode.DEMO, **more: Any) -> Settings:
    return Settings(
        **{
            "mode": mode,
            "data_dir": tmp_path,
            "database_url": Secret(database),
            "secret": Secret("s" * 64),
            "unlisted_platforms": "open",
            "merchant": {"shop": MERCHANT},
            "database_connections": 4,
            **more,
        }
    )


async def rows(database: str, sql: str) -> list[tuple[Any, ...]]:
    connection = await asyncpg.connect(database)
    try:
        return [tuple(row) for row in await connection.fetch(sql)]
    finally:
        await connection.close()


# --- before the first request ---


async def test_every_merchant_has_a_key_and_the_first_one_the_shop(database: str, tmp_path: Path) -> None:
    two = {"first": MERCHANT, "second": MERCHANT}
    given = settings(database, tmp_path, merchant=two, import_dir=folder("demo_shop"))
    told = await app.prepare(given)
    assert told[0].startswith("shop: 30 items from ")
    assert told[1:] == (f"keys: {tmp_path / 'demo-credentials.json'}",)
    assert await rows(database, "select merchant_id from signing_keys order by 1") == [
        ("first",),
        ("second",),
    ]
    assert await rows(database, "select distinct merchant_id, currency from items") == [("first", "EUR")]
    # Again, as at every start: no second key, the same shop.
    assert await app.prepare(given) == told
    assert len(await rows(database, "select * from signing_keys")) == 2


async def test_without_a_folder_nothing_is_loaded(database: str, tmp_path: Path) -> None:
    assert await app.prepare(settings(database, tmp_path, mode=Mode.SUITE)) == ()
    assert await rows(database, "select * from items") == []


async def test_a_bad_shop_or_plug_in_is_told_before_anything_is_written(
    database: str, tmp_path: Path
) -> None:
    (tmp_path / "products.csv").write_text("id,title,price\nx,y,z\n")
    with pytest.raises(BadShop):
        await app.prepare(settings(database, tmp_path, import_dir=tmp_path))
    unknown = msgspec.structs.replace(MERCHANT, handlers=(Handler(id="card", name="nobody.knows"),))
    with pytest.raises(ConfigError):
        await app.prepare(settings(database, tmp_path, merchant={"other": unknown}))
    assert await rows(database, "select * from signing_keys where merchant_id = 'other'") == []


# --- what is served ---


async def test_what_leads_nowhere_is_told_in_the_form_of_who_asked(database: str, tmp_path: Path) -> None:
    given = settings(database, tmp_path)
    await app.prepare(given)
    async with app.build_public(given) as application:
        transport = httpx2.ASGITransport(application)
        async with httpx2.AsyncClient(transport=transport, base_url="http://shop.example") as client:
            release = await client.get("/ucp/2026-01-11/nowhere")
            assert (release.status_code, release.json()["messages"][0]["code"]) == (404, "not_found")
            method = await client.patch("/ucp/2026-01-11/checkout-sessions")
            assert (method.status_code, method.headers["allow"]) == (405, "POST")
            nobody = await client.get("/nowhere")
            assert (nobody.status_code, nobody.json()["code"]) == (404, "not_found")
            slash = await client.get("/.well-known/ucp/")
            assert slash.status_code == 404
            assert (await client.get("/healthz")).text == "ok\n"
            # Metrics, readiness and orders are the merchant's alone.
            for path in ("/metrics", "/readyz", "/merchants/shop/jobs"):
                assert (await client.get(path)).status_code == 404


async def test_the_merchant_s_listener_has_nothing_for_platforms(database: str, tmp_path: Path) -> None:
    given = settings(database, tmp_path)
    await app.prepare(given)
    async with app.build_jobs(given) as application:
        transport = httpx2.ASGITransport(application)
        async with httpx2.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
            assert (await client.get("/readyz")).status_code == 200
            assert (await client.get("/.well-known/ucp")).json() == {
                "code": "not_found",
                "content": "Not Found.",
            }


async def test_a_crash_is_told_in_the_form_of_every_error_and_quotes_nothing(tmp_path: Path) -> None:
    async def crash(_: Request) -> Reply:
        raise ValueError("4929420573597770")

    def refuse(status: int, code: str, text: str, _: Scope) -> Reply:
        return json_reply(status, {"told": code, "text": text})

    with (tmp_path / "log").open("wb") as log:
        lines = Lines(log.fileno())
        application = wrap(
            app._application([Route("/crash", crash)], refuse),
            lines=lines,
            metrics=Metrics(),
            refuse=refuse,
        )
        reply = await call(application, scope_of("/crash"))
        lines.flush()
    assert reply is not None
    assert (reply.status, json.loads(reply.body)["told"]) == (500, "internal_error")
    told = (tmp_path / "log").read_text()
    assert '"exception":"builtins.ValueError"' in told
    assert "4929" not in told + reply.body.decode()


# --- what the modes and merchants change ---


def test_events_wait_out_the_suite_in_suite_mode_alone() -> None:
    for mode in Mode:
        rules = background._rules(Settings(mode=mode))
        assert (rules[JobKind.WEBHOOK].pauses_s == (background.SUITE_PAUSE_S,)) is (mode is Mode.SUITE)
        assert {kind: rule for kind, rule in rules.items() if kind is not JobKind.WEBHOOK} == {
            kind: rule for kind, rule in RULES.items() if kind is not JobKind.WEBHOOK
        }


@pytest.mark.parametrize(
    ("merchant", "ports", "address", "site"),
    [
        (Merchant(), {"http_port": 8080}, "orders@shop.invalid", "http://localhost:8080"),
        (Merchant(), {"port": 8443}, "orders@shop.invalid", "https://localhost:8443"),
        (
            Merchant(public_url="https://shop.example/", mail=Mail(sender="Shop <o@shop.example>")),
            {},
            "Shop <o@shop.example>",
            "https://shop.example",
        ),
    ],
)
def test_letters_come_from_the_merchant_and_lead_to_it(
    merchant: Merchant, ports: dict[str, int], address: str, site: str
) -> None:
    sender = background._senders(Settings(merchant={"shop": merchant}, **ports))["shop"]
    assert (sender.shop, sender.address, sender.site) == ("shop", address, site)


def test_the_example_platform_is_known_in_demo_alone() -> None:
    for mode in Mode:
        listed = bindings._listed(Settings(mode=mode))
        assert bool(listed) is (mode is Mode.DEMO)


def test_a_reply_of_a_wrong_form_is_said_loudly(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.ERROR, logger="ucp_server.app"):
        house.tell_fault(
            "2026-01-11", "get_checkout", (Violation(path="$.a", keyword="required", text="is missing"),)
        )
    assert caplog.messages == ["a reply of get_checkout in 2026-01-11 is not of its form: $.a is missing"]
