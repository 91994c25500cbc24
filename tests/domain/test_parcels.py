"""Parcels out of events."""

from collections import Counter
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from tests.ucp import samples
from ucp_server.domain.order import FulfillmentEvent, Quantity
from ucp_server.domain.parcels import Parcel, parcels

AT = datetime(2026, 1, 11, tzinfo=UTC)


def happened(*told: tuple[str, dict[str, int], str | None]) -> tuple[Parcel, ...]:
    """The parcels after events of (type, pieces by line, tracking number), an hour after each other."""
    events = tuple(
        FulfillmentEvent(
            id=f"e{hour}",
            type=type_,
            occurred_at=AT + timedelta(hours=hour),
            lines=tuple(Quantity(line_id=line, quantity=n) for line, n in pieces.items()),
            tracking_number=number,
        )
        for hour, (type_, pieces, number) in enumerate(told)
    )
    return parcels(samples.order(events=events, adjustments=()))


def fates(found: tuple[Parcel, ...]) -> list[str]:
    return [parcel.latest.type for parcel in found]


def test_what_was_not_sent_is_in_no_parcel():
    assert happened(("processing", {"a": 1}, None)) == ()


def test_a_number_leads_to_its_parcel():
    found = happened(
        ("shipped", {"a": 1}, "N1"),
        ("shipped", {"a": 1}, "N2"),
        ("in_transit", {"a": 1}, "N2"),
        ("delivered", {"a": 1}, "N1"),
    )
    assert fates(found) == ["delivered", "in_transit"]


def test_what_arrived_beyond_the_named_parcel_arrived_of_the_others():
    found = happened(
        ("shipped", {"a": 1}, "N1"), ("shipped", {"a": 1}, "N2"), ("delivered", {"a": 2}, "N1")
    )
    assert [(parcel.latest.type, parcel.sent is None) for parcel in found] == [("delivered", False)] * 2


def test_a_number_that_no_parcel_has_says_less_than_the_pieces():
    assert fates(happened(("shipped", {"a": 1}, "N1"), ("delivered", {"a": 1}, "N9"))) == ["delivered"]


def test_the_rest_that_is_prepared_keeps_no_parcel_from_its_way():
    assert fates(happened(("shipped", {"a": 1}, None), ("processing", {"a": 1}, None))) == ["shipped"]


def test_without_numbers_the_first_parcel_arrives_first():
    found = happened(
        ("shipped", {"a": 2}, None), ("shipped", {"a": 1, "b": 1}, None), ("delivered", {"a": 2}, None)
    )
    assert fates(found) == ["delivered", "shipped"]


def test_a_parcel_has_arrived_when_all_of_it_has():
    sent = ("shipped", {"a": 2, "b": 1}, None)
    assert fates(happened(sent, ("delivered", {"a": 2}, None))) == ["shipped"]
    assert fates(happened(sent, ("delivered", {"a": 2}, None), ("delivered", {"b": 1}, None))) == [
        "delivered"
    ]


def test_an_event_of_no_lines_is_about_all_that_is_away():
    found = happened(("shipped", {"a": 1}, None), ("shipped", {"b": 1}, None), ("delivered", {}, None))
    assert fates(found) == ["delivered", "delivered"]


def test_what_was_collected_was_in_no_parcel():
    (found,) = happened(("delivered", {"a": 1}, None))
    assert (found.sent, found.is_delivered) == (None, True)


def test_events_are_read_in_the_order_in_which_they_happened():
    told = [("delivered", {"a": 1}, None), ("shipped", {"a": 1}, None)]
    events = tuple(
        FulfillmentEvent(
            id=type_,
            type=type_,
            occurred_at=AT - timedelta(hours=hour),
            lines=(Quantity(line_id="a", quantity=1),),
        )
        for hour, (type_, _, _) in enumerate(told)
    )
    assert fates(parcels(samples.order(events=events, adjustments=()))) == ["delivered"]


PIECES = st.dictionaries(st.sampled_from("abc"), st.integers(1, 4), min_size=1)
NUMBERS = st.sampled_from([None, "N1", "N2"])
TYPES = st.sampled_from(["processing", "shipped", "in_transit", "delivered", "failed_attempt"])


@given(st.lists(st.tuples(TYPES, PIECES, NUMBERS), max_size=8))
def test_every_shipment_is_a_parcel_and_nothing_appears_twice(
    told: list[tuple[str, dict[str, int], str | None]],
):
    found = happened(*told)
    assert sum(parcel.sent is not None for parcel in found) == sum(
        type_ == "shipped" for type_, _, _ in told
    )
    handed = Counter[str]()
    for parcel in found:
        if parcel.sent is None:
            handed.update({part.line_id: part.quantity for part in parcel.lines})
    arrived = Counter[str]()
    for type_, pieces, _ in told:
        arrived.update(pieces if type_ == "delivered" else {})
    assert handed <= arrived
