"""The profile over HTTP: where it is, how it is cached, and that its endpoint is the one that answers."""

import msgspec
import pytest

from conformance import forms
from tests.ucp.conftest import SCHEMAS, SITE, Open, Town, create_body, profile_url
from ucp_server.ucp.releases import SERVED

ROOT = "/.well-known/ucp"
LEAF = f"{ROOT}/2026-01-11"
PLACES = (ROOT, LEAF, "/ucp/2026-01-11/.well-known/ucp")


async def test_a_profile_is_at_the_leaf_and_the_site_of_its_release(here: Town):
    for release in SERVED:
        for path in (f"{ROOT}/{release}", f"/ucp/{release}/.well-known/ucp"):
            reply = await here.client.get(path)
            assert reply.status_code == 200
            assert reply.headers["content-type"] == "application/json"
            assert reply.headers["cache-control"] == "public, max-age=300"
            assert SCHEMAS.checker(release, "response", "profile").check(reply.json()) == ()
            assert reply.json()["ucp"]["version"] == release
            assert "supported_versions" not in reply.json()["ucp"]


async def test_the_root_is_the_newest_and_names_the_others(here: Town):
    """Each of them with its own profile at the other end (M:D/overview#Protocol Version)."""
    ucp = (await here.client.get(ROOT)).json()["ucp"]
    assert ucp["version"] == SERVED[-1]
    assert list(ucp["supported_versions"]) == list(SERVED[:-1])
    for release, url in ucp["supported_versions"].items():
        assert (await here.client.get(url)).json()["ucp"]["version"] == release


@pytest.mark.parametrize("path", PLACES)
async def test_who_has_it_already_is_told_so(here: Town, path: str):
    first = await here.client.get(path)
    again = await here.client.get(path, headers={"If-None-Match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["etag"] == first.headers["etag"]
    head = await here.client.head(path)
    assert (head.status_code, head.headers["etag"]) == (200, first.headers["etag"])


async def test_the_endpoint_that_is_named_answers(here: Town):
    for release in SERVED:
        profile = (await here.client.get(f"{ROOT}/{release}")).json()
        endpoint = forms.rest_endpoint(profile)
        assert endpoint == f"{SITE}/ucp/{release}"
        reply = await here.client.post(
            f"{endpoint}/checkout-sessions",
            content=msgspec.json.encode(create_body(release=release)),
            headers={"UCP-Agent": f'profile="{profile_url(release)}"'},
        )
        assert reply.status_code == 201


async def test_urls_follow_what_was_asked_in_local_modes_only(here: Town):
    reply = await here.client.get(LEAF, headers={"Host": "localhost:8080"})
    assert forms.rest_endpoint(reply.json()) == "http://localhost:8080/ucp/2026-01-11"


async def test_a_public_url_is_never_taken_from_the_host(town: Open):
    async with town(public_url="https://shop.example", hosts=("shop.test",)) as here:
        profile = (await here.client.get(ROOT)).json()
        assert forms.rest_endpoint(profile) == f"https://shop.example/ucp/{SERVED[-1]}"
        listed = profile["ucp"]["supported_versions"].values()
        assert all(url.startswith("https://shop.example/.well-known/ucp/") for url in listed)
        checkout = await here.agent().create()
        assert checkout["continue_url"].startswith("https://shop.example/checkout/")
        stranger = await here.client.get(ROOT, headers={"Host": "evil.example"})
        assert stranger.status_code == 421


@pytest.mark.parametrize(
    "path",
    [f"{ROOT}/", f"{ROOT}/2099-01-01", f"{ROOT}/2026-08-26", "/ucp/2026-01-11/.well-known/ucp/", "/ucp"],
)
async def test_nothing_redirects(here: Town, path: str):
    assert (await here.client.get(path)).status_code == 404


async def test_only_looking_is_possible(here: Town):
    for method in ("POST", "PUT", "DELETE"):
        assert (await here.client.request(method, ROOT)).status_code == 405


async def test_the_keys_of_events_are_published(here: Town):
    (key,) = (await here.client.get(LEAF)).json()["signing_keys"]
    assert (await here.client.get(ROOT)).json()["keys"] == [key]
    assert (key["kty"], key["crv"], key["use"], key["alg"]) == ("EC", "P-256", "sig", "ES256")
    assert "d" not in key


async def test_the_suite_finds_its_handlers(town: Open):
    async with town(mode="suite") as here:
        profile = (await here.client.get(ROOT)).json()
        handlers = {entry["id"]: entry for entry in profile["payment"]["handlers"]}
        assert set(handlers) == {"mock_payment_handler", "google_pay", "shop_pay"}
        assert handlers["shop_pay"]["name"] == "com.shopify.shop_pay"
        assert handlers["shop_pay"]["config"]["shop_id"]
