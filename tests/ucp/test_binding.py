"""What leads to no operation, and what crashed: answers in the form of the release that was asked."""

from typing import Any

import httpx2

from tests.ucp.conftest import ALL, BASE, SCHEMAS, SITE, Agent, Town


async def test_paths_that_lead_nowhere_have_a_body_too(here: Town):
    for method, path, status in (
        ("GET", "/ucp/2026-01-11/nothing", 404),
        ("DELETE", "/ucp/2026-01-11/checkout-sessions", 405),
        ("GET", "/ucp/2026-01-11/checkout-sessions/", 404),
        ("GET", "/ucp/2026-08-25/nothing", 404),
        ("GET", "/ucp/2026-08-26/checkout-sessions/x", 404),
    ):
        reply = await here.client.request(method, path)
        assert reply.status_code == status, (method, path)
        assert reply.headers["content-type"] == "application/json"
        if path.startswith("/ucp/2026-01-11"):
            assert SCHEMAS.checker("2026-01-11", "response", "error").check(reply.json()) == ()
        else:
            assert set(reply.json()) == {"code", "content"}


async def test_a_wrong_method_is_told_all_the_right_ones(here: Town):
    for path, methods in (
        ("/checkout-sessions", {"POST"}),
        ("/checkout-sessions/x", {"GET", "HEAD", "PUT"}),
        ("/checkout-sessions/x/cancel", {"POST"}),
    ):
        reply = await here.client.delete(BASE + path)
        assert reply.status_code == 405
        assert set(reply.headers["allow"].split(", ")) == methods


async def test_a_crash_is_told_in_the_form_of_the_release(here: Town, pool: Any):
    async with pool.connection() as connection:
        await connection.execute("ALTER TABLE checkouts RENAME TO mislaid")
    transport = httpx2.ASGITransport(here.application, raise_app_exceptions=False)
    async with httpx2.AsyncClient(transport=transport, base_url=SITE) as client:
        agent = Agent(client, 'profile="https://one.example/profile"', frozenset(ALL))
        reply = await agent.ask("GET", f"/checkout-sessions/chk_{'0' * 32}", headers={"Request-Id": "r-1"})
    assert (reply.status_code, reply.json()["messages"][0]["code"]) == (500, "internal_error")
    assert "r-1" in reply.text
    assert "checkouts" not in reply.text
