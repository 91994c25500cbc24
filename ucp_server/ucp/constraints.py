"""Constraint Expressions (M:D/overview#Constraint Expression): what is one, and two of them as one.

An expression says of an object which members it needs and which values they may have:
``{"required": [...], "properties": {name: expression or {"enum"/"const"}}, "anyOf": [...]}``.
"""

from typing import Any, Final

import msgspec

Wire = dict[str, Any]

_OBJECT: Final = frozenset({"required", "properties", "anyOf"})
_VALUE: Final = frozenset({"enum", "const"})


def is_expression(value: object) -> bool:
    """Whether ``value`` is of the grammar; an empty object is, and says nothing."""
    if not isinstance(value, dict) or not value.keys() <= _OBJECT:
        return False
    required, members, branches = (value.get(name) for name in ("required", "properties", "anyOf"))
    return (
        (required is None or (isinstance(required, list) and all(isinstance(n, str) for n in required)))
        and (members is None or (isinstance(members, dict) and all(map(_is_member, members.values()))))
        and (branches is None or (isinstance(branches, list) and all(map(_is_branch, branches))))
    )


def _is_member(value: object) -> bool:
    if isinstance(value, dict) and value and value.keys() <= _VALUE:
        return isinstance(value.get("enum", []), list)
    return is_expression(value)


def _is_branch(value: object) -> bool:
    return bool(value) and is_expression(value)


def both(first: Wire, second: Wire) -> Wire | None:
    """What holds where ``first`` and ``second`` hold; None where a member has no value left."""
    members: Wire = dict(first.get("properties", {}))
    for name, wanted in second.get("properties", {}).items():
        member = _both_of_member(members[name], wanted) if name in members else wanted
        if member is None:
            return None
        members[name] = member
    required = list(dict.fromkeys([*first.get("required", ()), *second.get("required", ())]))
    branches = _branches(first.get("anyOf", []), second.get("anyOf", []))
    if branches is None:
        return None
    parts = {"required": required, "properties": members, "anyOf": branches}
    return {name: part for name, part in parts.items() if part}


def _both_of_member(first: Wire, second: Wire) -> Wire | None:
    are_values = [bool(each) and each.keys() <= _VALUE for each in (first, second)]
    if not any(are_values):
        return both(first, second)
    if not all(are_values):
        # An object and one of a list of values: the grammar cannot say what both leave.
        return None
    theirs = {_text(value) for value in _values(second)}
    left = [value for value in _values(first) if _text(value) in theirs]
    return {"enum": left} if left else None


def _values(constraint: Wire) -> list[Any]:
    values: list[Any] = constraint.get("enum", [constraint.get("const")])
    if "const" not in constraint:
        return values
    return [value for value in values if _text(value) == _text(constraint["const"])]


def _text(value: Any) -> bytes:
    """A value of JSON to compare: 1 is not true."""
    return msgspec.json.encode(value, order="sorted")


def _branches(first: list[Wire], second: list[Wire]) -> list[Wire] | None:
    """Alternatives of which one of each list holds; None where no two go together."""
    if not first or not second:
        return first or second
    joined = [both(branch, {"anyOf": second}) for branch in first]
    return [branch for branch in joined if branch is not None] or None
