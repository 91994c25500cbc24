"""Hostile bytes on real sockets: each case has its answer, none a 500, no hidden request runs."""

from collections import Counter
from collections.abc import Iterator

import pytest

from tests.asgi.corpus import SMUGGLED_PATH, Case
from tests.asgi.corpus_bodies import BODIES
from tests.asgi.corpus_framing import FRAMING
from tests.asgi.corpus_heads import HEADS
from tests.asgi.listening import Listener, listening
from tests.asgi.wire import PROBE_PATH, exchange, responses
from ucp_server.asgi.limits import Limits

CASES = [*FRAMING, *HEADS, *BODIES]


@pytest.fixture(scope="module")
def listener() -> Iterator[Listener]:
    # Callers that wait for the end of a refused connection are let go sooner than in production.
    with listening(Limits(linger_s=0.1, lag_max_s=None)) as running:
        yield running


@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_the_answer_is_the_expected_one(listener: Listener, case: Case) -> None:
    listener.reached.clear()
    answers = None if case.closes else len(case.statuses)
    received = exchange(listener.port, case.sent, answers=answers, head_only=case.head_only)
    found = responses(received, case.head_only)
    expected = case.statuses if case.closes else (*case.statuses, 200)
    assert tuple(response.status for response in found) == expected
    assert found[len(case.statuses) - 1].code() == case.code
    reached = Counter(path for _, path in listener.reached)
    assert reached[SMUGGLED_PATH] == 0
    assert reached[PROBE_PATH] == (0 if case.closes else 1)
    assert reached.total() == expected.count(200) + (case.code in DOCUMENT_CODES)
    assert listener.complaints == []


# The application's own refusals: the guard let these bodies pass, as it must.
DOCUMENT_CODES = frozenset(case.code for case in BODIES if case.code and case.name.startswith("document:"))


def test_there_are_enough_cases_and_each_has_a_name_of_its_own() -> None:
    names = Counter(case.name for case in CASES)
    assert len(names) == len(CASES) >= 150
