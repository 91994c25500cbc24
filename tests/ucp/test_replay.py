"""A known key is answered as it was, whatever has become of the shop; a new one costs nothing extra."""

from tests.ucp.conftest import BUYER, Agent, create_body, shipping
from ucp_server.store.database import Pool, recorded_statements, statement


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
