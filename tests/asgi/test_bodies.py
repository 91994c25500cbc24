"""Slow and broken bodies on real sockets, with limits small enough that nobody waits."""

import socket
from collections.abc import Iterator

import pytest

from tests.asgi.listening import Listener, listening
from tests.asgi.wire import WAIT_S, Response, ask, chunked, drip, get, post
from ucp_server.asgi.limits import Limits

SMALL = Limits(body_total_s=0.6, body_grace_s=0.15, body_rate_min=1_000, linger_s=0.05, lag_max_s=None)

HEAD = get("/echo", "Content-Length: 100000", method="POST")


@pytest.fixture(scope="module")
def listener() -> Iterator[Listener]:
    with listening(SMALL, keep_alive_timeout=0.3) as running:
        yield running


def _is_timed_out(responses: list[Response]) -> bool:
    (response,) = responses
    return (response.status, response.code()) == (408, "body_too_slow") and (
        response.header("connection") == "close"
    )


def test_a_body_that_never_comes(listener: Listener) -> None:
    assert _is_timed_out(drip(listener.port, HEAD, [], 0.0))


def test_a_body_that_stalls(listener: Listener) -> None:
    assert _is_timed_out(drip(listener.port, HEAD + b"{" * 50, [], 0.0))


def test_a_body_that_drips(listener: Listener) -> None:
    assert _is_timed_out(drip(listener.port, HEAD, [b"a"] * 100, 0.02))


def test_a_body_in_chunks_that_drips(listener: Listener) -> None:
    assert _is_timed_out(drip(listener.port, chunked("/echo", b""), [b"1\r\na\r\n"] * 100, 0.02))


def test_a_body_fast_enough_but_endless_meets_the_total(listener: Listener) -> None:
    assert _is_timed_out(drip(listener.port, HEAD, [b"a" * 200] * 400, 0.02))


def test_a_slow_body_above_the_rate_is_served(listener: Listener) -> None:
    head = get("/echo", "Content-Length: 1000", "Connection: close", method="POST")
    (response,) = drip(listener.port, head, [b"a" * 200] * 5, 0.02)
    assert response.status == 200
    assert b'"length":1000' in response.body


def test_a_head_that_never_ends_is_cut_without_an_answer(listener: Listener) -> None:
    assert drip(listener.port, b"GET /echo HTTP/1.1\r\nHost: a", [b"a"] * 100, 0.02) == []


def test_a_connection_that_says_nothing_is_cut(listener: Listener) -> None:
    assert drip(listener.port, b"", [], 0.0) == []


def test_an_http2_connection_that_says_nothing_is_cut(listener: Listener) -> None:
    with socket.create_connection(("127.0.0.1", listener.port), timeout=WAIT_S) as connection:
        connection.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\x00\x00\x00\x04\x00\x00\x00\x00\x00")
        while connection.recv(65536):
            pass


@pytest.mark.parametrize(
    "sent",
    [
        HEAD,
        HEAD + b"{}",
        chunked("/echo", b"5\r\n{}"),
        chunked("/echo", b"2\r\n{}\r\n"),
        get("/echo")[:-2],
        post("/echo", b"{}")[:-1],
    ],
    ids=["no body", "half a body", "half a chunk", "no last chunk", "half a head", "all but one"],
)
def test_a_caller_that_leaves_early_costs_nothing(listener: Listener, sent: bytes) -> None:
    listener.reached.clear()
    with socket.create_connection(("127.0.0.1", listener.port), timeout=WAIT_S) as connection:
        connection.sendall(sent)
    assert ask(listener.port, get("/after")).status == 200
    assert ("POST", "/echo") not in listener.reached
    assert listener.complaints == []
