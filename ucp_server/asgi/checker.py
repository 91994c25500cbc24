"""Whether a document follows a schema.

The verdict takes microseconds, so that everything read and everything written is checked. A
refusal names the place and the rule, in our words and never with the document's own.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, Final

import jsonschema_rs
import msgspec

Wire = dict[str, Any]

DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"

# A caller repairs a few faults at a time, and a body made of faults must not grow the reply.
VIOLATIONS_MAX: Final = 8

# By keyword, filled from the schema alone. What a keyword compares with is ours to tell.
TEXTS: Final[Mapping[str, str]] = {
    "required": "is required",
    "type": "must be of type {types}",
    "const": "must be {expected_value}",
    "enum": "must be one of {options}",
    "minimum": "must be at least {limit}",
    "maximum": "must be at most {limit}",
    "exclusiveMinimum": "must be above {limit}",
    "exclusiveMaximum": "must be below {limit}",
    "minLength": "must have at least {limit} characters",
    "maxLength": "must have at most {limit} characters",
    "minItems": "must have at least {limit} items",
    "maxItems": "must have at most {limit} items",
    "minProperties": "must have at least {limit} members",
    "maxProperties": "must have at most {limit} members",
    "uniqueItems": "must not repeat an item",
    "pattern": "must match {pattern}",
    "format": "must be a valid {format}",
    "propertyNames": "has a member whose name is not allowed",
    "additionalProperties": "has a member that is not allowed",
    "contains": "does not hold the items that it must, as often as it must",
    "not": "has a form that is not allowed",
    "falseSchema": "is not allowed",
    "oneOf": "fits more than one of the forms it may take",
}
IDENTIFIER: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


class Violation(msgspec.Struct, frozen=True):
    """Why a body is refused, without a word of the body itself: it may hold card data.

    `path` is a JSONPath (RFC 9535) made of members that the schema names and of indices; a member
    whose name is the caller's shows as `*`. `keyword` is the keyword that failed: `required` says
    that the member at `path` is missing.
    """

    path: str
    keyword: str
    text: str


class Checker:
    """Tells whether a document follows one schema, and where it does not."""

    def __init__(self, schema: Wire, *, formats: bool) -> None:
        self._names = frozenset(_member_names(schema))
        self._validator = jsonschema_rs.Draft202012Validator(
            schema,
            validate_formats=formats,
            offline=True,
            # linear time, since callers write what our patterns read
            pattern_options=jsonschema_rs.RegexOptions(),
        )

    def check(self, document: object) -> tuple[Violation, ...]:
        """Nothing if the document is valid; else its first faults, at most VIOLATIONS_MAX.

        UnicodeEncodeError for a lone surrogate, which no decoder of ours lets through.
        """
        if self._validator.is_valid(document):
            return ()
        errors = islice(self._validator.iter_errors(document), VIOLATIONS_MAX)
        return tuple(dict.fromkeys(_violation(error, self._names, document) for error in errors))


def _member_names(schema: Any) -> Iterator[str]:
    if isinstance(schema, dict):
        yield from schema.get("properties", ())
        for value in schema.values():
            yield from _member_names(value)
    elif isinstance(schema, list):
        for value in schema:
            yield from _member_names(value)


def _violation(error: jsonschema_rs.ValidationError, names: frozenset[str], document: object) -> Violation:
    error = _innermost(error)
    facts = error.kind.as_dict()
    missing = [facts["property"]] if error.kind.name == "required" else []
    filled = {fact: _words(value) for fact, value in facts.items()}
    return Violation(
        path=_json_path([*error.instance_path, *missing], names, document),
        keyword=error.kind.name,
        text=TEXTS[error.kind.name].format(**filled),
    )


def _innermost(error: jsonschema_rs.ValidationError) -> jsonschema_rs.ValidationError:
    """Of several forms that a value may take, the fault of the form it comes nearest to.

    A form whose constant is missed is not meant; of the others, the fewest faults decide.
    """
    branches: list[list[jsonschema_rs.ValidationError]] = error.kind.as_dict().get("context", [])
    if not branches or not all(branches):
        return error
    nearest = min(branches, key=lambda faults: (_misses_constant(faults), len(faults)))
    return _innermost(nearest[0])


def _misses_constant(errors: list[jsonschema_rs.ValidationError]) -> bool:
    return any(error.kind.name == "const" for error in errors)


def _words(value: object) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def _json_path(steps: Sequence[str | int], names: frozenset[str], document: object) -> str:
    """The path of ``steps`` through ``document``.

    The engine gives a member whose name is made of digits as a number too, so that only the
    document tells an index from what a caller wrote.
    """
    path = "$"
    value: Any = document
    for step in steps:
        if isinstance(value, list):
            path += f"[{step}]"
            value = value[int(step)]
        else:
            path += _member(str(step), names)
            value = value.get(str(step)) if isinstance(value, dict) else None
    return path


def _member(name: str, names: frozenset[str]) -> str:
    if name not in names:
        return "[*]"
    if IDENTIFIER.fullmatch(name):
        return f".{name}"
    quoted = name.replace("\\", "\\\\").replace("'", "\\'")
    return f"['{quoted}']"
