"""All layers together, on a real listener: what is answered, logged and counted."""

import socket
import uuid
from collections.abc import Iterator

import pytest

from tests.asgi.listening import Listener, listening
from tests.asgi.wire import WAIT_S, ask, exchange, get, post, responses
from ucp_server.asgi.limits import Limits

CANARY = "tok_4111111111111111"


@pytest.fixture
def listener() -> Iterator[Listener]:
    with listening() as running:
        yield running


def test_every_response_carries_the_id_and_every_request_one_line(listener: Listener) -> None:
    sent = {
        "ok": get("/echo", "Request-Id: ok"),
        "refused": get("/a/../b", "Request-Id: refused"),
        "crashed": get("/crash", "Request-Id: crashed"),
    }
    for request_id, request in sent.items():
        assert ask(listener.port, request).header("request-id") == request_id
    made = ask(listener.port, get("/echo")).header("request-id")
    assert made is not None
    assert uuid.UUID(made)
    listener.stop_keeping_log()
    lines = {line["request_id"]: line for line in listener.log.lines() if "status" in line}
    assert {(name, lines[name]["status"]) for name in sent} == {
        ("ok", 200),
        ("refused", 404),
        ("crashed", 500),
    }
    assert lines["ok"]["operation"] == "echo"
    assert lines["refused"]["outcome"] == "not_found"
    assert lines["crashed"]["outcome"] == "internal_error"


def test_a_crash_is_a_500_with_the_id_and_says_nothing_else(listener: Listener) -> None:
    response = ask(listener.port, post("/crash", CANARY.encode(), "Request-Id: req-7"))
    assert (response.status, response.code()) == (500, "internal_error")
    assert b"req-7" in response.body
    assert CANARY.encode() not in response.body
    listener.stop_keeping_log()
    (line,) = [line for line in listener.log.lines() if line.get("event") == "crash"]
    assert (line["exception"], line["causes"]) == ("builtins.ValueError", ["builtins.KeyError"])
    assert CANARY not in str(listener.log.lines())
    assert listener.complaints == []


def test_a_crash_midway_cuts_the_response_short(listener: Listener) -> None:
    received = exchange(listener.port, get("/crash-midway"), answers=None)
    assert received.endswith(b"\r\n\r\nhalf")
    assert listener.complaints == []


def test_no_response_is_a_crash_too(listener: Listener) -> None:
    assert ask(listener.port, get("/silent")).status == 500


def test_a_refusal_is_counted_and_never_by_its_path(listener: Listener) -> None:
    for _ in range(3):
        ask(listener.port, get(f"/{CANARY}/../x"))
    listener.stop_keeping_log()
    exposed = listener.metrics.expose().decode()
    assert 'ucp_server_guard_refusals_total{code="not_found"} 3.0' in exposed
    assert CANARY not in exposed
    assert "ucp_server_requests_in_flight 0.0" in exposed


def test_a_request_that_outlives_the_listener_gets_a_503_and_no_empty_500() -> None:
    with listening(graceful_timeout=0.05) as listener:
        with socket.create_connection(("127.0.0.1", listener.port), timeout=WAIT_S) as connection:
            connection.sendall(get("/linger"))
            listener.wait_until_reached("/linger")
            listener.begin_stop()
            received = bytearray()
            while piece := connection.recv(65536):
                received += piece
        (response,) = responses(received)
        assert (response.status, response.code()) == (503, "shutting_down")
        assert response.header("retry-after") == "1"


def test_while_the_loop_is_behind_new_work_is_shed_but_health_is_told() -> None:
    with listening(Limits(lag_max_s=0.02)) as listener:
        with (
            socket.create_connection(("127.0.0.1", listener.port), timeout=WAIT_S) as blocking,
            socket.create_connection(("127.0.0.1", listener.port), timeout=WAIT_S) as work,
            socket.create_connection(("127.0.0.1", listener.port), timeout=WAIT_S) as health,
        ):
            blocking.sendall(get("/block", "Connection: close"))
            listener.wait_until_reached("/block")
            work.sendall(post("/echo", b"{}", "Connection: close"))
            health.sendall(get("/healthz", "Connection: close"))
            listener.hold.set()
            (shed,) = _until_closed(work)
            (told,) = _until_closed(health)
            (answered,) = _until_closed(blocking)
        assert (shed.status, shed.code(), shed.header("retry-after")) == (503, "overloaded", "1")
        assert (told.status, answered.status) == (200, 200)
        assert ("POST", "/echo") not in listener.reached


def _until_closed(connection: socket.socket):
    received = bytearray()
    while piece := connection.recv(65536):
        received += piece
    return responses(received)
