from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ucp_server.domain.addresses import id_of
from ucp_server.domain.fulfillment import (
    Address,
    Destination,
    Group,
    Method,
    Option,
    WantedDestination,
    WantedGroup,
    WantedMethod,
)
from ucp_server.domain.methods import (
    Draft,
    Known,
    keep_methods,
    offer,
    resolve_methods,
    select_destination,
    suggested_method,
)

MAIN_ST = Address(street_address="123 Main St", locality="Springfield", country="US")
OAK_AVE = Address(street_address="456 Oak Ave", locality="Metropolis", country="US")
NEW_ST = Address(street_address="123 New St", country="CA")
STORED = (
    Destination(id="addr_1", kind="shipping_address", address=MAIN_ST),
    Destination(id="addr_2", kind="shipping_address", address=OAK_AVE),
)
SHOP = (
    Destination(id="shop", kind="business_location", name="Our shop", address=OAK_AVE),
    Option(id="collect-shop", title="Collect", price_minor=0),
)
POST = Option(id="post", title="Post", price_minor=500)


def known(*line_ids: str, **more: Any) -> Known:
    return Known(line_ids=line_ids or ("li_1", "li_2"), **{"names": {}, **more})


def resolved(
    wanted: list[WantedMethod], before: list[Method] | None = None, facts: Known | None = None
) -> list[Draft]:
    drafts, problems = resolve_methods(wanted, before or [], facts or known())
    assert not problems
    return drafts


def sent(address: Address | None, id_: str | None = None) -> WantedDestination:
    return WantedDestination(id=id_, address=address)


def ids(draft: Draft) -> list[str] | None:
    destinations = draft.method.destinations
    return None if destinations is None else [each.id for each in destinations]


# --- ids, types and lines ---


def test_a_method_without_any_member_ships_everything() -> None:
    (draft,) = resolved([WantedMethod()])
    assert (draft.method.id, draft.method.type, draft.method.line_ids) == (
        "shipping_1",
        "shipping",
        ("li_1", "li_2"),
    )
    (group,) = draft.method.groups
    assert group.line_ids == ("li_1", "li_2")


BEFORE = [
    Method(id="shipping_1", type="shipping", line_ids=("li_1",)),
    Method(id="shipping_2", type="shipping", line_ids=("li_2",)),
]


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        ([WantedMethod(id="shipping_2")], ["shipping_2"]),
        ([WantedMethod(type="shipping")], ["shipping_1"]),
        (
            [WantedMethod(line_ids=("li_1",)), WantedMethod(line_ids=("li_2",))],
            ["shipping_1", "shipping_2"],
        ),
        (
            [WantedMethod(id="shipping_2", line_ids=("li_2",)), WantedMethod(type="shipping")],
            ["shipping_2", "shipping_1"],
        ),
        ([WantedMethod(id="gone", type="shipping")], ["shipping_1"]),
        ([WantedMethod(id="shipping_1", type="pickup")], ["pickup_1"]),
        (
            [WantedMethod(id="shipping_1", line_ids=("li_1",)), WantedMethod(type="pickup")],
            ["shipping_1", "pickup_1"],
        ),
    ],
)
def test_a_method_is_known_again_by_its_id_its_type_or_its_place(
    wanted: list[WantedMethod], expected: list[str]
) -> None:
    drafts = resolved(wanted, BEFORE, known(locations=(SHOP,)))
    assert [draft.method.id for draft in drafts] == expected


def test_lines_go_to_the_method_that_names_them_and_the_rest_to_the_next() -> None:
    facts = known("li_1", "li_2", "li_3", names={"mine": "li_2"})
    drafts = resolved(
        [WantedMethod(line_ids=("mine", "li_9")), WantedMethod(line_ids=("li_2", "li_1"))], [], facts
    )
    assert [draft.method.line_ids for draft in drafts] == [("li_2",), ("li_1",)]


def test_a_caller_that_names_none_of_our_lines_means_all_of_them() -> None:
    (draft,) = resolved([WantedMethod(line_ids=("line_item_1",))])
    assert draft.method.line_ids == ("li_1", "li_2")


