"""What a buyer claims, from the create to the order (D/checkout, "Eligibility Verification at Completion").

Of the test shop's claims ``com.example.club`` holds for its customers, ``com.example.student`` for
the addresses of a school.
"""

from pathlib import Path
from typing import Any

from tests.ucp.conftest import ALL, BUYER, JANUARY, Agent, Open, Town, pinned, profile_url, shipping
from tests.ucp.test_golden import compare
from ucp_server.ucp.releases import DISCOUNT, SERVED

Wire = dict[str, Any]

CLUB = "com.example.club"
STUDENT = "com.example.student"
CUSTOMER: Wire = {**BUYER, "email": "John.Doe@example.com"}
SCHOLAR: Wire = {**BUYER, "email": "ada@School.example"}
LATER = tuple(release for release in SERVED if release not in JANUARY)


def answers(document: Wire) -> list[tuple[str, str, str]]:
    return [(told["type"], told["code"], told["path"]) for told in document.get("messages", ())]


def row(document: Wire, kind: str) -> int:
    return sum(each["amount"] for each in document["totals"] if each["type"] == kind)


async def claiming(agent: Agent, *claims: str, buyer: Wire = BUYER, **more: Any) -> Wire:
    context = {"eligibility": list(claims)}
    return await agent.create(
        buyer=buyer, fulfillment=shipping(release=agent.release), context=context, **more
    )


async def changed(agent: Agent, checkout: Wire, buyer: Wire, *claims: str) -> Wire:
    context = {"context": {"eligibility": list(claims)}} if claims else {}
    methods = shipping(release=agent.release)
    return await agent.update(checkout, buyer=buyer, fulfillment=methods, **context)


async def test_a_claim_brings_its_benefit_before_it_is_verified(here: Town):
    for release in LATER:
        ready = await claiming(here.agent_of(release), "com.example.unheard_of", CLUB)
        compare(release, "create-claiming", 201, ready)
        assert ready["status"] == "ready_for_complete"
        assert answers(ready) == [
            ("warning", "eligibility_not_accepted", "$.context.eligibility[0]"),
            ("info", "eligibility_accepted", "$.context.eligibility[1]"),
        ]
        (applied,) = ready["discounts"]["applied"]
        assert applied == {
            "title": "20 % for members",
            "amount": 1400,
            "automatic": True,
            "provisional": True,
            "eligibility": CLUB,
        }
        assert row(ready, "discount") == -1400


async def test_no_order_is_placed_with_a_claim_that_does_not_hold(here: Town):
    """Only the messages change; the retry with the same key is asked afresh."""
    for release in LATER:
        agent = here.agent_of(release)
        ready = await claiming(agent, CLUB)
        for _ in range(2):
            reply = await agent.complete(ready, key=f"pay-{release}")
            told = reply.json()
            compare(release, "error-claim-not-verified", reply.status_code, told)
            assert (reply.status_code, told | {"messages": []}) == (200, ready | {"messages": []})
            assert answers(told) == [
                ("info", "eligibility_accepted", "$.context.eligibility[0]"),
                ("error", "eligibility_invalid", "$.context.eligibility[0]"),
            ]
            assert told["messages"][1]["severity"] == "recoverable"
        assert await agent.get(ready) == ready
        rescinded = await changed(agent, ready, BUYER)
        assert "messages" not in rescinded
        assert "discounts" not in rescinded
        assert rescinded["totals"] == (await agent.ready())["totals"]
        assert (await agent.paid(rescinded))["status"] == "completed"


async def test_a_claim_that_holds_is_no_longer_provisional(here: Town):
    for release in LATER:
        agent = here.agent_of(release)
        ready = await changed(agent, await claiming(agent, CLUB), CUSTOMER, CLUB)
        assert ready["discounts"]["applied"][0]["provisional"]
        done = await agent.paid(ready)
        compare(release, "complete-claim-verified", 200, done)
        (applied,) = done["discounts"]["applied"]
        assert (done["status"], applied["eligibility"]) == ("completed", CLUB)
        assert "provisional" not in applied
        assert row(done, "total") == row(ready, "total")
        assert await agent.get(done) == done


async def test_free_delivery_is_claimed_and_verified_alike(here: Town):
    for release in LATER:
        agent = here.agent_of(release)
        ready = await claiming(agent, STUDENT)
        assert answers(ready) == [("info", "eligibility_accepted", "$.context.eligibility[0]")]
        assert row(ready, "fulfillment") == 0
        refused = (await agent.complete(ready)).json()
        assert answers(refused)[-1][:2] == ("error", "eligibility_invalid")
        done = await agent.paid(await changed(agent, ready, SCHOLAR, STUDENT))
        assert (done["status"], row(done, "fulfillment")) == ("completed", 0)


async def test_two_claims_are_verified_each_for_itself(here: Town):
    for release in LATER:
        agent = here.agent_of(release)
        ready = await claiming(agent, CLUB, STUDENT, buyer=SCHOLAR)
        refused = (await agent.complete(ready)).json()
        invalid = [told for told in answers(refused) if told[0] == "error"]
        assert invalid == [("error", "eligibility_invalid", "$.context.eligibility[0]")]


async def test_in_january_nobody_claims(here: Town):
    for release in sorted(JANUARY):
        agent = here.agent_of(release)
        plain = await agent.ready()
        told = await claiming(agent, CLUB, buyer=BUYER)
        assert set(told) == set(plain)
        assert row(told, "total") == row(plain, "total")
        assert (await agent.paid(told))["status"] == "completed"


async def test_a_platform_that_went_back_to_january_sees_what_it_can(town: Open, tmp_path: Path):
    """It is told what is taken off, and at last that the order cannot be placed so."""
    async with town() as here:
        made = await claiming(here.agent_of(LATER[-1]), CLUB)
    for release in sorted(JANUARY):
        back = pinned(tmp_path, LATER[-1], release=release)
        async with town(platforms={LATER[-1]: back}) as here:
            agent = here.stranger(f'profile="{profile_url(LATER[-1])}"', release)
            seen = await agent.get(made)
            (applied,) = seen["discounts"]["applied"]
            assert applied == {"title": "20 % for members", "amount": 1400, "automatic": True}
            assert "messages" not in seen
            refused = await agent.complete(seen)
            codes = [message["code"] for message in refused.json()["messages"]]
            assert (refused.status_code, codes) == (400, ["eligibility_invalid"])


async def test_who_does_not_know_discounts_still_hears_of_its_claims(town: Open, tmp_path: Path):
    known = tuple(name for name in ALL if name != DISCOUNT)
    for release in LATER:
        plain = pinned(tmp_path, release, release=release, capabilities=known)
        async with town(platforms={release: plain}) as here:
            agent = here.agent_of(release)
            ready = await claiming(agent, CLUB)
            assert "discounts" not in ready
            assert row(ready, "discount") == -1400
            assert answers(ready) == [("info", "eligibility_accepted", "$.context.eligibility[0]")]
