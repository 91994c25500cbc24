"""How often the cards of a customer were declined: whoever tests stolen cards hands in one after the other.

Counted in each process by itself, so that customers that are made up write no rows.
"""

import math
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Final

from ucp_server.asgi.buckets import Buckets
from ucp_server.c2a.refusals import TooManyCards
from ucp_server.domain.errors import CardDeclined

# Somebody mistypes a number or a date a few times; the tenth card that is none belongs to somebody else.
DECLINES_MAX: Final = 10
SPAN_S: Final = 3600.0


class Declines:
    """``now`` are seconds that never go back."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._buckets = Buckets(now, span_s=SPAN_S)

    @asynccontextmanager
    async def counted(self, merchant_id: str, owner: str) -> AsyncIterator[None]:
        """Around what hands a fresh card of ``owner`` to the vault. Raises `TooManyCards` before it."""
        who = (merchant_id, owner)
        wait_s = self._buckets.wait_s(who, 1, DECLINES_MAX)
        if wait_s > 0:
            raise TooManyCards(math.ceil(wait_s))
        try:
            yield
        except CardDeclined:
            self._buckets.take(who, 1, DECLINES_MAX)
            raise
