"""Whoever holds a key of the app may use it, and nobody else."""

import uuid

import pytest

from tests.chipp.world import (
    APP,
    AUDIT,
    FOREIGN_APP,
    FOREIGN_KEY,
    KEY,
    OTHER_APP,
    OTHER_KEY,
    REVOKED_KEY,
    Market,
)
from ucp_server.chipp.rest import SESSION_ROUTES

CALLS = [(method, path.replace("{id}", str(uuid.uuid4()))) for path, method, _ in SESSION_ROUTES]


@pytest.mark.parametrize(
    ("authorization", "text"),
    [
        (None, "Missing Authorization header"),
        ("", "Invalid API key format"),
        (KEY, "Invalid API key format"),
        (f"Basic {KEY}", "Invalid API key format"),
        (f"Bearer {KEY.removeprefix('acp_')}", "Invalid API key format"),
        (f"Bearer {KEY.upper()}", "Invalid API key format"),
        (f"Bearer acp_{'z' * 32}", "Invalid API key"),
        ("Bearer acp_\udcff\udcff", "Invalid API key"),
        (f"Bearer {REVOKED_KEY}", "Invalid API key"),
        # Of a merchant that is not served here.
        (f"Bearer {FOREIGN_KEY}", "Invalid API key"),
    ],
)
async def test_without_a_key_nobody_is_let_in(market: Market, authorization: str | None, text: str) -> None:
    headers = {} if authorization is None else {"Authorization": authorization}
    raw = {name: value.encode("utf-8", "surrogateescape") for name, value in headers.items()}
    for method, path in CALLS:
        reply = await market.ask(method, path, key=None, headers=raw)
        assert reply.status_code == 401
        assert reply.headers["www-authenticate"] == "Bearer"
        error = reply.json()["error"]
        assert error["code"] == "unauthorized"
        assert error["message"].startswith(text)


@pytest.mark.parametrize(
    ("app", "key"), [(APP, OTHER_KEY), (OTHER_APP, KEY), (FOREIGN_APP, KEY), ("none", KEY)]
)
async def test_a_key_opens_one_app(market: Market, app: str, key: str) -> None:
    for method, path in CALLS:
        reply = await market.ask(method, path, app=app, key=key)
        assert reply.status_code == 403
        assert reply.json() == {"error": "This API key belongs to another application"}


async def test_the_scheme_is_read_in_any_case(market: Market) -> None:
    body = {"line_items": [{"product_id": AUDIT}]}
    for authorization in (f"bearer {KEY}", f"BEARER  {KEY} "):
        headers = {"Authorization": authorization}
        reply = await market.ask("POST", "/checkout_sessions", body, key=None, headers=headers)
        assert reply.status_code == 201


async def test_an_app_that_is_gone_is_not_found(market: Market) -> None:
    async with market.pool.connection() as connection:
        await connection.execute("delete from handles where handle = $1", APP)
    reply = await market.ask("GET", f"/checkout_sessions/{uuid.uuid4()}")
    assert (reply.status_code, reply.json()) == (404, {"error": "Application not found"})


async def test_nothing_of_a_key_is_stored(market: Market) -> None:
    await market.create()
    async with market.pool.connection() as connection:
        dumps = [
            await connection.fetchval(f"select coalesce(string_agg(t::text, ''), '') from {table} t")
            for table in ("credentials", "checkouts", "claims", "apps")
        ]
    assert all(KEY not in dump for dump in dumps)
