"""Production mode as platforms meet it: TLS 1.3, proofs of who calls, two shops under one roof."""

import base64
import shutil
import signal
import ssl
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
import pytest_asyncio
import trustme
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from conformance import forms
from tests.conftest import quick_folder
from tests.outside.calling import BASE, Caller, payment, total_minor
from tests.outside.managing import Manager
from tests.outside.production import ASSISTANT, BANK, WATCHER, Town, town
from tests.simulators.running import Psp
from ucp_server.ucp.operation_table import OPERATIONS, Family
from ucp_server.ucp.releases import SERVED

pytestmark = pytest.mark.asyncio(loop_scope="module")

Wire = dict[str, Any]

GIFT_CARD, BEANS = "gift-card-25", "beans"


@pytest.fixture(scope="module")
def quick() -> Iterator[Path]:
    made = quick_folder()
    yield made
    shutil.rmtree(made)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def here(quick: Path, provider: Psp) -> AsyncIterator[Town]:
    async with town(quick, provider.url) as running:
        yield running


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def keys(here: Town) -> dict[str, str]:
    """The assistant's API key at each shop."""
    return {name: await here.issue(ASSISTANT, name) for name in ("paper", "bean")}


@pytest_asyncio.fixture(loop_scope="module")
async def paper(here: Town, keys: dict[str, str]) -> AsyncIterator[Caller]:
    async with here.caller(ASSISTANT, X_API_Key=keys["paper"]) as opened:
        yield opened


@pytest_asyncio.fixture(loop_scope="module")
async def bean(here: Town, keys: dict[str, str]) -> AsyncIterator[Caller]:
    async with here.caller(ASSISTANT, "bean.example", X_API_Key=keys["bean"]) as opened:
        yield opened


async def refusal(caller: Caller) -> tuple[int, str]:
    """Status and code of the answer to a create."""
    async with caller:
        body = {"line_items": [{"item": {"id": GIFT_CARD}, "quantity": 1}], "currency": "EUR"}
        reply = await caller.ask("POST", "/checkout-sessions", body)
        document = reply.json()
        return reply.status_code, document["messages"][0]["code"] if "messages" in document else ""


async def test_nothing_is_relaxed_and_nothing_is_said_to_be(here: Town) -> None:
    assert "For trying out only" not in here.shop.output
    assert "no replica, no point-in-time recovery" in here.shop.output


async def test_tls_1_3_alone_is_spoken_and_each_shop_shows_its_certificate(here: Town) -> None:
    for host in ("paper.example", "bean.example"):
        async with here.caller(ASSISTANT, host) as caller:
            assert (await caller.client.get("/healthz")).status_code == 200
    older = here.trusting()
    older.maximum_version = ssl.TLSVersion.TLSv1_2
    async with here.caller(ASSISTANT, tls=older) as caller:
        with pytest.raises(httpx2.ConnectError):
            await caller.client.get("/healthz")


# --- who calls ---


async def test_a_platform_with_its_api_key_buys(paper: Caller, here: Town) -> None:
    done = await paper.buy("notebook-meadow-a5-dotted", payment("success_token", "card"))
    assert done["order"]["permalink_url"].startswith("https://paper.example/order/")
    page = await paper.client.get(done["order"]["permalink_url"])
    assert (page.status_code, "Notebook Meadow" in page.text) == (200, True)
    assert page.headers["content-security-policy"].startswith("default-src 'none'")


async def test_no_key_or_another_s_is_no_proof(here: Town, keys: dict[str, str]) -> None:
    assert await refusal(here.caller(ASSISTANT)) == (401, "unauthorized")
    assert await refusal(here.caller(ASSISTANT, X_API_Key=keys["bean"])) == (401, "unauthorized")
    assert await refusal(here.caller(ASSISTANT, X_API_Key=f"{keys['paper']}x")) == (401, "unauthorized")
    another = await here.issue(WATCHER, "paper")
    assert await refusal(here.caller(ASSISTANT, X_API_Key=another)) == (403, "forbidden")


async def test_a_revoked_key_opens_nothing_from_that_moment_on(here: Town) -> None:
    key = await here.issue(ASSISTANT, "paper")
    async with here.caller(ASSISTANT, X_API_Key=key) as caller:
        await caller.create(GIFT_CARD)
    listed = (await here.run("credentials", "list", "--merchant", "paper")).splitlines()
    assert key not in "".join(listed)
    newest = sorted(line for line in listed if "in use" in line)[-1].split()[0]
    await here.run("credentials", "revoke", newest, "--merchant", "paper")
    assert await refusal(here.caller(ASSISTANT, X_API_Key=key)) == (401, "unauthorized")


