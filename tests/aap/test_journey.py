"""The whole way: a search, a recommendation, a hand-off, a payment on the page, an entry in the ledger."""

from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import httpx2

from tests.aap.conftest import SITE, Caller, Town, told
from tests.pages.browser import Buyer


async def paid(client: httpx2.AsyncClient, url: str) -> None:
    """The buyer opens the link and pays what it shows."""
    buyer = Buyer(client)
    page = await buyer.open(url)
    while "pay" not in page.buttons():
        page = await buyer.press(page, page.buttons()[0])
    done = await buyer.press(page, "pay")
    assert "/order/" in done.url, done.text


async def test_health_asks_nobody_who_they_are(here: Town) -> None:
    health = await here.nobody().get("/health")
    assert health == {"status": "ok", "version": "1.2.3", "protocol": "AAP/1.0.0"}


async def test_a_search_opens_a_session_for_a_day(agent: Caller) -> None:
    found = await agent.searched()
    assert [offer["id"] for offer in found["offers"]] == ["other-offer-10", "offer-10", *_rest()]
    assert found["count"] == 6
    first = found["offers"][1]
    assert (first["price"], first["currency"], first["status"]) == (9.9, "GBP", "active")
    assert first["criteria"] == {"data_gb": 10, "contract_months": 0, "requires_credit_check": False}
    assert first["aapCode"].startswith("aap://network.test/v1/")
    session = (await agent.get(f"/v1/sessions/{found['sessionId']}"))["session"]
    assert (session["status"], session["agentId"]) == ("created", "agent_1")
    assert session["expiresAt"] == found["expiresAt"]


def _rest() -> list[str]:
    return ["other-offer-60", "offer-60", "other-offer-all", "offer-all"]


async def test_a_search_can_be_narrowed(agent: Caller) -> None:
    async def ids(**query: object) -> list[str]:
        return [offer["id"] for offer in (await agent.get("/v1/offers", **query))["offers"]]

    assert await ids(provider="spree") == ["other-offer-all", "offer-all"]
    assert await ids(min_price="18", max_price="18.00") == ["other-offer-60", "offer-60"]
    assert await ids(data_gb_min="60") == _rest()
    assert await ids(contract_months="0") == ["other-offer-10", "offer-10"]
    assert await ids(vertical="hotels") == []


async def test_the_way_from_a_search_to_a_verified_sale(here: Town, agent: Caller) -> None:
    made = await agent.recommended()
    assert made["attributionRecorded"] is True
    assert made["offer"]["price"] == 18
    ids = {name: made[name] for name in ("sessionId", "recommendationId")}
    reply = await agent.post("/v1/checkout", **ids, userDetails={"email": "ada@example.com"})
    assert reply["status"] == "awaiting_payment"
    assert (reply["backend"], reply["mode"]) == ("orchestrated", "checkout")
    assert (reply["amount"], reply["currency"]) == (18, "GBP")
    assert reply["merchant"] == {"id": "shop", "name": "Shop"}
    assert reply["offer"] == {"id": "offer-60", "name": "60 GB month by month", "provider": "Harbour"}
    assert reply["session"] == {"id": made["sessionId"], "status": "checkout"}
    assert reply["checkoutUrl"].startswith(SITE + "/checkout/")

    before = await agent.get(f"/v1/sessions/{made['sessionId']}")
    assert (before["session"]["status"], before["conversions"]) == ("checkout", [])
    await paid(here.client, reply["checkoutUrl"])
    await here.work()

    after = await agent.get(f"/v1/sessions/{made['sessionId']}")
    assert after["session"]["status"] == "converted"
    (conversion,) = after["conversions"]
    assert (conversion["verification"], conversion["status"]) == ("verified", "pending")
    assert (conversion["transactionValue"], conversion["validationPeriodDays"]) == (18, 30)
    # 12.5 % of 18 pounds; the network keeps a fifth.
    assert conversion["commission"] == {
        "amount": 2.25,
        "networkFee": 0.45,
        "builderPayout": 1.8,
        "type": "percentage",
    }
    assert after["recommendations"][0]["id"] == made["recommendationId"]


