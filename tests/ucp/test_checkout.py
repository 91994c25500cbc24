"""Requests into commands and checkouts into replies, in the newest form and in each older one."""

from typing import Any

import msgspec
import pytest

from tests.ucp import samples
from tests.ucp.samples import ALL, AROUND, ID, PLAIN, WIRE_ID
from ucp_server.domain import problems
from ucp_server.domain.checkout import Buyer, Consent
from ucp_server.domain.errors import InvalidRequest
from ucp_server.domain.fulfillment import Address, WantedDestination, WantedGroup, WantedMethod
from ucp_server.domain.lifecycle import State
from ucp_server.domain.lines import WantedLine
from ucp_server.ports import Credential
from ucp_server.resources import folder
from ucp_server.ucp import checkout as checkouts
from ucp_server.ucp.envelope import put_handlers, relevant, render_envelope
from ucp_server.ucp.releases import (
    CHECKOUT,
    FULFILLMENT,
    RELEASES,
    WITH_SCHEMAS,
    Release,
    downgrade_checkout,
)
from ucp_server.ucp.schema import Schemas

Wire = dict[str, Any]
LINES = [{"item": {"id": "roses"}, "quantity": 2}]
CARD = {
    "id": "instr_1",
    "handler_id": "mock_payment_handler",
    "type": "card",
    "display": {"brand": "Visa", "last_digits": "1234"},
    "credential": {"type": "token", "token": "success_token"},
}


# --- requests ---


def test_the_smallest_create_is_its_lines():
    created = checkouts.decode_create({"line_items": LINES}, ALL)
    assert created.wanted.lines == (WantedLine(item_id="roses", quantity=2),)
    assert created.wanted.buyer is None
    assert created.wanted.methods is None
    assert created.wanted.discount_codes is None


def test_lines_have_no_ids_while_a_checkout_is_created():
    line = LINES[0] | {"id": "theirs", "parent_id": "theirs"}
    methods = [{"type": "shipping", "line_item_ids": ["theirs"]}]
    created = checkouts.decode_create({"line_items": [line], "fulfillment": {"methods": methods}}, ALL)
    assert created.wanted.lines == (WantedLine(item_id="roses", quantity=2),)
    assert created.wanted.methods == (WantedMethod(type="shipping"),)


def test_an_update_names_lines_methods_and_what_is_selected():
    document = {
        "id": WIRE_ID,
        "line_items": [{"id": "line_1", "item": {"id": "roses"}, "quantity": 1}],
        "fulfillment": {
            "methods": [
                {
                    "id": "method_1",
                    "type": "shipping",
                    "line_item_ids": ["line_1"],
                    "destinations": [{"id": "dest_1", "address_country": "US", "postal_code": "62704"}],
                    "selected_destination_id": "dest_1",
                    "groups": [{"id": "group_1", "selected_option_id": "std-ship"}],
                }
            ]
        },
        "discounts": {"codes": []},
    }
    updated = checkouts.decode_update(document, ALL, ID)
    assert updated.checkout_id == ID
    assert updated.wanted.lines == (WantedLine(id="line_1", item_id="roses", quantity=1),)
    assert updated.wanted.discount_codes == ()
    assert updated.wanted.methods == (
        WantedMethod(
            id="method_1",
            type="shipping",
            line_ids=("line_1",),
            destinations=(
                WantedDestination(id="dest_1", address=Address(country="US", postal_code="62704")),
            ),
            selected_destination_id="dest_1",
            groups=(WantedGroup(id="group_1", selected_option_id="std-ship"),),
        ),
    )


def test_the_buyer_and_the_purposes_that_we_know():
    buyer = {
        "email": "ada@example.com",
        "full_name": "Ada Agent",
        "consent": {
            "dev.ucp.consent.marketing": {"granted": True, "source": "platform"},
            "com.example.robots": {"granted": True, "source": "platform"},
        },
    }
    created = checkouts.decode_create({"line_items": LINES, "buyer": buyer}, ALL)
    assert created.wanted.buyer == Buyer(
        email="ada@example.com",
        full_name="Ada Agent",
        consents=(Consent(purpose="dev.ucp.consent.marketing", granted=True),),
    )


