"""The profile over HTTP: where it is, how it is cached, and that its endpoint is the one that answers."""

import msgspec
import pytest

from tests.ucp.conftest import SCHEMAS, SITE, Open, Town, create_body

ROOT = "/.well-known/ucp"
PLACES = (ROOT, f"{ROOT}/2026-01-11", "/ucp/2026-01-11/.well-known/ucp")


@pytest.mark.parametrize("path", PLACES)
async def test_a_profile_is_at_the_root_the_leaf_and_the_site(here: Town, path: str):
    reply = await here.client.get(path)
    assert reply.status_code == 200
    assert reply.headers["content-type"] == "application/json"
    assert reply.headers["cache-control"] == "public, max-age=300"
    assert SCHEMAS.checker("2026-01-11", "response", "profile").check(reply.json()) == ()
    assert "supported_versions" not in reply.json()["ucp"]


@pytest.mark.parametrize("path", PLACES)
async def test_who_has_it_already_is_told_so(here: Town, path: str):
    first = await here.client.get(path)
    again = await here.client.get(path, headers={"If-None-Match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["etag"] == first.headers["etag"]
    head = await here.client.head(path)
    assert (head.status_code, head.headers["etag"]) == (200, first.headers["etag"])


async def test_the_endpoint_that_is_named_answers(here: Town):
    profile = (await here.client.get(ROOT)).json()
    endpoint = profile["ucp"]["services"]["dev.ucp.shopping"]["rest"]["endpoint"]
    assert endpoint == f"{SITE}/ucp/2026-01-11"
    reply = await here.client.post(
        f"{endpoint}/checkout-sessions",
        content=msgspec.json.encode(create_body()),
        headers={"UCP-Agent": 'profile="https://one.example/profile"'},
    )
    assert reply.status_code == 201


async def test_urls_follow_what_was_asked_in_local_modes_only(here: Town):
    reply = await here.client.get(ROOT, headers={"Host": "localhost:8080"})
    endpoint = reply.json()["ucp"]["services"]["dev.ucp.shopping"]["rest"]["endpoint"]
    assert endpoint == "http://localhost:8080/ucp/2026-01-11"


async def test_a_public_url_is_never_taken_from_the_host(town: Open):
    async with town(public_url="https://shop.example", hosts=("shop.test",)) as here:
        profile = (await here.client.get(ROOT)).json()
        assert profile["ucp"]["services"]["dev.ucp.shopping"]["rest"]["endpoint"] == (
            "https://shop.example/ucp/2026-01-11"
        )
        checkout = await here.agent().create()
        assert checkout["continue_url"].startswith("https://shop.example/checkout/")
        stranger = await here.client.get(ROOT, headers={"Host": "evil.example"})
        assert stranger.status_code == 421


@pytest.mark.parametrize(
    "path",
    [f"{ROOT}/", f"{ROOT}/2099-01-01", f"{ROOT}/2026-08-25", "/ucp/2026-01-11/.well-known/ucp/", "/ucp"],
)
async def test_nothing_redirects(here: Town, path: str):
    assert (await here.client.get(path)).status_code == 404


async def test_only_looking_is_possible(here: Town):
    for method in ("POST", "PUT", "DELETE"):
        assert (await here.client.request(method, ROOT)).status_code == 405


async def test_the_keys_of_events_are_published(here: Town):
    (key,) = (await here.client.get(ROOT)).json()["signing_keys"]
    assert (key["kty"], key["crv"], key["use"], key["alg"]) == ("EC", "P-256", "sig", "ES256")
    assert "d" not in key


async def test_the_suite_finds_its_handlers(town: Open):
    async with town(mode="suite") as here:
        profile = (await here.client.get(ROOT)).json()
        handlers = {entry["id"]: entry for entry in profile["payment"]["handlers"]}
        assert set(handlers) == {"mock_payment_handler", "google_pay", "shop_pay"}
        assert handlers["shop_pay"]["name"] == "com.shopify.shop_pay"
        assert handlers["shop_pay"]["config"]["shop_id"]
