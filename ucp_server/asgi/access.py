"""One line per request, made of named fields only.

An allow-list cannot leak what nobody thought of: headers, bodies, paths and query strings never
reach it (PCI DSS 3.5.1; ids of buyers stand in paths and searches).
"""

import time
from datetime import UTC, datetime

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ucp_server.asgi.facts import Fact, facts_of, request_id_of
from ucp_server.asgi.lines import Lines

# What bindings may add; see ``facts``. Everything else in the facts stays out of the log.
FIELDS = (
    "protocol",
    "release",
    "operation",
    "platform",
    "merchant",
    "checkout",
    "signature",
    "outcome",
    "replayed",
    "sql_count",
)

# A platform is a URL; none that is honest is longer.
TEXT_MAX = 256


class AccessLine:
    """Writes the line when the response is complete, or when it never will be."""

    def __init__(self, app: ASGIApp, *, lines: Lines) -> None:
        self.app = app
        self.lines = lines

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._not_http(scope, receive, send)
            return
        started = time.perf_counter()
        status: int | None = None

        async def send_noting_status(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self.app(scope, receive, send_noting_status)
        finally:
            self.lines.write(access_line(scope, status, time.perf_counter() - started))

    async def _not_http(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await self.app(scope, receive, send)
        finally:
            if scope["type"] == "lifespan":
                # With it ends the loop that would have handed the last lines over.
                self.lines.flush()


def access_line(scope: Scope, status: int | None, duration_s: float) -> dict[str, Fact]:
    """The record; ``status`` is None when no response began (the caller went away)."""
    facts = facts_of(scope)
    line: dict[str, Fact] = {
        "at": datetime.now(UTC).isoformat(timespec="milliseconds"),
        "request_id": request_id_of(scope),
    }
    for field in FIELDS:
        value = facts.get(field)
        if value is not None:
            line[field] = value[:TEXT_MAX] if isinstance(value, str) else value
    line["status"] = status
    line["duration_ms"] = round(duration_s * 1000, 2)
    return line
