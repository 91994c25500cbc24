"""HTTP/1 as strict as its specification (RFC 9112), where h11 repairs and Hypercorn forgives.

Folded headers, bare CR or LF, a repeated Content-Length even when equal, methods in lower case,
loose chunk sizes and control characters in chunk extensions are a 400 and the end of the
connection: whatever another hop makes of them, we make nothing. ``Upgrade`` is ignored (RFC 9110
7.8 allows it): an upgrade to h2c opens a tunnel that a proxy in front does not look into.
"""

import re
from typing import Any

import h11
from hypercorn.protocol.h11 import H11Protocol

# RFC 9112 7.1, without the white space that h11 forgives. Eight digits are 4 GB, far beyond any
# body; 256 bytes hold any extension in use.
_CHUNK_HEAD = re.compile(rb"[0-9A-Fa-f]{1,8}(?:;[\t\x20-\x7e\x80-\xff]{0,256})?")
_LENGTH = b"\ncontent-length:"


class StrictConnection(h11.Connection):
    """An h11 server connection that looks at heads and chunk heads before h11 parses them."""

    def __init__(self, *, max_incomplete_event_size: int) -> None:
        super().__init__(h11.SERVER, max_incomplete_event_size=max_incomplete_event_size)
        self._chunk_head_next = False

    def receive_data(self, data: bytes) -> None:
        # After the last request of a connection nothing is read any more (RFC 9112 9.6). h11 takes
        # it for an error, and Hypercorn would answer 400 to the request that is being served.
        if not data or self.their_state is not h11.MUST_CLOSE:
            super().receive_data(data)

    def next_event(self) -> h11.Event | type[h11.NEED_DATA] | type[h11.PAUSED]:
        if self.their_state is h11.MUST_CLOSE and self.trailing_data[0]:
            return h11.NEED_DATA
        if self.their_state is h11.IDLE:
            _examine_head(self.trailing_data[0])
        elif self._chunk_head_next:
            self._chunk_head_next = not _examine_chunk_head(self.trailing_data[0])
        event = super().next_event()
        if isinstance(event, h11.Request):
            self._chunk_head_next = any(name == b"transfer-encoding" for name, _ in event.headers)
            return _without_upgrade(event)
        if isinstance(event, h11.Data) and event.chunk_end:
            self._chunk_head_next = True
        elif isinstance(event, h11.EndOfMessage):
            self._chunk_head_next = False
        return event


def _refusal(text: str) -> h11.RemoteProtocolError:
    return h11.RemoteProtocolError(text, error_status_hint=400)


def _examine_head(received: bytes) -> None:
    """Raises RemoteProtocolError for lines that h11 would repair. Called as bytes come in."""
    end = received.find(b"\r\n\r\n")
    head = received if end < 0 else received[: end + 4]
    line_ends = head.count(b"\r\n")
    if head.count(b"\n") != line_ends:
        raise _refusal("a line ends with LF alone")
    if end < 0:
        return
    if head.count(b"\r") != line_ends:
        raise _refusal("a CR stands alone")
    if b"\n " in head or b"\n\t" in head:
        raise _refusal("a header is folded")
    names = head.lower()
    at = names.find(_LENGTH)
    if at >= 0:
        line_end = names.find(b"\r\n", at + 1)
        if b"," in names[at:line_end] or names.find(_LENGTH, line_end) >= 0:
            raise _refusal("Content-Length is repeated")


def _examine_chunk_head(received: bytes) -> bool:
    """Whether the next chunk's head was there and is well formed; False when it is incomplete."""
    line, found, _ = received.lstrip(b"\r\n").partition(b"\r\n")
    if found and not _CHUNK_HEAD.fullmatch(line):
        raise _refusal("a chunk head is malformed")
    return bool(found)


def _without_upgrade(request: h11.Request) -> h11.Request:
    if request.method != request.method.upper():
        # Methods are case-sensitive; Hypercorn writes them in upper case for the application.
        raise _refusal("the method is not in upper case")
    kept = [(name, value) for name, value in request.headers if name != b"upgrade"]
    if len(kept) == len(request.headers):
        return request
    return h11.Request(
        method=request.method,
        target=request.target,
        headers=kept,
        http_version=request.http_version,
    )


class StrictH11(H11Protocol):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.connection = StrictConnection(max_incomplete_event_size=self.config.h11_max_incomplete_size)
