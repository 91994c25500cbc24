"""A known key is answered as it was, whatever has become of the shop; a new one costs nothing extra."""

from pathlib import Path

from tests.ucp.conftest import (
    BUYER,
    Agent,
    Open,
    Town,
    complete_body,
    create_body,
    pinned,
    shipping,
)
from ucp_server.store.database import Pool, recorded_statements, statement
from ucp_server.ucp.releases import SERVED


async def _sell_out(pool: Pool) -> None:
    async with statement(pool) as tx:
        assert await tx.execute("UPDATE inventory SET on_hand = reserved") > 0


async def test_what_was_sold_out_since_is_still_answered_as_it_was(agent: Agent, pool: Pool):
    body = create_body()
    first = await agent.ask("POST", "/checkout-sessions", body, key="create")
    checkout = first.json()
    put = await agent.put(checkout, key="put", buyer=BUYER, fulfillment=shipping())
    await _sell_out(pool)
    assert (await agent.ask("POST", "/checkout-sessions", body)).status_code == 400
    again = await agent.ask("POST", "/checkout-sessions", body, key="create")
    assert (again.status_code, again.content) == (201, first.content)
    again = await agent.put(checkout, key="put", buyer=BUYER, fulfillment=shipping())
    assert (again.status_code, again.content) == (200, put.content)


async def test_a_known_key_is_a_mismatch_before_its_body_is_looked_at(agent: Agent):
    assert (await agent.ask("POST", "/checkout-sessions", create_body(), key="k")).status_code == 201
    for body in (b"{", b"{}", b'{"line_items": 1}'):
        assert (await agent.ask("POST", "/checkout-sessions", body, key="k")).status_code == 409
        assert (await agent.ask("POST", "/checkout-sessions", body, key="new")).status_code == 400


async def test_a_new_key_costs_no_question_of_its_own(agent: Agent):
    checkout = await agent.create()  # the rule tables are read
    with recorded_statements() as keyless:
        await agent.put(checkout, buyer=BUYER)
    with recorded_statements() as keyed:
        await agent.put(checkout, key="put", buyer=BUYER)
    assert keyed == keyless


async def test_whose_reply_is_gone_hears_what_to_look_at(here: Town, pool: Pool):
    cart = {"line_items": [{"item": {"id": "roses"}, "quantity": 1}]}
    asked = [(here.agent(), "/checkout-sessions", create_body())]
    asked.append((here.agent_of("2026-08-25"), "/carts", cart))
    made = [(await agent.ask("POST", path, body, key="k")).json() for agent, path, body in asked]
    async with statement(pool) as tx:
        await tx.execute("truncate replies")
    for (agent, path, body), document in zip(asked, made, strict=True):
        reply = await agent.ask("POST", path, body, key="k")
        assert (reply.status_code, document["id"] in reply.text) == (409, True)
        assert (await agent.ask("GET", f"{path}/{document['id']}")).status_code == 200


# --- outcomes that are told in the checkout ---


async def test_an_update_that_met_a_payment_is_answered_as_then(here: Town):
    """2026-08-25 shows the checkout unchanged; once the payment is over the same key tells the same."""
    agent = here.agent_of("2026-08-25")
    ready = await agent.ready()
    paying = await agent.complete(ready, credential={"type": "token", "token": "pending_token"})
    assert paying.json()["status"] == "complete_in_progress"
    met = await agent.put(ready, key="put", buyer=BUYER)
    assert met.status_code == 200
    again = await agent.put(ready, key="put", buyer=BUYER)
    assert (again.status_code, again.content) == (200, met.content)
    assert again.headers["idempotent-replayed"] == "true"
    assert (await agent.put(ready, key="put")).status_code == 409
    assert (await agent.put(ready, key="other")).status_code == 200


async def test_an_outcome_of_a_payment_is_kept_and_one_without_is_not(town: Open, tmp_path: Path):
    """With Google's mapping under every release, and by each release's own rules from 2026-04-08 on."""
    asking = {name: pinned(tmp_path, name, release=name, problems="in_checkout") for name in SERVED}
    async with town(platforms=asking) as here:
        for release in SERVED:
            agent = here.agent_of(release)
            bare = await agent.create()
            path = f"/checkout-sessions/{bare['id']}/complete"
            paid = complete_body(release, credential={"type": "token", "token": "fail_token"})
            missing = await agent.ask("POST", path, paid, key=release)
            assert missing.json()["status"] == "incomplete"
            full = {"buyer": BUYER, "fulfillment": shipping(release=release)}
            ready = await agent.update(bare, **full)
            # No payment was begun: the same request runs now, and is declined.
            declined = await agent.ask("POST", path, paid, key=release)
            assert declined.json()["messages"][0]["code"] == "payment_failed"
            await agent.update(ready, **full)
            replayed = await agent.ask("POST", path, paid, key=release)
            assert (replayed.status_code, replayed.content) == (200, declined.content)