async def test_a_hand_off_that_is_repeated_is_the_same_checkout(here: Town, agent: Caller) -> None:
    made = await agent.recommended()
    ids = {name: made[name] for name in ("sessionId", "recommendationId")}
    first = await agent.post("/v1/checkout", **ids)
    assert await agent.post("/v1/checkout", **ids) == first
    assert await here.count("checkouts") == 1


async def test_the_buyer_finds_what_the_agent_told(here: Town, agent: Caller) -> None:
    details = {"email": "ada@example.com", "name": "Ada Agent", "phone": 4, "metadata": {"x": "y"}}
    handed = await agent.handed_off(userDetails=details)
    page = await Buyer(here.client).open(handed["checkoutUrl"])
    assert page.fields()["email"] == "ada@example.com"


async def test_the_merchant_reads_what_to_hand_to_its_provider(
    here: Town, agent: Caller, shop: Caller
) -> None:
    handed = await agent.handed_off()
    path = f"/v1/checkout/{handed['transactionId']}"
    read = await shop.get(path)
    assert read["status"] == "open"
    assert read["metadata"] == {
        "aap_code": read["metadata"]["aap_code"],
        "aap_recommendation_id": handed["recommendationId"],
        "aap_session_id": handed["session"]["id"],
        "aap_offer_id": "offer-60",
        "aap_merchant_id": "shop",
        "aap_agent_id": "agent_1",
    }
    assert (await agent.ask("GET", path)).status_code == 401
    for id_ in (handed["transactionId"], "nonsense"):
        foreign = await (await here.merchant("other")).ask("GET", f"/v1/checkout/{id_}")
        assert (foreign.status_code, foreign.json()) == (404, {"error": "Checkout not found"})


async def test_a_tracked_link_leads_to_the_shop_and_is_counted(here: Town, agent: Caller) -> None:
    made = await agent.recommended()
    assert made["fallbackUrl"] == f"{SITE}/r/{made['recommendationId']}"
    reply = await here.client.get(made["fallbackUrl"])
    assert reply.status_code == 302
    leads_to = urlsplit(reply.headers["location"])
    assert f"{leads_to.scheme}://{leads_to.netloc}" == SITE
    assert parse_qs(leads_to.query) == {
        "aap_ref": [made["recommendationId"]],
        "item": ["sim-60"],
        "utm_source": ["aap"],
        "utm_medium": ["agent_referral"],
    }
    assert f"aap_ref={made['recommendationId']}; Max-Age=2592000;" in reply.headers["set-cookie"]
    stats = await agent.get(f"/r/{made['recommendationId']}/stats")
    assert (stats["clicks"], stats["conversions"]) == (1, 0)


async def test_a_shop_reports_a_sale_of_a_followed_link(agent: Caller, shop: Caller) -> None:
    made = await agent.recommended()
    sale = {"orderReference": "web-7", "transactionValue": 18}
    conversion = await shop.post(f"/r/{made['recommendationId']}/convert", **sale)
    assert (conversion["verification"], conversion["orderReference"]) == ("fallback_reported", "web-7")
    assert (await shop.get(f"/r/{made['recommendationId']}/stats"))["conversions"] == 1


async def test_a_shop_reports_a_sale_and_decides_about_it(agent: Caller, shop: Caller) -> None:
    made = await agent.recommended()
    sale = {"sessionId": made["sessionId"], "orderReference": "web-8", "transactionValue": 18.5}
    conversion = await shop.post("/v1/conversions", **sale)
    assert (conversion["verification"], conversion["status"]) == ("merchant_reported", "pending")
    assert (conversion["sessionId"], conversion["transactionValue"]) == (made["sessionId"], 18.5)
    assert await shop.post("/v1/conversions", **sale) == conversion
    path = f"/v1/conversions/{conversion['conversionId']}"
    for ruling, state in (("dispute", "disputed"), ("resolve", "resolved"), ("clawback", "clawed_back")):
        assert (await shop.post(f"{path}/{ruling}"))["status"] == state
        assert (await shop.get(path))["status"] == state
        session = await agent.get(f"/v1/sessions/{made['sessionId']}")
        assert session["session"]["status"] == state
    late = await shop.ask("POST", f"{path}/validate", {})
    assert late.status_code == 409


