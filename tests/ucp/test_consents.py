"""The buyer's answers: what 2026-08-25 advertises, and how long an answer holds (M:D/buyer-consent)."""

from typing import Any

from conformance import forms
from tests.ucp.conftest import BUYER, Agent, Town, complete_body
from ucp_server.domain.checkout import Buyer, Consent
from ucp_server.ucp.checkout import CONSENT_TEXTS

Wire = dict[str, Any]

ADVERTISING = "2026-08-25"
MARKETING = "dev.ucp.consent.marketing"
ANALYTICS = "dev.ucp.consent.analytics"


def answer(purpose: str, *, granted: bool, source: str = "platform") -> Wire:
    return {purpose: {"granted": granted, "source": source}}


def answers(checkout: Wire) -> dict[str, tuple[bool, str]]:
    consent = checkout["buyer"]["consent"]
    return {purpose: (told["granted"], told["source"]) for purpose, told in consent.items()}


async def test_every_purpose_is_advertised_and_nothing_is_granted_unasked(here: Town):
    consent = (await here.agent_of(ADVERTISING).create())["buyer"]["consent"]
    assert list(consent) == list(CONSENT_TEXTS)
    assert all(told["description"] for told in consent.values())
    assert {(told["granted"], told["source"]) for told in consent.values()} == {(False, "business")}


async def test_before_only_what_the_buyer_said_was_told(everyone: list[Agent]):
    for each in everyone:
        if each.release == ADVERTISING:
            continue
        assert "buyer" not in await each.create()
        assert (await each.create(buyer=BUYER))["buyer"] == BUYER
        consent = forms.consent(each.release, marketing=True)
        assert (await each.create(buyer={"consent": consent}))["buyer"] == {"consent": consent}


async def test_an_answer_outlives_an_update_that_is_silent_about_it(everyone: list[Agent]):
    """What is advertised stays answered; before, a PUT replaced the buyer whole."""
    for each in everyone:
        consent = forms.consent(each.release, marketing=True)
        made = await each.create(buyer={**BUYER, "consent": consent})
        for more in ({"buyer": BUYER}, {}):
            changed = await each.update(made, **more)
            if each.release == ADVERTISING:
                assert answers(changed)[MARKETING] == (True, "platform")
                assert ("email" in changed["buyer"]) is ("buyer" in more)
            else:
                assert "consent" not in changed.get("buyer", {})


async def test_what_repeats_an_advertisement_or_answers_another_is_no_answer(here: Town):
    agent = here.agent_of(ADVERTISING)
    given = answer(MARKETING, granted=True) | answer(ANALYTICS, granted=True, source="business")
    given |= answer("com.example.consent.robots", granted=True)
    told = answers(await agent.create(buyer={"consent": given}))
    assert told[MARKETING] == (True, "platform")
    assert told[ANALYTICS] == (False, "business")
    assert "com.example.consent.robots" not in told


async def test_a_complete_may_bring_the_answers(here: Town):
    """And adds to the buyer who is known; before, a complete told nothing of the buyer."""
    for release in ("2026-04-08", ADVERTISING):
        agent = here.agent_of(release)
        ready = await agent.ready()
        body = complete_body(release) | {"buyer": {"consent": forms.consent(release, marketing=True)}}
        reply = await agent.ask("POST", f"/checkout-sessions/{ready['id']}/complete", body)
        done = reply.json()
        assert done["status"] == "completed"
        assert done["buyer"].items() >= BUYER.items()
        if release == ADVERTISING:
            assert answers(done)[MARKETING] == (True, "platform")
            assert answers(await agent.get(done)) == answers(done)
        else:
            assert "consent" not in done["buyer"]


async def test_an_answer_of_a_complete_that_is_declined_holds_as_well(here: Town):
    agent = here.agent_of(ADVERTISING)
    ready = await agent.ready()
    body = complete_body(ADVERTISING, credential={"type": "token", "token": "fail_token"})
    body |= {"buyer": {"consent": answer(MARKETING, granted=True)}}
    await agent.ask("POST", f"/checkout-sessions/{ready['id']}/complete", body)
    assert answers(await agent.get(ready))[MARKETING] == (True, "platform")


def test_a_buyer_with_further_members_keeps_the_others():
    yes, no = (Consent(purpose=MARKETING, granted=granted) for granted in (True, False))
    other = Consent(purpose=ANALYTICS, granted=True)
    known = Buyer(email="a@b.example", first_name="Ada", consents=(yes, other))
    told = Buyer(email="new@b.example", consents=(no,))
    assert known.with_members(told) == Buyer(email="new@b.example", first_name="Ada", consents=(no, other))
    assert known.with_members(Buyer()) == known
