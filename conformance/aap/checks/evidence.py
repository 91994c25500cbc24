"""Evidence: verified only when source, code, recommendation, amount and success agree."""

import time
from uuid import uuid4

from conformance.aap.network import AAP, Network, refused, told
from conformance.registry import Wire, check, expect

SECTION = "checkout page, verified"


async def _told(network: Network) -> Wire:
    handed = await network.handed_off()
    event = await network.payment(handed)
    return {"handed": handed, "event": event, "reply": await network.tell(event)}


async def _is_unverified(network: Network, handed: Wire) -> None:
    document = told(await network.session(handed["sessionId"]))
    levels = [each["verification"] for each in document["conversions"]]
    expect("verified" not in levels, f"the session shows {levels}")


@check(SECTION, releases=AAP)
async def a_true_payment_is_verified(network: Network) -> None:
    """Evidence that agrees with everything is verified, and the session is converted."""
    scene = await network.scene(_told)
    document = told(scene["reply"])
    expect(document["received"] is True, "it was not received", scene["reply"])
    expect(document.get("verification") == "verified", f"it is {document}", scene["reply"])
    session = told(await network.session(scene["handed"]["sessionId"]))
    expect(session["session"]["status"] == "converted", f"it is {session['session']['status']}")


@check(SECTION, releases=AAP)
async def a_replay_is_no_second_conversion(network: Network) -> None:
    """The same event again changes nothing."""
    scene = await network.scene(_told)
    again = told(await network.tell(scene["event"]))
    expect(again.get("conversionId") == told(scene["reply"])["conversionId"], "it is another one")
    session = told(await network.session(scene["handed"]["sessionId"]))
    expect(len(session["conversions"]) == 1, f"{len(session['conversions'])} conversions")


@check(SECTION, releases=AAP)
async def a_forged_event_is_refused(network: Network) -> None:
    """An event that the source did not sign, or signed long ago, is refused."""
    handed = await network.handed_off()
    event = await network.payment(handed)
    refused(await network.tell(event, secret="guessed"), 401)  # noqa: S106 - a wrong one
    refused(await network.tell(event, moment=time.time() - 3600), 401)
    refused(await network.tell(event, moment=time.time() + 3600), 401)
    await _is_unverified(network, handed)


@check(SECTION, releases=AAP)
async def a_wrong_amount_is_not_verified(network: Network) -> None:
    """Another amount than was agreed is not verified."""
    handed = await network.handed_off()
    event = await network.payment(handed)
    event["data"]["amount"] += 1
    await network.tell(event)
    await _is_unverified(network, handed)


@check(SECTION, releases=AAP)
async def a_failed_payment_is_not_verified(network: Network) -> None:
    """A payment that failed is not verified."""
    handed = await network.handed_off()
    await network.tell(await network.payment(handed) | {"type": "payment_failed"})
    event = await network.payment(handed)
    event["data"]["status"] = "failed"
    await network.tell(event)
    await _is_unverified(network, handed)


@check(SECTION, releases=AAP)
async def another_sales_code_is_not_verified(network: Network) -> None:
    """A code that belongs to another sale, or to none, is not verified."""
    handed, other = await network.handed_off(), await network.handed_off()
    own, foreign = (await network.metadata(handed))["aap_code"], (await network.metadata(other))["aap_code"]
    for code in (foreign, "aap://nobody/v1/x.y"):
        event = await network.payment(handed)
        event["data"]["metadata"]["aap_code"] = code
        # Of the same offer in the same second a code says the same, and is the same.
        if code != own:
            await network.tell(event)
    for name in ("aap_session_id", "aap_recommendation_id"):
        event = await network.payment(handed)
        event["data"]["metadata"][name] = (await network.metadata(other))[name]
        await network.tell(event)
    await _is_unverified(network, handed)
    await _is_unverified(network, other)


@check("mock-conversion page", releases=AAP)
async def the_mock_event_is_no_evidence(network: Network) -> None:
    """The event of the lesson is refused, however well it is signed."""
    handed = await network.handed_off()
    event = await network.payment(handed)
    mock = event | {"environment": "mock", "event_type": "conversion.eligible", "id": f"evt_{uuid4()}"}
    reply = await network.tell(mock)
    expect(400 <= reply.status < 500, f"answered {reply.status}")
    await _is_unverified(network, handed)
