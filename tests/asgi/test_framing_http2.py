"""HTTP/2 on real sockets: what h2 and Hypercorn let through, and what would end a connection."""

from collections.abc import Iterator
from typing import NamedTuple

import pytest
from h2.errors import ErrorCodes
from hypothesis import given
from hypothesis import strategies as st

from tests.asgi.http2 import GONE, RESET, Caller, Headers, Outcome, head
from tests.asgi.listening import Listener, listening
from ucp_server.asgi.framing_http2 import PREFACE, FrameLengths
from ucp_server.asgi.limits import Limits

PROBE = head("/probe")
SERVED = Outcome(200)

# Frame types and flags of RFC 9113 6, for frames that the library would not write.
HEADERS, PRIORITY, CONTINUATION = 0x1, 0x2, 0x9
END_HEADERS, END_STREAM = 0x4, 0x1


class Case(NamedTuple):
    name: str
    headers: Headers
    outcome: Outcome
    body: bytes | None = None


def bad(code: str) -> Outcome:
    return Outcome(400, code)


NOWHERE = Outcome(404, "not_found")
POST = b"POST"
WEBSOCKET = [
    *head("/echo", method=b"CONNECT"),
    (b":protocol", b"websocket"),
    (b"sec-websocket-version", b"13"),
]

