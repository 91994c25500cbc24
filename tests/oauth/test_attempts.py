"""Failures within a minute, by address and client."""

import pytest

from tests.asgi.test_buckets import Time
from ucp_server.oauth.attempts import FAILURES_MAX, FAILURES_OF_ADDRESS_MAX, Attempts
from ucp_server.oauth.refusals import TooManyTries

HERE, THERE = "203.0.113.1", "203.0.113.2"


def fail(attempts: Attempts, who: tuple[str, str], times: int) -> None:
    for _ in range(times):
        attempts.admit(who)
        attempts.note_failure(who)


def test_ten_may_fail_and_another_one_some_seconds_later() -> None:
    time = Time()
    attempts = Attempts(time)
    fail(attempts, (HERE, "a"), FAILURES_MAX)
    with pytest.raises(TooManyTries) as refused:
        attempts.admit((HERE, "a"))
    assert refused.value.retry_after_s == 6
    attempts.admit((THERE, "a"))
    attempts.admit((HERE, "b"))
    time.now += 6
    fail(attempts, (HERE, "a"), 1)
    with pytest.raises(TooManyTries):
        attempts.admit((HERE, "a"))
    time.now += 60
    fail(attempts, (HERE, "a"), FAILURES_MAX)


def test_names_that_are_made_up_are_no_way_round() -> None:
    attempts = Attempts(Time())
    for number in range(FAILURES_OF_ADDRESS_MAX):
        fail(attempts, (HERE, str(number)), 1)
    with pytest.raises(TooManyTries):
        attempts.admit((HERE, "one more"))
    attempts.admit((THERE, "one more"))


def test_callers_that_look_alike_keep_each_other_from_nothing() -> None:
    attempts = Attempts(Time())
    for number in range(FAILURES_OF_ADDRESS_MAX):
        fail(attempts, ("", str(number)), 1)
    attempts.admit(("", "one more"))