@pytest.mark.parametrize("named", [None, WIRE_ID])
def test_a_body_may_name_its_checkout(named: str | None):
    document = {"id": named, "line_items": LINES}
    assert checkouts.decode_update(document, ALL, ID).checkout_id == ID


def test_a_body_that_names_another_checkout_is_refused():
    with pytest.raises(InvalidRequest):
        checkouts.decode_update({"id": "chk_" + "0" * 32, "line_items": LINES}, ALL, ID)


def test_what_no_capability_brings_is_neither_read_nor_removed():
    document = {
        "line_items": LINES,
        "fulfillment": {"methods": "junk"},
        "discounts": {"codes": ["10OFF"]},
        "buyer": {"email": "a@b.example", "consent": {"x": {"granted": True}}},
    }
    updated = checkouts.decode_update(document, PLAIN, ID)
    assert updated.wanted.methods is None
    assert updated.wanted.discount_codes is None
    assert updated.wanted.buyer == Buyer(email="a@b.example")
    assert updated.wanted.keep == {"methods", "discount_codes"}
    assert checkouts.decode_update(document | {"fulfillment": {}}, ALL, ID).wanted.keep == frozenset()


@pytest.mark.parametrize(
    "junk",
    [
        {},
        {"line_items": 1},
        {"line_items": [{"item": {"id": 1}, "quantity": 1}]},
        {"line_items": [{"item": {"id": "a"}, "quantity": 1.5}]},
        {"line_items": LINES, "fulfillment": {"methods": [{"type": 5}]}},
        {"line_items": LINES, "fulfillment": {"methods": [{"destinations": [{"id": 5}]}]}},
        {"line_items": LINES, "fulfillment": {"methods": [{"destinations": [{"address_country": 5}]}]}},
        {"line_items": LINES, "payment": {"instruments": [{}]}},
        {"line_items": LINES, "context": []},
    ],
)
def test_another_form_is_a_validation_error_and_nothing_else(junk: Wire):
    with pytest.raises(msgspec.ValidationError):
        checkouts.decode_create(junk, ALL)


def test_a_complete_separates_the_credential_from_what_is_kept():
    command = checkouts.decode_complete({"payment": {"instruments": [CARD]}}, ALL, ID)
    assert command.instrument.display == {"brand": "Visa", "last_digits": "1234"}
    assert command.credential == Credential(type="token", members={"token": "success_token"})
    assert "success_token" not in repr(command)
    assert "success_token" not in str(msgspec.to_builtins(command.instrument))


def test_of_several_instruments_the_selected_one_pays():
    other = CARD | {"id": "instr_2", "selected": True}
    assert (
        checkouts.decode_complete({"payment": {"instruments": [CARD, other]}}, ALL, ID).instrument.id
        == "instr_2"
    )


@pytest.mark.parametrize(
    "instruments",
    [[], [CARD, CARD], [{k: v for k, v in CARD.items() if k != "credential"}], [CARD | {"credential": {}}]],
)
def test_a_complete_without_exactly_one_way_to_pay_is_refused(instruments: list[Wire]):
    with pytest.raises(InvalidRequest):
        checkouts.decode_complete({"payment": {"instruments": instruments}}, ALL, ID)


@pytest.mark.parametrize(
    ("member", "value"),
    [
        ("brand", "4242 4242 4242 4242"),
        ("description", "card 4242424242424242 of Ada"),
        ("last_digits", "4242424242424242"),
        ("last_digits", "12345"),
        ("expiry_year", 4242424242424242),
        ("cvc", "123"),
    ],
)
def test_a_card_number_in_the_wrong_place_is_dropped(member: str, value: Any):
    instrument = CARD | {"display": {member: value}}
    created = checkouts.decode_create({"line_items": LINES, "payment": {"instruments": [instrument]}}, ALL)
    assert created.wanted.instruments[0].display == {}


