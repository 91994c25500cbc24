"""A client that sends bytes as they are and reads every response on the connection."""

import select
import socket
import time
from collections.abc import Iterable

import msgspec

WAIT_S = 10.0
END = b"\r\n\r\n"

PROBE_PATH = "/probe"
PROBE = f"GET {PROBE_PATH} HTTP/1.1\r\nHost: shop.example\r\nConnection: close\r\n\r\n".encode()


class Response(msgspec.Struct, frozen=True):
    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes

    def header(self, name: str) -> str | None:
        return next((value for known, value in self.headers if known == name), None)

    def code(self) -> object:
        """The stable code of an error, or None where the body has none."""
        try:
            document = msgspec.json.decode(self.body)
        except msgspec.DecodeError:
            return None
        return document.get("code") if isinstance(document, dict) else None


def get(target: str, *headers: str, version: str = "1.1", method: str = "GET") -> bytes:
    lines = [f"{method} {target} HTTP/{version}", "Host: shop.example", *headers, "", ""]
    return "\r\n".join(lines).encode("latin-1")


def post(target: str, body: bytes, *headers: str, method: str = "POST") -> bytes:
    head = [f"Content-Length: {len(body)}", "Content-Type: application/json", *headers]
    return get(target, *head, method=method) + body


def raw_head(*lines: str, body: bytes = b"") -> bytes:
    """Lines as they are, the request line included."""
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + body


def chunked(target: str, body: bytes, *headers: str) -> bytes:
    """A POST whose body is already in chunks."""
    head = ["Transfer-Encoding: chunked", "Content-Type: application/json", *headers]
    return get(target, *head, method="POST") + body


def exchange(port: int, sent: bytes, *, answers: int | None, head_only: bool = False) -> bytes:
    """Send everything while reading, and return all that came back until the server closed.

    With ``answers``, the connection is expected to stay open after that many final responses: then
    a last request asks to close it, so that its answer must be the last.
    """
    deadline = time.monotonic() + WAIT_S
    received = bytearray()
    with socket.create_connection(("127.0.0.1", port), timeout=WAIT_S) as connection:
        connection.setblocking(False)
        left = memoryview(sent)
        probed = answers is None
        while True:
            if not probed and not left and len(responses(received, head_only)) >= (answers or 0):
                left, probed = memoryview(PROBE), True
            wanted = [connection] if left else []
            readable, writable, _ = select.select([connection], wanted, [], deadline - time.monotonic())
            assert readable or writable, f"nothing happened; so far {bytes(received)!r}"
            if readable:
                data = _receive(connection)
                if not data:
                    return bytes(received)
                received += data
            elif writable:
                left = _send(connection, left)


def _receive(connection: socket.socket) -> bytes:
    try:
        return connection.recv(65536)
    except ConnectionError:
        return b""


def _send(connection: socket.socket, left: memoryview) -> memoryview:
    try:
        return left[connection.send(left) :]
    except ConnectionError:
        return left[len(left) :]


def responses(received: bytes | bytearray, head_only: bool = False) -> list[Response]:
    """The complete final responses, in order; 1xx ones are left out."""
    found: list[Response] = []
    rest = bytes(received)
    while END in rest:
        head, _, rest = rest.partition(END)
        response = _parse_head(head)
        if response.status < 200:
            continue
        length = 0 if head_only and not found else int(response.header("content-length") or 0)
        if len(rest) < length:
            break
        found.append(msgspec.structs.replace(response, body=rest[:length]))
        rest = rest[length:]
    return found


def _parse_head(head: bytes) -> Response:
    first, *lines = head.decode("latin-1").split("\r\n")
    pairs = (line.partition(":") for line in lines)
    headers = tuple((name.lower(), value.strip()) for name, _, value in pairs)
    return Response(int(first.split(" ")[1]), headers, b"")


def ask(port: int, sent: bytes) -> Response:
    """One request, one response, on a connection of its own."""
    (first, *_) = responses(exchange(port, sent, answers=1))
    return first


def drip(port: int, head: bytes, pieces: Iterable[bytes], every_s: float) -> list[Response]:
    """Send ``pieces`` one by one, pausing in between only to see whether an answer came."""
    received = bytearray()
    with socket.create_connection(("127.0.0.1", port), timeout=WAIT_S) as connection:
        connection.sendall(head)
        for piece in pieces:
            _send(connection, memoryview(piece))
            readable, _, _ = select.select([connection], [], [], every_s)
            if readable:
                break
        while data := _receive(connection):
            received += data
    return responses(received)
