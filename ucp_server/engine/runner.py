"""The engine's front: every command comes in here, and every look at a cart, a checkout or an order."""

import asyncio
import logging
from collections.abc import Awaitable

from ucp_server.domain.cart import PricedCart
from ucp_server.domain.checkout import Checkout
from ucp_server.domain.errors import (
    AttemptInFlight,
    CartNotFound,
    KeyInFlight,
    Refusal,
    RevisionConflict,
    WrongState,
)
from ucp_server.domain.order import Order
from ucp_server.engine import cart as carts
from ucp_server.engine import checkout as checkouts
from ucp_server.engine import conversion, reading
from ucp_server.engine.commands import (
    Answer,
    Call,
    CancelCart,
    CancelCheckout,
    CartCall,
    CartCommand,
    Command,
    CompleteCheckout,
    CreateCart,
    CreateCheckout,
    Key,
    Scope,
    UpdateCart,
    UpdateCheckout,
)
from ucp_server.engine.completion import Completion
from ucp_server.engine.opening import Held
from ucp_server.engine.setup import Setup
from ucp_server.engine.twins import Twins, claim_of
from ucp_server.store.claims import claim_answer
from ucp_server.store.database import statement
from ucp_server.store.violations import KeyTaken

log = logging.getLogger(__name__)


