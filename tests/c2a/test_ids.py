"""Ids on the wire: a prefix and a ULID, and nothing else is one."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ucp_server.c2a.ids import (
    decode_method_urn,
    decode_offer_id,
    decode_tracking,
    is_shown_id,
    new_tracking,
    render_method_urn,
    render_offer_id,
    render_shown_id,
)
from ucp_server.store.ids import new_id


@given(st.uuids().map(str))
def test_ids_come_back_as_they_went(id_: str) -> None:
    assert decode_offer_id(render_offer_id(id_)) == id_
    assert decode_method_urn(render_method_urn(id_)) == id_


@given(st.text() | st.from_regex(r"(of_|pm\.|trk_|sc_)?[0-9A-Za-z]{0,30}"))
def test_what_was_never_an_id_is_none(text: str) -> None:
    for decode, prefix in ((decode_offer_id, "of_"), (decode_method_urn, "pm."), (decode_tracking, "trk_")):
        found = decode(text)
        assert found is None or (text.startswith(prefix) and len(text) == len(prefix) + 26)


def test_what_was_only_shown_is_known_by_its_id() -> None:
    shown = render_shown_id(new_id())
    assert is_shown_id(shown)
    assert decode_offer_id(shown) is None
    assert not is_shown_id(render_offer_id(new_id()))


def test_tracking_numbers_are_ulids_of_random_bits() -> None:
    numbers = {new_tracking() for _ in range(500)}
    assert len(numbers) == 500
    assert all(re.fullmatch(r"trk_[0-7][0-9A-HJKMNP-TV-Z]{25}", number) for number in numbers)
    # Their first characters are not a time, which others could guess.
    assert len({number[4:9] for number in numbers}) > 490


@pytest.mark.parametrize(
    "wrong", ["", "trk_", "trk_8ZZZZZZZZZZZZZZZZZZZZZZZZZ", "trk_01KQ4D8Y5S2W7B9N3C6E1A0RX"]
)
def test_a_number_that_cannot_be_is_none(wrong: str) -> None:
    assert decode_tracking(wrong) is None


def test_letter_case_of_a_number_does_not_matter() -> None:
    number = new_tracking()
    assert decode_tracking("trk_" + number[4:].lower()) == number
