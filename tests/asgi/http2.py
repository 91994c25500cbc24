"""An HTTP/2 caller by prior knowledge that sends what a well-behaved one would not."""

import socket
import time
from collections.abc import Callable
from types import TracebackType
from typing import NamedTuple, Self

import h2.connection
import h2.errors
import h2.events
import h2.exceptions
import msgspec
from h2.config import H2Configuration

WAIT_S = 10.0

Headers = list[tuple[bytes, bytes]]


class Outcome(NamedTuple):
    """What became of a stream: a status with our code, or how it ended without one."""

    status: int | None = None
    code: str | None = None
    ended: str = "answered"


RESET = Outcome(ended="reset")
GONE = Outcome(ended="gone")


def head(path: str | bytes, *more: tuple[bytes, bytes], method: bytes = b"GET") -> Headers:
    target = path.encode("latin-1") if isinstance(path, str) else path
    return [
        (b":method", method),
        (b":scheme", b"http"),
        (b":authority", b"shop.example"),
        (b":path", target),
        *more,
    ]


class Caller:
    """One connection. Nothing that it sends is checked on this side."""

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=WAIT_S)
        self.connection = h2.connection.H2Connection(
            H2Configuration(
                header_encoding=None,
                validate_outbound_headers=False,
                normalize_outbound_headers=False,
            )
        )
        self.statuses: dict[int, int] = {}
        self.bodies: dict[int, bytearray] = {}
        self.ended: set[int] = set()
        self.reset: set[int] = set()
        self.goodbye: int | None = None
        self.gone = False
        self.connection.initiate_connection()
        self.flush()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.socket.close()

    def flush(self) -> None:
        self.raw(self.connection.data_to_send())

    def raw(self, data: bytes) -> None:
        try:
            self.socket.sendall(data)
        except ConnectionError:
            self.gone = True

    def begin(self, headers: Headers, *, ends: bool = True) -> int:
        stream_id = self.connection.get_next_available_stream_id()
        self.connection.send_headers(stream_id, headers, end_stream=ends)
        self.flush()
        return stream_id

    def send(self, stream_id: int, body: bytes) -> None:
        """As much of ``body`` as the server takes before it answers."""
        left = memoryview(body)
        while left and not self.is_settled(stream_id):
            window = self.connection.local_flow_control_window(stream_id)
            size = min(window, self.connection.max_outbound_frame_size, len(left))
            if size == 0:
                self.listen()
                continue
            self.connection.send_data(stream_id, bytes(left[:size]))
            left = left[size:]
            self.flush()
        if not left and not self.is_settled(stream_id):
            self.connection.end_stream(stream_id)
            self.flush()

    def ask(self, headers: Headers, body: bytes | None = None) -> Outcome:
        stream_id = self.begin(headers, ends=body is None)
        if body is not None:
            self.send(stream_id, body)
        return self.outcome(stream_id)

    def outcome(self, stream_id: int) -> Outcome:
        self.wait(lambda: self.is_settled(stream_id))
        if stream_id in self.ended:
            return Outcome(self.statuses[stream_id], self._code(stream_id))
        return RESET if stream_id in self.reset else GONE

    def is_settled(self, stream_id: int) -> bool:
        return stream_id in self.ended or stream_id in self.reset or self.gone

    def wait(self, is_over: Callable[[], bool]) -> None:
        deadline = time.monotonic() + WAIT_S
        while not is_over():
            assert time.monotonic() < deadline
            self.listen()

    def listen(self) -> None:
        """Take in what the server sent, waiting for some of it."""
        try:
            data = self.socket.recv(65536)
        except ConnectionError:
            data = b""
        if not data:
            self.gone = True
            return
        try:
            events = self.connection.receive_data(data)
        except h2.exceptions.ProtocolError:
            self.gone = True
            return
        for event in events:
            self._note(event)
        self.flush()

    def _note(self, event: h2.events.Event) -> None:
        if isinstance(event, h2.events.ResponseReceived):
            self.statuses[event.stream_id] = int(dict(event.headers)[b":status"])
        elif isinstance(event, h2.events.DataReceived):
            self.bodies.setdefault(event.stream_id, bytearray()).extend(event.data)
            self.connection.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
        elif isinstance(event, h2.events.StreamEnded):
            self.ended.add(event.stream_id)
        elif isinstance(event, h2.events.StreamReset):
            self.reset.add(event.stream_id)
        elif isinstance(event, h2.events.ConnectionTerminated):
            self.goodbye = int(event.error_code)
            self.gone = True

    def _code(self, stream_id: int) -> str | None:
        body = bytes(self.bodies.get(stream_id, b""))
        code: str | None = msgspec.json.decode(body).get("code") if body else None
        return code
