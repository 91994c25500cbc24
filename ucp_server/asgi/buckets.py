"""Token buckets: how much somebody may still ask for, counted in this process alone.

Counting is free then, and a flood of made-up names writes no rows. With several processes a caller gets
as many times the rate, since the kernel spreads its connections over them.
"""

import time
from collections.abc import Callable, Hashable
from typing import Final

# Some hundred bytes each. Whoever is forgotten because of others begins anew with a full bucket.
KEPT_MAX: Final = 10_000
_MINUTE_S: Final = 60.0


class Buckets:
    """Each holds what may be asked for within ``span_s``, and fills again within that.

    ``now`` are seconds that never go back.
    """

    def __init__(
        self,
        now: Callable[[], float] = time.monotonic,
        kept_max: int = KEPT_MAX,
        *,
        span_s: float = _MINUTE_S,
    ) -> None:
        self._now = now
        self._kept_max = kept_max
        self._span_s = span_s
        # By whom: when the bucket will be full again. The least recently used one comes first.
        self._full_at: dict[Hashable, float] = {}

    def take(self, who: Hashable, units: int, size: int) -> float:
        """Take ``units`` of ``size``; 0.0, or the seconds until there are so many: then none is taken."""
        now, each_s = self._now(), self._span_s / size
        full_at = max(self._full_at.pop(who, now), now)
        wait_s = full_at + units * each_s - (now + self._span_s)
        # One that is due to be full is not kept: it is like one that never was.
        self._keep(who, full_at if wait_s > 0 else full_at + units * each_s)
        return max(0.0, wait_s)

    def wait_s(self, who: Hashable, units: int, size: int) -> float:
        """How long ``take`` would ask to wait; takes nothing."""
        now = self._now()
        full_at = max(self._full_at.get(who, now), now)
        return max(0.0, full_at + units * self._span_s / size - (now + self._span_s))

    def _keep(self, who: Hashable, full_at: float) -> None:
        if len(self._full_at) >= self._kept_max:
            self._full_at.pop(next(iter(self._full_at)))
        self._full_at[who] = full_at
