"""A checkout's page in a frame: who may frame it, what stays there, what a platform's answer does."""

import json
import re
from html import unescape
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest

from tests.pages.browser import Buyer, Page
from tests.ucp.conftest import CARD, HOME, USUAL, Open, Town, create_body, instrument, pinned, shipping
from ucp_server.ucp.embedded import origins_of
from ucp_server.ucp.releases import ROWS, SERVED

Wire = dict[str, Any]
PAYMENT = "payment.instruments_change,payment.credential"
ELSEWHERE: Wire = {**HOME, "id": "dest_9", "street_address": "9 Oak Street"}


def framed(checkout: Wire, release: str, **asked: str) -> str:
    named = {"ec_version": release, **{f"ec_{name}": text for name, text in asked.items()}}
    return f"{checkout['continue_url']}?{urlencode(named)}"


def speech(page: Page) -> Wire:
    told = re.search(r'data-speech="([^"]+)"', page.reply.text)
    assert told is not None
    return json.loads(unescape(told[1]))


def ancestors(page: Page) -> str:
    return page.reply.headers["content-security-policy"].rpartition("frame-ancestors ")[2]


async def answer(buyer: Buyer, page: Page, action: str, checkout: Wire) -> Page:
    """Press a button whose press the platform answers with a part of a checkout."""
    fields = page.fields() | {"action": action, "answer": json.dumps(checkout)}
    return await buyer.follow(await buyer.send(page.url, fields))


def selected(release: str) -> Wire:
    """An instrument as the platform's page names it, without what pays."""
    named = {name: value for name, value in instrument(release).items() if name != "credential"}
    if ROWS[release].handlers_are_in_payment:
        return {"payment": {"selected_instrument_id": named["id"], "instruments": [named]}}
    return {"payment": {"instruments": [named | {"selected": True}]}}


@pytest.fixture(params=SERVED)
def release(request: pytest.FixtureRequest) -> str:
    return str(request.param)


async def test_a_platform_frames_its_own_checkouts_and_nobody_else_does(here: Town, buyer: Buyer):
    for release in SERVED:
        checkout = await here.agent_of(release).create(create_body("vase", release=release))
        page = await buyer.open(framed(checkout, release))
        assert ancestors(page) == f"https://{release}.example"
        assert speech(page)["version"] == release
        assert [tag for tag, _ in page.tags if tag in ("header", "footer")] == []
        for alone in (checkout["continue_url"], framed(checkout, "2025-01-01"), framed(checkout, "")):
            page = await buyer.open(alone)
            assert (ancestors(page), "data-speech" in page.reply.text) == ("'none'", False)


async def test_what_goes_wrong_is_told_within_the_frame(here: Town, buyer: Buyer):
    checkout = await here.agent_of(USUAL).create(create_body("vase", release=USUAL))
    page = await buyer.open(framed(checkout, USUAL))
    told = Page(await buyer.send(page.url, page.fields() | {"action": "update", "form_token": ""}))
    assert (told.reply.status_code, ancestors(told)) == (403, f"https://{USUAL}.example")
    back = next(given["href"] for tag, given in told.tags if tag == "a")
    assert ancestors(await buyer.open(back)) == ancestors(page)


async def test_who_may_frame_can_be_configured(town: Open, tmp_path: Path):
    origins = ("https://app.example", "http://127.0.0.1:9000")
    platforms = {"one": pinned(tmp_path, "one", embed_origins=origins)}
    async with town(platforms=platforms) as here:
        checkout = await here.agent().create(create_body("vase"))
        page = await Buyer(here.client).open(framed(checkout, USUAL))
        assert ancestors(page) == " ".join(origins)


async def test_a_merchant_may_refuse_to_be_framed(town: Open):
    async with town(embedded=False) as here:
        checkout = await here.agent_of("2026-08-25").create(create_body("vase", release="2026-08-25"))
        assert "services" not in checkout["ucp"]
        page = await Buyer(here.client).open(framed(checkout, "2026-08-25"))
        assert ancestors(page) == "'none'"
        assert "embedded" not in (await here.client.get("/.well-known/ucp")).text


async def test_only_what_the_release_knows_is_handed_over(here: Town, buyer: Buyer, release: str):
    checkout = await here.agent_of(release).create(create_body("vase", release=release))
    everything = "payment.credential,window.open,fulfillment.address_change,made.up"
    page = await buyer.open(framed(checkout, release, delegate=everything, color_scheme="dark"))
    row = ROWS[release].embedding
    assert set(speech(page)["delegate"]) == set(everything.split(",")) & set(row.delegations)
    assert ('data-scheme="dark"' in page.reply.text) == ("dark" in row.schemes)
    page = await buyer.open(framed(checkout, release, color_scheme="<b>"))
    assert "data-scheme" not in page.reply.text