class Engine:
    """Use cases over one `Setup`. One per process; `drain` waits for payments under way."""

    def __init__(self, setup: Setup) -> None:
        self.setup = setup
        self._twins = Twins(setup.pool, setup.timings)
        # Payments that run on, whatever becomes of the requests that began them.
        self._paying: set[asyncio.Task[Answer]] = set()

    async def replay(self, scope: Scope, key: Key) -> Answer | None:
        """The reply that ``key`` already has; None when its request has yet to run.

        Raises KeyReused, ReplyExpired, and KeyInFlight when its first request runs on for 3 s.
        """
        return await self._twins.reply_of(claim_of(scope, key))

    async def run(self, call: Call, command: Command) -> Answer:
        """Carry out ``command`` once and answer in the call's own bytes.

        Raises a Refusal when nothing was done: CheckoutNotFound, CartNotFound, WrongState, NotReady,
        ProblemRefused, InvalidRequest, KeyReused, KeyInFlight, ReplyExpired, AttemptInFlight,
        RevisionConflict, HandlerUnavailable, StoreUnavailable.
        """
        return await self._once(call.scope, call.key, self._dispatch(call, command))

    async def run_cart(self, call: CartCall, command: CartCommand) -> Answer:
        """As `run`, for carts.

        Raises CartNotFound, ProblemRefused (a new cart of which nothing can be had), InvalidRequest,
        KeyReused, KeyInFlight, ReplyExpired, RevisionConflict, HandlerUnavailable, StoreUnavailable.
        """
        return await self._once(call.scope, call.key, self._dispatch_cart(call, command))

    async def _once(self, scope: Scope, key: Key | None, work: Awaitable[Answer]) -> Answer:
        """The answer of ``work``, or of the twin that was faster."""
        try:
            return await work
        except KeyTaken:
            answer = await self._reply_of_twin(scope, key)
            if answer is None:
                raise KeyInFlight from None
            return answer
        except (CartNotFound, WrongState, AttemptInFlight, RevisionConflict):
            # A twin may have been what stood in the way: a replay comes before every state check.
            answer = await self._reply_of_twin(scope, key)
            if answer is None:
                raise
            return answer

    async def keep(self, scope: Scope, key: Key, checkout_id: str, reply: bytes) -> Answer:
        """Make ``reply`` the one that ``key`` replays though nothing was written, or find its own.

        Raises KeyReused, ReplyExpired, KeyInFlight, StoreUnavailable.
        """
        try:
            async with statement(self.setup.pool) as tx:
                await claim_answer(tx, claim_of(scope, key), checkout_id, reply)
        except KeyTaken:
            answer = await self.replay(scope, key)
            if answer is None:
                raise KeyInFlight from None
            return answer
        return Answer(reply=reply, checkout_id=checkout_id)

    async def _dispatch(self, call: Call, command: Command) -> Answer:
        match command:
            case CreateCheckout(cart_id=str() as cart_id):
                return await conversion.convert(self.setup, call, command, cart_id)
            case CreateCheckout():
                return await checkouts.create(self.setup, call, command)
            case UpdateCheckout():
                return await checkouts.update(self.setup, call, command)
            case CancelCheckout():
                return await checkouts.cancel(self.setup, call, command)
            case CompleteCheckout():
                return await self._complete(call, command)

    async def _dispatch_cart(self, call: CartCall, command: CartCommand) -> Answer:
        match command:
            case CreateCart():
                return await carts.create(self.setup, call, command)
            case UpdateCart():
                return await carts.update(self.setup, call, command)
            case CancelCart():
                return await carts.cancel(self.setup, call, command)

    async def _reply_of_twin(self, scope: Scope, key: Key | None) -> Answer | None:
        return None if key is None else await self.replay(scope, key)

    async def _complete(self, call: Call, command: CompleteCheckout) -> Answer:
        """The payment is a task of its own: it goes on when the caller has gone or was answered."""
        loop = asyncio.get_running_loop()
        arrived_s = call.arrived_s if call.arrived_s is not None else loop.time()
        completion = Completion(self.setup, self._twins, call, command)
        paying = asyncio.create_task(completion.run())
        self._paying.add(paying)
        paying.add_done_callback(self._paid)
        remaining_s = arrived_s + self.setup.timings.answer_within_s - loop.time()
        await asyncio.wait({paying}, timeout=max(0.0, remaining_s))
        # Before phase 1 is committed there is nothing that "in progress" could tell of.
        either: list[asyncio.Future[Answer] | asyncio.Future[Held]] = [paying, completion.held]
        await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
        if paying.done():
            return paying.result()
        return await completion.answer_early()

    def _paid(self, paying: asyncio.Task[Answer]) -> None:
        self._paying.discard(paying)
        if paying.cancelled():
            log.info("a payment was interrupted; it will be resumed")
            return
        error = paying.exception()
        if error is not None and not isinstance(error, Refusal):
            log.error("a payment died of %s; it will be resumed", type(error).__name__)

    async def read(self, scope: Scope, checkout_id: str) -> Checkout:
        """The checkout as it stands, expired if its time is over. Raises CheckoutNotFound."""
        return await reading.read_checkout(self.setup, scope, checkout_id)

    async def read_by_link(self, merchant_id: str, checkout_id: str, token: str) -> Checkout:
        """For whoever holds its hand-off link. Raises CheckoutNotFound."""
        return await reading.read_checkout_by_link(self.setup, merchant_id, checkout_id, token)

    async def read_cart(self, scope: Scope, cart_id: str) -> PricedCart:
        """The cart at today's prices. Raises CartNotFound, HandlerUnavailable, StoreUnavailable."""
        return await carts.read_cart(self.setup, scope, cart_id)

    async def read_cart_by_link(self, merchant_id: str, cart_id: str, token: str) -> PricedCart:
        """For whoever holds its link. Raises as `read_cart`."""
        return await carts.read_cart_by_link(self.setup, merchant_id, cart_id, token)

    async def read_order(self, scope: Scope, order_id: str) -> Order:
        """Raises OrderNotFound."""
        return await reading.read_order(self.setup, scope, order_id)

    async def read_order_by_permalink(self, merchant_id: str, order_id: str, token: str) -> Order:
        """For whoever holds its permalink. Raises OrderNotFound."""
        return await reading.read_order_by_permalink(self.setup, merchant_id, order_id, token)

    async def drain(self, within_s: float) -> int:
        """Wait for payments under way; returns how many are left, for others to resume."""
        if self._paying:
            await asyncio.wait(self._paying, timeout=within_s)
        return len(self._paying)
