"""HTTP/2 that survives its callers, where h2 collects and Hypercorn ends with a traceback.

Frames longer than agreed end the connection before they are collected; bytes for a stream that was
already answered are dropped; a path or method that HTTP/1 could not carry resets its stream;
priorities are ignored (RFC 9113 5.3); and a caller that keeps resetting what it began is sent away
(CVE-2023-44487).
"""

from typing import Any

from h2.errors import ErrorCodes
from h2.events import Event as H2Event
from h2.events import PriorityUpdated, RequestReceived, StreamReset
from h2.exceptions import ProtocolError
from hypercorn.events import Closed, Event, RawData, Updated
from hypercorn.protocol.events import Event as StreamEvent
from hypercorn.protocol.h2 import H2Protocol
from hypercorn.protocol.http_stream import HTTPStream
from hypercorn.protocol.ws_stream import WSStream

# RFC 9113 3.4 and 4.1: what a connection begins with, and the bytes before each payload.
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
FRAME_HEAD = 9

# A browser cancels a handful of requests when a page is left. Beyond this, and more often than
# not, cancelling is what the caller came for.
RESETS_MAX = 100


class FrameLengths:
    """Follows the frames of a connection, preface included, by their lengths alone.

    h2 looks at a frame's length only when it has the whole frame, which can be 16 MB.
    """

    def __init__(self, longest: int) -> None:
        self.longest = longest
        self._skip = len(PREFACE)
        self._head = b""

    def are_bounded(self, data: bytes) -> bool:
        """Whether every frame that begins in ``data`` is as short as we said frames must be."""
        at = 0
        while at < len(data):
            if self._skip:
                step = min(self._skip, len(data) - at)
                self._skip -= step
                at += step
                continue
            missing = FRAME_HEAD - len(self._head)
            self._head += data[at : at + missing]
            at += missing
            if len(self._head) == FRAME_HEAD:
                self._skip = int.from_bytes(self._head[:3])
                self._head = b""
                if self._skip > self.longest:
                    return False
        return True


class StrictH2(H2Protocol):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.streams = _Streams()
        self._frames = FrameLengths(self.config.h2_max_inbound_frame_size)
        self._resets = 0

    async def initiate(self, *args: Any, **kwargs: Any) -> None:
        await super().initiate(*args, **kwargs)
        # Without TLS the preface counts as a request, which stops the clock for idle connections.
        await self.send(Updated(idle=True))

    async def handle(self, event: Event) -> None:
        if isinstance(event, RawData) and not self._frames.are_bounded(event.data):
            await self._send_away(ErrorCodes.FRAME_SIZE_ERROR)
            return
        await super().handle(event)

    async def _handle_events(self, events: list[H2Event]) -> None:
        self._resets += sum(isinstance(event, StreamReset) for event in events)
        if self._resets > RESETS_MAX and 2 * self._resets > self.keep_alive_requests:
            await self._send_away(ErrorCodes.ENHANCE_YOUR_CALM)
            return
        await super()._handle_events([event for event in events if not isinstance(event, PriorityUpdated)])

    async def _send_away(self, error: ErrorCodes) -> None:
        self.connection.close_connection(error)
        await self._flush()
        await self.send(Closed())

    async def _create_stream(self, request: RequestReceived) -> None:
        if _is_plain(request):
            await super()._create_stream(request)
            return
        try:
            self.connection.reset_stream(request.stream_id, ErrorCodes.PROTOCOL_ERROR)
        except ProtocolError:
            return  # the caller reset or closed it first
        await self._flush()


def _is_plain(request: RequestReceived) -> bool:
    """Hypercorn decodes the path as ASCII, misses one that is not there, and raises methods."""
    pseudo = {name: value for name, value in request.headers or () if name[:1] == b":"}
    path, method = pseudo.get(b":path"), pseudo.get(b":method", b"")
    return path is not None and path.isascii() and method.isascii() and method == method.upper()


class _Streams(dict[int, HTTPStream | WSStream]):
    """The open streams; frames for one that has been answered go nowhere."""

    def __missing__(self, stream_id: int) -> "_Answered":
        return _Answered()


class _Answered:
    async def handle(self, event: StreamEvent) -> None:
        """Drop it. Hypercorn then returns its window, and the stream ends as the caller likes."""
