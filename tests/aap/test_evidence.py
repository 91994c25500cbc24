"""Evidence: only what is signed, whole and true is verified; whatever is forged counts for nothing."""

import asyncio
from itertools import product
from typing import Any

import msgspec
import pytest

from tests.aap.conftest import Caller, Town, told
from ucp_server.aap.evidence import TOLERANCE_S, signature_of
from ucp_server.aap.mock import artefact, conversion_event
from ucp_server.store.ids import id_of_ulid

Wire = dict[str, Any]

ATTRIBUTION = (
    "aap_code",
    "aap_recommendation_id",
    "aap_session_id",
    "aap_offer_id",
    "aap_merchant_id",
    "aap_agent_id",
)


async def metadata_of(here: Town, made: Wire) -> Wire:
    """What the server wrote beside the checkout, as a provider of payments brings it back."""
    found = await here.network.recommendation(id_of_ulid(made["recommendationId"]) or "")
    return {
        "aap_code": found.code,
        "aap_recommendation_id": made["recommendationId"],
        "aap_session_id": made["sessionId"],
        "aap_offer_id": found.offer.id,
        "aap_merchant_id": found.offer.merchant_id,
        "aap_agent_id": found.agent_id,
    }


@pytest.fixture
async def made(agent: Caller) -> Wire:
    return await agent.handed_off()


@pytest.fixture
async def event(here: Town, made: Wire) -> Wire:
    """A payment that agrees with everything."""
    return payment(await metadata_of(here, made))


def payment(metadata: Wire, **changes: Any) -> Wire:
    data = {
        "orderReference": "order-1",
        "amount": 18,
        "currency": "GBP",
        "status": "succeeded",
        "metadata": metadata,
    }
    return {"id": "evt_1", "type": "payment_succeeded", "data": data} | changes


def intent(metadata: Wire, **changes: Any) -> Wire:
    about = {
        "id": "pi_1",
        "amount": 1800,
        "currency": "gbp",
        "status": "succeeded",
        "metadata": metadata,
    }
    return {"id": "evt_2", "type": "payment_intent.succeeded", "data": {"object": about | changes}}


async def verified(here: Town, agent: Caller, made: Wire) -> int:
    """How many verified sales the session shows, and how many rows of the ledger say so."""
    view = await agent.get(f"/v1/sessions/{made['sessionId']}")
    shown = sum(one["verification"] == "verified" for one in view["conversions"])
    rows = await here.count("ledger where document -> 'fact' ->> 'level' = 'verified'")
    return max(shown, rows)


async def test_a_payment_that_agrees_with_everything_is_verified(
    here: Town, agent: Caller, made: Wire, event: Wire
) -> None:
    source = await here.source()
    recorded = told(await source.tell(event))
    assert (recorded["status"], recorded["verification"]) == ("conversion_recorded", "verified")
    (conversion,) = (await agent.get(f"/v1/sessions/{made['sessionId']}"))["conversions"]
    assert recorded["conversionId"] == conversion["conversionId"]
    assert (conversion["orderReference"], conversion["transactionValue"]) == ("order-1", 18)
    assert await verified(here, agent, made) == 1


@pytest.mark.parametrize("kind", ["payment_intent.succeeded", "payment_intent.payment_succeeded"])
async def test_a_payment_intent_is_taken_as_its_provider_writes_it(
    here: Town, agent: Caller, made: Wire, kind: str
) -> None:
    at = int(here.clock.now().timestamp())
    told_as = intent(await metadata_of(here, made)) | {"type": kind, "created": at}
    recorded = told(await (await here.source()).tell(told_as))
    assert recorded["verification"] == "verified"


async def test_our_own_order_and_a_source_tell_of_one_sale(
    here: Town, agent: Caller, made: Wire, event: Wire
) -> None:
    source = await here.source()
    first = told(await source.tell(event))
    again = told(await (await here.source()).tell(event | {"id": "evt_9"}))
    assert again["conversionId"] == first["conversionId"]
    assert len((await agent.get(f"/v1/sessions/{made['sessionId']}"))["conversions"]) == 1


async def test_a_milestone_of_the_source_counts(here: Town, agent: Caller, made: Wire, event: Wire) -> None:
    reached = event | {"type": "sim.activated"}
    assert told(await (await here.source()).tell(reached)) == {"received": True, "status": "ignored"}
    recorded = told(await (await here.source("sim.activated")).tell(reached))
    assert recorded["verification"] == "verified"


async def test_an_event_that_nobody_asked_for_is_ignored(here: Town, event: Wire) -> None:
    recorded = told(await (await here.source()).tell(event | {"type": "customer.created"}))
    assert recorded == {"received": True, "status": "ignored"}
    assert await here.count("ledger") == 0


# --- forged: nothing of it is even read ---


