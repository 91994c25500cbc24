"""Documents that a schema accepts, and the same with one thing wrong, keyword by keyword.

Works on the normal form (`schema_normal`). A label says where in the schema a keyword stands and,
for `required`, which member it asks for: `("$.line_items[]", "required", "quantity")`.
"""

import json
from collections.abc import Iterator
from contextlib import suppress
from functools import cache
from typing import Any

import jsonschema_rs

from tests.ucp.schema_normal import NARROWING, ContradictionError, Node, normal

Label = tuple[str, str, str]
Damaged = tuple[Label, Any]

SAMPLES = ("com.example.thing", "2026-01-11", "EUR", "https://shop.example/", "2026-01-11T10:00:00Z")
FORMATS = {"uri": "https://shop.example/", "date-time": "2026-01-11T10:00:00Z"}
WRONG_TYPES: tuple[Any, ...] = (7, "seven", True, [], {"seven": 7})


def plain(node: Node) -> Any:
    """The JSON Schema that a normal form stands for."""
    if node.get("never"):
        return False
    out: Node = {}
    parts: list[Any] = []
    for keyword, value in node.items():
        if keyword == "properties":
            out[keyword] = {name: plain(part) for name, part in value.items()}
        elif keyword in NARROWING or keyword == "not":
            out[keyword] = plain(value)
        elif keyword in {"oneOf", "anyOf"}:
            parts += [{keyword: [plain(form) for form in forms]} for forms in value]
        elif keyword == "conditions":
            parts += [{side: plain(said) for side, said in part.items()} for part in value]
        elif keyword == "contains":
            parts += [{**part, "contains": plain(part["contains"])} for part in value]
        else:
            out[keyword] = value
    return {**out, "allOf": parts} if parts else out


def accepts(node: Node, value: Any) -> bool:
    return _validator(json.dumps(node)).is_valid(value)


@cache
def _validator(text: str) -> jsonschema_rs.Draft202012Validator:
    return jsonschema_rs.Draft202012Validator(plain(json.loads(text)), validate_formats=True)


def examples(node: Node) -> list[Any]:
    """Values that the node accepts and that together enter every form and condition it has."""
    made = [value for variant in _variants(node) for value in _instances(variant)]
    return [value for place, value in enumerate(made) if value not in made[:place] and accepts(node, value)]


def _variants(node: Node) -> Iterator[Node]:
    """The node with one form of each alternative and no condition, then one of these at a time."""
    groups = [*node.get("oneOf", ()), *node.get("anyOf", ())]
    told = [
        {"allOf": [plain(part["if"]), plain(part.get("then", {}))]} for part in node.get("conditions", ())
    ]
    bare = {key: value for key, value in node.items() if key not in {"oneOf", "anyOf", "conditions"}}
    first = [plain(forms[0]) for forms in groups]
    choices = [first, *([*first, said] for said in told)]
    for place, forms in enumerate(groups):
        choices += [[*first[:place], plain(form), *first[place + 1 :]] for form in forms[1:]]
    for choice in choices:
        with suppress(ContradictionError):
            yield normal({"allOf": [plain(bare), *choice]})


def _instances(node: Node) -> list[Any]:
    if "const" in node:
        return [node["const"]]
    if "recursive" in node:
        return [{"required": ["text"]}]  # only constraint expressions hold themselves
    kind = node.get("type", "object" if "properties" in node else "string")
    if kind == "object":
        return _objects(node)
    if kind == "array":
        return [_array(node)]
    if kind == "boolean":
        return [True]
    return [_integer(node)] if kind in ("integer", "number") else [_string(node)]


def _string(node: Node) -> str:
    banned = node.get("not", {}).get("enum", [])
    if "enum" in node:
        return next(value for value in node["enum"] if value not in banned)
    if "format" in node:
        return FORMATS[node["format"]]
    return next(each for each in ("text", *SAMPLES) if accepts(node, each))


def _integer(node: Node) -> int:
    return min(max(node.get("minimum", 2), 2), node.get("maximum", 2), node.get("exclusiveMaximum", 3) - 1)


def _objects(node: Node) -> list[Any]:
    members = {name: examples(part) for name, part in node.get("properties", {}).items()}
    rest = node.get("additionalProperties", {})
    if rest and not rest.get("never"):
        members[_string(node.get("propertyNames", {}))] = examples(rest)
    if len(members) < node.get("minProperties", 0):
        members["anything"] = ["text"]
    count = max(map(len, members.values()), default=1)
    return [
        {name: made[place % len(made)] for name, made in members.items() if made} for place in range(count)
    ]


def _array(node: Node) -> list[Any]:
    items = examples(node.get("items", {}))
    for part in node.get("contains", ()):
        if not any(accepts(part["contains"], item) for item in items):
            both = {"allOf": [plain(node.get("items", {})), plain(part["contains"])]}
            items += examples(normal(both))[:1]
    return items


def damaged(node: Node, value: Any, path: str = "$") -> Iterator[Damaged]:
    """The value with one thing wrong, once for each keyword that speaks of it."""
    for keyword, rule in node.items():
        for name, broken in _breaks(keyword, rule, node, value):
            yield (path, keyword, name), broken
    yield from _below(node, value, path)
    for place, part in enumerate(node.get("conditions", ())):
        side = "then" if accepts(part["if"], value) else "else"
        yield from damaged(part.get(side, {}), value, f"{path}?{place}{side}")
    for keyword in ("oneOf", "anyOf"):
        for place, forms in enumerate(node.get(keyword, ())):
            for number, form in enumerate(forms):
                if accepts(form, value):
                    yield from damaged(form, value, f"{path}|{keyword}{place}.{number}")


