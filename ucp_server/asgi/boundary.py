"""The last net: whatever is raised inside becomes a 500 with the request's id, and a log line.

The line names the exception's type and the places it came through, never its message, locals or
body: messages of drivers and parsers quote the values that they choked on.
"""

import asyncio
import traceback
from datetime import UTC, datetime

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ucp_server.asgi.facts import facts_of, request_id_of
from ucp_server.asgi.lines import Lines
from ucp_server.asgi.reply import RETRY_AFTER, Refuse

# The innermost frames tell where it broke; a recursion would otherwise fill the log.
FRAMES_MAX = 20
# Exceptions that led to this one, each named by its type.
CAUSES_MAX = 5


class Boundary:
    """Nothing raised passes it but cancellation, so that the listener never logs a message."""

    def __init__(self, app: ASGIApp, *, refuse: Refuse, lines: Lines) -> None:
        self.app = app
        self.refuse = refuse
        self.lines = lines

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        begun = False

        async def send_noting_begin(message: Message) -> None:
            nonlocal begun
            begun = True
            await send(message)

        try:
            await self.app(scope, receive, send_noting_begin)
        except asyncio.CancelledError:
            if not begun:
                await self._answer_shutdown(scope, receive, send)
            raise
        except Exception as error:  # noqa: BLE001 - this is the one place where all of them end
            self.lines.write(crash_line(scope, error))
        else:
            if begun or facts_of(scope).get("outcome") == "disconnected":
                return
            self.lines.write(crash_line(scope, RuntimeError("no response")))
        # With a response under way the listener cuts the connection short, so the caller sees
        # that it is incomplete.
        if not begun:
            await self._answer_crash(scope, receive, send)

    async def _answer_crash(self, scope: Scope, receive: Receive, send: Send) -> None:
        facts_of(scope)["outcome"] = "internal_error"
        text = f"Something failed on our side. Request id: {request_id_of(scope)}"
        await self.refuse(500, "internal_error", text, scope)(scope, receive, send)

    async def _answer_shutdown(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The listener cancels what outlives its patience and would itself send an empty 500.

        What the request did so far is resumed by another worker, and a retry finds it.
        """
        facts_of(scope)["outcome"] = "shutting_down"
        text = "This server is being restarted; please repeat the request."
        reply = self.refuse(503, "shutting_down", text, scope)
        await reply.adding(RETRY_AFTER)(scope, receive, send)


def crash_line(scope: Scope, error: BaseException) -> dict[str, object]:
    """Type, places and causes of an exception, without anything that it says."""
    facts = facts_of(scope)
    causes: list[str] = []
    cause = error.__cause__ or error.__context__
    while cause is not None and len(causes) < CAUSES_MAX:
        causes.append(_type_name(cause))
        cause = cause.__cause__ or cause.__context__
    frames = traceback.extract_tb(error.__traceback__)[-FRAMES_MAX:]
    return {
        "at": datetime.now(UTC).isoformat(timespec="milliseconds"),
        "event": "crash",
        "request_id": request_id_of(scope),
        "protocol": facts.get("protocol"),
        "release": facts.get("release"),
        "operation": facts.get("operation"),
        "exception": _type_name(error),
        "causes": causes,
        "frames": [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in frames],
    }


def _type_name(error: BaseException) -> str:
    return f"{type(error).__module__}.{type(error).__qualname__}"