async def test_forged_evidence_is_refused(here: Town, agent: Caller, made: Wire, event: Wire) -> None:
    source, other = await here.source(), await here.source()
    raw = msgspec.json.encode(event)
    at = int(here.clock.now().timestamp())
    good = signature_of(source.source.secret, str(at), raw)
    forged = [
        await source.tell(event, secret="guessed"),
        await source.tell(event, secret=""),
        await source.tell(event, secret=other.source.secret),
        await source.tell(event, moment=at - TOLERANCE_S - 1),
        await source.tell(event, moment=at + TOLERANCE_S + 1),
        *[
            await source.tell(raw, headers={"x-aap-signature": header} if header else {})
            for header in (
                "",
                "nonsense",
                f"t={at}",
                f"v1={good}",
                f"t={at},v1=",
                f"t={at},v1={good[:-1]}",
                f"t={at},v1={good.upper()}0",
                f"t={at + 1},v1={good}",
                f"t={at},t={at},v1={good}",
                f"t=-{at},v1={good}",
                f"t={'9' * 40},v1={good}",
                f"t={at},v0={good}",
                f"t={at}," + ",".join(["v1=00"] * 4) + f",v1={good}",
            )
        ],
        await source.tell(raw + b" ", headers={"x-aap-signature": f"t={at},v1={good}"}),
        await source.tell(raw.replace(b"18", b"81"), headers={"x-aap-signature": f"t={at},v1={good}"}),
    ]
    assert {(reply.status_code, reply.json()["error"]) for reply in forged} == {(401, "Invalid signature")}
    assert len(forged) == 20
    assert await here.count("ledger") == 0
    assert await verified(here, agent, made) == 0
    changed_over = f"t={at},v1=00,v1={good}"
    assert told(await source.tell(raw, headers={"x-aap-signature": changed_over}))["received"] is True


async def test_an_unknown_source_looks_like_a_forged_one(here: Town, event: Wire) -> None:
    source = await here.source()
    nobody = await here.nobody().ask("POST", "/v1/evidence/nobody", event)
    await here.sources.revoke("shop", source.source.id)
    revoked = await source.tell(event)
    assert nobody.status_code == revoked.status_code == 401
    assert nobody.json() == revoked.json() == {"error": "Invalid signature"}


# --- replayed ---


async def test_replayed_evidence_changes_nothing(
    here: Town, agent: Caller, made: Wire, event: Wire
) -> None:
    source = await here.source()
    first = told(await source.tell(event))
    here.clock.move(seconds=60)
    again = told(await source.tell(event))
    assert again == first | {"status": "already_recorded"}
    assert await verified(here, agent, made) == 1
    assert await here.count("ledger") == 1


async def test_the_id_of_an_event_names_one_event(
    here: Town, agent: Caller, made: Wire, event: Wire
) -> None:
    """What was told of one sale is not told again of another."""
    source = await here.source()
    told(await source.tell(event))
    other = await agent.handed_off()
    replayed = told(await source.tell(payment(await metadata_of(here, other))))
    assert (replayed["status"], replayed["reason"]) == ("not_recorded", "event_reused")
    assert await verified(here, agent, other) == 1
    assert (await agent.get(f"/v1/sessions/{other['sessionId']}"))["conversions"] == []


async def test_twins_of_one_event_are_one_entry(here: Town, agent: Caller, made: Wire, event: Wire) -> None:
    source = await here.source()
    replies = await asyncio.gather(*(source.tell(event) for _ in range(8)))
    assert {told(reply)["verification"] for reply in replies} == {"verified"}
    assert len({told(reply)["conversionId"] for reply in replies}) == 1
    assert await here.count("ledger") == 1


# --- told, and not true ---


async def test_a_wrong_amount_is_not_verified(here: Town, agent: Caller, made: Wire, event: Wire) -> None:
    source = await here.source()
    for number, amount in enumerate((0, 17.99, 18.01, 1800, 9_000_000_000)):
        wrong = event | {"id": f"evt_{number}", "data": event["data"] | {"amount": amount}}
        recorded = told(await source.tell(wrong))
        assert recorded.get("verification") in {None, "payment_observed"}
    metadata = await metadata_of(here, made)
    for number, change in enumerate(({"amount": 1}, {"amount_received": 1799}, {"currency": "usd"})):
        told(await source.tell(intent(metadata, **change) | {"id": f"evt_intent_{number}"}))
    assert await verified(here, agent, made) == 0


async def test_another_currency_is_not_verified(here: Town, agent: Caller, made: Wire, event: Wire) -> None:
    event["data"]["currency"] = "EUR"
    recorded = told(await (await here.source()).tell(event))
    assert (recorded["status"], recorded["reason"]) == ("not_recorded", "amount_impossible")
    assert await verified(here, agent, made) == 0


async def test_a_failed_payment_is_not_verified(here: Town, agent: Caller, made: Wire, event: Wire) -> None:
    source, metadata = await here.source(), await metadata_of(here, made)
    for kind in ("payment_failed", "payment_intent.payment_failed", "payment_intent.canceled"):
        told(await source.tell(event | {"type": kind, "id": f"evt_{kind}"}))
        told(await source.tell(intent(metadata) | {"type": kind, "id": f"evt_intent_{kind}"}))
    assert await verified(here, agent, made) == 0