async def test_the_state_is_the_checkout_in_the_release_of_the_session(
    here: Town, buyer: Buyer, release: str
):
    agent = here.agent_of(release)
    checkout = await agent.create(create_body("vase", release=release))
    page = await buyer.open(framed(checkout, release))
    reply = await buyer.client.get(speech(page)["state"], headers={"Sec-Fetch-Site": "same-origin"})
    assert reply.json() == await agent.get(checkout)
    assert reply.headers["cache-control"] == "no-store"
    assert "access-control-allow-origin" not in reply.headers
    foreign = await buyer.client.get(speech(page)["state"], headers={"Sec-Fetch-Site": "cross-site"})
    assert foreign.status_code == 404
    assert (await buyer.client.get(speech(page)["state"].partition("?")[0])).status_code == 404


async def test_the_platform_pays(here: Town, buyer: Buyer, release: str):
    agent = here.agent_of(release)
    checkout = await agent.create(
        create_body("vase", release=release),
        fulfillment=shipping(release=release),
        buyer={"email": "a@b.example"},
    )
    page = await buyer.open(framed(checkout, release, delegate=PAYMENT))
    assert {"pay", "instruments"} <= set(page.buttons())
    page = await answer(buyer, page, "instruments", selected(release))
    assert "Visa •••• 1234" in page.text
    nothing = await buyer.press(page, "pay")
    assert nothing.title == "Finish your order", "without an answer nothing is paid"
    paid = {"payment": {"instruments": [instrument(release)]}}
    page = await answer(buyer, nothing, "pay", paid)
    assert (page.title, ancestors(page)) == ("Your order is placed", f"https://{release}.example")
    assert speech(page)["delegate"] == PAYMENT.split(",")
    assert (await agent.get(checkout))["status"] == "completed"


async def test_the_platform_chooses_where_it_goes(here: Town, buyer: Buyer, release: str):
    agent = here.agent_of(release)
    checkout = await agent.create(
        create_body("vase", release=release), fulfillment=shipping(release=release)
    )
    page = await buyer.open(framed(checkout, release, delegate="fulfillment.address_change"))
    assert "address" in page.buttons()
    assert not [control for control in page.controls if control.name.endswith("street_address")]
    (method,) = checkout["fulfillment"]["methods"]
    typed = {} if release != "2026-08-25" else {"type": "shipping_address"}
    chosen = {"id": method["id"], "selected_destination_id": "dest_9", "destinations": [ELSEWHERE | typed]}
    page = await answer(buyer, page, "address", {"fulfillment": {"methods": [chosen]}})
    assert "9 Oak Street" in page.text
    assert "address" in page.buttons(), "the page is still a framed one"
    (method,) = (await agent.get(checkout))["fulfillment"]["methods"]
    assert [place["street_address"] for place in method["destinations"]] == ["9 Oak Street"]
    assert method["groups"][0]["selected_option_id"] == "std-ship"


@pytest.mark.parametrize(
    "text", ["", "[]", "{", '{"payment": 1}', '{"payment": {"instruments": [1]}}', "null"]
)
async def test_an_answer_that_is_none_changes_nothing(here: Town, buyer: Buyer, text: str):
    checkout = await here.agent().ready()
    page = await buyer.open(framed(checkout, USUAL, delegate=PAYMENT))
    for action in ("instruments", "pay"):
        fields = page.fields() | {"action": action, "answer": text}
        after = await buyer.follow(await buyer.send(page.url, fields))
        assert after.title == "Finish your order"
    assert (await here.agent().get(checkout))["status"] == "ready_for_complete"


async def test_nobody_answers_what_was_not_handed_over(here: Town, buyer: Buyer):
    checkout = await here.agent().ready()
    page = await buyer.open(framed(checkout, USUAL))
    chosen = {"payment": {"instruments": [CARD]}}
    after = await answer(buyer, page, "instruments", chosen)
    assert "1234" not in after.text
    alone = await buyer.open(checkout["continue_url"])
    reply = await buyer.send(
        alone.url, alone.fields() | {"action": "instruments", "answer": json.dumps(chosen)}
    )
    assert "ec_version" not in reply.headers["location"]
    assert (await buyer.follow(reply)).texts("wrong") == []


@pytest.mark.parametrize(
    ("profile_url", "origin"),
    [
        ("https://Platform.example/profile", ("https://platform.example",)),
        ("https://platform.example:443/p", ("https://platform.example",)),
        ("http://127.0.0.1:9000/p", ("http://127.0.0.1:9000",)),
        ("http://[::1]:9000/p", ("http://[::1]:9000",)),
        ("https://a b; script-src *", ()),
        ("https://a.example:no/", ()),
        ("aap:agent-1", ()),
        ("javascript:alert(1)", ()),
        ("", ()),
    ],
)
def test_an_origin_is_that_of_a_profile(profile_url: str, origin: tuple[str, ...]):
    assert origins_of(profile_url) == origin
