"""What an agent, a browser or a query string sends never becomes attribution: 0 changes of 0 accepted."""

from itertools import product
from typing import Any

import pytest

from tests.aap.conftest import Caller, Town
from tests.pages.browser import Buyer
from ucp_server.domain.attribution import Attribution
from ucp_server.store.ids import id_of_ulid

Wire = dict[str, Any]

EVIL = "evil"
METADATA = (
    "aap_code",
    "aap_recommendation_id",
    "aap_session_id",
    "aap_offer_id",
    "aap_merchant_id",
    "aap_agent_id",
)
# Other spellings of the same, and what settles money.
FIELDS = (
    *METADATA,
    *(name.removeprefix("aap_") for name in METADATA),
    "agentId",
    "merchantId",
    "offerId",
    "merchant",
    "amount",
    "currency",
    "commission",
    "conversionId",
    "status",
    "attribution",
    "verification",
)


def bodies(field: str) -> list[Wire]:
    """The same claim at every place of a body where somebody might read it."""
    claim = {field: EVIL}
    return [
        claim,
        {"metadata": claim},
        {"attribution": claim},
        {"userDetails": claim},
        {"userDetails": {"metadata": claim, "attribution": claim}},
        {"context": claim, "conversion": claim, "settlement": claim},
    ]


async def facts(here: Town, handed: Wire) -> Attribution:
    checkout = await here.checkout(handed["transactionId"])
    assert checkout.attribution is not None
    assert checkout.merchant_id == "shop"
    assert checkout.quote.total_minor == 1800
    assert checkout.basket.attribution is None
    return checkout.attribution


async def honest(here: Town, agent: Caller, ids: Wire, code: str) -> Attribution:
    return Attribution(
        code=code,
        recommendation_id=id_of_ulid(ids["recommendationId"]) or "",
        session_id=id_of_ulid(ids["sessionId"]) or "",
        offer_id="offer-60",
        merchant_id="shop",
        agent_id=agent.id,
    )


async def code_of(here: Town, ids: Wire) -> str:
    found = await here.network.recommendation(id_of_ulid(ids["recommendationId"]) or "")
    return found.code


@pytest.mark.parametrize("path", ["/v1/checkout", "/v1/purchase"])
async def test_no_body_and_no_query_of_an_agent_changes_attribution(
    here: Town, agent: Caller, path: str
) -> None:
    tried = accepted = 0
    for field in FIELDS:
        made = await agent.recommended()
        ids = {name: made[name] for name in ("sessionId", "recommendationId")}
        wanted = await honest(here, agent, ids, await code_of(here, ids))
        for body in bodies(field):
            # The ids that the call itself needs are the caller's to choose, and are checked.
            sent = body | ids
            reply = await agent.ask(
                "POST",
                path,
                sent,
                headers={field.replace("_", "-"): EVIL, "x-" + field: EVIL},
                **{field: EVIL},
            )
            assert reply.status_code == 200, reply.text
            tried += 3
            accepted += await facts(here, reply.json()) != wanted
    assert (tried, accepted) == (len(FIELDS) * 6 * 3, 0)


async def test_no_body_of_a_search_or_recommendation_changes_attribution(here: Town, agent: Caller) -> None:
    accepted = 0
    for field in METADATA:
        found = await agent.searched(**{field: EVIL})
        body = {
            "sessionId": found["sessionId"],
            "offerId": "offer-60",
            field: EVIL,
            "metadata": {field: EVIL},
        }
        made = (await agent.ask("POST", "/v1/recommend", body, **{field: EVIL})).json()
        ids = {"sessionId": found["sessionId"], "recommendationId": made["recommendationId"]}
        handed = await agent.post("/v1/checkout", **ids)
        accepted += await facts(here, handed) != await honest(here, agent, ids, await code_of(here, ids))
    assert accepted == 0


async def test_no_form_and_no_link_of_a_browser_changes_attribution(here: Town, agent: Caller) -> None:
    handed = await agent.handed_off()
    wanted = await facts(here, handed)
    buyer = Buyer(here.client)
    accepted = 0
    for field, action in product(METADATA, ("update", "pay")):
        page = await buyer.open(f"{handed['checkoutUrl']}?{field}={EVIL}&metadata[{field}]={EVIL}")
        if not page.buttons():
            break
        fields = page.fields() | {"action": action, field: EVIL, f"metadata[{field}]": EVIL}
        await buyer.send(f"{handed['checkoutUrl']}?{field}={EVIL}", fields)
        accepted += await facts(here, handed) != wanted
    assert accepted == 0
    await here.work()
    conversion = (await agent.get(f"/v1/sessions/{handed['sessionId']}"))["conversions"][0]
    assert (conversion["verification"], conversion["transactionValue"]) == ("verified", 18)


async def test_no_tool_changes_attribution(here: Town, agent: Caller) -> None:
    accepted = 0
    for field in FIELDS:
        claim = {field: EVIL, "metadata": {field: EVIL}}
        found = (await agent.use("search_offers", **claim))["structuredContent"]
        wanted = {"session_id": found["sessionId"], "offer_id": "offer-60"}
        link = await agent.use("get_checkout_link", **(claim | wanted))
        told = link["structuredContent"]
        ids = {"sessionId": found["sessionId"], "recommendationId": told["recommendation_id"]}
        recommendation = await here.network.recommendation(id_of_ulid(ids["recommendationId"]) or "")
        assert recommendation.checkout_id is not None
        checkout = await here.engine.read_by_link(
            "shop", recommendation.checkout_id, told["checkout_url"].rpartition("/")[2]
        )
        accepted += checkout.attribution != await honest(here, agent, ids, recommendation.code)
    assert accepted == 0
