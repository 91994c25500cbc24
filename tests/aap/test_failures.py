"""Every failure of the published table, in the stated order, with its text; and those that we added."""

from typing import Any

import pytest

from tests.aap.conftest import Caller, Town

Wire = dict[str, Any]

# A ULID that nothing has.
NOBODYS = "01M80V3P63E5C9F28KM3PSNWA9"
NOBODYS_UUID = "01a201b1-d883-7ca8-b79d-1e6164da988d"
NEEDED = "sessionId and recommendationId are required"


async def refused(caller: Caller, path: str, body: Any, method: str = "POST") -> tuple[int, str]:
    reply = await caller.ask(method, path, body)
    assert reply.headers["cache-control"] == "no-store"
    return reply.status_code, reply.json()["error"]


@pytest.fixture
async def ids(agent: Caller) -> Wire:
    made = await agent.recommended()
    return {name: made[name] for name in ("sessionId", "recommendationId")}


async def test_both_ids_are_required(agent: Caller) -> None:
    bodies: tuple[Any, ...] = (
        b"",
        {},
        {"sessionId": "x"},
        {"recommendationId": "x"},
        {"sessionId": "", "recommendationId": "x"},
        {"sessionId": "x", "recommendationId": None},
        {"sessionId": None, "recommendationId": None, "userDetails": []},
    )
    for body in bodies:
        assert await refused(agent, "/v1/checkout", body) == (400, NEEDED)


async def test_what_cannot_be_read_is_a_bad_request(agent: Caller) -> None:
    number = {"sessionId": 5, "recommendationId": "x"}
    for body in (b"{", b"[]", number, b'{"sessionId":1,"sessionId":2}'):
        assert (await refused(agent, "/v1/checkout", body))[0] == 400


async def test_details_have_to_be_an_object(agent: Caller, ids: Wire) -> None:
    status, text = await refused(agent, "/v1/checkout", ids | {"userDetails": "Ada"})
    assert (status, text) == (400, "$.userDetails must be of type object")


async def test_an_unknown_session_is_not_found(agent: Caller, ids: Wire) -> None:
    for session_id in ("nonsense", NOBODYS, NOBODYS_UUID, "\u0661" * 26, "x" * 255):
        body = ids | {"sessionId": session_id}
        assert await refused(agent, "/v1/checkout", body) == (404, "Session not found")


async def test_a_foreign_session_is_an_unknown_one(here: Town, ids: Wire) -> None:
    other = await here.agent("agent_2")
    assert await refused(other, "/v1/checkout", ids) == (404, "Session not found")
    session = await other.ask("GET", f"/v1/sessions/{ids['sessionId']}")
    assert (session.status_code, session.json()) == (404, {"error": "Session not found"})
    stats = await other.ask("GET", f"/r/{ids['recommendationId']}/stats")
    assert stats.status_code == 404


async def test_a_session_ends_after_a_day(here: Town, agent: Caller, ids: Wire) -> None:
    here.clock.move(hours=23, minutes=59)
    assert (await agent.ask("POST", "/v1/checkout", ids)).status_code == 200
    here.clock.move(minutes=1)
    assert await refused(agent, "/v1/checkout", ids) == (410, "Session expired")
    # What it led to can still be looked at.
    assert (await agent.get(f"/v1/sessions/{ids['sessionId']}"))["session"]["status"] == "checkout"


async def test_an_unknown_recommendation_is_not_found(agent: Caller, ids: Wire) -> None:
    for recommendation_id in ("nonsense", NOBODYS):
        body = ids | {"recommendationId": recommendation_id}
        assert await refused(agent, "/v1/checkout", body) == (404, "Recommendation not found")


async def test_a_recommendation_of_another_session_is_an_unknown_one(agent: Caller, ids: Wire) -> None:
    other = await agent.recommended()
    body = ids | {"recommendationId": other["recommendationId"]}
    assert await refused(agent, "/v1/checkout", body) == (404, "Recommendation not found")


async def test_an_offer_that_is_gone_is_gone(here: Town, agent: Caller, ids: Wire) -> None:
    await here.sql("update offers set active = false where id = 'offer-60'")
    assert await refused(agent, "/v1/checkout", ids) == (410, "Offer no longer available")
    assert (await agent.ask("POST", "/v1/codes/issue", {"offerId": "offer-60"})).status_code == 410


