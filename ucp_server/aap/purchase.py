"""``/v1/purchase``: the buyer's link, or a payment with a method that the merchant keeps for the agent.

A stored method is legitimate where the merchant itself has stored it under the agent's id; the
agent names it and never sees a card. Whatever needs a person leads back to the buyer's page.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from ucp_server.domain.checkout import Checkout, Instrument
from ucp_server.domain.errors import NotReady, Refusal, WrongState
from ucp_server.domain.lifecycle import State
from ucp_server.domain.submission import errors_of, is_challenged
from ucp_server.engine.attribution import HandOff
from ucp_server.engine.commands import Call, CompleteCheckout, Rendering, Scope
from ucp_server.engine.runner import Engine
from ucp_server.engine.stored_methods import StoredMethods
from ucp_server.engine.vaulting import REFERENCE_TYPE
from ucp_server.ports import Credential

Wire = dict[str, Any]

BINDING: Final = "aap"

_STATUSES: Final = {State.COMPLETED: "paid", State.COMPLETING: "processing"}


@dataclass(frozen=True, slots=True)
class Purchases:
    """Pays hand-offs over one engine."""

    engine: Engine
    methods: StoredMethods

    async def pay(
        self, handed: HandOff, method_id: str, link: Wire, *, page_url: Callable[[Checkout], str]
    ) -> Wire:
        """The purchase as it stands after the attempt; ``link`` is the reply without one.

        ``page_url`` as in `Call`.

        Asked again, a payment that is done or under way is told and not begun a second time. Raises
        MethodNotFound, HandlerUnavailable, AttemptInFlight, StoreUnavailable.
        """
        checkout = handed.checkout
        if checkout.state is not State.OPEN:
            return _standing(checkout, link)
        method, reference = await self.methods.payable(
            checkout.merchant_id, handed.session.agent_id, method_id
        )
        scope = Scope(merchant_id=checkout.merchant_id, platform_id=checkout.platform_id)
        command = CompleteCheckout(
            checkout_id=checkout.id,
            instrument=Instrument(
                id=method.id, handler_id=method.handler_id, type="card", display=method.display
            ),
            credential=Credential(type=REFERENCE_TYPE, members={"reference": reference}),
            expected_total_minor=checkout.quote.total_minor,
        )
        try:
            await self.engine.run(_call(scope, page_url), command)
        except NotReady:
            # Something is left for the buyer to fill in: the page asks for it.
            return link
        except WrongState:
            # Somebody was faster; what became of it is told below.
            pass
        return _standing(await self.engine.read(scope, checkout.id), link)


def _standing(checkout: Checkout, link: Wire) -> Wire:
    """``link`` with where the attempt stands; as it is where the buyer has to act."""
    status = _STATUSES.get(checkout.state)
    if status is None and (is_challenged(checkout) or not errors_of(checkout)):
        return link
    return link | {"status": status or "failed", "mode": "autonomous"}


def _call(scope: Scope, page_url: Callable[[Checkout], str]) -> Call:
    """Answers with nothing: what there is to tell is read afterwards."""
    return Call(
        scope=scope,
        render=lambda _: b"",
        render_refusal=lambda _: b"",
        rendering=Rendering(binding=BINDING, terms=b""),
        page_url=page_url,
    )


class SilentRenderer:
    """For a payment whose request is gone: without a key nobody asks for its reply."""

    def render(self, terms: bytes, checkout: Checkout) -> bytes:
        del terms, checkout
        return b""

    def render_refusal(self, terms: bytes, refusal: Refusal) -> bytes:
        del terms, refusal
        return b""
