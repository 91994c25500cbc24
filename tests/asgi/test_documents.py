import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ucp_server.asgi.documents import (
    DEPTH_MAX,
    MEMBERS_MAX,
    NODES_MAX,
    NUMBER_MAX,
    BadDocument,
    Wire,
    decode,
    decode_batch,
)

# --- the oracle: slow, and written so that each rule can be read off ---


class OracleRefusal(Exception):
    pass


def oracle(raw: bytes) -> Wire:
    try:
        document = json.loads(
            raw.decode("utf-8"),
            object_pairs_hook=_object,
            parse_int=_integer,
            parse_float=_float,
            parse_constant=_constant,
        )
    except (ValueError, RecursionError) as error:
        raise OracleRefusal from error
    if not isinstance(document, dict) or _count(document, 1) > NODES_MAX:
        raise OracleRefusal
    return document


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    names = [name for name, _ in pairs]
    if len(set(names)) < len(names) or len(names) > MEMBERS_MAX:
        raise OracleRefusal
    return dict(pairs)


def _integer(text: str) -> int:
    number = int(text) if len(text) < 100 else NUMBER_MAX + 1
    if abs(number) > NUMBER_MAX:
        raise OracleRefusal
    return number


def _float(text: str) -> float:
    number = float(text)
    if abs(number) > NUMBER_MAX:
        raise OracleRefusal
    return number


def _constant(text: str) -> float:
    raise OracleRefusal


def _count(node: Any, depth: int) -> int:
    if isinstance(node, str):
        if "\0" in node or any(0xD800 <= ord(character) <= 0xDFFF for character in node):
            raise OracleRefusal
        return 1
    if not isinstance(node, dict | list):
        return 1
    if depth > DEPTH_MAX:
        raise OracleRefusal
    if isinstance(node, dict):
        for name in node:
            _count(name, depth)
        return 1 + sum(_count(value, depth + 1) for value in node.values())
    return 1 + sum(_count(value, depth + 1) for value in node)


# --- documents as text, so that every spelling occurs ---

SPACES = st.sampled_from(["", "", "", " ", "\n\t"])
PIECES = st.sampled_from(
    [
        "a",
        "b",
        ":",
        '\\":',
        "\\u003a",
        "\\u003A",
        "\\\\u003a",
        "\\u0061",
        "é",
        "\\ud83d\\ude00",
        "\\n",
        ",{}[]",
    ]
)
HOSTILE_PIECES = st.sampled_from(["\\u0000", "\\\\u0000", "\\ud800", "\\udc00", "\\x", "\n"])
STRINGS = st.lists(PIECES, max_size=4).map(lambda pieces: '"' + "".join(pieces) + '"')
NAMES = st.one_of(st.sampled_from(['"a"', '"b"', '"c"', '"\\u0061"', '":"', '"\\u003a"']), STRINGS)
NUMBERS = st.one_of(st.integers(-99, 99).map(str), st.floats(-1e9, 1e9).map(repr))
HOSTILE = st.one_of(
    HOSTILE_PIECES.map(lambda piece: f'"{piece}"'),
    st.integers().map(str),
    st.floats().map(repr),
    st.sampled_from([NUMBER_MAX, NUMBER_MAX + 1, -NUMBER_MAX, -NUMBER_MAX - 1, 2**64]).map(str),
    st.sampled_from(["-0", "0.0", "1E2", "1e400", "1e-400", "01", "+1", "1.", "NaN", "Infinity"]),
)
CONSTANTS = st.sampled_from(["null", "true", "false"])
# One leaf in nine is meant to be refused; more, and hardly a document would be taken.
LEAVES = st.integers(0, 8).flatmap(
    lambda pick: HOSTILE if pick == 0 else st.one_of(STRINGS, NUMBERS, CONSTANTS)
)


def _array(values: list[str]) -> str:
    return "[" + ",".join(values) + "]"


@st.composite
def _objects(draw: st.DrawFn, values: st.SearchStrategy[str]) -> str:
    members = draw(st.lists(st.tuples(NAMES, SPACES, SPACES, values), max_size=5))
    return "{" + ",".join(f"{name}{a}:{b}{value}" for name, a, b, value in members) + "}"


VALUES = st.recursive(
    LEAVES, lambda inner: st.one_of(st.lists(inner, max_size=4).map(_array), _objects(inner))
)
TEXTS = _objects(VALUES).map(lambda text: text.encode("utf-8"))


@st.composite
def _damaged(draw: st.DrawFn) -> bytes:
    raw = draw(TEXTS)
    at = draw(st.integers(0, len(raw)))
    removed = draw(st.integers(0, 3))
    return raw[:at] + draw(st.binary(max_size=3)) + raw[at + removed :]


def _same(raw: bytes) -> None:
    try:
        expected: Wire | None = oracle(raw)
    except OracleRefusal:
        expected = None
    try:
        found: Wire | None = decode(raw)
    except BadDocument:
        found = None
    assert found == expected


@settings(max_examples=300, deadline=None)
@given(TEXTS)
def test_it_takes_what_the_oracle_takes(raw: bytes) -> None:
    _same(raw)


@settings(max_examples=100, deadline=None)
@given(_damaged())
def test_it_takes_what_the_oracle_takes_of_damaged_documents(raw: bytes) -> None:
    _same(raw)


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=30))
def test_bytes_give_a_document_or_a_bad_document(raw: bytes) -> None:
    _same(raw)


@settings(max_examples=200, deadline=None)
@given(st.lists(st.tuples(NAMES, st.sampled_from(['":"', '"\\u003a"', '"\\u003A:"'])), max_size=6))
def test_a_colon_written_as_an_escape_hides_no_duplicate(members: list[tuple[str, str]]) -> None:
    _same(("{" + ",".join(f"{name}:{value}" for name, value in members) + "}").encode("utf-8"))


@pytest.mark.parametrize("depth", [DEPTH_MAX - 1, DEPTH_MAX, DEPTH_MAX + 1, 200, 5_000])
def test_depth_is_counted_from_the_outermost_object(depth: int) -> None:
    raw = b'{"a":' * depth + b"1" + b"}" * depth
    if depth <= DEPTH_MAX:
        decode(raw)
    else:
        with pytest.raises(BadDocument) as bad:
            decode(raw)
        assert bad.value.code == "too_deep"


def test_a_text_repeats_nothing_of_the_body() -> None:
    for raw in (b'{"card":4111111111111111,}', b'{"a":"4111111111111111', b'{"x":1,"x":"411111"}'):
        with pytest.raises(BadDocument) as bad:
            decode(raw)
        assert "4111" not in bad.value.text
        assert "card" not in bad.value.text


def test_a_batch_is_held_to_the_same_rules() -> None:
    assert decode_batch(b'[{"a":1},2]') == [{"a": 1}, 2]
    assert decode_batch(b'{"a":[1]}') == {"a": [1]}
    refused = {
        b"3": "not_an_object",
        b'[{"a":1,"a":2}]': "duplicate_member",
        b"[9007199254740992]": "number_out_of_range",
        b'["\\u0000"]': "nul_character",
        b"[" * 40 + b"]" * 40: "too_deep",
        b"[" + b"1," * NODES_MAX + b"1]": "too_many_values",
    }
    for raw, code in refused.items():
        with pytest.raises(BadDocument) as bad:
            decode_batch(raw)
        assert bad.value.code == code