async def test_a_merchant_that_cannot_be_paid_has_no_processor(agent: Caller) -> None:
    made = await agent.recommended("other-offer-60")
    body = {name: made[name] for name in ("sessionId", "recommendationId")}
    wanted = (503, "Merchant has no connected payment processor")
    assert await refused(agent, "/v1/checkout", body) == wanted
    session = await agent.get(f"/v1/sessions/{made['sessionId']}")
    assert session["session"]["status"] == "active"


async def test_goods_that_are_gone_make_no_checkout(here: Town, agent: Caller, ids: Wire) -> None:
    await here.sql("update inventory set on_hand = 0, reserved = 0 where item_id = 'sim-60'")
    assert await refused(agent, "/v1/checkout", ids) == (502, "Could not create checkout")
    assert await here.count("checkouts") == 0


async def test_a_session_leads_to_one_checkout(agent: Caller, ids: Wire) -> None:
    second = await agent.recommended("offer-10", ids["sessionId"])
    await agent.post("/v1/checkout", **ids)
    body = ids | {"recommendationId": second["recommendationId"]}
    assert await refused(agent, "/v1/checkout", body) == (502, "Could not create checkout")
    late = {"sessionId": ids["sessionId"], "offerId": "offer-10"}
    assert await refused(agent, "/v1/recommend", late) == (409, "This search has become a checkout.")


async def test_the_checks_have_the_published_order(here: Town, agent: Caller) -> None:
    """Each body has every later fault as well; the first one is what is told."""
    made = await agent.recommended("other-offer-60")
    session, recommendation = made["sessionId"], made["recommendationId"]
    await here.sql("update offers set active = false where id = 'other-offer-60'")
    unknown = NOBODYS

    async def told(session_id: str | None, recommendation_id: str) -> int:
        body = {"sessionId": session_id, "recommendationId": recommendation_id}
        return (await refused(agent, "/v1/checkout", body))[0]

    assert await told(None, unknown) == 400
    assert await told(unknown, unknown) == 404
    here.clock.move(days=2)
    assert await told(unknown, recommendation) == 404
    assert await told(session, unknown) == 410
    here.clock.move(days=-2)
    assert await told(session, unknown) == 404
    assert await told(session, recommendation) == 410
    await here.sql("update offers set active = true where id = 'other-offer-60'")
    assert await told(session, recommendation) == 503


async def test_what_lacks_is_named(agent: Caller) -> None:
    lacking = {
        "/v1/recommend": ({"sessionId": "x"}, "sessionId and offerId are required"),
        "/v1/purchase": ({}, "recommendationId is required"),
        "/v1/codes/issue": ({"offerId": ""}, "offerId is required"),
    }
    for path, (body, text) in lacking.items():
        assert await refused(agent, path, body) == (400, text)


async def test_only_what_was_found_can_be_recommended(agent: Caller) -> None:
    found = await agent.searched(provider="Spree")
    body = {"sessionId": found["sessionId"], "offerId": "offer-10"}
    assert await refused(agent, "/v1/recommend", body) == (404, "Offer not found")


async def test_a_search_that_makes_no_sense_is_a_bad_request(agent: Caller) -> None:
    nonsense = {
        "min_price": ("cheap", "1.005"),
        "max_price": ("-1", "1e400", "nan"),
        "data_gb_min": ("much", "inf"),
        "contract_months": ("-1", "1.5", "99999"),
        "provider": ("x" * 256,),
    }
    for name, values in nonsense.items():
        for value in values:
            reply = await agent.ask("GET", "/v1/offers", **{name: value})
            assert reply.status_code == 400, (name, value)
            assert reply.json()["error"].startswith(name)


async def test_reports_that_cannot_be_true(agent: Caller, shop: Caller, ids: Wire) -> None:
    report = {"sessionId": ids["sessionId"], "orderReference": "web-1", "transactionValue": 18}
    for value in (0, -1, "18", 18.005, 1e300, None):
        sent = report | {"transactionValue": value}
        assert (await shop.ask("POST", "/v1/conversions", sent)).status_code == 400
    unknown = report | {"sessionId": NOBODYS}
    assert (await shop.ask("POST", "/v1/conversions", unknown)).status_code == 404


