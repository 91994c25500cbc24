"""From raw bytes to a JSON object that means the same to everyone who reads it.

RFC 8259 leaves much to the reader: duplicate members, numbers beyond a double, lone surrogates,
depth. Each of them has made two programs see two documents in one body, so each is refused here
(I-JSON, RFC 7493, and UCP's bound on integers). Whether the members make sense is a matter of the
schema.
"""

import json
from collections.abc import Iterable
from typing import Any

import msgspec

Wire = dict[str, Any]

# RFC 7493 2.2: beyond it, programs that hold numbers as doubles see another one.
NUMBER_MAX = 2**53 - 1
# The deepest document of any protocol here has about ten levels.
DEPTH_MAX = 32
# A checkout of 100 lines has about 1,500 values; each costs memory many times its bytes.
NODES_MAX = 2_000
# The largest object of any protocol has about 40 members; extensions add to that.
MEMBERS_MAX = 256

_decoder = msgspec.json.Decoder()
_encoder = msgspec.json.Encoder()


class BadDocument(Exception):
    """The body is no document that we take; ``text`` repeats nothing of it.

    Codes: ``empty_body``, ``not_json``, ``not_utf8``, ``not_an_object``, ``too_deep``,
    ``too_many_values``, ``too_many_members``, ``number_out_of_range``, ``duplicate_member``,
    ``nul_character``.
    """

    def __init__(self, code: str, text: str) -> None:
        super().__init__(f"{code}: {text}")
        self.code = code
        self.text = text


def decode(raw: bytes) -> Wire:
    """The JSON object in ``raw``. Raises BadDocument for everything else.

    Integers within +/-(2^53-1); other finite numbers within the same range arrive as floats.
    """
    document = _parse(raw)
    if type(document) is not dict:
        raise BadDocument("not_an_object", "The body is not a JSON object.")
    _check_content(raw, document)
    return document


def decode_batch(raw: bytes) -> Wire | list[Any]:
    """As `decode`, but an array may stand for several objects. What is in it may be anything."""
    document = _parse(raw)
    if type(document) is not dict and type(document) is not list:
        raise BadDocument("not_an_object", "The body is not a JSON object, nor an array.")
    _check_content(raw, document)
    return document


def _check_content(raw: bytes, document: Wire | list[Any]) -> None:
    _check_bounds(document)
    if b"\\u0000" in raw and _holds_nul(document):
        raise BadDocument("nul_character", "A string holds the character U+0000.")
    if _has_duplicates(raw, document):
        raise BadDocument("duplicate_member", "An object names a member twice.")


def _parse(raw: bytes) -> Any:
    if not raw:
        raise BadDocument("empty_body", "The body is empty; a JSON object is needed.")
    try:
        return _decoder.decode(raw)
    except UnicodeDecodeError:
        raise BadDocument("not_utf8", "The body is not UTF-8.") from None
    except RecursionError:
        raise _too_deep() from None
    except msgspec.ValidationError:
        # The untyped decoder has one such case: a number that no double or integer can hold.
        raise _out_of_range() from None
    except msgspec.DecodeError as error:
        # Its message names the kind of fault and the byte, nothing of the content.
        raise BadDocument("not_json", f"The body is not JSON: {error}.") from None


def _too_deep() -> BadDocument:
    return BadDocument("too_deep", f"The body nests deeper than {DEPTH_MAX} levels.")


def _out_of_range() -> BadDocument:
    return BadDocument("number_out_of_range", "A number is outside of +/-(2^53-1).")


def _check_bounds(document: Wire | list[Any]) -> None:
    """Depth, size and numbers, one level at a time, so that depth costs no stack."""
    level: list[Any] = [document]
    depth = 0
    nodes = 1
    while level:
        depth += 1
        if depth > DEPTH_MAX:
            raise _too_deep()
        below: list[Any] = []
        for container in level:
            nodes += len(container)
            if nodes > NODES_MAX:
                raise BadDocument("too_many_values", f"More than {NODES_MAX} values in the body.")
            below.extend(_containers_in(container))
        level = below


def _containers_in(container: Any) -> list[Any]:
    """The objects and arrays directly below; the numbers beside them are within range."""
    if type(container) is dict:
        if len(container) > MEMBERS_MAX:
            text = f"An object has more than {MEMBERS_MAX} members."
            raise BadDocument("too_many_members", text)
        values: Iterable[Any] = container.values()
    else:
        values = container
    found: list[Any] = []
    for value in values:
        kind = type(value)
        if kind is str:
            continue
        if kind is dict or kind is list:
            found.append(value)
        elif (kind is int or kind is float) and not -NUMBER_MAX <= value <= NUMBER_MAX:
            raise _out_of_range()
    return found


def _holds_nul(node: Any) -> bool:
    """Whether U+0000 is in any string or name below. Called only on documents within the depth limit."""
    if type(node) is str:
        return "\0" in node
    if type(node) is dict:
        return any("\0" in name or _holds_nul(value) for name, value in node.items())
    return type(node) is list and any(map(_holds_nul, node))


def _has_duplicates(raw: bytes, document: Wire | list[Any]) -> bool:
    """Whether decoding dropped a member because its name came again.

    Every colon in ``raw`` either follows a name or stands in a string. Writing the document out
    again keeps exactly those, except what belonged to a dropped member, which had one at least.
    Only a colon that ``raw`` writes as an escape upsets the count; then names are compared one by
    one, at ten times the cost.
    """
    if b"\\u003" not in raw:
        return raw.count(b":") != _encoder.encode(document).count(b":")
    try:
        json.loads(raw, object_pairs_hook=_refuse_repeated, parse_int=str, parse_float=str)
    except (_Repeated, RecursionError):
        # What was kept is not deep; so if something is, it was dropped.
        return True
    return False


class _Repeated(Exception):
    """A name came twice in one object."""


def _refuse_repeated(pairs: list[tuple[str, Any]]) -> None:
    if len({name for name, _ in pairs}) != len(pairs):
        raise _Repeated
