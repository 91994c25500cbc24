import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ucp_server.domain.lifecycle import (
    TRANSITIONS,
    IllegalTransitionError,
    Standing,
    State,
    advance,
    is_over,
    standing_of,
)
from ucp_server.domain.problems import Kind, Problem, Severity, error, info, warning

errors = st.sampled_from(Severity).map(lambda severity: error("code", "Text", severity=severity))
others = st.sampled_from([warning("code", "Text"), info("code", "Text")])
problems = st.lists(errors | others, max_size=5)

ALLOWED = {
    ("open", "open"),
    ("open", "completing"),
    ("open", "canceled"),
    ("open", "expired"),
    ("completing", "open"),
    ("completing", "completed"),
    ("completing", "canceled"),
}


@pytest.mark.parametrize(("now", "to"), list(itertools.product(State, State)))
def test_only_the_ways_of_the_table_can_be_gone(now: State, to: State) -> None:
    if (now, to) in ALLOWED:
        assert advance(now, to) is to
    else:
        with pytest.raises(IllegalTransitionError):
            advance(now, to)


def test_three_states_are_the_end() -> None:
    assert {state for state in State if is_over(state)} == {State.COMPLETED, State.CANCELED, State.EXPIRED}


def test_every_state_has_a_row_and_can_be_reached() -> None:
    assert set(TRANSITIONS) == set(State)
    assert {to for ways in TRANSITIONS.values() for to in ways} == set(State)


@given(st.sampled_from([state for state in State if state is not State.OPEN]), problems)
def test_a_checkout_that_is_not_open_stands_where_its_state_says(
    state: State, found: list[Problem]
) -> None:
    assert standing_of(state, found) is standing_of(state, [])
    assert standing_of(state, found) not in (Standing.READY, Standing.INCOMPLETE, Standing.NEEDS_BUYER)


@given(problems)
def test_an_open_checkout_stands_where_its_worst_error_puts_it(found: list[Problem]) -> None:
    severities = {problem.severity for problem in found if problem.kind is Kind.ERROR}
    standing = standing_of(State.OPEN, found)
    if severities - {Severity.RECOVERABLE}:
        assert standing is Standing.NEEDS_BUYER
    elif severities:
        assert standing is Standing.INCOMPLETE
    else:
        assert standing is Standing.READY


def test_warnings_and_infos_never_stand_in_the_way() -> None:
    assert standing_of(State.OPEN, [warning("a", "A"), info("b", "B")]) is Standing.READY
    assert standing_of(State.OPEN, [warning("a", "A"), error("b", "B")]) is Standing.INCOMPLETE