CASES = [
    Case("a GET", head("/echo"), SERVED),
    Case("a POST", head("/echo", method=POST), SERVED, b"{}"),
    Case("a POST with its length", head("/echo", (b"content-length", b"2"), method=POST), SERVED, b"{}"),
    Case("an empty body", head("/echo", method=POST), SERVED, b""),
    Case(
        "host instead of authority",
        [
            *[pair for pair in head("/echo") if pair[0] != b":authority"],
            (b"host", b"shop.example"),
        ],
        SERVED,
    ),
    Case("cookies in pieces", head("/echo", (b"cookie", b"a=1"), (b"cookie", b"b=2")), SERVED),
    Case("two dots", head("/a/../b"), NOWHERE),
    Case("encoded slash", head("/a%2Fb"), NOWHERE),
    Case("two slashes", head("//a"), NOWHERE),
    Case("encoded NUL", head("/a%00"), NOWHERE),
    Case("a path with no slash first", head("echo"), bad("bad_target")),
    Case("a path of another host", head("http://other.example/echo"), bad("bad_target")),
    Case("a path beyond the limit", head("/" + "a" * 5000), Outcome(414, "target_too_long")),
    Case("a path beyond ASCII", head("/caf\xe9"), RESET),
    Case("a path with a space", head("/a b"), NOWHERE),
    Case("a path with a line end", head("/a\r\nX-A: 1"), GONE),
    Case("an empty path", head(""), GONE),
    Case("no path", [pair for pair in head("/") if pair[0] != b":path"], GONE),
    Case("no method", [pair for pair in head("/") if pair[0] != b":method"], GONE),
    Case("two paths", head("/a", (b":path", b"/b")), GONE),
    Case("an unknown pseudo header", head("/a", (b":admin", b"1")), GONE),
    Case("a pseudo header late", [(b"x-a", b"1"), *head("/a")], GONE),
    Case("authority and host differ", head("/echo", (b"host", b"other.example")), GONE),
    Case(
        "an authority with a user",
        [
            (b":method", b"GET"),
            (b":scheme", b"http"),
            (b":path", b"/echo"),
            (b":authority", b"admin@shop.example"),
        ],
        bad("bad_host"),
    ),
    Case("neither authority nor host", [pair for pair in head("/echo") if pair[0] != b":authority"], GONE),
    Case("a method in lower case", head("/echo", method=b"get"), RESET),
    Case("an unknown method", head("/echo", method=b"BREW"), Outcome(405, "method_not_allowed")),
    Case("a method that is no word", head("/echo", method=b"GET /X"), Outcome(405, "method_not_allowed")),
    Case("TRACE", head("/echo", method=b"TRACE"), Outcome(405, "method_not_allowed")),
    Case("CONNECT to a host", [(b":method", b"CONNECT"), (b":authority", b"other.example:443")], RESET),
    Case("CONNECT for a websocket", WEBSOCKET, Outcome(403)),
    Case("CONNECT for half a websocket", WEBSOCKET[:-1], Outcome(400)),
    Case("a header in capitals", head("/echo", (b"X-A", b"1")), GONE),
    Case("transfer-encoding", head("/echo", (b"transfer-encoding", b"chunked"), method=POST), GONE, b"{}"),
    Case("connection", head("/echo", (b"connection", b"close")), GONE),
    Case("te: gzip", head("/echo", (b"te", b"gzip")), GONE),
    Case("upgrade", head("/echo", (b"upgrade", b"h2c")), GONE),
    Case(
        "a key twice",
        head("/echo", (b"idempotency-key", b"a"), (b"idempotency-key", b"b")),
        bad("duplicate_header"),
    ),
    Case(
        "an agent twice", head("/echo", (b"ucp-agent", b"a"), (b"ucp-agent", b"a")), bad("duplicate_header")
    ),
    Case("an underscored key", head("/echo", (b"idempotency_key", b"a")), bad("bad_header")),
    Case("a name of a signature's", head("/echo", (b"@authority", b"a.example")), bad("bad_header")),
    Case("a name in brackets", head("/echo", (b"(host)", b"a.example")), bad("bad_header")),
    Case("a control byte", head("/echo", (b"x-a", b"a\x01b")), bad("bad_header")),
    Case("an injected header", head("/echo", (b"x-a", b"a\r\nx-b: 1")), GONE),
    Case("an injected header in a name", head("/echo", (b"x-a: 1\r\nx-b", b"1")), GONE),
    Case("NUL in a value", head("/echo", (b"x-a", b"a\x00b")), GONE),
    Case(
        "101 lines",
        head("/echo", *[(b"x-%d" % n, b"1") for n in range(101)]),
        Outcome(431, "too_many_headers"),
    ),
    Case(
        "20 kB of headers",
        head("/echo", *[(b"x-%d" % n, b"a" * 2000) for n in range(10)]),
        Outcome(431, "headers_too_large"),
    ),
    Case("70 kB of headers", head("/echo", *[(b"x-%d" % n, b"a" * 7000) for n in range(10)]), GONE),
    Case("length no number", head("/echo", (b"content-length", b"two"), method=POST), GONE, b"{}"),
    Case("length with plus", head("/echo", (b"content-length", b"+2"), method=POST), GONE, b"{}"),
    Case(
        "two lengths",
        head("/echo", (b"content-length", b"2"), (b"content-length", b"2"), method=POST),
        bad("duplicate_header"),
        b"{}",
    ),
    Case("length too small", head("/echo", (b"content-length", b"1"), method=POST), GONE, b"{}"),
    Case("length too large", head("/echo", (b"content-length", b"3"), method=POST), GONE, b"{}"),
    Case(
        "a body of another type",
        head("/echo", (b"content-type", b"text/plain"), method=POST),
        Outcome(415, "content_type"),
        b"{}",
    ),
    Case(
        "an encoded body",
        head("/echo", (b"content-encoding", b"gzip"), method=POST),
        Outcome(415, "content_encoding"),
        b"{}",
    ),
    Case("a body at the limit", head("/echo", method=POST), SERVED, b"a" * 262_144),
    Case(
        "a body beyond the limit",
        head("/echo", method=POST),
        Outcome(413, "body_too_large"),
        b"a" * 262_145,
    ),
    Case(
        "a length beyond the limit",
        head("/echo", (b"content-length", b"999999999"), method=POST),
        Outcome(413, "body_too_large"),
        b"a" * 5_000_000,
    ),
    Case("5 MB", head("/echo", method=POST), Outcome(413, "body_too_large"), b"a" * 5_000_000),
    Case(
        "a name twice in the document",
        head("/documents", method=POST),
        bad("duplicate_member"),
        b'{"a":1,"a":2}',
    ),
    Case("depth 100,000", head("/documents", method=POST), bad("too_deep"), b"[" * 100_000),
]


@pytest.fixture(scope="module")
def listener() -> Iterator[Listener]:
    with listening(Limits(linger_s=0.1, lag_max_s=None)) as running:
        yield running


@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_the_outcome_is_the_expected_one(listener: Listener, case: Case) -> None:
    with Caller(listener.port) as caller:
        assert caller.ask(case.headers, case.body) == case.outcome
        if case.outcome != GONE:
            assert caller.ask(PROBE) == SERVED
    assert listener.complaints == []


