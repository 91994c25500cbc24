"""What the server alone writes is never believed when a request brings it."""

from typing import Any

from conformance.aap.network import AAP, Network, told
from conformance.registry import check, expect

PAGE = "checkout page, metadata"
EVIL = "evil"
FIELDS = (
    "aap_code",
    "aap_recommendation_id",
    "aap_session_id",
    "aap_offer_id",
    "aap_merchant_id",
    "aap_agent_id",
)


async def _claimed(network: Network, **query: Any) -> None:
    """A hand-off whose body and query claim every field leaves them as they were."""
    claim = dict.fromkeys(FIELDS, EVIL)
    made = await network.recommended()
    ids = {name: made[name] for name in ("sessionId", "recommendationId")}
    body = claim | ids | {"metadata": claim, "attribution": claim, "userDetails": {"metadata": claim}}
    handed = made | {"checkout": told(await network.ask("POST", "/v1/checkout", body, **query))}
    metadata = await network.metadata(handed)
    for name in FIELDS:
        expect(metadata[name] != EVIL, f"{name} was believed")
    expect(metadata["aap_recommendation_id"] == made["recommendationId"], "it is of another one")
    expect(metadata["aap_session_id"] == made["sessionId"], "it is of another session")


@check(PAGE, releases=AAP)
async def metadata_in_a_body_is_not_believed(network: Network) -> None:
    """No member of a body sets or changes attribution."""
    await _claimed(network)


@check(PAGE, releases=AAP)
async def metadata_in_a_query_is_not_believed(network: Network) -> None:
    """No query string sets or changes attribution."""
    await _claimed(network, **dict.fromkeys(FIELDS, EVIL))


@check(PAGE, releases=AAP)
async def amounts_are_not_believed(network: Network) -> None:
    """An amount, a currency or a merchant in a request changes nothing."""
    made = await network.recommended()
    claim = {"amount": 0.01, "currency": "JPY", "merchant": {"id": EVIL}, "status": "paid"}
    document = told(await network.checkout(made, **claim))
    expect(document["amount"] != claim["amount"], "the amount was believed")
    expect(document["currency"] == made["offer"]["currency"], "the currency was believed")
    expect(document["merchant"]["id"] == made["offer"]["merchantId"], "the merchant was believed")
    expect(document["status"] == "awaiting_payment", "the status was believed")
