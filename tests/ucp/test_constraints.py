"""Two Constraint Expressions as one: what holds for both, and nothing else."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ucp_server.ucp.constraints import both, is_expression

Wire = dict[str, Any]

NAMES = st.sampled_from(["brand", "type", "at"])
VALUES = st.sampled_from(["visa", "amex", 1, True, None])
LISTED = st.lists(VALUES, min_size=1, max_size=3, unique_by=repr)
MEMBERS = st.fixed_dictionaries({"enum": LISTED}) | st.fixed_dictionaries({"const": VALUES})


def objects_of(inner: Any) -> Any:
    members = st.dictionaries(NAMES, MEMBERS, min_size=1, max_size=2)
    branches = st.lists(inner.filter(bool), min_size=1, max_size=2)
    required = st.lists(NAMES, min_size=1, max_size=2, unique=True)
    return st.fixed_dictionaries(
        {}, optional={"required": required, "properties": members, "anyOf": branches}
    )


EXPRESSIONS = st.recursive(
    st.fixed_dictionaries({}, optional={"required": st.lists(NAMES, min_size=1, max_size=2, unique=True)}),
    objects_of,
    max_leaves=4,
)
CARDS = st.dictionaries(NAMES, VALUES, max_size=3)


def same(one: Any, other: Any) -> bool:
    return type(one) is type(other) and one == other


def holds(expression: Wire, value: Wire) -> bool:
    """The grammar read as it is written."""
    return (
        all(name in value for name in expression.get("required", ()))
        and all(
            name not in value or allows(member, value[name])
            for name, member in expression.get("properties", {}).items()
        )
        and ("anyOf" not in expression or any(holds(branch, value) for branch in expression["anyOf"]))
    )


def allows(member: Wire, value: Any) -> bool:
    listed = "enum" not in member or any(same(each, value) for each in member["enum"])
    return listed and ("const" not in member or same(member["const"], value))


@given(EXPRESSIONS, EXPRESSIONS, CARDS)
def test_what_both_say_is_what_each_of_them_says(first: Wire, second: Wire, card: Wire):
    joined = both(first, second)
    if joined is not None:
        assert is_expression(joined)
        # A branch that asks for a value which no member can have is given up with its member.
        assert not holds(joined, card) or (holds(first, card) and holds(second, card))
        if "anyOf" not in first or "anyOf" not in second:
            assert holds(joined, card) == (holds(first, card) and holds(second, card))


@given(EXPRESSIONS)
def test_an_expression_with_itself_or_with_nothing_says_the_same(expression: Wire):
    assert both(expression, {}) == both({}, expression) == expression
    joined = both(expression, expression)
    assert joined is None or is_expression(joined)


def test_values_that_both_allow():
    cards = {"properties": {"brand": {"enum": ["visa", "mastercard", "amex"]}}}
    mine = {"properties": {"brand": {"enum": ["amex", "visa", "jcb"]}}, "required": ["brand"]}
    assert both(cards, mine) == {
        "required": ["brand"],
        "properties": {"brand": {"enum": ["visa", "amex"]}},
    }
    only = {"properties": {"brand": {"const": "diners"}}}
    assert both(cards, only) is None
    assert both(cards, {"properties": {"brand": {"required": ["name"]}}}) is None


@pytest.mark.parametrize(
    "junk",
    [
        None,
        [],
        {"brands": ["visa"]},
        {"required": "brand"},
        {"required": [1]},
        {"properties": {"brand": 1}},
        {"properties": {"brand": {"enum": "visa"}}},
        {"properties": {"brand": {"enum": [], "required": []}}},
        {"anyOf": [{}]},
        {"anyOf": {"required": ["x"]}},
        {"path": "$"},
    ],
)
def test_what_is_no_expression(junk: Any):
    assert not is_expression(junk)
