"""Requests with the same idempotency key: one runs, the others get its reply."""

import asyncio
import hmac
from collections import Counter
from typing import Final

from ucp_server.domain.errors import KeyInFlight, KeyReused, ReplyExpired
from ucp_server.engine.commands import Answer, Key, Scope
from ucp_server.engine.setup import Timings
from ucp_server.store.claims import Claim, FoundClaim, load_claim
from ucp_server.store.database import Pool, Read, read
from ucp_server.store.violations import KeyTaken

# Each waiter asks the store 20 times a second; more of them than this are told to come back.
WAITERS_MAX: Final = 16


def claim_of(scope: Scope, key: Key) -> Claim:
    return Claim(scope.merchant_id, scope.platform_id, key.operation, key.key, key.fingerprint)


async def find_claimed(db: Read, claim: Claim, reply: bytes) -> bool | None:
    """Whether the key was claimed with this very reply; None when it is free. Raises KeyTaken."""
    found = await load_claim(db, claim)
    if found is None:
        return None
    if found.reply == reply:
        return True
    raise KeyTaken


class Twins:
    """Looks for the reply of a key, and waits for it where its request runs elsewhere."""

    def __init__(self, pool: Pool, timings: Timings) -> None:
        self._pool = pool
        self._timings = timings
        self._waiting = Counter[tuple[str, str, str, str]]()

    @property
    def waiting(self) -> int:
        """How many wait at this moment, for all keys."""
        return self._waiting.total()

    async def reply_of(self, claim: Claim) -> Answer | None:
        """The kept reply; None when nobody runs it: it has yet to run, or to be gone on with.

        Raises KeyReused, ReplyExpired and KeyInFlight. Holds no connection while it waits.
        """
        found = await self._load(claim)
        if found is None or not found.is_held:
            return _answer(found)
        return await self._wait(claim)

    async def _wait(self, claim: Claim) -> Answer | None:
        scope = (claim.merchant_id, claim.platform_id, claim.operation, claim.key)
        if self._waiting[scope] >= WAITERS_MAX:
            raise KeyInFlight
        self._waiting[scope] += 1
        try:
            for _ in range(round(self._timings.twin_wait_s / self._timings.twin_poll_s)):
                found = await self._load(claim)
                if found is None or not found.is_held:
                    return _answer(found)
                await asyncio.sleep(self._timings.twin_poll_s)
        finally:
            self._waiting[scope] -= 1
            # A Counter keeps zeros; keys come from callers and are without number.
            if not self._waiting[scope]:
                del self._waiting[scope]
        raise KeyInFlight

    async def _load(self, claim: Claim) -> FoundClaim | None:
        async with read(self._pool) as db:
            found = await load_claim(db, claim)
        if found is not None and not hmac.compare_digest(found.fingerprint, claim.fingerprint):
            raise KeyReused
        return found


def _answer(found: FoundClaim | None) -> Answer | None:
    if found is None or not found.is_replied:
        return None
    if found.reply is None:
        raise ReplyExpired(found.checkout_id)
    return Answer(reply=found.reply, replayed=True, checkout_id=found.checkout_id)
