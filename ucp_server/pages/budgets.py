"""How often pages are asked for and pay is pressed, before anything is looked up or charged.

Whoever tries stolen cards presses on many checkouts, and from few addresses. Both are counted in this
process alone (`asgi.buckets`).
"""

import time
from collections.abc import Callable
from typing import Final

import msgspec

from ucp_server.asgi.buckets import Buckets

# A form prices the basket anew, which costs about five times what showing it does.
_FORM: Final = 5
_LOOK: Final = 1
# Somebody tries a second and a third card, and presses again when nothing seems to happen.
PRESSES_PER_CHECKOUT: Final = 10


class TooOftenError(Exception):
    """So soon nothing more is done for whoever asks; ``wait_s`` seconds later it is."""

    def __init__(self, wait_s: float) -> None:
        super().__init__(wait_s)
        self.wait_s = wait_s


class Rates(msgspec.Struct, frozen=True, kw_only=True):
    """In a minute, of one address; 0 for no limit. ``forms`` are posted, a look counts a fifth of one."""

    forms: int = 0
    presses: int = 0


class Budgets:
    """One for each process. ``now`` are seconds that never go back.

    An address of "" cannot be told from others (`asgi.addresses`), and is not counted.
    """

    def __init__(self, rates: Rates | None = None, now: Callable[[], float] = time.monotonic) -> None:
        self._rates = rates or Rates()
        self._asking = Buckets(now)
        self._pressing = Buckets(now)
        self._pressed = Buckets(now)

    def ask(self, address: str, *, posts: bool) -> None:
        """Before a page is looked up. Raises `TooOftenError`."""
        if address and self._rates.forms:
            units = _FORM if posts else _LOOK
            _refuse(self._asking.take(address, units, self._rates.forms * _FORM))

    def press(self, merchant_id: str, checkout_id: str, address: str) -> None:
        """Before pay is done. Raises `TooOftenError`."""
        if address and self._rates.presses:
            _refuse(self._pressing.take(address, 1, self._rates.presses))
        _refuse(self._pressed.take((merchant_id, checkout_id), 1, PRESSES_PER_CHECKOUT))


def _refuse(wait_s: float) -> None:
    if wait_s:
        raise TooOftenError(wait_s)
