"""What an answer to a message of ours means."""

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from ucp_server.asgi.acknowledgement import RETRY_AFTER_MAX_S, outcome_of, outcome_without_answer
from ucp_server.domain.events import Delivered, Parked, Paused, Retry
from ucp_server.ports import FetchCode, Fetched, FetchRefused


@pytest.mark.parametrize("status", [200, 201, 202, 204, 299])
def test_any_2xx_is_delivered(status: int):
    assert outcome_of(Fetched(status, (), b"")) == Delivered()


def test_410_pauses():
    assert isinstance(outcome_of(Fetched(410, (), b"")), Paused)


@pytest.mark.parametrize("status", [301, 400, 401, 404, 408, 409, 429, 500, 503])
def test_anything_else_is_tried_again(status: int):
    assert isinstance(outcome_of(Fetched(status, (), b"")), Retry)


@pytest.mark.parametrize(
    ("said", "after_s"),
    [
        ("7", 7.0),
        ("0", 0.0),
        ("999999999", RETRY_AFTER_MAX_S),
        ("9" * 400, None),
        ("-1", None),
        ("²", None),
        ("soon", None),
        ("Wed, 21 Oct 2015 07:28:00 GMT", 0.0),
    ],
)
def test_the_platform_may_say_when(said: str, after_s: float | None):
    outcome = outcome_of(Fetched(429, (("Retry-After", said),), b""))
    assert isinstance(outcome, Retry)
    assert outcome.after_s == after_s


def test_a_date_in_the_future_is_a_wait():
    later = format_datetime(datetime.now(UTC) + timedelta(seconds=100), usegmt=True)
    outcome = outcome_of(Fetched(503, (("retry-after", later),), b""))
    assert isinstance(outcome, Retry)
    assert 90 < outcome.after_s <= 100


@pytest.mark.parametrize(
    ("code", "kind"),
    [("forbidden_url", Parked), ("unreachable", Retry), ("timeout", Retry), ("tls", Retry)],
)
def test_without_an_answer_only_a_place_that_is_never_asked_is_final(code: FetchCode, kind: type):
    assert isinstance(outcome_without_answer(FetchRefused(code, "no")), kind)