def _below(node: Node, value: Any, path: str) -> Iterator[Damaged]:
    if isinstance(value, dict):
        known = node.get("properties", {})
        rest = node.get("additionalProperties", {})
        for name, member in value.items():
            part, step = (known[name], f".{name}") if name in known else (rest, ".*")
            for label, broken in damaged(part, member, path + step):
                yield label, {**value, name: broken}
    if isinstance(value, list):
        for place, item in enumerate(value):
            for label, broken in damaged(node.get("items", {}), item, f"{path}[]"):
                yield label, [*value[:place], broken, *value[place + 1 :]]


def _breaks(keyword: str, rule: Any, node: Node, value: Any) -> Iterator[tuple[str, Any]]:
    """(which member, where there are several) and the value with this keyword violated."""
    if keyword == "type":
        yield from (("", wrong) for wrong in WRONG_TYPES if not accepts({"type": rule}, wrong))
    elif keyword in {"const", "enum", "pattern", "format"}:
        yield "", value + 1 if isinstance(value, int) else "no such word"
    elif keyword in {"required", "dependentRequired"}:
        yield from ((name, _without(value, name)) for name in _names(keyword, rule))
    elif keyword == "not":
        yield from ((name, {**value, name: "x"}) for name in _names(keyword, rule))
    elif keyword == "contains":
        yield from _miscounts(rule, value)
    elif keyword == "anyOf":
        for place, names in _presence_choices(rule):
            yield place, {name: part for name, part in value.items() if name not in names}
    elif keyword in BREAKS:
        yield "", BREAKS[keyword](rule, value)
    elif keyword in {"additionalProperties", "propertyNames"} and _is_closed(keyword, rule):
        yield "", {**value, "No Such Name": next(iter(value.values()))}


BREAKS = {
    "minimum": lambda rule, _: rule - 1,
    "maximum": lambda rule, _: rule + 1,
    "exclusiveMaximum": lambda rule, _: rule,
    "minLength": lambda rule, _: "x" * (rule - 1),
    "maxLength": lambda rule, _: "x" * (rule + 1),
    "minItems": lambda rule, value: value[: rule - 1],
    "minProperties": lambda rule, value: dict(list(value.items())[: rule - 1]),
    "uniqueItems": lambda _, value: [*value, value[0]],
}


def _presence_choices(groups: list[list[Node]]) -> Iterator[tuple[str, list[str]]]:
    """The groups whose forms ask for nothing but members, and all members that they ask for."""
    for place, forms in enumerate(groups):
        if all(set(form) == {"required"} for form in forms):
            yield str(place), [name for form in forms for name in form["required"]]


def _is_closed(keyword: str, rule: Node) -> bool:
    return keyword == "propertyNames" or rule.get("never", False)


def _without(value: Any, name: str) -> Any:
    return {member: kept for member, kept in value.items() if member != name}


def _miscounts(rule: list[Node], value: list[Any]) -> Iterator[tuple[str, Any]]:
    for place, part in enumerate(rule):
        fits = [item for item in value if accepts(part["contains"], item)]
        yield f"{place}min", [item for item in value if item not in fits]
        if "maxContains" in part:
            yield f"{place}max", [*value, *fits]


def labels(node: Node, path: str = "$") -> Iterator[Label]:
    """Every label that a schema has, save those of forms that no accepted value enters."""
    for keyword, rule in node.items():
        yield from ((path, keyword, name) for name in _names(keyword, rule))
    for name, part in node.get("properties", {}).items():
        yield from labels(part, f"{path}.{name}")
    for keyword in {"items", "additionalProperties"}.intersection(node):
        yield from labels(node[keyword], path + NARROWING[keyword])
    for place, part in enumerate(node.get("conditions", ())):
        for side in {"then", "else"}.intersection(part):
            yield from labels(part[side], f"{path}?{place}{side}")
    for step, form, values in forms_of(node):
        if values and set(form) != {"required"}:
            yield from labels(form, path + step)


def forms_of(node: Node) -> Iterator[tuple[str, Node, list[Any]]]:
    """Each form of each alternative, with the accepted values that enter it."""
    values = examples(node) if {"oneOf", "anyOf"}.intersection(node) else []
    for keyword in ("oneOf", "anyOf"):
        for place, forms in enumerate(node.get(keyword, ())):
            for number, form in enumerate(forms):
                entering = [value for value in values if accepts(form, value)]
                yield f"|{keyword}{place}.{number}", form, entering


def _names(keyword: str, rule: Any) -> list[str]:
    """What tells the labels of one keyword apart: member names, or nothing."""
    if keyword == "required":
        return list(rule)
    if keyword == "dependentRequired":
        return [name for names in rule.values() for name in names]
    if keyword == "not":
        return [name for forms in rule["anyOf"] for form in forms for name in form["required"]]
    if keyword == "contains":
        ends = [("min", part) for part in rule] + [("max", part) for part in rule]
        return [f"{rule.index(part)}{end}" for end, part in ends if f"{end}Contains" in part]
    if keyword == "anyOf":
        return [place for place, _ in _presence_choices(rule)]
    if keyword in {"additionalProperties", "propertyNames"}:
        return [""] if _is_closed(keyword, rule) else []
    return [""] if keyword in {"type", "const", "enum", "pattern", "format", *BREAKS} else []
