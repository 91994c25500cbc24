"""Headers of every page, and the forms that are believed."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.pages.browser import Buyer
from tests.pages.conftest import Counted
from tests.ucp.conftest import Agent
from ucp_server.pages.security import Framing, form_token, is_our_form
from ucp_server.pages.security import page as answer

OURS = "https://shop.example"
TOKEN = form_token(b"secret", "page", "link")


@pytest.mark.parametrize(
    ("fetch_site", "origin", "believed"),
    [
        ("same-origin", OURS, True),
        ("same-origin", "null", True),
        ("same-origin", None, True),
        ("same-site", "https://evil.shop.example", False),
        ("same-site", OURS, False),
        ("cross-site", "https://evil.example", False),
        ("cross-site", "null", False),
        ("cross-site", OURS, False),
        ("none", None, False),
        ("", OURS, False),
        ("SAME-ORIGIN", OURS, False),
        # browsers that do not name the site of a request
        (None, OURS, True),
        (None, "null", True),
        (None, None, False),
        (None, "", False),
        (None, "http://shop.example", False),
        (None, "https://shop.example:8443", False),
        (None, "https://shop.example.evil.example", False),
        (None, "https://evil.example", False),
    ],
)
@pytest.mark.parametrize("token", [TOKEN, "", "0" * 32, TOKEN[:-1], TOKEN.upper(), "é"])
def test_a_form_is_ours_by_its_token_and_by_its_site(
    fetch_site: str | None, origin: str | None, believed: bool, token: str
):
    found = is_our_form(token, TOKEN, origin=origin, fetch_site=fetch_site, ours=OURS)
    assert found == (believed and token == TOKEN)


@given(st.binary(min_size=1), st.text(), st.text(), st.text())
def test_a_token_is_of_one_page_one_link_and_one_server(secret: bytes, page: str, link: str, other: str):
    token = form_token(secret, page, link)
    assert token == form_token(secret, page, link)
    assert len(token) == 32
    assert token != form_token(secret + b"x", page, link)
    if other not in (page, link):
        assert token not in (form_token(secret, other, link), form_token(secret, page, other))


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": "none"},
        {"Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site"},
    ],
)
async def test_a_form_from_elsewhere_changes_nothing(
    agent: Agent, buyer: Buyer, headers: dict[str, str], counted: Counted
):
    checkout = await agent.ready()
    page = await buyer.open(checkout["continue_url"])
    for action in ("pay", "update"):
        fields = page.fields() | {"action": action, "first_name": "Mallory"}
        reply = await buyer.send(page.url, fields, headers)
        assert reply.status_code == 403
        assert "We did not send this form" in reply.text
    assert await agent.get(checkout) == checkout
    assert await counted("attempts") == 0


async def test_a_form_needs_the_token_of_its_own_page(agent: Agent, buyer: Buyer):
    mine, yours = await agent.ready(), await agent.ready()
    page, other = await buyer.open(mine["continue_url"]), await buyer.open(yours["continue_url"])
    for token in ("", other.fields()["form_token"]):
        fields = page.fields() | {"action": "pay", "form_token": token}
        assert (await buyer.send(page.url, fields)).status_code == 403
    assert (await agent.get(mine))["status"] == "ready_for_complete"


ON_EVERY_PAGE = {
    "cache-control": "no-store",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    "x-robots-tag": "noindex, nofollow",
}
ON_HTML = {
    "content-type": "text/html; charset=utf-8",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "x-frame-options": "DENY",
}
POLICY = {
    "default-src": "'none'",
    "script-src": "'self'",
    "style-src": "'self'",
    "connect-src": "'self'",
    "img-src": "'self' https:",
    "form-action": "'self'",
    "base-uri": "'none'",
    "frame-src": "'none'",
    "frame-ancestors": "'none'",
}


async def test_every_page_keeps_its_link_to_itself(agent: Agent, buyer: Buyer):
    open_, placed, gone = await agent.ready(), await agent.bought(), await agent.ready()
    await agent.cancel(gone)
    page = await buyer.open(open_["continue_url"])
    answers: list[Any] = [
        page.reply,
        (await buyer.open(placed["order"]["permalink_url"])).reply,
        (await buyer.open(gone["continue_url"])).reply,
        (await buyer.open("/checkout/x/y")).reply,
        (await buyer.open("/order/x")).reply,
        await buyer.send(page.url, {"action": "pay"}),
        await buyer.send(page.url, {"action": "pay", "form_token": "x" * 20_001}),
        await buyer.client.put(page.url),
        await buyer.client.head(page.url),
        await buyer.post(page, "update", first_name="Grace"),
        await buyer.post(page, "pay"),
    ]
    assert [reply.status_code for reply in answers] == [
        *(200, 200, 200, 404, 404, 403, 400, 405, 200, 303, 303)
    ]
    for reply in answers:
        headers = reply.headers
        assert {name: headers.get(name) for name in ON_EVERY_PAGE} == ON_EVERY_PAGE, reply.url
        assert "set-cookie" not in headers
        assert "access-control-allow-origin" not in headers
        if reply.status_code == 303:
            assert not reply.content
            continue
        assert {name: headers.get(name) for name in ON_HTML} == ON_HTML
        assert len(headers) == len(headers.multi_items()), "each header once"
        parts = (part.strip().partition(" ") for part in headers["content-security-policy"].split(";"))
        assert {name: value for name, _, value in parts} == POLICY


PAY, HOST = "https://pay.example", "https://agent.example"


def headers_of(**more: Any) -> dict[str, str]:
    """Of a page, each header once."""
    headers = answer("", **more).headers
    assert len(dict(headers)) == len(headers)
    return {name.decode(): value.decode() for name, value in headers}


def policy_of(headers: dict[str, str]) -> dict[str, str]:
    parts = (part.strip().partition(" ") for part in headers["content-security-policy"].split(";"))
    return {name: value for name, _, value in parts}


def test_a_page_is_framed_by_those_it_names_and_by_nobody_else():
    alone, framed = headers_of(), headers_of(framing=Framing(ancestors=(HOST, PAY)))
    assert (policy_of(alone)["frame-ancestors"], alone["x-frame-options"]) == ("'none'", "DENY")
    assert policy_of(framed)["frame-ancestors"] == f"{HOST} {PAY}"
    # It knows no list: with it browsers that follow both would frame the page nowhere.
    assert "x-frame-options" not in framed


def test_a_host_that_isolates_itself_may_frame_a_page():
    alone, framed = headers_of(), headers_of(framing=Framing(ancestors=(HOST,)))
    assert (alone["cross-origin-resource-policy"], "cross-origin-embedder-policy" in alone) == (
        "same-origin",
        False,
    )
    assert framed["cross-origin-resource-policy"] == "cross-origin"
    assert framed["cross-origin-embedder-policy"] == "credentialless"
    # A provider's fields need not have agreed to that.
    both = headers_of(framing=Framing(ancestors=(HOST,), frames=(PAY,)))
    assert "cross-origin-embedder-policy" not in both


def test_what_a_device_offers_is_left_to_the_providers_fields_alone():
    alone = headers_of()["permissions-policy"].split(", ")
    assert {"camera=()", "geolocation=()", "payment=(self)"} <= set(alone)
    framing = headers_of(framing=Framing(frames=(PAY,)))
    assert f'payment=(self "{PAY}")' in framing["permissions-policy"].split(", ")
    assert policy_of(framing)["frame-src"] == PAY


@pytest.mark.parametrize(
    "told",
    [
        "https://pay.example; script-src *",
        "https://pay.example, default-src *",
        "https://pay.example *",
        "https://*.example",
        "https://pay.example/path",
        "https://somebody@pay.example",
        "https://päy.example",
        'https://pay.example") camera=(*',
        "https:",
        "*",
        "'unsafe-inline'",
        "data:",
        "",
    ],
)
def test_what_is_no_origin_is_not_named_in_a_policy(told: str):
    framing = headers_of(framing=Framing(frames=(told,), ancestors=(told,)))
    assert policy_of(framing) == POLICY
    assert framing["permissions-policy"] == headers_of()["permissions-policy"]


@pytest.mark.parametrize(
    ("origin", "bound"),
    [
        ("https://shop.example", True),
        ("https://shop.example:8443", True),
        ("http://shop.example", False),
        ("https://localhost:8443", False),
        ("https://127.0.0.1", False),
        ("https://[::1]:8443", False),
        ("", False),
    ],
)
def test_only_a_host_of_its_own_is_bound_to_tls(origin: str, bound: bool):
    assert ("strict-transport-security" in headers_of(origin=origin)) == bound


def test_a_page_that_is_the_same_for_all_may_be_kept_and_found():
    headers = headers_of(shared_s=60)
    assert (headers["cache-control"], headers["vary"]) == ("public, max-age=60", "accept-language")
    assert "x-robots-tag" not in headers
    assert headers["x-content-type-options"] == "nosniff"


async def test_a_page_shows_its_style_sheet_and_no_secret(agent: Agent, buyer: Buyer):
    checkout = await agent.ready()
    page = await buyer.open(checkout["continue_url"])
    assets = {given["rel"]: given["href"] for tag, given in page.tags if tag == "link"}
    style, icon = [await buyer.client.get(assets[rel]) for rel in ("stylesheet", "icon")]
    assert (style.status_code, style.headers["content-type"]) == (200, "text/css; charset=utf-8")
    assert (icon.status_code, icon.headers["content-type"]) == (200, "image/svg+xml")
    token = checkout["continue_url"].rpartition("/")[2]
    assert token not in page.reply.text
    assert checkout["id"] not in page.reply.text
