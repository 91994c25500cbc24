"""Sheds new work while the process is behind, so that what it has begun still finishes in time.

Three signs: the event loop runs late (something computes or blocks), requests queue for the store, or
too many are open. A 503 with Retry-After costs the caller a second; a queue costs everybody.

What begins something new is turned away long before what goes on with something: half of a purchase
is work for nothing.
"""

import asyncio
from collections.abc import Callable

from starlette.types import ASGIApp, Receive, Scope, Send

from ucp_server.asgi.bodies import send_before_body, send_past_body
from ucp_server.asgi.facts import facts_of
from ucp_server.asgi.heads import examine
from ucp_server.asgi.limits import Limits
from ucp_server.asgi.reply import RETRY_AFTER, Refuse

# Often enough to notice a stall of lag_max_s when it ends, seldom enough to cost nothing.
TICK_S = 0.05
# Whoever asks whether the process lives must not be told to come back later.
EXEMPT = frozenset({"/healthz"})


# Whether a request begins something new.
Begins = Callable[[Scope], bool]
# How many requests wait for something that only so many can have at once.
Queue = Callable[[], int]


def nothing_begins(scope: Scope) -> bool:
    """All requests are alike."""
    del scope
    return False


def nobody_waits() -> int:
    return 0


class LagWatch:
    """How late the running loop's timers are. Starts with the first look at it.

    A stall is seen by the first tick after it, before any request that arrived meanwhile is
    begun, and counts until the next tick comes in time.
    """

    def __init__(self) -> None:
        self.lag_s = 0.0
        self._loop: asyncio.AbstractEventLoop | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._due = 0.0

    def look(self) -> float:
        loop = asyncio.get_running_loop()
        if loop is not self._loop:
            self._loop = loop
            self.lag_s = 0.0
            self._schedule(loop)
        return self.lag_s

    def stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._loop = None

    def _schedule(self, loop: asyncio.AbstractEventLoop) -> None:
        self._due = loop.time() + TICK_S
        self._timer = loop.call_at(self._due, self._tick, loop)

    def _tick(self, loop: asyncio.AbstractEventLoop) -> None:
        self.lag_s = loop.time() - self._due
        self._schedule(loop)


class Overload:
    """Answers 503 while ``limits`` are exceeded, to what ``begins`` something sooner than to the rest."""

    def __init__(
        self,
        app: ASGIApp,
        *,
        limits: Limits,
        refuse: Refuse,
        exempt: frozenset[str] = EXEMPT,
        begins: Begins = nothing_begins,
        queue: Queue = nobody_waits,
    ) -> None:
        self.app = app
        self.limits = limits
        self.refuse = refuse
        self.exempt = exempt
        self.begins = begins
        self.queue = queue
        self.in_flight = 0
        self.lag = LagWatch()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            try:
                await self.app(scope, receive, send)
            finally:
                self.lag.stop()
            return
        if scope["path"] not in self.exempt and self._is_overloaded(scope):
            await self._shed(scope, receive, send)
            return
        self.in_flight += 1
        try:
            await self.app(scope, receive, send)
        finally:
            self.in_flight -= 1

    def _is_overloaded(self, scope: Scope) -> bool:
        limits = self.limits
        if self.in_flight >= limits.in_flight_max:
            return True
        if limits.lag_max_s is None:
            return False
        lag_s = self.lag.look()
        if lag_s > limits.lag_max_s:
            return True
        is_busy = lag_s > limits.lag_new_max_s or self.queue() >= limits.queue_new_max
        return is_busy and self.begins(scope)

    async def _shed(self, scope: Scope, receive: Receive, send: Send) -> None:
        facts_of(scope)["outcome"] = facts_of(scope)["guard"] = "overloaded"
        text = "This server is busy; please repeat the request."
        reply = self.refuse(503, "overloaded", text, scope).adding(RETRY_AFTER)
        # After a head that can be read in two ways the connection cannot be used again.
        is_clear = examine(scope, self.limits) is None
        answer = send_past_body if is_clear else send_before_body
        await answer(reply, scope, receive, send, self.limits)
