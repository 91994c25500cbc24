"""The one sequence that every operation goes through: the key, the form, the command, the engine."""

import hashlib
import logging
from dataclasses import dataclass
from typing import Any, Final

from msgspec.structs import replace

from ucp_server.asgi.documents import BadDocument, decode
from ucp_server.asgi.reply import Reply
from ucp_server.chipp.authentication import Authentication
from ucp_server.chipp.checkout import decode_create, decode_update, product_ids
from ucp_server.chipp.errors import render_refusal
from ucp_server.chipp.ids import decode_id
from ucp_server.chipp.incoming import Incoming
from ucp_server.chipp.refusals import BodyInvalid, BodyUnreadable
from ucp_server.chipp.replies import Replies, rendering
from ucp_server.chipp.webhooks import subscriber_of
from ucp_server.domain.checkout import Checkout, Instrument
from ucp_server.domain.errors import (
    CheckoutNotFound,
    HandlerUnavailable,
    OrderNotFound,
    Refusal,
    ReplyExpired,
    WrongState,
)
from ucp_server.domain.lifecycle import State
from ucp_server.domain.money import Money
from ucp_server.engine.asking import ask_for_page
from ucp_server.engine.commands import (
    Answer,
    Call,
    CancelCheckout,
    Command,
    CompleteCheckout,
    Key,
    Scope,
)
from ucp_server.engine.runner import Engine
from ucp_server.engine.tooling import wait_until_tried
from ucp_server.ports import Credential
from ucp_server.store.apps import App, AppProduct, load_products
from ucp_server.store.database import read

Wire = dict[str, Any]

log = logging.getLogger(__name__)

# A key leads to its session whatever the request says (field.md 9), so every request looks alike.
_ANY_REQUEST: Final = b"any"
_OUR_ARRANGEMENT: Final = "The payment arrangement of this application"


