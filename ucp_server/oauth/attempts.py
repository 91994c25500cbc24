"""How often somebody failed to prove to be a client, so that trying secrets ends soon.

Counted in each process by itself: a secret has 256 bits, so that an exact count would protect
nothing more, and a row for each failure would let anybody make us write.
"""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from ucp_server.oauth.refusals import TooManyTries

# A wrong setting shows itself in one try; more than these in a minute are no accident.
FAILURES_MAX: Final = 10
WINDOW_S: Final = 60.0
# Some hundred bytes each. Whoever fills them all makes us forget the oldest: that takes as many
# requests as there is room for.
WATCHED_MAX: Final = 4_096

# The address of a caller and the client that it says to be: together, so that nobody who fails can
# keep another one out.
Who = tuple[str, str]


@dataclass(slots=True)
class _Failures:
    opened_s: float
    count: int = 0


class Attempts:
    """``now`` are seconds that never go back."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._failures: dict[Who, _Failures] = {}

    def admit(self, who: Who) -> None:
        """Raises `TooManyTries` for one that failed too often within its minute."""
        failures = self._failures.get(who)
        if failures is None or failures.count < FAILURES_MAX:
            return
        left_s = failures.opened_s + WINDOW_S - self._now()
        if left_s > 0:
            raise TooManyTries(math.ceil(left_s))

    def note_failure(self, who: Who) -> None:
        failures = self._failures.get(who)
        if failures is None or failures.opened_s + WINDOW_S <= self._now():
            self._failures.pop(who, None)
            if len(self._failures) >= WATCHED_MAX:
                self._failures.pop(next(iter(self._failures)))
            failures = self._failures[who] = _Failures(self._now())
        failures.count += 1
