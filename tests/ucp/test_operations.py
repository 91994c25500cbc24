"""Whatever a body holds, it becomes a command or a refusal; and a late reply is the one that was due."""

import copy
from contextlib import suppress
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.ucp import samples
from tests.ucp.conftest import ALL, BUYER, CARD, SCHEMAS, create_body, shipping
from tests.ucp.test_negotiation import incoming
from ucp_server.domain.errors import CheckoutNotFound, Refusal
from ucp_server.domain.money import Money
from ucp_server.engine.commands import CompleteCheckout, CreateCheckout, UpdateCheckout
from ucp_server.modes import RELAXATIONS, Mode
from ucp_server.ports import HandlerListing
from ucp_server.ucp.accepting import without_nulls
from ucp_server.ucp.admitted import admitted
from ucp_server.ucp.decoding import checkout_command
from ucp_server.ucp.incoming import Paths
from ucp_server.ucp.negotiation import Negotiated
from ucp_server.ucp.platforms import Platform
from ucp_server.ucp.releases import CHECKOUT, R_2026_01_11
from ucp_server.ucp.replies import Replies
from ucp_server.ucp.terms import Terms

Wire = dict[str, Any]

FULL: dict[str, Wire] = {
    "create_checkout": create_body()
    | {
        "buyer": {**BUYER, "consent": {"marketing": True}},
        "fulfillment": shipping(),
        "discounts": {"codes": ["10OFF"]},
        "payment": {"selected_instrument_id": "instr_1", "instruments": [CARD], "handlers": []},
    },
    "complete_checkout": {
        "payment_data": CARD | {"billing_address": {"postal_code": "1"}},
        "risk_signals": {},
    },
}
FULL["update_checkout"] = FULL["create_checkout"] | {"id": samples.WIRE_ID}
COMMANDS = {
    "create_checkout": CreateCheckout,
    "update_checkout": UpdateCheckout,
    "complete_checkout": CompleteCheckout,
}


class Broken:
    """A payment plug-in that fails at everything."""

    def describe(self, *_: Any) -> HandlerListing | None:
        raise RuntimeError("the plug-in fell over")


LISTING = HandlerListing(
    id="mock",
    name="com.example.mock",
    version="2026-01-11",
    spec="https://x.example/spec",
    config_schema="https://x.example/config.json",
)


class Listed:
    def describe(self, *_: Any) -> HandlerListing | None:
        return LISTING


def replies(**changes: Any) -> Replies:
    faults: list[Any] = changes.pop("faults", [])
    given: Wire = {
        "schemas": SCHEMAS,
        "payments": {"demo": {"mock": Listed(), "other_name": Listed(), "broken": Broken()}},
        "links": {},
        "paths": Paths(
            checkout="/checkout/{}/{}".format,
            back="/checkout/{}/{}?back".format,
            cart="/cart/{}/{}".format,
            order="/order/{}/{}".format,
        ),
        "on_fault": lambda *fault: faults.append(fault),
    }
    return Replies(**(given | changes))


def command(operation: str, document: Any, active: frozenset[str] = frozenset(ALL)) -> Any:
    """The command that a body becomes; raises what refuses it."""
    asked = incoming(None, operation, raw=msgspec.json.encode(document), target=samples.WIRE_ID)
    agreed = Negotiated(platform=Platform(id="p"), release=R_2026_01_11, active=active)
    return checkout_command(admitted(asked, agreed), SCHEMAS, RELAXATIONS[Mode.PRODUCTION])[0]


@pytest.mark.parametrize("operation", FULL)
@pytest.mark.parametrize("active", [frozenset(ALL), frozenset({CHECKOUT})], ids=["all", "plain"])
def test_a_full_body_becomes_its_command(operation: str, active: frozenset[str]):
    assert isinstance(command(operation, FULL[operation], active), COMMANDS[operation])


