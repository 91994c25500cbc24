"""Whether a body follows the schema of its release, operation and active extensions.

The verdict takes microseconds, so that everything read and everything written is checked. A
refusal names the place and the rule, in our words and never with the body's own.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, Final, Literal

import jsonschema_rs
import msgspec

from ucp_server.ucp.schema_documents import (
    SchemaError,
    Wire,
    extensions_of,
    read_release,
    write_out,
)

Direction = Literal["request", "response"]  # written by the platform; written by us

DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"

# A platform repairs a few faults at a time, and a body made of faults must not grow the reply.
VIOLATIONS_MAX: Final = 8


class Body(msgspec.Struct, frozen=True):
    """One kind of body: the document it follows, and the use of it that `presence` names."""

    document: str
    use: str


# An operation without a row (get, or cancel as a request) has no body to check.
BODIES: Final[Mapping[tuple[Direction, str], Body]] = {
    ("request", "create_checkout"): Body("checkout", "create"),
    ("request", "update_checkout"): Body("checkout", "update"),
    ("request", "complete_checkout"): Body("checkout", "complete"),
    ("response", "create_checkout"): Body("checkout", "response"),
    ("response", "get_checkout"): Body("checkout", "response"),
    ("response", "update_checkout"): Body("checkout", "response"),
    ("response", "complete_checkout"): Body("checkout", "response"),
    ("response", "cancel_checkout"): Body("checkout", "response"),
    ("response", "get_order"): Body("order", "response"),
    ("response", "order_event"): Body("order", "event"),
    ("response", "error"): Body("error_response", "response"),
    ("response", "profile"): Body("profile#/$defs/business", "response"),
    ("request", "profile"): Body("profile#/$defs/platform", "request"),
}

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


class Schemas:
    """The documents of one folder; `order` names the releases that it may hold, oldest first.

    A document is looked up in its release, then in the newer ones from near to far, then in the
    older ones likewise. So an older release holds only what differs from the next, and so may one
    that is newer than the release with the full set. Raises SchemaError if a document is broken.
    """

    def __init__(self, folder: Path, order: Sequence[str]) -> None:
        self.releases = tuple(release for release in order if (folder / release).is_dir())
        stored = [read_release(folder / release, release) for release in self.releases]
        self._documents: dict[str, dict[str, Wire]] = {}
        for place, release in enumerate(self.releases):
            visible: dict[str, Wire] = {}
            for documents in (*stored[:place], *reversed(stored[place:])):  # the nearest last
                visible.update(documents)
            self._documents[release] = visible
        self._extensions = {name: extensions_of(seen) for name, seen in self._documents.items()}
        self._checkers: dict[tuple[str, str, str, frozenset[str]], Checker] = {}

    def checker(
        self,
        release: str,
        direction: Direction,
        operation: str,
        extensions: frozenset[str] = frozenset(),
    ) -> Checker:
        """The checker of one body, compiled at its first use.

        `extensions` are the active capabilities; those that add nothing to a document are passed
        over. Formats are asserted in what we write, not in what we read: no sale is lost for the
        address of a picture. KeyError if the operation has no such body.
        """
        active = extensions & self._extensions[release]
        key = (release, direction, operation, active)
        if key not in self._checkers:
            schema = self.inline(release, direction, operation, active)
            self._checkers[key] = Checker(schema, formats=direction == "response")
        return self._checkers[key]

    def inline(
        self,
        release: str,
        direction: Direction,
        operation: str,
        extensions: frozenset[str] = frozenset(),
    ) -> Wire:
        """The schema of one body as plain JSON Schema that needs no other document."""
        body = BODIES[direction, operation]
        return self.resolve(release, body.document, body.use, extensions)

    def resolve(
        self, release: str, reference: str, use: str, extensions: frozenset[str] = frozenset()
    ) -> Wire:
        """Any document or part of one: `order_config`, `fulfillment_config#/$defs/platform`."""
        documents = self._documents[release]
        return {"$schema": DIALECT, **write_out(documents, reference, use, extensions)}

    def extensions(self, release: str) -> frozenset[str]:
        """The capabilities that add something to a document of the release."""
        return self._extensions[release]

    def compile_all(self, served: Iterable[str]) -> int:
        """Compiles every body of the releases served, bare and with all extensions; says how many.

        Any other set merges fewer of the same parts, so a contradiction shows here. Raises
        SchemaError naming the body, or the release that has no documents.
        """
        for release in served:
            if release not in self._documents:
                raise SchemaError(f"no schema documents of release {release}")
            for direction, operation in BODIES:
                for active in (frozenset[str](), self._extensions[release]):
                    try:
                        self.checker(release, direction, operation, active)
                    except (SchemaError, ValueError) as error:
                        raise SchemaError(f"{release} {direction} {operation}: {error}") from error
        return len(self._checkers)


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
