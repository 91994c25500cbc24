"""Reading a request body whole, within a size, a time and a rate; and answering without it."""

import asyncio
import contextlib

from starlette.types import Message, Receive, Scope, Send

from ucp_server.asgi.heads import Objection
from ucp_server.asgi.limits import Limits
from ucp_server.asgi.reply import CLOSE, Reply


class BodyRefused(Exception):
    """The body is too large or too slow; ``objection`` says which."""

    def __init__(self, objection: Objection) -> None:
        super().__init__(objection.code)
        self.objection = objection


class Disconnected(Exception):
    """The caller went away before the body was complete: nobody is left to answer."""


def _too_large(limits: Limits) -> BodyRefused:
    text = f"The body is larger than {limits.body_max} bytes."
    return BodyRefused(Objection(413, "body_too_large", text, closes=True))


def _too_many_pieces(limits: Limits) -> BodyRefused:
    text = f"The body comes in more than {limits.body_pieces_max} pieces."
    return BodyRefused(Objection(413, "body_in_pieces", text, closes=True))


def _too_slow() -> BodyRefused:
    text = "The body arrives too slowly."
    return BodyRefused(Objection(408, "body_too_slow", text, closes=True))


def refuse_length(length: int, limits: Limits) -> None:
    """Raises BodyRefused when the announced length is over the limit: nothing need be read."""
    if length > limits.body_max:
        raise _too_large(limits)


async def read_body(receive: Receive, limits: Limits) -> bytes:
    """The whole body. Raises BodyRefused or Disconnected.

    It may take ``body_grace_s`` plus one second for each ``body_rate_min`` bytes that came, and
    never more than ``body_total_s``. The clock is looked at only when time is up, since nearly
    every body is there before; and giving up a ``receive`` to look loses no message.
    """
    clock = asyncio.get_running_loop().time
    started = clock()
    deadline = started + limits.body_grace_s
    pieces = _Pieces(limits)
    while not pieces.complete:
        try:
            async with asyncio.timeout_at(deadline):
                while not pieces.complete:
                    pieces.take(await receive())
        except TimeoutError:
            earned_s = limits.body_grace_s + pieces.size / limits.body_rate_min
            deadline = started + min(limits.body_total_s, earned_s)
            if deadline <= clock():
                raise _too_slow() from None
    return pieces.whole()


class _Pieces:
    """A body as it grows; ``take`` raises as soon as it is more than it may be."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.size = 0
        self.complete = False
        self._pieces: list[bytes] = []

    def take(self, message: Message) -> None:
        if message["type"] == "http.disconnect":
            raise Disconnected
        piece = message.get("body", b"")
        self._pieces.append(piece)
        self.size += len(piece)
        self.complete = not message.get("more_body", False)
        if self.size > self.limits.body_max:
            raise _too_large(self.limits)
        if len(self._pieces) > self.limits.body_pieces_max:
            raise _too_many_pieces(self.limits)

    def whole(self) -> bytes:
        return b"".join(self._pieces)


def replaying(body: bytes, receive: Receive) -> Receive:
    """A ``receive`` that hands out the body in one message, then whatever comes after it."""
    delivered = False

    async def replay() -> Message:
        nonlocal delivered
        if delivered:
            return await receive()
        delivered = True
        return {"type": "http.request", "body": body, "more_body": False}

    return replay


def has_streams(scope: Scope) -> bool:
    """HTTP/2 and 3: no request can spoil another, and ``Connection`` is forbidden."""
    return scope["http_version"] in {"2", "3"}


def expects_body(scope: Scope) -> bool:
    """HTTP/1 says so by a header; later versions only by what follows."""
    if has_streams(scope):
        return True
    return any(
        name == b"transfer-encoding" or (name == b"content-length" and value.strip(b"0"))
        for name, value in scope["headers"]
    )


async def send_past_body(reply: Reply, scope: Scope, receive: Receive, send: Send, limits: Limits) -> None:
    """Answer a request whose body nobody wants, and keep its connection if the body is short.

    A caller that has to connect anew costs more than the request that it was refused.
    """
    is_read = not expects_body(scope) or (
        announced_length(scope) <= limits.body_max and await _drain(receive, limits)
    )
    if is_read:
        await reply(scope, receive, send)
    else:
        await send_before_body(reply, scope, receive, send, limits)


def announced_length(scope: Scope) -> int:
    """Content-Length, already examined, or 0 where the length shows only at the end."""
    return next((int(value) for name, value in scope["headers"] if name == b"content-length"), 0)


async def send_before_body(
    reply: Reply, scope: Scope, receive: Receive, send: Send, limits: Limits
) -> None:
    """Answer a request whose body nobody wants, and end the connection (HTTP/1) or stream.

    Closing with unread bytes makes TCP send a reset, which can overtake the answer. So the answer
    goes out first, then the rest is read for a while, then the response ends.
    """
    if not has_streams(scope):
        reply = reply.adding(CLOSE)
    start = {"status": reply.status, "headers": reply.wire_headers()}
    await send({"type": "http.response.start", **start})
    await send({"type": "http.response.body", "body": reply.body, "more_body": True})
    await _drain(receive, limits)
    # Hypercorn announces the end through the request's own queue of ten messages. If the caller
    # keeps sending, the queue is full, and the announcement would wait for ever for a reader.
    reader = asyncio.ensure_future(_drain_until_disconnect(receive))
    try:
        await send({"type": "http.response.body", "body": b"", "more_body": False})
    finally:
        reader.cancel()


async def _drain(receive: Receive, limits: Limits) -> bool:
    """Read and forget what the caller still sends, for a bounded time, size and number of pieces.

    Whether that was all of it, or the caller is gone.
    """
    left = limits.linger_max
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(limits.linger_s):
            for _ in range(limits.body_pieces_max):
                if left < 0:
                    return False
                message = await receive()
                if message["type"] == "http.disconnect" or not message.get("more_body", False):
                    return True
                left -= len(message.get("body", b""))
    return False


async def _drain_until_disconnect(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