# A NUL is refused wherever it stands, which is a matter of asgi/documents.py.
LETTERS = st.characters(exclude_characters="\0", exclude_categories=["Cs"])
junk = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | st.text(LETTERS, max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["id", "type", "methods", "consent", "item", "x"]), inner, max_size=3
        )
    ),
    max_leaves=6,
)


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Every place in a document, the root excluded."""
    found = [path] if path else []
    entries = (
        value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    )
    for step, inner in entries:
        found += places(inner, (*path, step))
    return found


@given(st.sampled_from(sorted(FULL)), st.data(), junk)
@settings(max_examples=600, deadline=None)
def test_a_body_with_anything_anywhere_is_a_command_or_a_refusal(operation: str, data: Any, value: Any):
    document = copy.deepcopy(FULL[operation])
    *way, last = data.draw(st.sampled_from(places(document)))
    target: Any = document
    for step in way:
        target = target[step]
    target[last] = value
    for active in (frozenset(ALL), frozenset({CHECKOUT})):
        with suppress(Refusal):
            assert isinstance(command(operation, document, active), COMMANDS[operation])


@given(
    st.sampled_from(sorted(FULL)),
    st.dictionaries(st.sampled_from(["ucp", *FULL["update_checkout"], *FULL["complete_checkout"]]), junk),
)
@settings(deadline=None)
def test_what_belongs_to_another_operation_may_hold_anything(operation: str, more: Wire):
    document = more | FULL[operation]
    for active in (frozenset(ALL), frozenset({CHECKOUT})):
        assert command(operation, document, active) == command(operation, FULL[operation], active)


@given(st.sampled_from(sorted(FULL)), st.dictionaries(st.text(LETTERS, max_size=12), junk, max_size=3))
@settings(deadline=None)
def test_members_that_nobody_knows_change_nothing(operation: str, more: Wire):
    known = {
        "ucp",
        "context",
        "attribution",
        "signals",
        *FULL["update_checkout"],
        *FULL["complete_checkout"],
    }
    unknown = {name: value for name, value in more.items() if name not in known}
    assert command(operation, FULL[operation] | unknown) == command(operation, FULL[operation])


@pytest.mark.parametrize(
    "member", ["context", "attribution", "signals", "status", "totals", "order", "ap2"]
)
def test_members_of_later_releases_and_of_ours_are_not_read(member: str):
    body = FULL["create_checkout"]
    assert command("create_checkout", body | {member: ["junk"]}) == command("create_checkout", body)


def test_what_never_was_an_id_of_ours_is_unknown():
    agreed = Negotiated(platform=Platform(id="p"), release=R_2026_01_11, active=frozenset(ALL))
    for target in ("", "x", samples.ID, samples.ORDER_WIRE_ID):
        with pytest.raises(CheckoutNotFound):
            admitted(incoming(None, "get_checkout", target=target), agreed)


def test_nulls_go_everywhere_but_in_lists():
    assert without_nulls({"a": None, "b": {"c": None, "d": 1}, "e": [{"f": None}, None, 2]}) == {
        "b": {"d": 1},
        "e": [{}, None, 2],
    }


def test_an_incoming_request_prints_no_secret():
    asked = incoming("x", raw=b"4242424242424242", headers={"x-api-key": "ucpk_planted"})
    assert repr(asked) == "Incoming(create_checkout)"


# --- replies ---


def terms(operation: str = "complete_checkout") -> Terms:
    return Terms(
        merchant_id="demo",
        release="2026-01-11",
        active=frozenset(ALL),
        operation=operation,
        site="https://shop.example",
    )


def test_a_late_reply_is_the_one_that_was_due():
    written = replies()
    due = written.checkout(terms(), samples.completed()).pack()
    assert written.render(terms().rendering().terms, samples.completed()) == due
    refusal = CheckoutNotFound("x")
    assert (
        written.render_refusal(terms().rendering().terms, refusal)
        == written.refusal(R_2026_01_11, refusal).pack()
    )


def test_terms_are_written_the_same_every_time():
    assert terms().rendering() == terms().rendering()


def test_a_created_checkout_is_201():
    assert replies().checkout(terms("create_checkout"), samples.checkout()).status == 201
    assert replies().checkout(terms("update_checkout"), samples.checkout()).status == 200


def test_a_handler_is_listed_under_its_own_name_and_a_broken_one_not_at_all():
    document = msgspec.json.decode(replies().checkout(terms(), samples.checkout()).body)
    assert [entry["id"] for entry in document["payment"]["handlers"]] == ["mock"]
    # and so in the profile, which a broken plug-in must not take down
    assert replies().listings("demo", Money(0, "USD"), ()) == [LISTING]


def test_a_reply_that_is_not_of_its_form_is_told_and_sent():
    faults: list[Any] = []
    broken = msgspec.structs.replace(LISTING, spec="not a URL")

    class Odd:
        def describe(self, *_: Any) -> HandlerListing | None:
            return broken

    sent = replies(faults=faults, payments={"demo": {"mock": Odd()}}).checkout(terms(), samples.checkout())
    assert sent.status == 200
    ((release, operation, violations),) = faults
    assert (release, operation) == ("2026-01-11", "complete_checkout")
    assert violations[0].path == "$.payment.handlers[0].spec"
