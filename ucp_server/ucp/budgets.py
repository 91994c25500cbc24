"""How much a platform, an address and a checkout may be asked for, told as 429 with Retry-After.

A platform that proves who it is has a budget of its own, shared by all processes. A name alone is no
proof, and whoever uses another one's must not use up its budget: such callers are counted by their
address, like those who fail to prove themselves. A platform with a rate of 0 is never told to wait once
it has proven itself; its name alone exempts nobody.
"""

import asyncio
import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import msgspec

from ucp_server.asgi.buckets import Buckets
from ucp_server.store.database import Pool, statement
from ucp_server.store.rate_windows import count_request
from ucp_server.ucp.incoming import Incoming
from ucp_server.ucp.negotiation import Caller
from ucp_server.ucp.refusals import RateLimited

# A write costs about five times what a read does; rates are in writes.
WRITE: Final = 5
READ: Final = 1
WINDOW_S: Final = 60.0
# A process draws so much of a minute at once: at most 20 statements a minute in each, and when all
# of 8 processes hold such a share that they never need, three fifths of the rate are still there.
SHARE: Final = 20


class Rates(msgspec.Struct, frozen=True, kw_only=True):
    """Writes a minute, a read counting a fifth; 0 for no limit. ``platform`` is the default of its kind."""

    platform: int = 0
    address: int = 0
    checkout: int = 0


class Budgets:
    """One for each process. ``now`` are seconds that never go back."""

    def __init__(self, pool: Pool, rates: Rates, now: Callable[[], float] = time.monotonic) -> None:
        self._rates = rates
        self._addresses = Buckets(now)
        self._checkouts = Buckets(now)
        self._shared = SharedBudgets(pool, now)

    def meet(self, incoming: Incoming, caller: Caller) -> None:
        """Before anything is proven, which costs more than counting. Raises `RateLimited`."""
        rate = self._rates.address
        # Who may be exempt is asked for its proof first: others at its address must not keep it out.
        if not rate or not incoming.address or _is_exempt(caller):
            return
        units = units_of(incoming)
        if _proves(caller):
            # It is charged only if it fails.
            wait_s = self._addresses.wait_s(incoming.address, units, rate * WRITE)
        else:
            wait_s = self._addresses.take(incoming.address, units, rate * WRITE)
        _refuse(wait_s)

    def note_failure(self, incoming: Incoming) -> None:
        """Somebody there is not who it says to be. Raises `RateLimited` where that was so too often."""
        if self._rates.address and incoming.address:
            _refuse(self._addresses.take(incoming.address, WRITE, self._rates.address * WRITE))

    async def take(self, incoming: Incoming, caller: Caller) -> None:
        """Once it is known who asks. Raises `RateLimited`, and `StoreUnavailable`."""
        if _is_exempt(caller):
            return
        merchant_id, units = incoming.shop.merchant_id, units_of(incoming)
        if self._rates.checkout and incoming.target:
            # Each by itself, as nobody has proven yet that the checkout is its own.
            one = (merchant_id, caller.profile_url, incoming.target)
            _refuse(self._checkouts.take(one, units, self._rates.checkout * WRITE))
        rate = self._rate_of(caller)
        if rate and caller.listed is not None and caller.listed.proves:
            platform_id = caller.listed.profile_url
            _refuse(await self._shared.take(merchant_id, platform_id, units, rate * WRITE))

    def _rate_of(self, caller: Caller) -> int:
        own = caller.listed.rate if caller.listed else None
        return self._rates.platform if own is None else own


def _proves(caller: Caller) -> bool:
    return caller.listed is not None and caller.listed.proves


def _is_exempt(caller: Caller) -> bool:
    """Whether it is never told to wait, if it is who it says to be."""
    return caller.listed is not None and caller.listed.proves and caller.listed.rate == 0


@dataclass(slots=True)
class _Share:
    """What this process has drawn of a window and not yet used; nothing is left of it at its end."""

    left: int = 0
    ends_s: float = 0.0
    # Less was there than was asked for: until the window ends there will be no more.
    is_last: bool = False
    drawing: asyncio.Task[None] | None = None


class SharedBudgets:
    """Windows of a minute that all processes draw on, a share at a time.

    A row for each request would cost as much as the request. Whoever is told to wait costs nothing.
    """

    def __init__(self, pool: Pool, now: Callable[[], float] = time.monotonic) -> None:
        self._pool = pool
        self._now = now
        # As many as there are platforms that prove themselves, in each shop: all are configured.
        self._shares: dict[tuple[str, str], _Share] = {}

    async def take(self, merchant_id: str, platform_id: str, units: int, per_minute: int) -> float:
        """0.0, or the seconds until the next window opens. Raises StoreUnavailable."""
        share = self._shares.setdefault((merchant_id, platform_id), _Share())
        for _ in range(SHARE + 1):  # more draws there are not in a window
            now = self._now()
            if share.ends_s <= now:
                share.left, share.is_last = 0, False
            if share.left >= units:
                share.left -= units
                return 0.0
            if share.is_last:
                break
            if share.drawing is None:
                draw = self._draw(share, merchant_id, platform_id, per_minute)
                share.drawing = asyncio.create_task(draw)
            # One draw for all that wait for it, and whoever goes away does not take it along.
            await asyncio.shield(share.drawing)
        return max(1.0, share.ends_s - self._now())

    async def _draw(self, share: _Share, merchant_id: str, platform_id: str, per_minute: int) -> None:
        amount = max(WRITE, per_minute // SHARE)
        try:
            async with statement(self._pool) as tx:
                window = await count_request(
                    tx,
                    merchant_id=merchant_id,
                    caller=f"ucp {platform_id}",
                    window_s=WINDOW_S,
                    amount=amount,
                )
        finally:
            share.drawing = None
        drawn = max(0, min(amount, per_minute - (window.used - amount)))
        share.left += drawn
        share.is_last = drawn < amount
        share.ends_s = self._now() + window.left_s


def units_of(incoming: Incoming) -> int:
    return WRITE if incoming.writes else READ


def _refuse(wait_s: float) -> None:
    if wait_s > 0:
        raise RateLimited(math.ceil(wait_s))
