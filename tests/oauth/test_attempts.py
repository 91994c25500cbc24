"""Failures within a minute, by address and client, in bounded memory."""

import pytest

from ucp_server.oauth.attempts import FAILURES_MAX, WATCHED_MAX, WINDOW_S, Attempts
from ucp_server.oauth.refusals import TooManyTries


class Hands:
    now_s = 1000.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def hands() -> Hands:
    return Hands()


def fail(attempts: Attempts, who: tuple[str, str], times: int) -> None:
    for _ in range(times):
        attempts.admit(who)
        attempts.note_failure(who)


def test_ten_may_fail_and_the_minute_is_waited_out(hands: Hands) -> None:
    attempts = Attempts(hands)
    fail(attempts, ("10.0.0.1", "a"), FAILURES_MAX)
    hands.now_s += 12.5
    with pytest.raises(TooManyTries) as refused:
        attempts.admit(("10.0.0.1", "a"))
    assert refused.value.retry_after_s == 48
    attempts.admit(("10.0.0.2", "a"))
    attempts.admit(("10.0.0.1", "b"))
    hands.now_s += WINDOW_S - 12.5
    fail(attempts, ("10.0.0.1", "a"), FAILURES_MAX)
    with pytest.raises(TooManyTries):
        attempts.admit(("10.0.0.1", "a"))


def test_memory_is_bounded_and_the_oldest_is_forgotten(hands: Hands) -> None:
    attempts = Attempts(hands)
    first, last = ("10.0.0.1", "first"), ("10.0.0.1", "last")
    fail(attempts, first, FAILURES_MAX)
    for number in range(WATCHED_MAX - 2):
        attempts.note_failure(("10.0.0.1", str(number)))
    fail(attempts, last, FAILURES_MAX)
    for who in (first, last):
        with pytest.raises(TooManyTries):
            attempts.admit(who)
    attempts.note_failure(("10.0.0.1", "one more"))
    attempts.admit(first)
    with pytest.raises(TooManyTries):
        attempts.admit(last)