def test_a_method_for_which_no_line_is_left_is_none() -> None:
    assert len(resolved([WantedMethod(type="shipping"), WantedMethod(type="shipping")])) == 1


@pytest.mark.parametrize("type_", ["pickup", "drone"])
def test_a_method_that_the_shop_does_not_offer_is_a_problem(type_: str) -> None:
    drafts, problems = resolve_methods([WantedMethod(type=type_)], [], known())
    assert not drafts
    assert [(problem.code, problem.where) for problem in problems] == [("invalid", "methods[0].type")]


method_ids = st.none() | st.sampled_from(["shipping_1", "shipping_2", "pickup_1", "other"])
types = st.none() | st.sampled_from(["shipping", "pickup", "drone"])
line_ids = st.none() | st.lists(st.sampled_from(["li_1", "li_2", "li_3", "li_9"]), max_size=4).map(tuple)
wanted_methods = st.lists(st.builds(WantedMethod, id=method_ids, type=types, line_ids=line_ids), max_size=4)


@given(st.lists(wanted_methods, min_size=1, max_size=4))
def test_no_two_methods_share_an_id_or_a_line(updates: list[list[WantedMethod]]) -> None:
    before: list[Method] = []
    for wanted in updates:
        drafts, _ = resolve_methods(wanted, before, known("li_1", "li_2", "li_3", locations=(SHOP,)))
        before = [draft.as_asked for draft in drafts]
        taken = [line_id for method in before for line_id in method.line_ids]
        assert len(set(taken)) == len(taken)
        assert len({method.id for method in before}) == len(before)
        assert all(method.line_ids for method in before)


# --- destinations ---


def test_an_unknown_buyer_has_no_destinations() -> None:
    (draft,) = resolved([WantedMethod(type="shipping")])
    assert ids(draft) is None


def test_a_known_buyer_is_shown_what_is_stored() -> None:
    (draft,) = resolved([WantedMethod(type="shipping")], [], known(stored=STORED))
    assert ids(draft) == ["addr_1", "addr_2"]
    assert draft.as_asked.destinations is None


def test_an_address_that_was_sent_stands_alone() -> None:
    (draft,) = resolved([WantedMethod(destinations=(sent(NEW_ST),))], [], known(stored=STORED))
    assert ids(draft) == [id_of(NEW_ST)]
    assert draft.as_asked.destinations == draft.method.destinations


@pytest.mark.parametrize(
    ("destination", "id_"),
    [
        (sent(MAIN_ST), "addr_1"),
        (sent(msgspec.structs.replace(MAIN_ST, full_name="John Doe")), "addr_1"),
        (sent(MAIN_ST, "mine"), "mine"),
        (sent(NEW_ST, "dest_new"), "dest_new"),
        (sent(NEW_ST, "addr_1"), "addr_1"),
        (sent(None, "addr_2"), "addr_2"),
        (sent(NEW_ST), id_of(NEW_ST)),
    ],
)
def test_an_address_keeps_the_id_of_the_caller_or_of_the_stored_one(
    destination: WantedDestination, id_: str
) -> None:
    (draft,) = resolved([WantedMethod(destinations=(destination,))], [], known(stored=STORED))
    assert ids(draft) == [id_]
    if destination.address is not None:
        assert draft.method.destinations is not None
        assert draft.method.destinations[0].address == destination.address


def test_what_was_sent_before_is_kept_until_it_is_cleared() -> None:
    (first,) = resolved([WantedMethod(destinations=(sent(NEW_ST, "here"),))])
    (second,) = resolved([WantedMethod(type="shipping")], [first.as_asked], known(stored=STORED))
    assert ids(second) == ["here"]
    (third,) = resolved([WantedMethod(destinations=())], [second.as_asked], known(stored=STORED))
    assert ids(third) == ["addr_1", "addr_2"]


def test_an_id_that_nobody_knows_is_no_destination() -> None:
    (draft,) = resolved([WantedMethod(destinations=(sent(None, "gone"),), selected_destination_id="gone")])
    draft, problem = select_destination(draft, 0)
    assert problem is not None
    assert problem.where == "methods[0].selected_destination_id"
    assert draft.method.selected_destination_id is None


