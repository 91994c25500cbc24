from collections.abc import Sequence
from datetime import UTC, datetime

import msgspec
import pytest

from tests.domain.shapes import item
from ucp_server.domain.assess import (
    assess_agreement,
    assess_buyer,
    assess_lines,
    assess_methods,
    assess_total,
)
from ucp_server.domain.catalog import Item
from ucp_server.domain.checkout import Basket, Buyer, Line
from ucp_server.domain.fulfillment import Address, Destination, Group, Method, Option
from ucp_server.domain.merchant import Merchant
from ucp_server.domain.problems import Problem

TEA = item(1, 500)
REVIEWED = msgspec.structs.replace(item(2, 500), needs_review=True)
LIMITED = msgspec.structs.replace(item(3, 500), quantity_max=2)
ITEMS = {each.id: each for each in (TEA, REVIEWED, LIMITED)}


def line(item_: Item | str, quantity: int = 1, number: int = 1) -> Line:
    return Line(id=f"li_{number}", item_id=item_ if isinstance(item_, str) else item_.id, quantity=quantity)


def told(found: Sequence[Problem]) -> list[tuple[str, str | None]]:
    return [(problem.code, problem.where) for problem in found]


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ([line(TEA, 5)], []),
        ([line(TEA, 6)], [("out_of_stock", "lines[0]")]),
        ([line(TEA, 3), line(TEA, 3)], [("out_of_stock", "lines[1]")]),
        ([line("wumpus")], [("item_unavailable", "lines[0]")]),
        ([line(TEA), line(REVIEWED)], [("item_review_required", "lines[1]")]),
        ([line(LIMITED, 2)], []),
        ([line(LIMITED), line(LIMITED, 2)], [("quantity_invalid_limit_exceeded", "lines[1]")]),
        ([], [("missing", "lines")]),
    ],
)
def test_lines(lines: list[Line], expected: list[tuple[str, str]]) -> None:
    assert told(assess_lines(lines, ITEMS, {"item_1": 5})) == expected


def test_what_is_not_counted_is_never_short() -> None:
    assert assess_lines([line(TEA, 10**9)], ITEMS, {}) == []


@pytest.mark.parametrize(
    ("buyer", "expected"),
    [
        (None, ["buyer.email", "buyer.last_name"]),
        (Buyer(email="a@example.com"), ["buyer.last_name"]),
        (Buyer(email="", last_name="Doe"), ["buyer.email"]),
        (Buyer(email="a@example.com", last_name="Doe"), []),
    ],
)
def test_buyer(buyer: Buyer | None, expected: list[str]) -> None:
    found = assess_buyer(buyer, ("email", "last_name"))
    assert [problem.where for problem in found] == expected
    assert {problem.code for problem in found} <= {"missing_buyer_info"}


@pytest.mark.parametrize(
    ("limit", "total", "is_high"), [(None, 10**9, False), (50_000, 50_000, False), (50_000, 50_001, True)]
)
def test_a_high_total_is_for_the_buyer_to_review(limit: int | None, total: int, is_high: bool) -> None:
    merchant = Merchant(
        id="m", title="M", currency="EUR", home_country="DE", mail_sender="", escalate_above_minor=limit
    )
    found = assess_total(total, merchant)
    assert bool(found) is is_high
    for problem in found:
        assert (problem.code, problem.severity) == ("high_value_order", "requires_buyer_review")
        assert "500.00 EUR" in problem.text


@pytest.mark.parametrize(
    ("is_wanted", "agreed_at", "is_open"),
    [(False, None, False), (True, None, True), (True, datetime(2026, 1, 11, tzinfo=UTC), False)],
)
def test_terms_are_agreed_to_once(is_wanted: bool, agreed_at: datetime | None, is_open: bool) -> None:
    merchant = Merchant(
        id="m", title="M", currency="EUR", home_country="DE", mail_sender="", terms_agreement=is_wanted
    )
    found = assess_agreement(Basket(lines=(), terms_agreed_at=agreed_at), merchant)
    assert [(problem.code, problem.severity) for problem in found] == (
        [("terms_agreement_required", "requires_buyer_review")] if is_open else []
    )


HOME = Destination(id="home", kind="shipping_address", address=Address(country="US"))
SHOP = Destination(id="shop", kind="business_location", name="Shop")
POST = Option(id="post", title="Post", price_minor=500)


def method(
    destination: Destination | None = HOME,
    options: tuple[Option, ...] = (POST,),
    option_id: str | None = "post",
    type_: str = "shipping",
) -> Method:
    return Method(
        id="m",
        type=type_,
        line_ids=("li_1",),
        destinations=(HOME, SHOP),
        selected_destination_id=destination.id if destination else None,
        groups=(Group(id="g", line_ids=("li_1",), options=options, selected_option_id=option_id),),
    )


def nothing_missing(_: Address) -> tuple[str, ...]:
    return ()


def street_missing(_: Address) -> tuple[str, ...]:
    return ("street_address",)


OPTION_MISSING = ("fulfillment_required", "methods[0].groups[0].selected_option_id")


@pytest.mark.parametrize(
    ("methods", "expected"),
    [
        ([method()], []),
        ([], [("fulfillment_required", "methods")]),
        ([method(destination=None)], [("fulfillment_required", "methods[0].selected_destination_id")]),
        ([method(option_id=None)], [OPTION_MISSING]),
        ([method(options=(), option_id=None)], [("address_undeliverable", "methods[0].destinations[0]")]),
    ],
)
def test_methods(methods: list[Method], expected: list[tuple[str, str]]) -> None:
    assert told(assess_methods(methods, ["li_1"], nothing_missing)) == expected


def test_a_line_that_no_method_carries_is_missing() -> None:
    found = assess_methods([method()], ["li_1", "li_2"], nothing_missing)
    assert told(found) == [("fulfillment_required", "methods")]
    assert found[0].text == "Fulfillment address and option must be selected."


def test_what_needs_no_fulfillment_misses_nothing() -> None:
    assert assess_methods([], [], street_missing) == []


def test_an_address_that_the_post_cannot_use_is_incomplete() -> None:
    found = assess_methods([method(option_id=None)], ["li_1"], street_missing)
    assert told(found) == [("address_incomplete", "methods[0].destinations[0]"), OPTION_MISSING]
    assert "street address" in found[0].text


def test_our_own_place_is_never_incomplete() -> None:
    assert assess_methods([method(destination=SHOP, type_="pickup")], ["li_1"], street_missing) == []
