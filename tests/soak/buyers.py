"""Buyers that obey the protocol: the same key and bytes until there is an answer."""

import asyncio
import random
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import aiohttp
import msgspec

from tests.load import bodies
from tests.load.shops import item

Wire = dict[str, Any]

# A process is back after a second or two, Postgres after a few; longer than that is a defect.
TRIES_MAX = 400
PAUSE_S = 0.25
# What a payment may come to, and how often of a hundred.
TOKENS = {
    "success_token": 62,
    "fail_token": 8,
    "unknown_token": 8,
    "http500_after": 7,
    "lost_before": 5,
    "slow_1": 6,
    "amount_off_token": 4,
}
CANCELS_OF_100 = 5
# Patience that a caller has with one request.
ASK = aiohttp.ClientTimeout(total=20)


class GaveUpError(Exception):
    """A request that a conforming caller repeated found no answer."""


@dataclass
class Story:
    """What one buyer saw, counted; ``wrong`` are answers that no caller may get."""

    ends: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)
    retries: int = 0


class Buyer:
    def __init__(self, name: str, seed: int, base: str, profile_url: str, items: int) -> None:
        self._name = name
        self._dice = random.Random(f"{seed}-{name}")
        self._base = f"{base}/ucp/2026-01-11/checkout-sessions"
        self._profile_url = profile_url
        self._items = items
        self.story = Story()

    async def shop_until(self, stop: asyncio.Event) -> None:
        async with aiohttp.ClientSession(
            timeout=ASK, connector=aiohttp.TCPConnector(ssl=False, force_close=True)
        ) as session:
            while not stop.is_set():
                self.story.ends[await self._once(session)] += 1

    async def _once(self, session: aiohttp.ClientSession) -> str:
        """One checkout from its creation to its end."""
        wanted = item(self._dice.randrange(self._items))
        _, checkout = await self._write(session, "POST", "", bodies.create(wanted, name=self._name))
        path = f"/{checkout['id']}"
        _, checkout = await self._write(session, "PUT", path, bodies.update(checkout, name=self._name))
        if self._dice.randrange(100) < CANCELS_OF_100:
            await self._write(session, "POST", f"{path}/cancel", {})
            return "canceled"
        (token,) = self._dice.choices([*TOKENS], [*TOKENS.values()])
        status, done = await self._write(session, "POST", f"{path}/complete", _payment(token))
        if status == 402:
            return "declined"
        return await self._end(session, path, done)

    async def _end(self, session: aiohttp.ClientSession, path: str, done: Wire) -> str:
        for _ in range(TRIES_MAX):
            if done.get("status") != "complete_in_progress":
                return str(done.get("status"))
            await asyncio.sleep(PAUSE_S)
            _, done = await self._ask(session, "GET", path, b"", "")
        raise GaveUpError(f"{path} stays in progress")

    async def _write(
        self, session: aiohttp.ClientSession, method: str, path: str, body: Wire
    ) -> tuple[int, Wire]:
        key = f"{self._name}-{self._dice.getrandbits(64):016x}-{method.lower()}"
        return await self._ask(session, method, path, msgspec.json.encode(body), key)

    async def _ask(
        self, session: aiohttp.ClientSession, method: str, path: str, body: bytes, key: str
    ) -> tuple[int, Wire]:
        """The first answer that is one; 503 and a 409 with Retry-After mean to ask again."""
        headers = bodies.headers(self._profile_url, key)
        for _ in range(TRIES_MAX):
            try:
                async with session.request(
                    method, self._base + path, data=body or None, headers=headers
                ) as reply:
                    raw = await reply.read()
                    again = reply.status == 503 or "Retry-After" in reply.headers
                    if not again:
                        return reply.status, self._checked(method, path, reply.status, raw)
            except (aiohttp.ClientError, TimeoutError, OSError):
                pass  # the process died, or its line: the caller cannot know what became of it
            self.story.retries += 1
            await asyncio.sleep(PAUSE_S)
        raise GaveUpError(f"{method} {path} found no answer")

    def _checked(self, method: str, path: str, status: int, raw: bytes) -> Wire:
        if status not in (200, 201, 400, 402, 409):
            self.story.wrong.append(f"{method} {path} answered {status}")
        return msgspec.json.decode(raw, type=dict[str, Any])


def _payment(token: str) -> Wire:
    credential = {"type": "token", "token": token}
    return {"payment_data": {"id": "i", "handler_id": "card", "type": "card", "credential": credential}}
