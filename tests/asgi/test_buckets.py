"""Token buckets: a minute's worth at once, then as fast as it comes in again."""

from hypothesis import given
from hypothesis import strategies as some

from ucp_server.asgi.buckets import Buckets


class Time:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def test_a_minute_may_be_used_at_once_and_comes_back_within_one() -> None:
    time = Time()
    buckets = Buckets(time)
    assert [buckets.take("a", 1, 60) for _ in range(60)] == [0.0] * 60
    assert buckets.take("a", 1, 60) == 1.0
    assert buckets.take("a", 5, 60) == 5.0
    assert buckets.take("b", 60, 60) == 0.0
    time.now += 5.0
    assert buckets.wait_s("a", 5, 60) == 0.0
    assert buckets.take("a", 5, 60) == 0.0
    assert buckets.take("a", 1, 60) == 1.0


def test_whoever_waits_as_long_as_told_is_let_in() -> None:
    time = Time()
    buckets = Buckets(time)
    buckets.take("a", 60, 60)
    time.now += buckets.take("a", 7, 60)
    assert buckets.take("a", 7, 60) == 0.0


def test_so_many_are_watched_and_the_one_not_seen_for_longest_is_forgotten() -> None:
    buckets = Buckets(Time(), kept_max=2)
    for who in ("a", "b", "a", "c"):
        buckets.take(who, 60, 60)
    assert buckets.take("a", 1, 60) > 0
    assert buckets.take("b", 1, 60) == 0.0


@given(some.lists(some.tuples(some.floats(0, 30), some.integers(1, 20)), max_size=60))
def test_no_minute_lets_through_more_than_two_buckets(steps: list[tuple[float, int]]) -> None:
    time, taken = Time(), []
    buckets = Buckets(time)
    for pause_s, units in steps:
        time.now += pause_s
        if buckets.take("a", units, 60) == 0.0:
            taken.append((time.now, units))
    for at, _ in taken:
        assert sum(units for when, units in taken if at <= when < at + 60) <= 120