async def test_a_client_certificate_is_the_proof_of_a_platform_that_has_one(here: Town) -> None:
    async with here.caller(BANK, tls=here.trusting(here.bank)) as caller:
        await caller.buy(GIFT_CARD, payment("success_token", "card"))
    assert await refusal(here.caller(BANK)) == (401, "unauthorized")
    other = here.clients.issue_cert("someone.example", common_name="someone.example")
    assert await refusal(here.caller(BANK, tls=here.trusting(other))) == (403, "forbidden")
    forged = trustme.CA().issue_cert("agent.bank.example", common_name="agent.bank.example")
    async with here.caller(BANK, tls=here.trusting(forged)) as caller:
        with pytest.raises(httpx2.TransportError):
            await caller.create(GIFT_CARD)


async def test_a_certificate_is_believed_from_a_trusted_proxy_alone(here: Town) -> None:
    der = x509.load_pem_x509_certificate(here.bank.cert_chain_pems[0].bytes()).public_bytes(Encoding.DER)
    field = f":{base64.b64encode(der).decode()}:"
    async with here.behind_proxy(BANK, "127.0.0.1", Client_Cert=field) as caller:
        await caller.create(GIFT_CARD)
    assert await refusal(here.behind_proxy(BANK, "127.0.0.2", Client_Cert=field)) == (401, "unauthorized")
    direct = here.caller(BANK, local_address="127.0.0.2", Client_Cert=field)
    assert await refusal(direct) == (401, "unauthorized")


async def test_strangers_and_platforms_of_another_shop_are_not_dealt_with(here: Town) -> None:
    plain = ASSISTANT.replace("https", "http")
    for url in (
        plain,
        "https://stranger.example/ucp.json",
        "https://127.0.0.1/ucp.json",
        "ftp://x.example/",
    ):
        assert await refusal(here.caller(url)) == (403, "profile_not_trusted")
    banks = here.caller(BANK, "bean.example", tls=here.trusting(here.bank))
    assert await refusal(banks) == (403, "profile_not_trusted")
    async with here.caller(ASSISTANT) as caller:
        body = b'{"line_items": []}'
        for agent in ("", "profile=unquoted", 'name="x"'):
            reply = await caller.ask("POST", "/checkout-sessions", body, UCP_Agent=agent)
            assert (reply.status_code, reply.json()["messages"][0]["code"]) == (400, "invalid_profile_url")


async def test_a_platform_that_only_looks_changes_nothing(here: Town) -> None:
    assert await refusal(here.caller(WATCHER)) == (403, "forbidden")
    async with here.caller(WATCHER) as caller:
        assert (await caller.ask("GET", "/checkout-sessions/chk_1")).status_code == 404


# --- whose shop ---


async def test_two_shops_have_nothing_in_common_but_the_roof(paper: Caller, bean: Caller) -> None:
    cards = await paper.create(GIFT_CARD, 2)
    beans = await bean.create(BEANS, 2)
    assert (cards["currency"], total_minor(cards)) == ("EUR", 5000)
    assert (beans["currency"], total_minor(beans)) == ("USD", 2200)
    assert {"type": "tax", "amount": 200} in [
        {"type": row["type"], "amount": row["amount"]} for row in beans["totals"]
    ]
    assert "tax" not in [row["type"] for row in cards["totals"]]
    assert [link["type"] for link in cards["links"]] == ["privacy_policy"]
    assert [link["type"] for link in beans["links"]] == ["terms_of_service"]
    assert [entry["id"] for entry in cards["payment"]["handlers"]] == ["card"]
    assert [entry["id"] for entry in beans["payment"]["handlers"]] == ["till"]
    profiles = [(await caller.client.get("/.well-known/ucp")).json() for caller in (paper, bean)]
    kids = [{key["kid"] for key in profile["signing_keys"]} for profile in profiles]
    assert all(kids)
    assert not kids[0] & kids[1]
    for profile, host in zip(profiles, ("paper.example", "bean.example"), strict=True):
        assert forms.rest_endpoint(profile) == f"https://{host}/ucp/{SERVED[-1]}"