async def test_a_payment_that_did_not_succeed_is_not_verified(
    here: Town, agent: Caller, made: Wire, event: Wire
) -> None:
    source = await here.source("sim.activated")
    for status in ("failed", "requires_action", "processing", "canceled", "refunded", ""):
        for kind in ("payment_succeeded", "sim.activated"):
            data = event["data"] | {"status": status}
            recorded = told(await source.tell({"id": f"evt_{kind}_{status}", "type": kind, "data": data}))
            assert (recorded["status"], recorded["reason"]) == ("not_recorded", "not_successful")
    assert await verified(here, agent, made) == 0


async def test_attribution_that_is_not_ours_is_not_verified(
    here: Town, agent: Caller, made: Wire, event: Wire
) -> None:
    source, ours = await here.source(), event["data"]["metadata"]
    values = (None, "", "evil", "01M80V3P63E5C9F28KM3PSNWA9")
    for name, value in product(ATTRIBUTION, values):
        metadata = {member: text for member, text in ours.items() if member != name}
        metadata |= {} if value is None else {name: value}
        recorded = told(await source.tell(payment(metadata) | {"id": f"evt_{name}_{value}"}))
        assert recorded.get("verification") in {None, "payment_observed"}, (name, value)
        assert recorded["reason"]
    assert await verified(here, agent, made) == 0


async def test_attribution_of_another_sale_is_not_verified(
    here: Town, agent: Caller, made: Wire, event: Wire
) -> None:
    """Each member in turn is that of a real sale, which is not this one."""
    other = await metadata_of(here, await agent.handed_off("offer-10"))
    stranger = await metadata_of(here, await (await here.agent("agent_2")).handed_off("offer-10"))
    source = await here.source()
    for number, (name, foreign) in enumerate(
        (name, foreign) for name in ATTRIBUTION for foreign in (other, stranger)
    ):
        if foreign[name] == event["data"]["metadata"][name]:
            continue
        mixed = event["data"]["metadata"] | {name: foreign[name]}
        told(await source.tell(payment(mixed) | {"id": f"evt_mixed_{number}"}))
    assert await here.count("ledger where document -> 'fact' ->> 'level' = 'verified'") == 0


async def test_a_code_that_we_did_not_sign_is_not_verified(
    here: Town, agent: Caller, made: Wire, event: Wire
) -> None:
    source, ours = await here.source(), event["data"]["metadata"]
    code = ours["aap_code"]
    damaged = [
        code[:-3] + ("AAA" if code[-3:] != "AAA" else "BBB"),
        code.replace("/v1/", "/v2/"),
        code.replace("network.test", "evil.test"),
        code.partition(".test/v1/")[0],
        code + "=",
        code.rpartition(".")[0] + "." + "A" * 86,
    ]
    for number, text in enumerate(damaged):
        told(await source.tell(payment(ours | {"aap_code": text}) | {"id": f"evt_{number}"}))
    assert await verified(here, agent, made) == 0


async def test_a_source_tells_of_its_own_merchant_alone(
    here: Town, agent: Caller, made: Wire, event: Wire
) -> None:
    recorded = told(await (await here.source(merchant_id="other")).tell(event))
    assert (recorded["status"], recorded["reason"]) == ("not_recorded", "unknown_recommendation")
    assert await verified(here, agent, made) == 0


# --- what is no evidence at all ---


async def test_the_mock_event_is_refused_even_when_it_is_signed(
    here: Town, agent: Caller, made: Wire, event: Wire
) -> None:
    source = await here.source("conversion.eligible")
    raw = await source.tell(artefact().encode())
    assert (raw.status_code, raw.json()) == (422, {"error": "Mock events are no evidence"})
    disguised = await source.tell(event | conversion_event())
    assert disguised.status_code == 422
    marked = await source.tell(event | {"environment": "mock"})
    assert marked.status_code == 422
    assert await here.count("ledger") == 0


async def test_signed_nonsense_is_a_bad_request(here: Town) -> None:
    source = await here.source()
    bodies: tuple[Any, ...] = (
        b"",
        b"{",
        b"[]",
        {},
        {"id": "evt_1", "type": "payment_succeeded"},
        {"id": "evt_1", "type": "payment_succeeded", "data": {}},
        {"id": "evt_1", "type": "payment_succeeded", "data": {"object": {"id": "pi_1"}}},
        {"id": "x" * 256, "type": "payment_succeeded", "data": {}},
        payment({}) | {"created": "yesterday"},
        payment({}) | {"created": "2026-01-01T00:00:00"},
        payment({}) | {"created": 10**15},
        payment({}) | {"data": {"orderReference": "o", "amount": 1.005, "currency": "GBP"}},
        payment({}) | {"data": {"orderReference": "o", "amount": 1, "currency": "XXX"}},
        intent({}, currency="xxx"),
        intent({"aap_code": 5}),
    )
    for body in bodies:
        reply = await source.tell(body)
        assert reply.status_code == 400, (body, reply.text)
    assert await here.count("ledger") == 0
