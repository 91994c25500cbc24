"""Somebody tests cards: every release tells that the tries are over, and no provider hears of more."""

from tests.ucp.conftest import Agent

BAD = {"credential": {"type": "token", "token": "fail_token"}}


async def test_the_buyer_is_asked_for_when_the_tries_are_over(each: Agent):
    checkout = await each.ready()
    for _ in range(5):
        await each.complete(checkout, **BAD)
    assert (await each.get(checkout))["status"] == "requires_escalation"
    refused = await each.complete(checkout)
    assert "payment_declined_too_often" in refused.text
    shown = await each.update(checkout)
    assert shown["status"] == "requires_escalation"
    assert shown["continue_url"]
    assert "payment_declined_too_often" in [message["code"] for message in shown["messages"]]
