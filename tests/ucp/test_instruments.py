"""The instruments that a cart can be paid with: ours, the platform's, and how each release tells them."""

from pathlib import Path
from typing import Any

import msgspec
import pytest

from conformance import forms
from tests.ucp.conftest import ALL, SCHEMAS, Open, pinned
from tests.ucp.test_operations import LISTING, terms
from ucp_server.config import Platform
from ucp_server.ports import HandlerListing, InstrumentOffer
from ucp_server.ucp.envelope import listings_by_name
from ucp_server.ucp.instruments import INSTRUMENTS_KEPT_BYTES, in_common, narrowed, read_instruments
from ucp_server.ucp.releases import ROWS, SERVED
from ucp_server.ucp.terms import read_terms

Wire = dict[str, Any]

TELLING = ("2026-04-08", "2026-08-25")


def brands(*names: str) -> Wire:
    return {"properties": {"brand": {"enum": list(names)}}}


def card(*names: str) -> InstrumentOffer:
    return InstrumentOffer(type="card", constraints=brands(*names) if names else {})


WALLET = InstrumentOffer(type="wallet")


def listing(*offers: InstrumentOffer) -> HandlerListing:
    return msgspec.structs.replace(LISTING, instruments=offers)


@pytest.mark.parametrize(
    ("ours", "theirs", "common"),
    [
        ((), (card("visa"),), (card("visa"),)),
        ((card("visa", "amex"),), (card("jcb", "amex", "visa"),), (card("visa", "amex"),)),
        ((WALLET, card("visa")), (card(), WALLET), (WALLET, card("visa"))),
        ((card("visa"),), (WALLET,), ()),
        ((card("visa"),), (card("jcb"),), ()),
        ((card("visa"), card("amex")), (card("amex", "visa"),), (card("visa"), card("amex"))),
    ],
)
def test_what_both_have_in_our_order(
    ours: tuple[InstrumentOffer, ...],
    theirs: tuple[InstrumentOffer, ...],
    common: tuple[InstrumentOffer, ...],
):
    assert in_common(ours, theirs) == common


def test_a_handler_with_nothing_in_common_is_not_offered():
    name = LISTING.name
    assert narrowed([listing(card("visa"))], {}) == [listing(card("visa"))]
    assert narrowed([listing(card("visa"))], {"com.example.other": (WALLET,)}) == [listing(card("visa"))]
    assert narrowed([listing(card("visa"))], {name: (card("visa", "jcb"),)}) == [listing(card("visa"))]
    assert narrowed([listing(card("visa"))], {name: (WALLET,)}) == []


def test_what_a_platform_writes_in_either_form():
    newest = {"type": "card", "constraints": brands("visa")}
    older = {"type": "card", "constraints": {"brands": ["visa"]}}
    for written in (newest, older):
        assert read_instruments({"com.example.x": [{"available_instruments": [written]}]}) == {
            "com.example.x": (card("visa"),)
        }
    unread = {"type": "card", "constraints": {"colour": "green"}}
    assert read_instruments({"x": [{"available_instruments": [unread]}]}) == {"x": (card(),)}


def test_a_platform_that_does_not_say_can_do_everything():
    told = {"available_instruments": [{"type": "card"}]}
    for handlers in (None, [], {"x": []}, {"x": [{}]}, {"x": [told, {}]}, {"x": ["junk"]}):
        assert read_instruments(handlers) == {}
    long = {"type": "c" * INSTRUMENTS_KEPT_BYTES}
    assert read_instruments({"x": [{"available_instruments": [long]}]}) == {}


def test_each_release_in_its_own_words():
    told = {
        version: listings_by_name(ROWS[version], [listing(card("visa"), WALLET)])[LISTING.name][0]
        for version in SERVED
    }
    assert "available_instruments" not in told["2026-01-23"]
    assert told["2026-04-08"]["available_instruments"] == [
        {"type": "card", "constraints": {"brands": ["visa"]}},
        {"type": "wallet"},
    ]
    assert told["2026-08-25"]["available_instruments"] == [
        {"type": "card", "constraints": brands("visa")},
        {"type": "wallet"},
    ]


def test_a_late_reply_offers_what_the_request_would_have():
    asked = msgspec.structs.replace(terms(), instruments={LISTING.name: (card("visa"),)})
    assert read_terms(asked.rendering().terms) == asked
    assert b"instruments" not in terms().rendering().terms


def able(path: Path, release: str, *offers: Wire) -> Platform:
    """A platform whose profile says what it can pay with."""
    platform = pinned(path, release, release=release)
    document = forms.platform_profile(release, ALL)
    about = {"id": "theirs", "version": release, "spec": "https://x.example", "schema": "https://x.example"}
    document["ucp"]["payment_handlers"] = {
        "dev.ucp.mock_payment": [about | {"available_instruments": list(offers)}]
    }
    assert SCHEMAS.checker(release, "request", "profile").check(document) == ()
    assert platform.profile_file is not None
    platform.profile_file.write_bytes(msgspec.json.encode(document))
    return platform


async def test_a_platform_is_offered_what_it_can_pay_with(town: Open, tmp_path: Path):
    constraints = {"2026-04-08": {"brands": ["visa"]}, "2026-08-25": brands("visa")}
    cards = {version: {"type": "card", "constraints": constraints[version]} for version in TELLING}
    platforms = {version: able(tmp_path, version, cards[version]) for version in TELLING}
    async with town(platforms=platforms) as here:
        for version in TELLING:
            agent = here.agent_of(version)
            checkout = await agent.ready()
            (entry,) = checkout["ucp"]["payment_handlers"]["dev.ucp.mock_payment"]
            assert entry["available_instruments"] == [cards[version]]
            assert (await agent.complete(checkout)).json()["status"] == "completed"
            profile = await here.client.get(f"/.well-known/ucp/{version}")
            (own,) = profile.json()["ucp"]["payment_handlers"]["dev.ucp.mock_payment"]
            assert "available_instruments" not in own
