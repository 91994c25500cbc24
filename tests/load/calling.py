"""A platform that keeps to the rules: the same request again, as long as it is told to come back."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import aiohttp
import msgspec

from tests.load import bodies

# These ask for patience where they name a time; anything else is an answer.
COME_BACK = frozenset({409, 429, 503})
# After a connection that broke, and for servers that are about to be back.
PAUSE_S = 0.2
# Longer than a complete may take before it says that it is in progress (8 s).
REPLY_S = 15.0


@dataclass(frozen=True)
class Answer:
    status: int
    raw: bytes
    content_type: str = ""

    @property
    def document(self) -> bodies.Wire:
        found: bodies.Wire = msgspec.json.decode(self.raw)
        return found

    @property
    def codes(self) -> list[str]:
        return [message["code"] for message in self.document.get("messages", ())]


class NoAnswer(Exception):
    """Nothing but silence and requests for patience, for as long as the caller waits."""


class Caller:
    """Asks one endpoint as one platform. ``seen`` are all statuses that came, in their order."""

    def __init__(self, session: aiohttp.ClientSession, endpoint: str, profile_url: str) -> None:
        self._session = session
        self._at = f"{endpoint}/checkout-sessions"
        self._profile_url = profile_url
        self.seen: list[int] = []

    async def ask(
        self, method: str, path: str, body: Any = None, *, key: str = "", patience_s: float = 60.0
    ) -> Answer:
        """The final answer to one request, repeated with the same key and bytes. Raises NoAnswer."""
        raw = None if body is None else msgspec.json.encode(body)
        deadline = time.monotonic() + patience_s
        while time.monotonic() < deadline:
            try:
                answer, retry_after_s = await self._once(method, path, raw, key)
            except (aiohttp.ClientError, TimeoutError):
                await asyncio.sleep(PAUSE_S)
                continue
            self.seen.append(answer.status)
            if answer.status not in COME_BACK or retry_after_s is None:
                return answer
            await asyncio.sleep(retry_after_s)
        raise NoAnswer(f"{method} {path}")

    async def _once(
        self, method: str, path: str, raw: bytes | None, key: str
    ) -> tuple[Answer, float | None]:
        headers = bodies.headers(self._profile_url, key)
        async with self._session.request(method, self._at + path, data=raw, headers=headers) as reply:
            answer = Answer(reply.status, await reply.read(), reply.headers.get("Content-Type", ""))
            retry_after = reply.headers.get("Retry-After")
            return answer, None if retry_after is None else float(retry_after)

    # --- what a buyer does ---

    async def create(self, body: bodies.Wire, key: str = "") -> Answer:
        return await self.ask("POST", "", body, key=key)

    async def complete(self, checkout_id: str, body: bodies.Wire, key: str = "") -> Answer:
        return await self.ask("POST", f"/{checkout_id}/complete", body, key=key)

    async def get(self, checkout_id: str) -> Answer:
        return await self.ask("GET", f"/{checkout_id}")


@asynccontextmanager
async def calling(endpoint: str, profile_url: str) -> AsyncIterator[Caller]:
    """A caller with as many connections as it has requests under way."""
    async with aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=0, ssl=False),
        timeout=aiohttp.ClientTimeout(total=REPLY_S),
        cookie_jar=aiohttp.DummyCookieJar(),
    ) as session:
        yield Caller(session, endpoint, profile_url)
