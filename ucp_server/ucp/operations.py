"""The one sequence that every operation goes through, whatever transport it came by.

Who asks and whether it is true; the release and the capabilities; a key that is known; the form;
the steps; the command; the engine. Whatever refuses on the way leaves as a reply of the release.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from ucp_server.asgi.documents import BadDocument, decode
from ucp_server.asgi.reply import Reply
from ucp_server.domain.checkout import Checkout, Subscriber
from ucp_server.domain.errors import (
    AttemptInFlight,
    CheckoutNotFound,
    InvalidRequest,
    KeyInFlight,
    KeyReused,
    OrderNotFound,
    ProblemRefused,
    Refusal,
    ReplyExpired,
)
from ucp_server.domain.problems import Problem, signal_wanted
from ucp_server.engine.commands import (
    Answer,
    Call,
    CancelCheckout,
    Command,
    Key,
    Scope,
)
from ucp_server.engine.fingerprints import fingerprint
from ucp_server.engine.runner import Engine
from ucp_server.modes import Relaxations
from ucp_server.ucp.authentication import Authentication
from ucp_server.ucp.budgets import Budgets
from ucp_server.ucp.checkout import decode_complete, decode_create, decode_update
from ucp_server.ucp.errors import told_as_problems
from ucp_server.ucp.ids import decode_checkout_id, decode_order_id
from ucp_server.ucp.incoming import Incoming
from ucp_server.ucp.keys import body_to_compare, read_key
from ucp_server.ucp.negotiation import Negotiated, Negotiation
from ucp_server.ucp.refusals import (
    BodyInvalid,
    BodyUnreadable,
    Forbidden,
    NothingForSale,
    Unauthenticated,
)
from ucp_server.ucp.releases import (
    BUYER_CONSENT,
    DISCOUNT,
    FULFILLMENT,
    ITEM_UNAVAILABLE,
    ORDER,
    Release,
    upgrade_request,
)
from ucp_server.ucp.replies import Replies
from ucp_server.ucp.signed_replies import SignedReplies
from ucp_server.ucp.terms import EventTerms, Terms

Wire = dict[str, Any]

# What a PUT leaves as it is when it does not mention it, where the mode says so (C12).
_KEPT: Final = frozenset({"buyer", "methods", "discount_codes"})
# The member of a request that each extension adds.
_ADDED: Final = ((FULFILLMENT, "fulfillment"), (DISCOUNT, "discounts"))


@dataclass(frozen=True, kw_only=True, slots=True)
class Operations:
    """The operations over one engine. ``secret`` keys the fingerprints."""

    engine: Engine
    negotiation: Negotiation
    authentication: Authentication
    budgets: Budgets
    replies: Replies
    signing: SignedReplies
    relaxed: Relaxations
    secret: bytes

    async def perform(self, incoming: Incoming) -> Reply:
        """Carry the request out and answer it; a refusal is an answer too."""
        release = incoming.endpoint
        facts = incoming.facts
        facts["protocol"], facts["operation"] = "ucp", incoming.operation
        facts["merchant"] = incoming.shop.merchant_id
        try:
            negotiated = await self.admit(incoming)
            release = negotiated.release
            reply = await self._perform(incoming, negotiated)
        except Refusal as refusal:
            facts["release"], facts["outcome"] = release.version, refusal.code
            reply = self.replies.refusal(release, refusal, merchant_id=incoming.shop.merchant_id)
        return await self.signing.signed(incoming, release, reply)

    async def admit(self, incoming: Incoming) -> Negotiated:
        """Let a caller in, or raise the `Refusal` that says why not."""
        caller = self.negotiation.identify(incoming)
        incoming.facts["platform"] = caller.profile_url
        self.budgets.meet(incoming, caller)
        try:
            await self.authentication.check(incoming, caller)
        except (Unauthenticated, Forbidden):
            self.budgets.note_failure(incoming)
            raise
        await self.budgets.take(incoming, caller)
        negotiated = await self.negotiation.negotiate(incoming, caller)
        incoming.facts["release"] = negotiated.release.version
        return negotiated

    async def _perform(self, incoming: Incoming, negotiated: Negotiated) -> Reply:
        scope = Scope(merchant_id=incoming.shop.merchant_id, platform_id=negotiated.platform.id)
        if incoming.operation == "get_order":
            order = await self.engine.read_order(scope, order_in_path(incoming))
            return self.replies.order_reply(negotiated.release, incoming.shop.site, order)
        checkout_id = _target(incoming)
        terms = Terms(
            merchant_id=scope.merchant_id,
            release=negotiated.release.version,
            active=negotiated.active,
            operation=incoming.operation,
            site=incoming.shop.site,
            instruments=negotiated.instruments,
        )
        if not incoming.writes:
            incoming.facts["checkout"] = checkout_id
            return self.replies.checkout(terms, await self.engine.read(scope, checkout_id))
        key = self._key(incoming, checkout_id)
        try:
            command, wishes = self._command(incoming, negotiated, checkout_id)
            call = self._call(scope, terms, negotiated, key, incoming, wishes)
            answer = await self.engine.run(call, command)
        except (KeyInFlight, KeyReused, ReplyExpired):
            raise
        except Refusal as refusal:
            # What stands in the way today did not when the key was new, and a known key is answered
            # as then. Most keys are new: for those the store is not asked before, as it is when the
            # claim is written.
            kept = await self.engine.replay(scope, key) if key else None
            if kept is not None:
                return _reply(incoming, kept)
            if _code(refusal) not in negotiated.refusals_shown(incoming.operation):
                raise
            incoming.facts["checkout"], incoming.facts["outcome"] = checkout_id, _code(refusal)
            standing = await self.engine.read(scope, checkout_id)
            shown = self.replies.checkout(terms, standing, told_as_problems(refusal))
            if key is None or not isinstance(refusal, AttemptInFlight):
                return shown
            # It was answered in the light of a payment: the same request is not another one after it.
            answer = await self.engine.keep(scope, key, checkout_id, shown.pack())
        return _reply(incoming, answer)

    def _key(self, incoming: Incoming, checkout_id: str) -> Key | None:
        key = read_key(incoming.headers.get("idempotency-key"), required=incoming.shop.key_required)
        if key is None:
            return None
        print_ = fingerprint(
            self.secret,
            body_to_compare(incoming.operation, incoming.raw),
            operation=incoming.operation,
            target=checkout_id,
            query=incoming.query,
        )
        return Key(operation=incoming.operation, key=key, fingerprint=print_)

    def _call(
        self,
        scope: Scope,
        terms: Terms,
        negotiated: Negotiated,
        key: Key | None,
        incoming: Incoming,
        wishes: Sequence[Problem],
    ) -> Call:
        release = negotiated.release
        return Call(
            scope=scope,
            render=lambda checkout: self._render(terms, negotiated, checkout, wishes),
            render_refusal=lambda refusal: self.replies.refusal(release, refusal).pack(),
            rendering=terms.rendering(),
            key=key,
            refusing_problems=negotiated.refusing_problems(incoming.operation),
            arrived_s=incoming.arrived_s,
        )

    def _render(
        self, terms: Terms, negotiated: Negotiated, checkout: Checkout, wishes: Sequence[Problem]
    ) -> bytes:
        """Raises `NothingForSale` for a new checkout that a release would rather not have made."""
        if terms.operation == "create_checkout" and negotiated.refuses_empty and _is_empty(checkout):
            raise NothingForSale
        return self.replies.checkout(terms, checkout, wishes).pack()

    def _command(
        self, incoming: Incoming, negotiated: Negotiated, checkout_id: str
    ) -> tuple[Command, tuple[Problem, ...]]:
        """The request as a command, and what it might have told: the last place where its JSON exists."""
        if incoming.operation == "cancel_checkout":
            return CancelCheckout(checkout_id=checkout_id), ()
        document = self._accepted(incoming, negotiated)
        try:
            command = self._decode(incoming, negotiated, document, checkout_id)
        except msgspec.ValidationError as error:
            # Steps and decoding read members that an older release's schema leaves open.
            raise InvalidRequest(
                "The body holds a member of another kind than this release has."
            ) from error
        return command, _wishes(incoming, negotiated.release, document)

    def _accepted(self, incoming: Incoming, negotiated: Negotiated) -> Wire:
        """The body as far as this request may mean it, in the newest form.

        Raises `BodyUnreadable` and `BodyInvalid`. What belongs to another operation, or to no
        negotiated capability, is dropped: the schema did not look at it, so it may hold anything.
        """
        release, active = negotiated.release, negotiated.active
        try:
            document = decode(incoming.raw)
        except BadDocument as error:
            raise BodyUnreadable(error.code, error.text) from error
        if release.nulls_are_absent and b"null" in incoming.raw:
            document = without_nulls(document)
        violations = self.replies.schemas.checker(
            release.version, "request", incoming.operation, active
        ).check(document)
        if violations:
            raise BodyInvalid(violations)
        members = _members(release, incoming.operation, active)
        document = {member: value for member, value in document.items() if member in members}
        if BUYER_CONSENT not in active:
            document.get("buyer", {}).pop("consent", None)
        upgrade_request(release, document)
        return document

    def _decode(
        self, incoming: Incoming, negotiated: Negotiated, document: Wire, checkout_id: str
    ) -> Command:
        active = negotiated.active
        if incoming.operation == "complete_checkout":
            exactly_one = negotiated.release.pays_with_exactly_one
            return decode_complete(document, active, checkout_id, exactly_one=exactly_one)
        subscriber = _subscriber(incoming, negotiated)
        if incoming.operation == "create_checkout":
            created = decode_create(document, active)
            return msgspec.structs.replace(created, subscriber=subscriber)
        kept = _KEPT if self.relaxed.put_keeps_absent else frozenset[str]()
        if negotiated.release.consents_are_advertised:
            kept |= {"consents"}
        updated = decode_update(document, active, checkout_id, kept)
        return msgspec.structs.replace(updated, subscriber=subscriber)


def _wishes(incoming: Incoming, release: Release, document: Wire) -> tuple[Problem, ...]:
    """What the shop would like to know of the buyer's surroundings before the order (D/overview#Signals).

    With the payment it is too late to ask, and what was told is not kept for other replies.
    """
    if incoming.operation == "complete_checkout" or "signals" not in release.request_members:
        return ()
    told = document.get("signals", {})
    return tuple(signal_wanted(name) for name in incoming.shop.asked_signals if name not in told)


def _is_empty(checkout: Checkout) -> bool:
    """Whether not one of the things that were asked for is sold here."""
    lines = checkout.quote.lines
    missing = [problem for problem in checkout.quote.problems if problem.code == ITEM_UNAVAILABLE]
    return 0 < len(lines) <= len(missing)


def _members(release: Release, operation: str, active: frozenset[str]) -> frozenset[str]:
    """The members that ``operation`` reads; the schema of the operation has looked at all of them."""
    if operation == "complete_checkout":
        tells_buyer = release.consents_are_advertised and BUYER_CONSENT in active
        return release.complete_members | ({"buyer"} if tells_buyer else frozenset())
    return release.request_members | {member for name, member in _ADDED if name in active}


def _target(incoming: Incoming) -> str:
    """The checkout in the path, empty for a create; what never was an id of ours is unknown."""
    if incoming.operation == "create_checkout":
        return ""
    checkout_id = decode_checkout_id(incoming.target)
    if checkout_id is None:
        raise CheckoutNotFound(incoming.target)
    return checkout_id


def order_in_path(incoming: Incoming) -> str:
    """The order in the path; what never was an id of ours is unknown like any other."""
    order_id = decode_order_id(incoming.target)
    if order_id is None:
        raise OrderNotFound(incoming.target)
    return order_id


def _code(refusal: Refusal) -> str:
    return refusal.problem.code if isinstance(refusal, ProblemRefused) else refusal.code


def _subscriber(incoming: Incoming, negotiated: Negotiated) -> Subscriber | None:
    """Where the platform wants to hear of the order (D/order#Webhook URL Configuration)."""
    url = negotiated.platform.webhook_url
    if url is None or ORDER not in negotiated.active:
        return None
    release, shop = negotiated.release, incoming.shop
    terms = EventTerms(release=release.version, site=shop.site, profile_url=shop.profile_url(release))
    return terms.subscriber(url)


def _reply(incoming: Incoming, answer: Answer) -> Reply:
    incoming.facts["checkout"] = answer.checkout_id
    incoming.facts["replayed"] = answer.replayed
    reply = Reply.unpack(answer.reply)
    return reply.as_replayed() if answer.replayed else reply


def without_nulls(document: Wire) -> Wire:
    """The document as if members that are null were not there.

    Clients of the January releases write out every member that they know (digest 11.C).
    """
    return {member: _without_nulls(value) for member, value in document.items() if value is not None}


def _without_nulls(value: Any) -> Any:
    if isinstance(value, dict):
        return without_nulls(value)
    return [_without_nulls(entry) for entry in value] if isinstance(value, list) else value