def test_a_stored_address_can_be_selected_beside_one_that_was_sent() -> None:
    (draft,) = resolved(
        [WantedMethod(destinations=(sent(NEW_ST, "here"),), selected_destination_id="addr_2")],
        [],
        known(stored=STORED),
    )
    assert ids(draft) == ["here", "addr_2"]
    draft, problem = select_destination(draft, 0)
    assert problem is None
    assert draft.method.destination is not None
    assert draft.method.destination.address == OAK_AVE


def test_a_selection_that_is_not_sent_again_is_dropped() -> None:
    before = [
        Method(id="shipping_1", type="shipping", line_ids=("li_1",), selected_destination_id="addr_1")
    ]
    (draft,) = resolved([WantedMethod(type="shipping")], before, known(stored=STORED))
    assert draft.method.selected_destination_id is None


def test_collecting_lists_our_places_and_no_address_of_the_caller() -> None:
    wanted = WantedMethod(
        type="pickup", destinations=(sent(NEW_ST, "here"),), selected_destination_id="shop"
    )
    (draft,) = resolved([wanted], [], known(locations=(SHOP,), stored=STORED))
    assert ids(draft) == ["shop"]
    assert draft.method.destination == SHOP[0]


# --- options ---


def chosen(option_id: str | None, *, is_new: bool) -> Draft:
    group = Group(id="g", line_ids=("li_1",), selected_option_id=option_id)
    method = Method(id="shipping_1", type="shipping", line_ids=("li_1",), groups=(group,))
    return Draft(method=method, sent=None, is_new_choice=is_new)


def test_an_option_that_is_offered_stays_selected() -> None:
    draft, problem = offer(chosen("post", is_new=True), [POST], 0)
    assert problem is None
    assert draft.method.groups[0].selected == POST
    assert draft.as_asked.groups[0].options == ()
    assert draft.as_asked.groups[0].selected_option_id == "post"


@pytest.mark.parametrize(
    ("is_new", "code", "kind"), [(True, "invalid", "error"), (False, "fulfillment_changed", "warning")]
)
def test_an_option_that_is_not_offered_is_deselected_and_told(is_new: bool, code: str, kind: str) -> None:
    draft, problem = offer(chosen("express", is_new=is_new), [POST], 1)
    assert problem is not None
    assert (problem.code, problem.kind) == (code, kind)
    assert problem.where == "methods[1].groups[0].selected_option_id"
    assert draft.method.groups[0].selected_option_id is None


def test_options_are_offered_without_a_selection() -> None:
    draft, problem = offer(chosen(None, is_new=False), [POST], 0)
    assert problem is None
    assert draft.method.groups[0].options == (POST,)


# --- methods as they were ---


def test_kept_methods_keep_their_choices_and_take_new_lines() -> None:
    (first,) = resolved(
        [
            WantedMethod(
                destinations=(sent(NEW_ST, "here"),),
                selected_destination_id="here",
                groups=(WantedGroup(selected_option_id="post"),),
            )
        ]
    )
    drafts, problems = keep_methods([first.as_asked], known("li_2", "li_3"))
    assert not problems
    (draft,) = drafts
    assert draft.method.id == "shipping_1"
    assert draft.method.line_ids == ("li_2", "li_3")
    assert draft.method.selected_destination_id == "here"
    assert draft.method.groups[0].selected_option_id == "post"
    assert not draft.is_new_choice


def test_a_kept_method_without_lines_is_none() -> None:
    drafts, _ = keep_methods(BEFORE, known("li_1"))
    assert [draft.method.id for draft in drafts] == ["shipping_1"]


def test_who_has_not_said_how_is_shown_that_it_can_be_shipped() -> None:
    draft = suggested_method(known(stored=STORED))
    assert (draft.method.id, draft.method.type) == ("shipping_1", "shipping")
    assert ids(draft) == ["addr_1", "addr_2"]
    assert draft.method.selected_destination_id is None
