"""Two schemas in one form, so that what they say can be compared keyword by keyword.

The normal form has no references, no annotations and no `allOf`: what several parts say of one
value stands in one place. Conditions and alternatives stay, each in a sorted list.
"""

import json
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

Node = dict[str, Any]

# Said for readers, not for validators.
ANNOTATIONS = {
    "$schema", "$id", "$comment", "$defs", "title", "description", "default", "examples",
    "example", "deprecated", "readOnly", "name", "version", "embedded",
    "ucp_request", "ucp_response", "ucp_shared_request",
}  # fmt: skip
TIGHTER = {
    "minimum": max, "minLength": max, "minItems": max, "minProperties": max,
    "maximum": min, "maxLength": min, "maxItems": min, "maxProperties": min,
    "exclusiveMaximum": min, "exclusiveMinimum": max,
}  # fmt: skip
NARROWING = {"items": "[]", "additionalProperties": ".*", "propertyNames": ".<name>"}
COLLECTED = {"oneOf", "anyOf", "conditions", "contains"}
COUNTS = {"minContains", "maxContains"}


class ContradictionError(Exception):
    """No value can be what both parts say."""


class Difference(NamedTuple):
    path: str
    keyword: str
    published: Any
    ours: Any


def normal(schema: Any) -> Node:
    """The normal form; a part that holds itself is written out twice, then `recursive`."""
    definitions = schema.get("$defs", {}) if isinstance(schema, dict) else {}
    return _tidy(_gather(_unrolled(schema, definitions, ())))


def _unrolled(value: Any, definitions: Node, seen: tuple[str, ...]) -> Any:
    if isinstance(value, list):
        return [_unrolled(item, definitions, seen) for item in value]
    if not isinstance(value, dict):
        return value
    out = {name: _unrolled(part, definitions, seen) for name, part in value.items() if name != "$defs"}
    target = str(value.get("$ref", "")).removeprefix("#/$defs/")
    if not target:
        return out
    del out["$ref"]
    followed = {"recursive": True}
    if target not in seen:
        followed = _unrolled(definitions[target], definitions, (*seen, target))
    return {"allOf": [followed, out]}


def _gather(schema: Any) -> Node:
    """Everything that the schema and the parts of its `allOf` say of one value."""
    if isinstance(schema, bool):
        return {} if schema else {"never": True}
    gathered: Node = {}
    for keyword, value in schema.items():
        for said in _said(keyword, value, schema):
            _conjoin(gathered, said)
    return gathered


def _said(keyword: str, value: Any, schema: Node) -> Iterator[Node]:
    if keyword == "allOf" or (keyword in {"oneOf", "anyOf"} and len(value) == 1):
        yield from map(_gather, value)
    elif keyword in {"oneOf", "anyOf"}:
        yield {keyword: [[_gather(form) for form in value]]}
    elif keyword == "properties":
        yield {keyword: {name: _gather(part) for name, part in value.items()}}
    elif keyword in NARROWING or keyword == "not":
        yield {keyword: _gather(value)}
    elif keyword == "if":
        sides = {side: _gather(schema[side]) for side in ("then", "else") if side in schema}
        yield {"conditions": [{"if": _gather(value), **sides}]}
    elif keyword == "contains":
        counts = {count: schema[count] for count in COUNTS if count in schema}
        yield {"contains": [{"contains": _gather(value), **counts}]}
    elif keyword not in ANNOTATIONS | COUNTS | {"then", "else"}:
        yield {keyword: value}


def _conjoin(first: Node, second: Node) -> None:
    for keyword, value in second.items():
        if keyword not in first:
            first[keyword] = value
        elif keyword == "properties":
            for name, part in value.items():
                _conjoin(first[keyword].setdefault(name, {}), part)
        elif keyword in NARROWING:
            _conjoin(first[keyword], value)
        elif keyword in COLLECTED or keyword == "required":
            first[keyword] = [*first[keyword], *value]
        elif keyword in TIGHTER:
            first[keyword] = TIGHTER[keyword](first[keyword], value)
        elif first[keyword] != value:
            raise ContradictionError(f"{keyword}: {first[keyword]!r} and {value!r}")


def _tidy(node: Node) -> Node:
    """The same, said once and in one order."""
    tidied = {keyword: _tidy_value(keyword, value) for keyword, value in node.items()}
    if "const" in tidied:  # a constant says its own type
        tidied.pop("type", None)
        if tidied["const"] in tidied.get("enum", ()):
            del tidied["enum"]
    return {
        keyword: value
        for keyword, value in tidied.items()
        if value or keyword not in {"properties", "required", *NARROWING, *COLLECTED}
    }


def _tidy_value(keyword: str, value: Any) -> Any:
    if keyword == "properties":
        return {name: _tidy(part) for name, part in value.items()}
    if keyword == "propertyNames":  # a name is a string without saying so
        return _tidy({said: part for said, part in value.items() if said != "type"})
    if keyword in NARROWING or keyword == "not":
        return _tidy(value)
    if keyword in {"oneOf", "anyOf"}:
        return _sorted_once([_sorted_once(map(_tidy, forms)) for forms in value])
    if keyword == "contains":
        return _sorted_once([{**part, "contains": _tidy(part["contains"])} for part in value])
    if keyword == "conditions":
        told = [{side: _tidy(said) for side, said in part.items()} for part in value]
        return _sorted_once([part for part in told if part.get("then") or part.get("else")])
    return _sorted_once(value) if keyword in {"required", "enum"} else value


def _sorted_once(values: Iterable[Any]) -> list[Any]:
    texts = {json.dumps(value, sort_keys=True) for value in values}
    return [json.loads(text) for text in sorted(texts)]


def differences(published: Node, ours: Node, path: str = "$") -> Iterator[Difference]:
    for keyword in sorted({*published, *ours}):
        theirs, own = published.get(keyword), ours.get(keyword)
        if theirs == own:
            continue
        if keyword == "properties":
            yield from _members(theirs or {}, own or {}, path)
        elif keyword in NARROWING and isinstance(theirs, dict) and isinstance(own, dict):
            yield from differences(theirs, own, path + NARROWING[keyword])
        else:
            yield Difference(path, keyword, theirs, own)


def _members(published: Node, ours: Node, path: str) -> Iterator[Difference]:
    for name in sorted({*published, *ours}):
        if name in published and name in ours:
            yield from differences(published[name], ours[name], f"{path}.{name}")
        else:
            yield Difference(f"{path}.{name}", "member", published.get(name), ours.get(name))
