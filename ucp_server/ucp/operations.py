"""The one sequence that every operation goes through, whatever transport it came by.

Who asks and whether it is true; the release and the capabilities; a key that is known; the form;
the steps; the command; the engine. Whatever refuses on the way leaves as a reply of the release.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from ucp_server.asgi.reply import Reply
from ucp_server.domain.checkout import Checkout
from ucp_server.domain.errors import (
    AttemptInFlight,
    KeyInFlight,
    KeyReused,
    ProblemRefused,
    Refusal,
    ReplyExpired,
)
from ucp_server.domain.problems import Problem
from ucp_server.engine.catalog import Browsing
from ucp_server.engine.commands import Answer, Call, CartCall, Key
from ucp_server.engine.fingerprints import fingerprint
from ucp_server.engine.runner import Engine
from ucp_server.modes import Relaxations
from ucp_server.ucp.accepting import accepted
from ucp_server.ucp.admitted import Admitted, admitted
from ucp_server.ucp.authentication import NOT_ADMITTED, Authentication
from ucp_server.ucp.browsing import browse
from ucp_server.ucp.budgets import Budgets
from ucp_server.ucp.decoding import cart_command, checkout_command
from ucp_server.ucp.errors import told_as_problems
from ucp_server.ucp.ids import render_cart_id, render_checkout_id
from ucp_server.ucp.incoming import Incoming
from ucp_server.ucp.keys import body_to_compare, read_key
from ucp_server.ucp.negotiation import Negotiated, Negotiation
from ucp_server.ucp.operation_table import Family
from ucp_server.ucp.refusals import NothingForSale, NothingInStock
from ucp_server.ucp.releases import ITEM_UNAVAILABLE, Release
from ucp_server.ucp.replies import Replies
from ucp_server.ucp.signed_replies import SignedReplies


@dataclass(frozen=True, kw_only=True, slots=True)
class Operations:
    """The operations over one engine and its catalog. ``secret`` keys the fingerprints."""

    engine: Engine
    browsing: Browsing
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
            reply = await self._carry_out(admitted(incoming, negotiated))
        except Refusal as refusal:
            return await self.refuse(incoming, release, refusal)
        return await self.signing.signed(incoming, release, incoming.wrap(release, reply))

    async def refuse(self, incoming: Incoming, release: Release, refusal: Refusal) -> Reply:
        """The refusal as ``release`` tells it."""
        incoming.facts["release"], incoming.facts["outcome"] = release.version, refusal.code
        reply = self.replies.refusal(release, refusal, merchant_id=incoming.shop.merchant_id)
        return await self.signing.signed(incoming, release, incoming.wrap(release, reply))

    async def admit(self, incoming: Incoming) -> Negotiated:
        """Let a caller in, or raise the `Refusal` that says why not."""
        caller = self.negotiation.identify(incoming)
        incoming.facts["platform"] = caller.profile_url
        self.budgets.meet(incoming, caller)
        try:
            await self.authentication.check(incoming, caller)
        except NOT_ADMITTED:
            self.budgets.note_failure(incoming)
            raise
        await self.budgets.take(incoming, caller)
        negotiated = await self.negotiation.negotiate(incoming, caller)
        incoming.facts["release"] = negotiated.release.version
        return negotiated

    async def _carry_out(self, asked: Admitted) -> Reply:
        match asked.operation.family:
            case Family.ORDER:
                order = await self.engine.read_order(asked.scope, asked.target)
                return self.replies.order_reply(asked.release, asked.incoming.shop.site, order)
            case Family.CATALOG:
                document = accepted(asked, self.replies.schemas)
                return self.replies.catalog(asked.terms, await browse(self.browsing, asked, document))
        if not asked.operation.writes:
            return await self._show(asked)
        try:
            return await self._write(asked)
        except ReplyExpired as expired:
            raise ReplyExpired(_wire_id(asked, expired.checkout_id)) from expired

    async def _show(self, asked: Admitted, found: Sequence[Problem] = ()) -> Reply:
        """What the path names, as it stands; ``found`` is told beside its own problems."""
        asked.incoming.facts["checkout"] = asked.target
        if asked.operation.family is Family.CART:
            cart = await self.engine.read_cart(asked.scope, asked.target)
            return self.replies.cart(asked.terms, cart, found)
        standing = await self.engine.read(asked.scope, asked.target)
        return self.replies.checkout(asked.terms, standing, found)

    async def _write(self, asked: Admitted) -> Reply:
        key = self._key(asked)
        try:
            answer = await self._run(asked, key)
        except (KeyInFlight, KeyReused, ReplyExpired):
            raise
        except Refusal as refusal:
            # What stands in the way today did not when the key was new, and a known key is answered
            # as then. Most keys are new: for those the store is not asked before, as it is when the
            # claim is written.
            kept = await self.engine.replay(asked.scope, key) if key else None
            if kept is not None:
                return _reply(asked, kept)
            if _code(refusal) not in asked.negotiated.refusals_shown(asked.operation.name):
                raise
            asked.incoming.facts["outcome"] = _code(refusal)
            shown = await self._show(asked, told_as_problems(refusal))
            if key is None or not isinstance(refusal, AttemptInFlight):
                return shown
            # It was answered in the light of a payment: the same request is not another one after it.
            answer = await self.engine.keep(asked.scope, key, asked.target, shown.pack())
        return _reply(asked, answer)

    async def _run(self, asked: Admitted, key: Key | None) -> Answer:
        if asked.operation.family is Family.CART:
            return await self._run_cart(asked, key)
        command, wishes = checkout_command(asked, self.replies.schemas, self.relaxed)
        return await self.engine.run(self._call(asked, key, wishes), command)

    async def _run_cart(self, asked: Admitted, key: Key | None) -> Answer:
        terms = asked.terms
        call = CartCall(
            scope=asked.scope, render=lambda priced: self.replies.cart(terms, priced).pack(), key=key
        )
        command = cart_command(asked, self.replies.schemas)
        try:
            return await self.engine.run_cart(call, command)
        except ProblemRefused as refusal:
            # No cart was made, so nothing of what was wrong with its first line can be mended in it.
            raise NothingForSale if _code(refusal) == ITEM_UNAVAILABLE else NothingInStock from refusal

    def _key(self, asked: Admitted) -> Key | None:
        incoming = asked.incoming
        required = incoming.shop.key_required or incoming.key_required
        key = read_key(incoming.headers.get("idempotency-key"), required=required)
        if key is None:
            return None
        print_ = fingerprint(
            self.secret,
            body_to_compare(incoming.operation, incoming.raw),
            operation=incoming.operation,
            target=asked.target,
            query=incoming.query,
        )
        return Key(operation=incoming.operation, key=key, fingerprint=print_)

    def _call(self, asked: Admitted, key: Key | None, wishes: Sequence[Problem]) -> Call:
        release, terms = asked.release, asked.terms

        def render(checkout: Checkout) -> bytes:
            if asked.operation.makes and asked.negotiated.refuses_empty and _is_empty(checkout):
                raise NothingForSale
            return self.replies.checkout(terms, checkout, wishes).pack()

        return Call(
            scope=asked.scope,
            render=render,
            render_known=lambda checkout: self.replies.checkout(
                terms, checkout, wishes, is_new=False
            ).pack(),
            render_refusal=lambda refusal: self.replies.refusal(release, refusal).pack(),
            rendering=terms.rendering(),
            key=key,
            refusing_problems=asked.negotiated.refusing_problems(asked.operation.name),
            arrived_s=asked.incoming.arrived_s,
            page_url=lambda checkout: (
                terms.site + self.replies.paths.back(checkout.id, checkout.link_token)
            ),
        )


def _is_empty(checkout: Checkout) -> bool:
    """Whether not one of the things that were asked for is sold here."""
    lines = checkout.quote.lines
    missing = [problem for problem in checkout.quote.problems if problem.code == ITEM_UNAVAILABLE]
    return 0 < len(lines) <= len(missing)


def _wire_id(asked: Admitted, id_: str) -> str:
    """The id under which the caller finds what its key was used for."""
    return render_cart_id(id_) if asked.operation.family is Family.CART else render_checkout_id(id_)


def _code(refusal: Refusal) -> str:
    return refusal.problem.code if isinstance(refusal, ProblemRefused) else refusal.code


def _reply(asked: Admitted, answer: Answer) -> Reply:
    facts = asked.incoming.facts
    facts["checkout"], facts["replayed"] = answer.checkout_id, answer.replayed
    reply = Reply.unpack(answer.reply)
    return reply.as_replayed() if answer.replayed else reply
