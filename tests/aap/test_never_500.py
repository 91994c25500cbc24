"""Whatever stands where a value should stand: an answer of the form, never a crash."""

from itertools import product
from typing import Any

import msgspec

from tests.aap.conftest import SCHEMAS, Caller, Town
from tests.aap.test_evidence import metadata_of, payment

Wire = dict[str, Any]

ODD: tuple[Any, ...] = (
    None,
    "",
    " ",
    "x" * 5000,
    "\u202e\U0001f600",
    "01M80V3P63E5C9F28KM3PSNWA9",
    0,
    -1,
    1.5,
    1e15,
    True,
    [],
    [[]],
    {},
    {"object": {}},
    {"object": None, "amount": []},
)
POSTS = {
    "/v1/recommend": "recommend_request",
    "/v1/checkout": "checkout_request",
    "/v1/purchase": "purchase_request",
    "/v1/codes/issue": "code_issue_request",
    "/v1/codes/verify": "code_verify_request",
}
REPORTS = {"/v1/conversions": "conversion_request"}
FORMS_OF_TOOLS = {
    "search_offers": "search_offers_request",
    "get_checkout_requirements": "requirements_request",
    "get_checkout_link": "link_request",
}
QUERIES = ("vertical", "provider", "q", "min_price", "max_price", "data_gb_min", "contract_months", "x")


def bent(document: Wire) -> list[Wire]:
    """The document with each member in turn replaced by each odd value."""
    return [document | {name: value} for name in document for value in ODD]


async def statuses(caller: Caller, path: str, bodies: list[Wire]) -> set[int]:
    return {(await caller.ask("POST", path, body)).status_code for body in bodies}


async def test_bodies_of_agents(here: Town, agent: Caller) -> None:
    made = await agent.recommended()
    whole = {
        "sessionId": made["sessionId"],
        "recommendationId": made["recommendationId"],
        "offerId": "offer-60",
        "code": "aap://network.test/v1/e30.e30",
        "storedMethodId": "pm.x",
        "userDetails": {},
        "context": "",
    }
    for path, form in POSTS.items():
        members = SCHEMAS.document(form)["properties"]
        bodies = bent({name: value for name, value in whole.items() if name in members})
        assert await statuses(agent, path, bodies) <= {200, 400, 404, 409, 502}, path
    for member in ("name", "email", "phone", "firstName"):
        for value in ODD:
            handed = await agent.ask("POST", "/v1/checkout", whole | {"userDetails": {member: value}})
            assert handed.status_code == 200


async def test_bodies_of_merchants(here: Town, agent: Caller, shop: Caller) -> None:
    made = await agent.recommended()
    report = {"sessionId": made["sessionId"], "orderReference": "web-1", "transactionValue": 18}
    wanted = {200, 400, 404, 409, 422}
    assert await statuses(shop, "/v1/conversions", bent(report)) <= wanted
    del report["sessionId"]
    path = f"/r/{made['recommendationId']}/convert"
    assert await statuses(shop, path, bent(report)) <= wanted


async def test_queries(agent: Caller) -> None:
    for name in QUERIES:
        for value in (*ODD, "1e9", "9" * 30, "0x10", "１２", "%00"):
            text = value if isinstance(value, str) else msgspec.json.encode(value).decode()
            reply = await agent.ask("GET", "/v1/offers", **{name: text})
            assert reply.status_code in {200, 400, 414}, (name, text)


async def test_signed_bodies_of_sources(here: Town, agent: Caller) -> None:
    source = await here.source("sim.activated")
    event = payment(await metadata_of(here, await agent.handed_off())) | {"created": 1, "environment": ""}
    told = bent(event)
    told += [event | {"data": data} for data in bent(event["data"])]
    told += [event | {"data": event["data"] | {"metadata": odd}} for odd in bent(event["data"]["metadata"])]
    for each in told:
        assert (await source.tell(each)).status_code in {200, 400, 422}, each


async def test_arguments_of_tools(agent: Caller) -> None:
    whole = {
        "vertical": "sim",
        "max_price": 1,
        "min_data_gb": 1,
        "contract_months": 1,
        "offer_id": "offer-60",
        "session_id": "x",
        "context": "",
    }
    for tool in ("search_offers", "get_checkout_requirements", "get_checkout_link"):
        members = SCHEMAS.document(FORMS_OF_TOOLS[tool])["properties"]
        for arguments in bent({name: value for name, value in whole.items() if name in members}):
            assert "isError" in await agent.use(tool, **arguments)
        for odd in ODD:
            assert "result" in await agent.rpc("tools/call", {"name": tool, "arguments": odd})


async def test_ids_in_paths(agent: Caller, shop: Caller) -> None:
    paths = ("/v1/sessions/{}", "/r/{}", "/r/{}/stats", "/v1/conversions/{}", "/v1/checkout/{}")
    ids = ("x", "x" * 900, "%2e%2e", "01M80V3P63E5C9F28KM3PSNWA9", "%F0%9F%98%80", "%00", "a%20b")
    for path, id_, caller in product(paths, ids, (agent, shop)):
        headers = {"authorization": f"Bearer {caller.key}"}
        reply = await caller.client.get(path.format(id_), headers=headers)
        assert reply.status_code in {400, 401, 404}, (path, id_)
        assert list(reply.json()) == ["error"]
