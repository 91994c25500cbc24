"""How often somebody failed to prove to be a client, so that trying secrets ends soon.

Counted in each process by itself: a secret has 256 bits, so that an exact count would protect
nothing more, and a row for each failure would let anybody make us write.
"""

import math
import time
from collections.abc import Callable
from typing import Final

from ucp_server.asgi.buckets import Buckets
from ucp_server.oauth.refusals import TooManyTries

# A minute, as all that follows. A wrong setting shows itself in one try; more are no accident.
FAILURES_MAX: Final = 10
# Each failure costs a look into the store, and made-up clients are as many as one likes. Some clients of
# one address may have a wrong setting at once.
FAILURES_OF_ADDRESS_MAX: Final = 60

# The address of a caller, "" where it cannot be told, and the client that it says to be: together, so
# that nobody who fails can keep another one out.
Who = tuple[str, str]


class Attempts:
    """``now`` are seconds that never go back."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._clients = Buckets(now)
        self._addresses = Buckets(now)

    def admit(self, who: Who) -> None:
        """Raises `TooManyTries` for one that failed too often within its minute."""
        wait_s = self._clients.wait_s(who, 1, FAILURES_MAX)
        if who[0]:
            wait_s = max(wait_s, self._addresses.wait_s(who[0], 1, FAILURES_OF_ADDRESS_MAX))
        if wait_s > 0:
            raise TooManyTries(math.ceil(wait_s))

    def note_failure(self, who: Who) -> None:
        self._clients.take(who, 1, FAILURES_MAX)
        if who[0]:
            self._addresses.take(who[0], 1, FAILURES_OF_ADDRESS_MAX)
