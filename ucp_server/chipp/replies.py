"""Replies: the documents in their envelope ``data``, held to their form before they leave."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from ucp_server.asgi.checker import Violation
from ucp_server.asgi.reply import NO_STORE, Reply, json_reply
from ucp_server.chipp import checkout as sessions
from ucp_server.chipp import order as orders
from ucp_server.chipp.errors import not_ready, render_error, render_refusal
from ucp_server.chipp.schema import Schemas
from ucp_server.domain.checkout import Checkout
from ucp_server.domain.errors import Refusal
from ucp_server.domain.lifecycle import State
from ucp_server.domain.order import Order
from ucp_server.engine.commands import Rendering

Wire = dict[str, Any]

BINDING: Final = "chipp"

# What is said of a reply of ours that its own schema refuses: operation, where.
OnFault = Callable[[str, tuple[Violation, ...]], None]


def rendering(operation: str) -> Rendering:
    """A reply depends on nothing but the checkout and what was asked."""
    return Rendering(binding=BINDING, terms=operation.encode())


@dataclass(frozen=True, kw_only=True, slots=True)
class Replies:
    """Writes for every app; also the engine's `Renderer`."""

    schemas: Schemas
    on_fault: OnFault

    # --- the engine's `Renderer` ---

    def render(self, terms: bytes, checkout: Checkout) -> bytes:
        return self.after(terms.decode(), checkout).pack()

    def render_refusal(self, terms: bytes, refusal: Refusal) -> bytes:
        return render_refusal(refusal, terms.decode()).pack()

    # --- for requests that wait ---

    def after(self, operation: str, checkout: Checkout) -> Reply:
        """The checkout as ``operation`` left it."""
        match operation:
            case "create_session":
                return self.session(checkout, 201)
            case "cancel_session":
                return self._checked("canceled", {"canceled": True})
            case "complete_session":
                return self._after_complete(checkout)
        return self.session(checkout)

    def session(self, checkout: Checkout, status: int = 200) -> Reply:
        return self._checked("session", sessions.render(checkout), status)

    def completed(self, checkout: Checkout, order: Order | None) -> Reply:
        """``order`` is None as long as the payment runs."""
        document = {
            "checkout_session": sessions.render(checkout),
            "order": None if order is None else orders.render(order),
        }
        return self._checked("completed", document)

    def order(self, order: Order) -> Reply:
        return self._checked("order", orders.render(order))

    def document(self, name: str, document: Wire, *, seconds: int) -> Reply:
        """A public document, which anybody may keep for some seconds."""
        self._check(name, document)
        return json_reply(200, document, (b"cache-control", b"public, max-age=%d" % seconds))

    def _after_complete(self, checkout: Checkout) -> Reply:
        if checkout.state is not State.OPEN:
            return self.completed(checkout, None)
        failed = checkout.payment_problems
        if failed:
            return render_error(400, failed[0].code, failed[0].text)
        return render_error(400, "not_ready", not_ready("complete_session", sessions.open_errors(checkout)))

    def _checked(self, name: str, data: Wire, status: int = 200) -> Reply:
        document = {"data": data}
        self._check(name, document)
        return json_reply(status, document, NO_STORE)

    def _check(self, name: str, document: Wire) -> None:
        """Tell `on_fault` where a document of ours is not of its form; it goes out all the same."""
        violations = self.schemas.replies[name].check(document)
        if violations:
            self.on_fault(name, violations)
