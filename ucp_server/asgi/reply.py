"""What is sent back: a status, a body, its headers. The engine keeps one as opaque bytes."""

from collections.abc import Callable
from typing import Any

import msgspec
from starlette.types import Receive, Scope, Send

Header = tuple[bytes, bytes]

REPLAYED: Header = (b"idempotent-replayed", b"true")
CLOSE: Header = (b"connection", b"close")
JSON: Header = (b"content-type", b"application/json")
# For whatever speaks of one buyer: it may be kept by nobody between us and the caller.
NO_STORE: Header = (b"cache-control", b"no-store")
# Of each 503 of the layers around the routes: what keeps them from answering is over in a moment.
RETRY_AFTER: Header = (b"retry-after", b"1")

# RFC 9110 8.6: these have no content, so no length of it is stated.
WITHOUT_CONTENT = frozenset({204, 304})


class _Packed(msgspec.Struct, frozen=True, array_like=True):
    """The stored form. Members are only ever added at the end, with a default.

    While workers of two versions run side by side each reads what the other stored.
    """

    status: int
    body: bytes
    headers: tuple[Header, ...]


_unpack = msgspec.msgpack.Decoder(_Packed)


class Reply(msgspec.Struct, frozen=True):
    """A whole response. ``headers`` are lower-case and include ``content-type``.

    ``replayed`` says that it answers a repeated request; it is a fact of the sending, not of the
    reply, and is therefore not packed.
    """

    status: int
    body: bytes = b""
    headers: tuple[Header, ...] = ()
    replayed: bool = False

    def pack(self) -> bytes:
        """Status, headers and body as bytes that ``unpack`` reads back."""
        return msgspec.msgpack.encode(_Packed(self.status, self.body, self.headers))

    @classmethod
    def unpack(cls, packed: bytes) -> "Reply":
        """Raises ValueError when the bytes did not come from ``pack``."""
        stored = _unpack.decode(packed)
        return cls(stored.status, stored.body, stored.headers)

    def as_replayed(self) -> "Reply":
        return Reply(self.status, self.body, self.headers, replayed=True)

    def adding(self, *headers: Header) -> "Reply":
        """The same with more headers, after those that it has."""
        return Reply(self.status, self.body, self.headers + headers, self.replayed)

    def header(self, name: bytes) -> bytes | None:
        """The first value of a header, by its lower-case name."""
        return next((value for known, value in self.headers if known == name), None)

    def wire_headers(self) -> list[Header]:
        """The headers as sent: with the length of the content and the mark of a replay."""
        headers = list(self.headers)
        if self.status not in WITHOUT_CONTENT:
            headers.append((b"content-length", b"%d" % len(self.body)))
        if self.replayed:
            headers.append(REPLAYED)
        return headers

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send itself: a Reply is an ASGI application, so routes may return it."""
        del scope, receive
        await send(
            {
                "type": "http.response.start",
                "status": self.status,
                "headers": self.wire_headers(),
            }
        )
        await send({"type": "http.response.body", "body": self.body})


def json_reply(status: int, document: Any, *headers: Header) -> Reply:
    """``document`` (anything that msgspec encodes) as a JSON reply."""
    return Reply(status, msgspec.json.encode(document), (JSON, *headers))


# The form of an error that no binding has seen: (status, code, text, scope) -> Reply. The
# composition root hands in one that picks the protocol by the path.
Refuse = Callable[[int, str, str, Scope], Reply]


def plain_refusal(status: int, code: str, text: str, scope: Scope) -> Reply:
    """``{"code", "content"}``, for whoever asked outside every protocol."""
    del scope
    return json_reply(status, {"code": code, "content": text})
