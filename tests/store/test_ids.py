"""Ids on the wire of protocols that write ULIDs."""

import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ucp_server.store.ids import id_of_ulid, new_id, ulid_of


@given(st.uuids())
def test_a_ulid_stands_for_one_id(id_: uuid.UUID) -> None:
    ulid = ulid_of(str(id_))
    assert len(ulid) == 26
    assert id_of_ulid(ulid) == id_of_ulid(ulid.lower()) == str(id_)


def test_ulids_sort_as_their_ids_do() -> None:
    ids = sorted(new_id() for _ in range(100))
    assert sorted(map(ulid_of, ids)) == [ulid_of(id_) for id_ in ids]


@given(st.text())
def test_what_is_no_ulid_is_no_id(text: str) -> None:
    found = id_of_ulid(text)
    assert found is None or ulid_of(found) == text.upper()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "01KQ4B7M2V9T6Y3H8N5R1C0DW",  # a digit is missing
        "01KQ4B7M2V9T6Y3H8N5R1C0DWX1",  # one too many
        "81KQ4B7M2V9T6Y3H8N5R1C0DWX",  # more than 128 bits
        "01KQ4B7M2V9T6Y3H8N5R1C0DWU",  # a letter that the alphabet leaves out
        "01KQ4B7M2V9T6Y3H8N5R1C0DW\u0661",
    ],
)
def test_nearly_ulids_are_none(text: str) -> None:
    assert id_of_ulid(text) is None
