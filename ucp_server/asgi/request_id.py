"""Every request has an id: the caller's when it is well formed, else a new one.

It is echoed in ``Request-Id`` on every response, errors included, and stands in every log line.
"""

import re
import uuid

from starlette.types import ASGIApp, Message, Receive, Scope, Send

HEADER = b"request-id"

# UUIDs, ULIDs, trace ids, base64: what callers use. Anything else is replaced rather than
# refused, since the id serves the caller; 128 characters keep a log line a line.
_WELL_FORMED = re.compile(rb"[A-Za-z0-9._:~+/=@-]{1,128}")


def choose_request_id(headers: list[tuple[bytes, bytes]]) -> str:
    """The caller's id, or a random UUID where there is none that can be repeated safely."""
    for name, value in headers:
        if name == HEADER and _WELL_FORMED.fullmatch(value):
            return value.decode("ascii")
    return str(uuid.uuid4())


class RequestId:
    """Puts the id at ``scope["state"]["request_id"]`` and on the response."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        request_id = choose_request_id(scope["headers"])
        scope.setdefault("state", {})["request_id"] = request_id
        echo = (HEADER, request_id.encode("ascii"))

        async def send_with_id(message: Message) -> None:
            if message["type"] == "http.response.start":
                kept = [pair for pair in message.get("headers", ()) if pair[0] != HEADER]
                message["headers"] = [*kept, echo]
            await send(message)

        await self.app(scope, receive, send_with_id)
