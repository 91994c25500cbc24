"""``/v1/purchase``: the buyer's link, or a payment with what the merchant keeps for the agent."""

import asyncio
from typing import Any

import pytest

from tests.aap.conftest import SITE, Caller, Town
from ucp_server.ports import Credential
from ucp_server.store.ids import ulid_of

Wire = dict[str, Any]

VISA = "4242424242424242"
DECLINED = "4000000000000002"
CHALLENGED = "4000000000003155"


async def method_of(here: Town, number: str = VISA, owner: str = "agent_1") -> str:
    """A card that the merchant had kept for ``owner``, as the agent names it."""
    members = {"number": number, "expiry_month": 7, "expiry_year": 2041, "cvc": "737", "name": "Ana"}
    card = Credential(type="card", members=members)
    method = await here.methods.add("shop", owner, card, None, f"key-{number}")
    return ulid_of(method.id)


async def purchase(agent: Caller, made: Wire, **more: Any) -> Wire:
    return await agent.post("/v1/purchase", recommendationId=made["recommendationId"], **more)


async def test_without_a_method_it_is_the_buyers_link(here: Town, agent: Caller) -> None:
    made = await agent.recommended()
    link = await purchase(agent, made, sessionId=made["sessionId"])
    assert (link["status"], link["mode"]) == ("awaiting_payment", "checkout")
    assert link["checkoutUrl"].startswith(SITE + "/checkout/")
    ids = {name: made[name] for name in ("sessionId", "recommendationId")}
    assert await agent.post("/v1/checkout", **ids) == link


@pytest.mark.parametrize("prefix", ["", "pm."])
async def test_with_a_method_it_is_paid_at_once(here: Town, agent: Caller, prefix: str) -> None:
    made, method = await agent.recommended(), await method_of(here)
    done = await purchase(agent, made, storedMethodId=prefix + method)
    assert (done["status"], done["mode"], done["amount"]) == ("paid", "autonomous", 18)
    again = await purchase(agent, made, storedMethodId=prefix + method)
    assert again["transactionId"] == done["transactionId"]
    assert (again["status"], await here.count("orders")) == ("paid", 1)
    await here.work()
    (conversion,) = (await agent.get(f"/v1/sessions/{made['sessionId']}"))["conversions"]
    assert conversion["verification"] == "verified"


async def test_twins_pay_once(here: Town, agent: Caller) -> None:
    made, method = await agent.recommended(), await method_of(here)
    body = {"recommendationId": made["recommendationId"], "storedMethodId": method}
    replies = await asyncio.gather(*(agent.ask("POST", "/v1/purchase", body) for _ in range(4)))
    assert {reply.status_code for reply in replies} <= {200, 409}
    done = await purchase(agent, made, storedMethodId=method)
    assert (done["status"], await here.count("orders")) == ("paid", 1)


async def test_a_declined_card_leaves_the_link(here: Town, agent: Caller) -> None:
    made, method = await agent.recommended(), await method_of(here, DECLINED)
    failed = await purchase(agent, made, storedMethodId=method)
    assert (failed["status"], failed["mode"]) == ("failed", "autonomous")
    assert (await here.client.get(failed["checkoutUrl"])).status_code == 200
    done = await purchase(agent, made, storedMethodId=await method_of(here))
    assert (done["status"], await here.count("orders")) == ("paid", 1)


async def test_a_challenge_is_the_buyers(here: Town, agent: Caller) -> None:
    made, method = await agent.recommended(), await method_of(here, CHALLENGED)
    link = await purchase(agent, made, storedMethodId=method)
    assert (link["status"], link["mode"]) == ("awaiting_payment", "checkout")
    assert await here.count("orders") == 0


@pytest.mark.parametrize("method", ["nonsense", "01M80V3P63E5C9F28KM3PSNWA9"])
async def test_an_unknown_method_is_not_found(here: Town, agent: Caller, method: str) -> None:
    made = await agent.recommended()
    body = {"recommendationId": made["recommendationId"], "storedMethodId": method}
    reply = await agent.ask("POST", "/v1/purchase", body)
    assert (reply.status_code, reply.json()) == (404, {"error": "Stored method not found"})
    assert await here.count("attempts") == 0


@pytest.mark.parametrize("owner", ["agent_2", "cust_1"])
async def test_nobody_pays_with_what_is_kept_for_another(here: Town, agent: Caller, owner: str) -> None:
    made, method = await agent.recommended(), await method_of(here, owner=owner)
    body = {"recommendationId": made["recommendationId"], "storedMethodId": method}
    assert (await agent.ask("POST", "/v1/purchase", body)).status_code == 404
    assert await here.count("attempts") == 0


async def test_what_is_switched_off_does_not_pay(here: Town, agent: Caller) -> None:
    made, method = await agent.recommended(), await method_of(here)
    (kept,) = await here.methods.listed("shop", "agent_1")
    await here.methods.set_active("shop", "agent_1", kept.id, is_active=False)
    body = {"recommendationId": made["recommendationId"], "storedMethodId": method}
    assert (await agent.ask("POST", "/v1/purchase", body)).status_code == 404


async def test_a_foreign_recommendation_is_an_unknown_one(here: Town, agent: Caller) -> None:
    made, other = await agent.recommended(), await here.agent("agent_2")
    body = {"recommendationId": made["recommendationId"]}
    reply = await other.ask("POST", "/v1/purchase", body)
    assert (reply.status_code, reply.json()["error"]) == (404, "Recommendation not found")
    another = await agent.recommended()
    wrong = await agent.ask("POST", "/v1/purchase", body | {"sessionId": another["sessionId"]})
    assert (wrong.status_code, wrong.json()["error"]) == (404, "Session not found")


async def test_a_session_that_is_over_buys_nothing(here: Town, agent: Caller) -> None:
    made, method = await agent.recommended(), await method_of(here)
    here.clock.move(days=1)
    body = {"recommendationId": made["recommendationId"], "storedMethodId": method}
    reply = await agent.ask("POST", "/v1/purchase", body)
    assert (reply.status_code, reply.json()["error"]) == (410, "Session expired")
    assert await here.count("attempts") == 0
