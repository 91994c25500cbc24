"""Calls an ASGI application directly, where no socket is needed to see what it does."""

from typing import Any

from starlette.types import ASGIApp, Message, Scope

from tests.asgi.wire import Response


def scope_of(
    path: str = "/", *headers: tuple[bytes, bytes], method: str = "GET", version: str = "1.1"
) -> Scope:
    return {
        "type": "http",
        "http_version": version,
        "method": method,
        "path": path,
        "raw_path": path.encode("ascii"),
        "query_string": b"",
        "headers": [(b"host", b"shop.example"), *headers],
        "state": {},
    }


async def call(app: ASGIApp, scope: Scope, *bodies: bytes) -> Response | None:
    """The response, or None where the application sent none; ``bodies`` come one per message."""
    sent: list[Message] = []
    pieces = list(bodies) or [b""]

    async def receive() -> Message:
        if not pieces:
            return {"type": "http.disconnect"}
        return {"type": "http.request", "body": pieces.pop(0), "more_body": bool(pieces)}

    async def send(message: Message) -> None:
        sent.append(message)

    await app(scope, receive, send)
    return _response(sent) if sent else None


def _response(sent: list[Message]) -> Response:
    start: dict[str, Any] = dict(sent[0])
    headers = tuple((name.decode(), value.decode()) for name, value in start["headers"])
    return Response(start["status"], headers, b"".join(message["body"] for message in sent[1:]))