async def test_a_sale_is_valid_when_its_time_is_over(here: Town, agent: Caller, shop: Caller) -> None:
    made = await agent.recommended()
    sale = {"sessionId": made["sessionId"], "orderReference": "web-9", "transactionValue": 18}
    conversion = await shop.post("/v1/conversions", **sale)
    here.clock.move(days=31)
    path = f"/v1/conversions/{conversion['conversionId']}"
    assert (await shop.get(path))["status"] == "validated"
    assert (await shop.post(f"{path}/settle"))["status"] == "settled"


async def test_a_code_says_who_issued_it_and_of_what(here: Town, agent: Caller, shop: Caller) -> None:
    code = await agent.post("/v1/codes/issue", offerId="offer-60")
    assert code["payload"]["off"] == "offer-60"
    assert (await shop.post("/v1/codes/issue", offerId="offer-60"))["payload"]["mer"] == "shop"
    anybody = here.nobody()
    verdict = await anybody.post("/v1/codes/verify", code=code["aapCode"])
    assert (verdict["valid"], verdict["issuer"]) == (True, "network.test")
    assert verdict["offer"]["price"] == 18
    assert verdict["commission"] == {"type": "percentage", "value": 12.5, "min": 1.5}
    assert verdict["expiresAt"] == code["expiresAt"].partition(".")[0] + ".000Z"
    forged = code["aapCode"][:-2] + ("AA" if code["aapCode"][-2:] != "AA" else "BB")
    assert (await anybody.post("/v1/codes/verify", code=forged))["valid"] is False
    here.clock.move(days=31)
    late = await anybody.post("/v1/codes/verify", code=code["aapCode"])
    assert late == {"valid": False, "error": "Code expired"}


async def test_the_public_key_is_for_everybody(here: Town) -> None:
    key = await here.nobody().get("/v1/codes/public-key")
    assert (key["algorithm"], key["format"]) == ("Ed25519", "PEM")
    assert key["publicKey"] == key["keys"][0]["publicKey"]


async def test_the_key_may_stand_in_the_query(here: Town, agent: Caller) -> None:
    reply = await here.client.get("/v1/offers", params={"api_key": agent.key})
    assert told(reply)["count"] == 6


async def test_no_key_and_no_buyer_stands_in_the_log(here: Town, agent: Caller, tmp_path: Path) -> None:
    await here.client.get("/v1/offers", params={"api_key": agent.key})
    handed = await agent.handed_off(userDetails={"email": "ada@example.com"})
    here.lines.flush()
    log = (tmp_path / "access.log").read_text()
    assert '"operation":"checkout"' in log
    token = handed["checkoutUrl"].rpartition("/")[2]
    for secret in (agent.key, "ada@example.com", token):
        assert secret not in log


async def test_every_answer_to_a_known_caller_tells_how_much_is_left(here: Town) -> None:
    strict = here.with_(per_minute=3)
    agent = await strict.agent()

    def rate(reply: httpx2.Response) -> tuple[str, str]:
        assert int(reply.headers["x-ratelimit-reset"]) > 0
        return reply.headers["x-ratelimit-limit"], reply.headers["x-ratelimit-remaining"]

    assert rate(await agent.ask("GET", "/v1/offers")) == ("3", "2")
    assert rate(await agent.ask("POST", "/v1/checkout", {})) == ("3", "1")
    assert rate(await agent.ask("GET", "/v1/offers")) == ("3", "0")
    refused = await agent.ask("GET", "/v1/offers")
    assert (refused.status_code, rate(refused)) == (429, ("3", "0"))
    assert 1 <= int(refused.headers["retry-after"]) <= 60
    # Another process counts with us, another caller for itself.
    assert (
        await strict.with_(per_minute=3).client.get(
            "/v1/offers", headers={"authorization": f"Bearer {agent.key}"}
        )
    ).status_code == 429
    assert (await (await strict.agent("agent_2")).ask("GET", "/v1/offers")).status_code == 200
    await here.sql("update rate_windows set opened_at = opened_at - interval '1 minute'")
    assert rate(await agent.ask("GET", "/v1/offers")) == ("3", "2")


async def test_a_caller_may_have_another_rate(here: Town) -> None:
    agent = await here.with_(per_minute=1, limits={"agent_9": 300}).agent("agent_9")
    for left in ("299", "298"):
        reply = await agent.ask("GET", "/v1/offers")
        assert reply.headers["x-ratelimit-remaining"] == left
