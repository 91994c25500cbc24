"""Signals: what a platform observed of its buyer, asked for and handed on, and kept nowhere."""

from typing import Any

from tests.ucp.conftest import BUYER, JANUARY, Open, complete_body, create_body, shipping
from ucp_server.ports import Attempt
from ucp_server.store.database import Pool, read
from ucp_server.ucp.releases import SERVED

Wire = dict[str, Any]

ADDRESS = "dev.ucp.buyer_ip"
OBSERVED = "203.0.113.77"
SIGNALS = {ADDRESS: OBSERVED}


def told(document: Wire) -> list[tuple[str, str, str | None]]:
    return [(m["type"], m["code"], m.get("path")) for m in document.get("messages", ())]


async def test_a_shop_asks_for_what_it_was_not_told(town: Open):
    """Only where a platform could tell it, and never in the way of an order (D/overview#Signals)."""
    wish = ("info", "signal", f"$.signals['{ADDRESS}']")
    async with town(asked_signals=(ADDRESS,)) as here:
        for release in SERVED:
            agent = here.agent_of(release)
            full = {"buyer": BUYER, "fulfillment": shipping(release=release)}
            silent = await agent.create(**full)
            assert told(silent) == ([] if release in JANUARY else [wish])
            assert silent["status"] == "ready_for_complete"
            assert told(await agent.update(silent, **full, signals=SIGNALS)) == []
            assert (await agent.complete(silent)).json()["status"] == "completed"


async def test_signals_have_names_of_a_domain(town: Open):
    async with town() as here:
        for release in SERVED:
            agent = here.agent_of(release)
            body = create_body(release=release) | {"signals": {"buyer_ip": OBSERVED}}
            reply = await agent.ask("POST", "/checkout-sessions", body)
            assert reply.status_code == (201 if release in JANUARY else 400)


async def test_signals_are_kept_nowhere(town: Open, pool: Pool):
    async with town() as here:
        agent = here.agent_of("2026-08-25")
        ready = await agent.create(buyer=BUYER, fulfillment=shipping(release="2026-08-25"), signals=SIGNALS)
        body = complete_body("2026-08-25") | {"signals": SIGNALS}
        path = f"/checkout-sessions/{ready['id']}/complete"
        reply = await agent.ask("POST", path, body, key="pay")
        assert reply.json()["status"] == "completed"
        assert OBSERVED not in reply.text
    async with read(pool) as db:
        names = await db.fetch("select relname from pg_stat_user_tables where schemaname = 'public'")
        for (name,) in names:
            rows = await db.fetch(f'select t::text as row from "{name}" t')
            assert not [row for row in rows if OBSERVED in row["row"]], name


def test_an_attempt_prints_none_of_them():
    attempt = Attempt(
        id="a", merchant_id="m", checkout_id="c", psp_key="k", handler_id="h", amount=None, signals=SIGNALS
    )
    assert OBSERVED not in repr(attempt)
