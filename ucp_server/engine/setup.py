"""What the engine works with: the pool, the merchants, their plug-ins, the hands that write answers."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from ucp_server.domain.checkout import Basket
from ucp_server.domain.merchant import Merchant
from ucp_server.domain.quote import Quote
from ucp_server.engine.commands import Renderer, Scope, Wanted
from ucp_server.ports import Clock, Eligibility, Payment, Stock, Vault
from ucp_server.store.database import Pool


class Quoter(Protocol):
    """Turns a basket and what is wanted of it into the new basket and its price."""

    async def quote(
        self, scope: Scope, merchant: Merchant, basket: Basket, *, wanted: Wanted | None, at: datetime
    ) -> tuple[Basket, Quote]:
        """With ``wanted`` of None the given basket is priced again. Problems are in the quote."""
        ...


@dataclass(frozen=True, kw_only=True, slots=True)
class Timings:
    """Seconds. The defaults are those of the service; tests shorten them."""

    # A caller waits 10 s for a complete (p95); at 8 s it hears "in progress" and has time to.
    answer_within_s: float = 8.0
    # A dead holder is noticed after one lease; three renewals fit in, so that one may be lost.
    lease_s: float = 6.0
    renew_every_s: float = 2.0
    # Longer than any provider's own limit, shorter than the supervisor's patience at shutdown (35 s).
    authorise_within_s: float = 30.0
    # As long as a quote may take: the payment still has to follow within the caller's patience.
    verify_within_s: float = 3.0
    # For everything else that is asked of a plug-in.
    ask_within_s: float = 10.0
    # A twin that finds its first request running looks for the reply this often, and this long.
    twin_poll_s: float = 0.05
    twin_wait_s: float = 3.0
    # Who ordered something that tools fulfil waits for them this long beyond the payment.
    served_within_s: float = 5.0
    # How long a write goes on asking whether it was committed after its connection broke.
    certainty_within_s: float = 5.0


def _nobody_listens() -> None:
    """Jobs are found by polling, too."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Setup:
    """``payments`` are by merchant and handler id; ``stocks`` of those merchants that keep their own.

    ``vaults`` hold of each merchant the one handler that keeps cards, with its id. ``eligibility`` is
    by merchant; where there is none no claim holds, and what was granted by one is never sold.
    ``renderers`` are by binding name: they write the replies of requests that died. ``hint`` is
    called when jobs were queued; it must not wait.
    """

    pool: Pool
    merchants: Mapping[str, Merchant]
    quoting: Quoter
    payments: Mapping[str, Mapping[str, Payment]]
    clock: Clock
    renderers: Mapping[str, Renderer]
    stocks: Mapping[str, Stock] = field(default_factory=dict)
    vaults: Mapping[str, tuple[str, Vault]] = field(default_factory=dict)
    eligibility: Mapping[str, Eligibility] = field(default_factory=dict)
    timings: Timings = field(default_factory=Timings)
    hint: Callable[[], None] = _nobody_listens
