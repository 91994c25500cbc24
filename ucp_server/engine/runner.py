"""The engine's front: every command comes in here, and every look at a checkout or an order."""

from ucp_server.domain.checkout import Checkout
from ucp_server.domain.order import Order
from ucp_server.engine.commands import Answer, Call, Command, Key, Scope
from ucp_server.engine.setup import Setup


class Engine:
    """Use cases over one `Setup`. One per process; `drain` waits for payments under way."""

    def __init__(self, setup: Setup) -> None:
        self.setup = setup

    async def replay(self, scope: Scope, key: Key) -> Answer | None:
        """The reply that ``key`` already has; None when its request has yet to run.

        Raises KeyReused, ReplyExpired, and KeyInFlight when its first request runs on for 3 s.
        """
        raise NotImplementedError

    async def run(self, call: Call, command: Command) -> Answer:
        """Carry out ``command`` once and answer in the call's own bytes.

        Raises a Refusal when nothing was done: CheckoutNotFound, WrongState, NotReady,
        ProblemRefused, InvalidRequest, KeyReused, KeyInFlight, ReplyExpired, AttemptInFlight,
        RevisionConflict, HandlerUnavailable, StoreUnavailable.
        """
        raise NotImplementedError

    async def read(self, scope: Scope, checkout_id: str) -> Checkout:
        """The checkout as it stands, expired if its time is over. Raises CheckoutNotFound."""
        raise NotImplementedError

    async def read_by_link(self, merchant_id: str, checkout_id: str, token: str) -> Checkout:
        """For whoever holds its hand-off link. Raises CheckoutNotFound."""
        raise NotImplementedError

    async def read_order(self, scope: Scope, order_id: str) -> Order:
        """Raises OrderNotFound."""
        raise NotImplementedError

    async def read_order_by_permalink(self, merchant_id: str, order_id: str, token: str) -> Order:
        """For whoever holds its permalink. Raises OrderNotFound."""
        raise NotImplementedError

    async def drain(self, within_s: float) -> int:
        """Wait for payments that went on after their answer; returns how many are left."""
        raise NotImplementedError