async def test_a_merchant_reports_its_own_sales_alone(here: Town, agent: Caller, ids: Wire) -> None:
    other = await here.merchant("other")
    report = {"sessionId": ids["sessionId"], "orderReference": "web-1", "transactionValue": 18}
    assert await refused(other, "/v1/conversions", report) == (404, "Session not found")
    converted = {"orderReference": "web-1", "transactionValue": 18}
    path = f"/r/{ids['recommendationId']}/convert"
    assert await refused(other, path, converted) == (404, "Recommendation not found")
    assert await here.count("ledger") == 0


async def test_a_merchant_decides_of_its_own_sales_alone(here: Town, shop: Caller, ids: Wire) -> None:
    report = {"sessionId": ids["sessionId"], "orderReference": "web-1", "transactionValue": 18}
    made = await shop.post("/v1/conversions", **report)
    other, path = await here.merchant("other"), f"/v1/conversions/{made['conversionId']}"
    assert await refused(other, f"{path}/clawback", {}) == (404, "Conversion not found")
    assert await refused(other, path, None, "GET") == (404, "Conversion not found")
    assert await refused(shop, f"{path}/forget", {}) == (404, "Conversion not found")


async def test_a_link_that_nobody_made_leads_nowhere(here: Town) -> None:
    for path in ("/r/nonsense", f"/r/{NOBODYS}"):
        reply = await here.nobody().ask("GET", path)
        assert (reply.status_code, reply.json()) == (404, {"error": "Recommendation not found"})


# --- who asks ---

_AGENTS = [
    ("GET", "/v1/offers"),
    ("POST", "/v1/recommend"),
    ("POST", "/v1/checkout"),
    ("POST", "/v1/purchase"),
    ("GET", "/v1/sessions/x"),
    ("POST", "/v1/mcp"),
]
_MERCHANTS = [
    ("POST", "/v1/conversions"),
    ("GET", "/v1/conversions/x"),
    ("GET", "/v1/checkout/x"),
    ("POST", "/v1/conversions/x/validate"),
    ("POST", "/r/x/convert"),
]
_EITHER = [("POST", "/v1/codes/issue"), ("GET", "/r/x/stats")]


async def unauthorized(caller: Caller, method: str, path: str) -> bool:
    headers = {"authorization": f"Bearer {caller.key}"} if caller.key else {}
    reply = await caller.client.request(method, path, headers=headers)
    if reply.status_code != 401:
        return False
    assert reply.json() == {"error": "Invalid API key"}
    assert reply.headers["www-authenticate"].startswith("Bearer")
    return True


async def test_a_key_is_needed(here: Town) -> None:
    for method, path in (*_AGENTS, *_MERCHANTS, *_EITHER):
        for key in ("", "aap_unknown", "aap_mock_conversion" if path != "/v1/mcp" else "x"):
            assert await unauthorized(Caller(here.client, key), method, path), (method, path)


async def test_a_key_opens_what_is_its_partys(agent: Caller, shop: Caller) -> None:
    for method, path in _AGENTS:
        assert await unauthorized(shop, method, path), (method, path)
    for method, path in _MERCHANTS:
        assert await unauthorized(agent, method, path), (method, path)


async def test_a_revoked_key_is_none(here: Town, agent: Caller) -> None:
    await here.sql("update credentials set revoked_at = now()")
    assert await unauthorized(agent, "GET", "/v1/offers")


async def test_another_scheme_is_no_key(here: Town, agent: Caller) -> None:
    for value in (f"Basic {agent.key}", f"bearer{agent.key}", "Bearer", agent.key):
        reply = await here.client.get("/v1/offers", headers={"authorization": value})
        assert reply.status_code == 401


async def test_the_scheme_may_be_in_any_letter_case(here: Town, agent: Caller) -> None:
    sent = {"authorization": f"bearer {agent.key}"}
    assert (await here.client.get("/v1/offers", headers=sent)).status_code == 200


async def test_a_host_that_leads_to_nobody_is_misdirected(here: Town) -> None:
    reply = await here.client.get("http://evil.test/health")
    assert (reply.status_code, list(reply.json())) == (421, ["error"])


async def test_errors_of_the_layers_have_the_same_form(here: Town) -> None:
    reply = await here.client.post("/v1/checkout", content=b"x", headers={"content-type": "text/plain"})
    assert (reply.status_code, list(reply.json())) == (415, ["error"])