@dataclass(frozen=True, kw_only=True, slots=True)
class Operations:
    """The calls on sessions and orders, over one engine."""

    engine: Engine
    authentication: Authentication
    replies: Replies

    async def perform(self, incoming: Incoming) -> Reply:
        """Carry the request out and answer it; a refusal is an answer too."""
        facts = incoming.facts
        facts["protocol"], facts["operation"] = "chipp", incoming.operation
        try:
            app = await self.authentication.admit(incoming.app_id, incoming.headers.get("authorization"))
            facts["merchant"], facts["platform"] = app.merchant_id, app.id
            return await self._perform(incoming, app)
        except Refusal as refusal:
            facts["outcome"] = refusal.code
            return render_refusal(refusal, incoming.operation)

    async def _perform(self, incoming: Incoming, app: App) -> Reply:
        match incoming.operation:
            case "create_session":
                return await self._create(incoming, app)
            case "update_session":
                return await self._update(incoming, app)
            case "complete_session":
                return await self._complete(incoming, app)
            case "cancel_session":
                return await self._run(incoming, app, CancelCheckout(checkout_id=_target(incoming)))
            case "get_order":
                return await self._order(incoming, app)
        return self.replies.session(await self._live(incoming, app, _target(incoming)))

    async def _create(self, incoming: Incoming, app: App) -> Reply:
        """A new session, or as it stands now the one that the key has made before."""
        key = _key(incoming)
        try:
            answer = await self._make(incoming, app, key)
        except ReplyExpired as known:
            made = known.checkout_id
        except Refusal:
            # A known key is answered whatever stands in the way of the request that repeats it.
            found = await self._made_by(key, app)
            if found is None:
                raise
            made = found
        else:
            if not answer.replayed:
                incoming.facts["checkout"] = answer.checkout_id
                return Reply.unpack(answer.reply)
            made = answer.checkout_id or ""
        incoming.facts["replayed"] = True
        return self.replies.session(await self._live(incoming, app, made), 201).as_replayed()

    async def _make(self, incoming: Incoming, app: App, key: Key | None) -> Answer:
        document = self._accepted(incoming)
        products = await self._products(document, app)
        command = decode_create(document, products, subscriber_of(app))
        return await self.engine.run(_call(incoming, app, self.replies, key), command)

    async def _made_by(self, key: Key | None, app: App) -> str | None:
        """The session that the key has made before."""
        if key is None:
            return None
        try:
            answer = await self.engine.replay(_scope(app), key)
        except ReplyExpired as known:
            return known.checkout_id
        return None if answer is None else answer.checkout_id

    async def _update(self, incoming: Incoming, app: App) -> Reply:
        checkout_id = _target(incoming)
        document = self._accepted(incoming)
        products = await self._products(document, app)
        return await self._run(incoming, app, decode_update(document, products, checkout_id))

    async def _complete(self, incoming: Incoming, app: App) -> Reply:
        """Pay by what the merchant arranged for the app, and wait for the tools that fulfil it."""
        checkout = await self._live(incoming, app, _target(incoming))
        if checkout.state is not State.OPEN:
            raise WrongState(checkout.state)
        instrument, credential = await self._payment(app, checkout)
        command = CompleteCheckout(checkout_id=checkout.id, instrument=instrument, credential=credential)
        reply = await self._run(incoming, app, command)
        checkout = await self.engine.read(_scope(app), checkout.id)
        if checkout.order is None:
            return reply
        order = await wait_until_tried(self.engine.setup, _scope(app), checkout.order.id)
        return self.replies.completed(checkout, order)

    async def _order(self, incoming: Incoming, app: App) -> Reply:
        order_id = decode_id(incoming.target)
        if order_id is None:
            raise OrderNotFound(incoming.target)
        return self.replies.order(await self.engine.read_order(_scope(app), order_id))

    async def _run(self, incoming: Incoming, app: App, command: Command) -> Reply:
        answer = await self.engine.run(_call(incoming, app, self.replies), command)
        incoming.facts["checkout"] = answer.checkout_id
        return Reply.unpack(answer.reply)

    async def _live(self, incoming: Incoming, app: App, checkout_id: str) -> Checkout:
        """The session; one that expired is gone (410), whatever is asked of it."""
        checkout = await self.engine.read(_scope(app), checkout_id)
        incoming.facts["checkout"] = checkout.id
        if checkout.state is State.EXPIRED:
            raise WrongState(checkout.state)
        return checkout

    async def _products(self, document: Wire, app: App) -> dict[str, AppProduct]:
        wanted = product_ids(document)
        if not wanted:
            return {}
        async with read(self.engine.setup.pool) as db:
            return await load_products(db, app, wanted)

    def _accepted(self, incoming: Incoming) -> Wire:
        """The body, of its form. Raises `BodyUnreadable` and `BodyInvalid`."""
        try:
            document = decode(incoming.raw)
        except BadDocument as error:
            raise BodyUnreadable(error.text) from error
        violations = self.replies.schemas.requests[incoming.operation].check(document)
        if violations:
            raise BodyInvalid(violations)
        return document

    async def _payment(self, app: App, checkout: Checkout) -> tuple[Instrument, Credential]:
        """What the app's handler pays with by itself. Raises HandlerUnavailable where none does."""
        total = Money(checkout.quote.total_minor, checkout.currency)
        for handler_id, handler in self.engine.setup.payments.get(app.merchant_id, {}).items():
            if app.handler_id not in {"", handler_id}:
                continue
            within_s = self.engine.setup.timings.ask_within_s
            offered = await ask_for_page(handler, app.merchant_id, total, "", within_s=within_s)
            if offered and offered.instrument and offered.credential:
                return replace(offered.instrument, handler_id=handler_id), offered.credential
        log.error("no payment handler of %s pays for app %s by itself", app.merchant_id, app.id)
        raise HandlerUnavailable(_OUR_ARRANGEMENT)


def _scope(app: App) -> Scope:
    return Scope(merchant_id=app.merchant_id, platform_id=app.id)


def _call(incoming: Incoming, app: App, replies: Replies, key: Key | None = None) -> Call:
    operation = incoming.operation
    return Call(
        scope=_scope(app),
        render=lambda checkout: replies.after(operation, checkout).pack(),
        render_refusal=lambda refusal: render_refusal(refusal, operation).pack(),
        rendering=rendering(operation),
        key=key,
        arrived_s=incoming.arrived_s,
    )


def _key(incoming: Incoming) -> Key | None:
    """Keys are free text of any length, so their digest is kept."""
    given = incoming.headers.get("idempotency-key", "").strip()
    if not given:
        return None
    digest = hashlib.sha256(given.encode("utf-8", "surrogateescape")).hexdigest()
    return Key(operation=incoming.operation, key=digest, fingerprint=_ANY_REQUEST)


def _target(incoming: Incoming) -> str:
    """The session in the path; what never was an id of ours is unknown."""
    checkout_id = decode_id(incoming.target)
    if checkout_id is None:
        raise CheckoutNotFound(incoming.target)
    return checkout_id
