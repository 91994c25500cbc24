"""Our schema documents, read from a folder and written out for one use as plain JSON Schema.

They lie in `schemas/ucp/<release>/`: JSON Schema 2020-12 with a few words of our own, explained
in `schemas/README.md`. `presence`, beside a member, says in which uses of the document it is
required or optional; `since` which release was the first to have the document; `capability` and
`adds_to` what an extension adds to which documents; a `$ref` names a document (`total`,
`message#/$defs/error`) and what stands beside it is laid over.
"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import jsonschema_rs
import msgspec

Wire = dict[str, Any]
Additions = dict[str, list[tuple[str, Wire]]]  # document -> (the extension's document, addition)

# A use without an answer of its own takes that of its direction.
DIRECTIONS: Final = {
    "create": "request",
    "update": "request",
    "complete": "request",
    "event": "response",
}
USES: Final = frozenset({*DIRECTIONS, "request", "response"})
WORDS: Final = frozenset({"required", "optional"})

OURS: Final = frozenset({"$schema", "$id", "$ref", "$defs", "presence", "since", "capability", "adds_to"})
MAPS: Final = frozenset({"properties", "patternProperties", "dependentSchemas"})
LISTS: Final = frozenset({"allOf", "anyOf", "oneOf", "prefixItems"})
NARROWING: Final = frozenset({"items", "additionalProperties", "propertyNames"})
SINGLES: Final = NARROWING | {"contains", "if", "then", "else", "not"}
LOWER_BOUNDS: Final = frozenset({"minimum", "minItems", "minLength", "minProperties"})
UPPER_BOUNDS: Final = frozenset({"maximum", "maxItems", "maxLength", "maxProperties"})


class SchemaError(Exception):
    """A document of ours is broken. Raised at start, never by what a caller sends."""


def read_release(folder: Path, release: str) -> dict[str, Wire]:
    """The documents of one release by name. SchemaError if one is not what its place says."""
    return {path.stem: _read(path, release) for path in sorted(folder.glob("*.json"))}


def _read(path: Path, release: str) -> Wire:
    try:
        document = msgspec.json.decode(path.read_bytes(), type=Wire)
        jsonschema_rs.meta.validate(document)
    except (msgspec.MsgspecError, jsonschema_rs.ValidationError) as error:
        raise SchemaError(f"{path}: {error}") from error
    expected = f"urn:ucp-server:ucp:{release}:{path.stem}"
    if document.get("$id") != expected:
        raise SchemaError(f"{path}: $id must be {expected}")
    return document


def not_yet(documents: Mapping[str, Wire], release: str, order: Sequence[str]) -> frozenset[str]:
    """The documents that `release` does not have, since a newer one was the first to.

    SchemaError for a `since` that is none of the releases in `order`, oldest first.
    """
    first = {name: document.get("since", release) for name, document in documents.items()}
    if strange := sorted(name for name, since in first.items() if since not in order):
        raise SchemaError(f"{strange[0]}: no release is called {first[strange[0]]}")
    place = order.index(release)
    return frozenset(name for name, since in first.items() if order.index(since) > place)


def extensions_of(documents: Mapping[str, Wire]) -> frozenset[str]:
    """The capabilities that add something to one of the documents."""
    return frozenset(entry["capability"] for entry in documents.values() if "adds_to" in entry)


def write_out(documents: Mapping[str, Wire], reference: str, use: str, extensions: frozenset[str]) -> Wire:
    """What `reference` names as one plain schema, with what the extensions add laid over it.

    SchemaError for a name nobody has, a `presence` nobody knows, or parts that contradict.
    """
    if use not in USES:
        raise SchemaError(f"no document has a use {use!r}")
    return _Writer(documents, use, _additions(documents, extensions)).root(reference)


def _additions(documents: Mapping[str, Wire], active: frozenset[str]) -> Additions:
    additions: Additions = {}
    for name in sorted(documents):
        if documents[name].get("capability") in active:
            for target, addition in documents[name].get("adds_to", {}).items():
                additions.setdefault(target, []).append((name, addition))
    return additions


class _Writer:
    def __init__(self, documents: Mapping[str, Wire], use: str, additions: Additions) -> None:
        self._documents = documents
        self._use = use
        self._additions = additions
        self._open: list[str] = []  # what is being written out, to see a document inside itself
        self._recursive: set[str] = set()

    def root(self, reference: str) -> Wire:
        schema = self._follow(reference, "")
        definitions: Wire = {}
        while waiting := self._recursive.difference(definitions):  # bounded by the documents
            target = min(waiting)
            definitions[target] = self._follow(target, "")
        if definitions:
            schema["$defs"] = {_key(target): text for target, text in definitions.items()}
        return schema

    def _follow(self, reference: str, home: str) -> Wire:
        """What a reference names; `home` is the document in which a bare `#/...` stands."""
        name, _, pointer = reference.partition("#")
        name = name or home
        target = f"{name}#{pointer}" if pointer else name
        if target in self._open:
            self._recursive.add(target)
            return {"$ref": f"#/$defs/{_key(target)}"}
        self._open.append(target)
        schema: Wire = self._schema(self._part(name, pointer), name)
        for extension, addition in () if pointer else self._additions.get(name, ()):
            schema = merge(schema, self._schema(addition, extension))
        self._open.pop()
        return schema

    def _part(self, name: str, pointer: str) -> Any:
        node: Any = self._documents.get(name)
        for step in pointer.split("/")[1:]:
            node = node.get(step) if isinstance(node, dict) else None
        if node is None:
            raise SchemaError(f"nothing is called {name}#{pointer}")
        return node

    def _schema(self, node: Any, home: str) -> Any:
        if not isinstance(node, dict):
            return node
        written = {
            keyword: self._keyword(keyword, value, home)
            for keyword, value in node.items()
            if keyword not in OURS
        }
        if written.get("allOf") == []:
            del written["allOf"]
        if required := [*node.get("required", ()), *self._required(node)]:
            written["required"] = required
        if "$ref" in node:
            return merge(self._follow(node["$ref"], home), written)
        return written

    def _keyword(self, keyword: str, value: Any, home: str) -> Any:
        if keyword in MAPS:
            present = {name: part for name, part in value.items() if presence(part, self._use)}
            return {name: self._schema(part, home) for name, part in present.items()}
        if keyword in LISTS:
            parts = [self._schema(part, home) for part in value]
            return [part for part in parts if not _says_nothing(part)]
        return self._schema(value, home) if keyword in SINGLES else value

    def _required(self, node: Wire) -> Iterator[str]:
        for name, part in node.get("properties", {}).items():
            if presence(part, self._use) == "required":
                yield name


def presence(part: Any, use: str) -> str | None:
    """`required` or `optional`, or None where the use does not have the member."""
    said = part.get("presence", "optional") if isinstance(part, dict) else "optional"
    words: dict[str, str] = {"request": said, "response": said} if isinstance(said, str) else said
    if not words or not USES.issuperset(words) or not WORDS.issuperset(words.values()):
        raise SchemaError(f"presence cannot be {said!r}")
    return words.get(use, words.get(DIRECTIONS.get(use, use)))


def _says_nothing(part: Any) -> bool:
    """Whether a condition has no consequence left in this use."""
    if not isinstance(part, dict) or "if" not in part or "else" in part:
        return False
    return part.get("then") in ({}, {"properties": {}})


def _key(target: str) -> str:
    return target.replace("#/$defs/", ".")


def merge(first: Any, second: Any) -> Any:
    """Two schemas as one that says what both say. SchemaError where they contradict."""
    if first == second:
        return second
    if not isinstance(first, dict) or not isinstance(second, dict):
        raise SchemaError(f"{first!r} and {second!r} cannot both hold")
    merged = dict(first)
    for keyword, value in second.items():
        merged[keyword] = _both(keyword, first[keyword], value) if keyword in first else value
    return merged


def _both(keyword: str, first: Any, second: Any) -> Any:
    if keyword in MAPS:
        shared = {name: merge(first[name], second[name]) for name in first if name in second}
        return {**first, **second, **shared}
    if keyword in NARROWING:
        return merge(first, second)
    if keyword == "required":
        return list(dict.fromkeys([*first, *second]))
    if keyword == "allOf":
        return [*first, *second]
    if keyword in LOWER_BOUNDS:
        return max(first, second)
    if keyword in UPPER_BOUNDS:
        return min(first, second)
    if first != second and keyword != "description":
        raise SchemaError(f"{keyword} cannot be both {first!r} and {second!r}")
    return second