# --- replies ---


def downgraded(wire: Wire, release: Release, active: frozenset[str]) -> Wire:
    document = {"ucp": render_envelope(release, relevant(release, active, CHECKOUT)), **wire}
    put_handlers(release, document, ())
    downgrade_checkout(release, document)
    return document


@pytest.fixture(scope="module")
def schemas() -> Schemas:
    return Schemas(folder("schemas") / "ucp", WITH_SCHEMAS)


KINDS = {
    "open": samples.checkout(),
    "completed": samples.completed(),
    "canceled": samples.checkout(state=State.CANCELED),
    "with an error": samples.with_problems(problems.out_of_stock("Roses", 0, "lines[0]")),
    "for the buyer": samples.with_problems(problems.high_value_order("100.00 USD")),
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("active", [ALL, PLAIN], ids=["all", "plain"])
def test_every_reply_follows_the_schema_of_its_release(schemas: Schemas, kind: str, active: frozenset[str]):
    for release in RELEASES:
        document = downgraded(checkouts.render(KINDS[kind], active, AROUND), release, active)
        checker = schemas.checker(release.version, "response", "get_checkout", active)
        assert checker.check(document) == (), release.version


def test_the_newest_form_of_a_full_checkout():
    wire = checkouts.render(samples.checkout(), ALL, AROUND)
    assert wire["id"] == WIRE_ID
    assert wire["status"] == "ready_for_complete"
    assert wire["expires_at"] == "2026-01-11T15:30:00Z"
    assert wire["continue_url"] == AROUND.continue_url
    assert wire["totals"][1] == {"type": "items_discount", "amount": -700, "display_text": "10 % off"}
    assert wire["discounts"] == {
        "codes": ["10OFF", "NOPE"],
        "applied": [
            {
                "title": "10 % off",
                "amount": 700,
                "code": "10OFF",
                "priority": 1,
                "method": "each",
                "allocations": [{"path": "$.line_items[0]", "amount": 700}],
            }
        ],
    }
    assert wire["messages"][0]["path"] == "$.discounts.codes[1]"
    shipping, pickup = wire["fulfillment"]["methods"]
    assert shipping["destinations"][0]["type"] == "shipping_address"
    assert pickup["destinations"][0]["name"] == "Market Square"
    assert pickup["destinations"][0]["address"]["address_country"] == "US"
    marketing = wire["buyer"]["consent"]["dev.ucp.consent.marketing"]
    assert marketing["granted"] is True
    assert marketing["source"] == "platform"
    assert marketing["description"]


def test_only_what_was_negotiated_shapes_a_reply():
    wire = checkouts.render(samples.checkout(), PLAIN, AROUND)
    assert {"fulfillment", "discounts"}.isdisjoint(wire)
    assert "consent" not in wire["buyer"]


@pytest.mark.parametrize("state", [State.COMPLETED, State.CANCELED, State.EXPIRED])
def test_what_is_over_leads_nowhere(state: State):
    assert "continue_url" not in checkouts.render(samples.checkout(state=state), ALL, AROUND)


@pytest.mark.parametrize("state", [State.COMPLETED, State.CANCELED, State.EXPIRED])
def test_what_is_over_asks_for_nothing(state: State):
    stale = samples.with_problems(problems.out_of_stock("Roses", 0, "lines[0]"))
    over = checkouts.render(msgspec.structs.replace(stale, state=state), ALL, AROUND)
    assert all(message["type"] != "error" for message in over.get("messages", ()))


@pytest.mark.parametrize(
    ("checkout", "status"),
    [
        (samples.checkout(), "ready_for_complete"),
        (samples.with_problems(problems.out_of_stock("Roses", 0, "lines[0]")), "incomplete"),
        (samples.with_problems(problems.high_value_order("1")), "requires_escalation"),
        (samples.checkout(state=State.COMPLETING), "complete_in_progress"),
        (samples.completed(), "completed"),
        (samples.checkout(state=State.CANCELED), "canceled"),
        (samples.checkout(state=State.EXPIRED), "canceled"),
    ],
)
def test_the_status_is_a_view_of_state_and_problems(checkout: Any, status: str):
    assert checkouts.render(checkout, ALL, AROUND)["status"] == status


def test_an_order_shows_once_there_is_one():
    assert "order" not in checkouts.render(samples.checkout(), ALL, AROUND)
    assert checkouts.render(samples.completed(), ALL, AROUND)["order"] == {
        "id": samples.ORDER_WIRE_ID,
        "permalink_url": AROUND.permalink_url,
    }


def test_a_platform_without_fulfillment_sends_the_buyer_to_us_for_it():
    missing = samples.with_problems(problems.fulfillment_missing("methods[0]"))
    mine = checkouts.render(missing, frozenset({CHECKOUT, FULFILLMENT}), AROUND)
    theirs = checkouts.render(missing, PLAIN, AROUND)
    assert (mine["status"], mine["messages"][0]["severity"]) == ("incomplete", "recoverable")
    assert (theirs["status"], theirs["messages"][0]["severity"]) == (
        "requires_escalation",
        "requires_buyer_input",
    )
    assert "path" not in theirs["messages"][0]


def test_a_code_that_the_buyer_typed_has_no_place_for_a_platform_without_discounts():
    rejected = problems.discount_rejected("NOPE", "invalid", "This code is not known here.", 0)
    wire = checkouts.render(samples.with_problems(rejected), PLAIN, AROUND)
    (message,) = wire["messages"]
    assert (message["type"], message["code"]) == ("warning", "discount_code_invalid")
    assert {"path", "severity"}.isdisjoint(message)


def test_an_instrument_that_2026_01_11_cannot_show_is_not_named_as_selected():
    wallet = msgspec.structs.replace(samples.CARD, type="wallet")
    checkout = samples.checkout()
    basket = msgspec.structs.replace(checkout.basket, instruments=(wallet,))
    wire = checkouts.render(msgspec.structs.replace(checkout, basket=basket), ALL, AROUND)
    assert downgraded(wire, RELEASES[0], ALL)["payment"] == {"instruments": [], "handlers": []}


def test_the_form_of_2026_01_11():
    wire = checkouts.render(samples.checkout(), ALL, AROUND)
    document = downgraded(wire, RELEASES[0], ALL)
    assert [entry["name"].rpartition(".")[2] for entry in document["ucp"]["capabilities"]] == [
        "checkout",
        "fulfillment",
        "discount",
        "buyer_consent",
    ]
    assert document["buyer"]["consent"] == {"marketing": True, "sale_of_data": False}
    assert [row["amount"] for row in document["totals"]] == [7000, 700, 500, 6800]
    assert document["payment"]["handlers"] == []
    assert document["payment"]["selected_instrument_id"] == "instr_1"
    (card,) = document["payment"]["instruments"]
    assert (card["brand"], card["last_digits"], card["expiry_month"]) == ("Visa", "1234", 12)
    shipping, pickup = document["fulfillment"]["methods"]
    assert "type" not in shipping["destinations"][0]
    assert "type" not in pickup["destinations"][0]
    assert shipping["groups"][0]["options"][0]["description"] == "Three to five days"


@pytest.mark.parametrize("release", RELEASES, ids=lambda release: release.version)
@pytest.mark.parametrize("kind", KINDS)
def test_rows_still_sum_to_the_total_in_every_release(kind: str, release: Release):
    document = downgraded(checkouts.render(KINDS[kind], ALL, AROUND), release, ALL)
    positive = release in RELEASES[:2]
    by_type = {row["type"]: row["amount"] for row in document["totals"]}
    total = by_type.pop("total")
    discount = by_type.pop("items_discount")
    assert sum(by_type.values()) + (-discount if positive else discount) == total


def test_a_picture_that_came_with_the_shop_has_an_absolute_url():
    (line,) = checkouts.render(samples.checkout(), ALL, AROUND)["line_items"]
    assert line["item"]["image_url"] == "https://shop.example/pictures/roses.jpg"