@pytest.mark.parametrize(
    "operation", [name for name, row in OPERATIONS.items() if row.family is Family.CHECKOUT]
)
async def test_a_checkout_of_one_shop_is_unknown_to_the_other(
    paper: Caller, bean: Caller, operation: str
) -> None:
    theirs = await paper.create(GIFT_CARD)
    bodies: dict[str, Wire] = {
        "create_checkout": {"line_items": [{"item": {"id": GIFT_CARD}, "quantity": 1}], "currency": "USD"},
        "update_checkout": {"id": theirs["id"], "line_items": [], "currency": "USD", "payment": {}},
        "complete_checkout": payment("success_token", "till"),
    }
    row = OPERATIONS[operation]
    reply = await bean.ask(row.method, row.path.replace("{id}", theirs["id"]), bodies.get(operation))
    code = reply.json()["messages"][0]["code"]
    expected = (400, "item_unavailable") if operation == "create_checkout" else (404, "not_found")
    assert (reply.status_code, code) == expected
    assert await paper.get(theirs) == theirs


async def test_pages_and_orders_of_one_shop_are_unknown_to_the_other(
    here: Town, paper: Caller, bean: Caller
) -> None:
    checkout = await paper.create(GIFT_CARD)
    order = (await paper.buy(GIFT_CARD, payment("success_token", "card")))["order"]
    for url in (checkout["continue_url"], order["permalink_url"]):
        assert (await paper.client.get(url)).status_code == 200
        assert (await bean.client.get(url.removeprefix("https://paper.example"))).status_code == 404
    async with Manager(here.shop.admin, "bean") as manager:
        assert (await manager.client.get(f"/merchants/bean/orders/{order['id']}")).status_code == 404
        assert (await manager.try_(order["id"], "cancel")).status_code == 404
    async with Manager(here.shop.admin, "paper") as manager:
        assert (await manager.order(order["id"]))["version"] >= 1


@pytest.mark.parametrize("host", ["", "localhost", "127.0.0.1", "paper.example.evil.example", "PAPER"])
async def test_an_unknown_host_is_nobody_s(here: Town, keys: dict[str, str], host: str) -> None:
    async with here.caller(ASSISTANT, X_API_Key=keys["paper"]) as caller:
        for method, path in (
            ("GET", "/.well-known/ucp"),
            ("GET", f"{BASE}/.well-known/ucp"),
            ("POST", f"{BASE}/checkout-sessions"),
            ("GET", f"{BASE}/checkout-sessions/chk_1"),
            ("GET", "/checkout/1/1"),
            ("GET", "/order/1/1"),
        ):
            reply = await caller.client.request(method, path, headers={"Host": host})
            assert reply.status_code == (421 if host else 400), path


async def test_what_the_request_calls_itself_never_stands_in_a_link(
    here: Town, keys: dict[str, str]
) -> None:
    async with here.caller(ASSISTANT, "www.paper.example", X_API_Key=keys["paper"]) as caller:
        caller.client.headers["Host"] = "WWW.Paper.example:9999"
        caller.client.headers["X-Forwarded-Host"] = "evil.example"
        checkout = await caller.create(GIFT_CARD)
        profile = (await caller.client.get("/.well-known/ucp")).text
    assert checkout["continue_url"].startswith("https://paper.example/checkout/")
    for said in (profile, str(checkout)):
        assert "9999" not in said
        assert "evil" not in said


# --- keys ---


async def test_signing_keys_change_while_the_shop_sells(
    here: Town, paper: Caller, keys: dict[str, str]
) -> None:
    before = await published(paper)
    rotated = await here.run("keys", "rotate", "--merchant", "paper")
    new = rotated.split()[0]
    here.shop.process.send_signal(signal.SIGHUP)
    while "Every process was replaced" not in here.shop.output:
        await sold(here, keys["paper"])
    async with here.caller(ASSISTANT, X_API_Key=keys["paper"]) as caller:
        assert await published(caller) == {*before, new}
    listed = (await here.run("keys", "list", "--merchant", "paper")).splitlines()
    assert [line.split()[0] for line in listed if line.endswith("signs now")] == list(before)
    await here.run("keys", "retire", new, "--merchant", "paper")


async def sold(here: Town, key: str) -> None:
    """A checkout is made at the first try, or at the second where the first one met a closing line."""
    for last in (False, True):
        try:
            async with here.caller(ASSISTANT, X_API_Key=key) as caller:
                await caller.create(GIFT_CARD)
                return
        except httpx2.TransportError:
            if last:
                raise


async def published(caller: Caller) -> set[str]:
    profile = (await caller.client.get("/.well-known/ucp")).json()
    return {key["kid"] for key in profile["signing_keys"]}