def test_a_refused_upload_does_not_end_the_other_streams(listener: Listener) -> None:
    with Caller(listener.port) as caller:
        slow = caller.begin(head("/echo", method=POST), ends=False)
        assert caller.ask(head("/echo", method=POST), b"a" * 3_000_000).status == 413
        caller.send(slow, b"{}")
        assert caller.outcome(slow) == SERVED
    assert listener.complaints == []


def test_many_streams_at_once_are_all_answered(listener: Listener) -> None:
    with Caller(listener.port) as caller:
        streams = [caller.begin(head(f"/stream/{number}")) for number in range(90)]
        assert {caller.outcome(stream_id) for stream_id in streams} == {SERVED}


def test_more_streams_than_were_offered_end_the_connection(listener: Listener) -> None:
    with Caller(listener.port) as caller:
        caller.wait(lambda: caller.connection.remote_settings.max_concurrent_streams == 100)
        for number in range(101):
            block = caller.connection.encoder.encode(head("/echo", method=POST))
            caller.raw(frame(HEADERS, END_HEADERS, 2 * number + 1, block))
        caller.wait(lambda: caller.gone)
    assert listener.complaints == []


def test_a_caller_that_keeps_resetting_is_sent_away(listener: Listener) -> None:
    with Caller(listener.port) as caller:
        for _ in range(1_000):
            if caller.gone:
                break
            stream_id = caller.begin(head("/echo", method=POST), ends=False)
            caller.connection.reset_stream(stream_id)
            caller.flush()
        caller.wait(lambda: caller.gone)
        assert caller.goodbye in {ErrorCodes.ENHANCE_YOUR_CALM, None}
    assert listener.complaints == []


def test_priorities_are_ignored(listener: Listener) -> None:
    with Caller(listener.port) as caller:
        for stream_id in range(1, 3_000, 2):
            depends_on = (stream_id + 2).to_bytes(4)
            caller.raw(frame(PRIORITY, 0, stream_id, depends_on + b"\x10"))
        assert caller.ask(PROBE) == SERVED
    assert listener.complaints == []


def test_headers_that_never_end_close_the_connection(listener: Listener) -> None:
    with Caller(listener.port) as caller:
        caller.raw(frame(HEADERS, END_STREAM, 1, caller.connection.encoder.encode(PROBE)))
        for _ in range(1_000):
            caller.raw(frame(CONTINUATION, 0, 1, b"\x00" * 16))
        caller.wait(lambda: caller.gone)
    assert listener.complaints == []


@pytest.mark.parametrize(
    "sent",
    [
        b"\xff" * 64,
        b"GET /echo HTTP/1.1\r\n\r\n",
        b"\x00\x00\x01\x00\x00\x00\x00\x00\x07a",
        b"\xff\xff\xff\x00\x00\x00\x00\x00\x01",
    ],
    ids=["no frame", "HTTP/1 inside", "data on no stream", "a frame of 16 MB"],
)
def test_what_is_no_frame_closes_the_connection(listener: Listener, sent: bytes) -> None:
    with Caller(listener.port) as caller:
        caller.raw(sent)
        caller.wait(lambda: caller.gone)
    assert listener.complaints == []


def test_a_body_that_drips_is_refused_and_the_connection_lives() -> None:
    limits = Limits(body_grace_s=0.1, linger_s=0.05, lag_max_s=None)
    with listening(limits) as listener, Caller(listener.port) as caller:
        stream_id = caller.begin(head("/echo", method=POST), ends=False)
        assert caller.outcome(stream_id) == Outcome(408, "body_too_slow")
        assert caller.ask(PROBE) == SERVED
        assert listener.complaints == []


LENGTHS = st.lists(st.integers(0, 200), max_size=8)


@given(LENGTHS, st.integers(1, 40))
def test_frames_are_followed_however_they_are_cut(lengths: list[int], size: int) -> None:
    sent = PREFACE + b"".join(frame(HEADERS, 0, 1, b"\xff" * length) for length in lengths)
    follower = FrameLengths(longest=200)
    assert all(follower.are_bounded(sent[at : at + size]) for at in range(0, len(sent), size))
    assert not follower.are_bounded(frame(HEADERS, 0, 1, b"a" * 201)[:3] + bytes(6))


def frame(kind: int, flags: int, stream_id: int, payload: bytes) -> bytes:
    return len(payload).to_bytes(3) + bytes([kind, flags]) + stream_id.to_bytes(4) + payload
