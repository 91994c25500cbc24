"""The bytes may come in any pieces: what the strict parser makes of them must not depend on it."""

import h11
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.asgi.corpus_framing import FRAMING
from tests.asgi.wire import chunked
from ucp_server.asgi.framing_http1 import StrictConnection

SENT = {case.name: case.sent for case in FRAMING if len(case.sent) < 2_000}


def _understood(pieces: list[bytes]) -> tuple[object, ...]:
    """The first request as far as it was taken, and whether it was refused on the way."""
    connection = StrictConnection(max_incomplete_event_size=16 * 1024)
    head: tuple[object, ...] = ()
    body = b""
    for piece in pieces:
        connection.receive_data(piece)
        try:
            while (event := connection.next_event()) not in (h11.NEED_DATA, h11.PAUSED):
                if isinstance(event, h11.Request):
                    head = (event.method, event.target, tuple(event.headers))
                elif isinstance(event, h11.Data):
                    body += bytes(event.data)
                elif isinstance(event, h11.EndOfMessage):
                    return (*head, body, "complete")
        except h11.RemoteProtocolError as error:
            return ("refused", error.error_status_hint)
    return (*head, body, "incomplete")


@pytest.mark.parametrize("name", SENT)
def test_byte_by_byte_is_the_same_as_at_once(name: str) -> None:
    sent = SENT[name]
    assert _understood([sent[at : at + 1] for at in range(len(sent))]) == _understood([sent])


PAYLOADS = st.lists(st.binary(min_size=1, max_size=20), max_size=6)


@settings(deadline=None)
@given(PAYLOADS, st.integers(1, 60))
def test_chunks_cut_anywhere_give_the_body(payloads: list[bytes], size: int) -> None:
    body = b"".join(b"%x;a=b\r\n%s\r\n" % (len(payload), payload) for payload in payloads)
    sent = chunked("/echo", body + b"0\r\n\r\n")
    pieces = [sent[at : at + size] for at in range(0, len(sent), size)]
    *_, received, end = _understood(pieces)
    assert (received, end) == (b"".join(payloads), "complete")


def test_what_follows_the_last_request_is_not_kept() -> None:
    connection = StrictConnection(max_incomplete_event_size=16 * 1024)
    connection.receive_data(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\nGET /b")
    assert isinstance(connection.next_event(), h11.Request)
    assert isinstance(connection.next_event(), h11.EndOfMessage)
    assert connection.next_event() is h11.NEED_DATA
    kept = connection.trailing_data[0]
    connection.receive_data(b"x" * 100_000)
    assert connection.next_event() is h11.NEED_DATA
    assert connection.trailing_data[0] == kept
