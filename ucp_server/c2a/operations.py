"""The one sequence that every operation goes through: who asks, the form, the command, the engine."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Final

import msgspec

from ucp_server.asgi.checker import Violation
from ucp_server.asgi.documents import BadDocument, decode
from ucp_server.asgi.reply import NO_STORE, Header, Reply
from ucp_server.c2a.aliases import ADD_METHOD, CHECKOUT, OFFER, PLAIN, Shape, resolve
from ucp_server.c2a.authentication import Authentication
from ucp_server.c2a.cards import decode_card
from ucp_server.c2a.checkout import Terms, check_channel, correlation_of, decode_order, decode_payment
from ucp_server.c2a.declines import Declines
from ucp_server.c2a.errors import render_refusal
from ucp_server.c2a.ids import decode_method_urn, decode_tracking, new_tracking
from ucp_server.c2a.incoming import Incoming
from ucp_server.c2a.methods import render_method_list, render_method_reply
from ucp_server.c2a.offers import decode_occasion, render_offer
from ucp_server.c2a.refusals import BodyInvalid, BodyUnreadable, CustomerNotFound, FreshCardRefused
from ucp_server.c2a.replies import client_output
from ucp_server.c2a.results import Links, lead_to_status, pace, render_result, status_of
from ucp_server.c2a.schema import Document, Schemas
from ucp_server.domain.errors import KeyReused, MethodNotFound, Refusal, SubmissionNotFound
from ucp_server.domain.submission import StoredMethod, Submission, SubmissionState
from ucp_server.engine.commands import Scope
from ucp_server.engine.fingerprints import fingerprint
from ucp_server.engine.offering import Offering
from ucp_server.engine.runner import Engine
from ucp_server.engine.stored_methods import StoredMethods
from ucp_server.engine.submissions import StoredMethodRef, Submissions, SubmitCheckout
from ucp_server.store.customers import load_registered
from ucp_server.store.database import read
from ucp_server.store.ids import new_id

Wire = dict[str, Any]

# What is said of a reply of ours that its own schema refuses: protocol, document, where.
OnFault = Callable[[str, str, tuple[Violation, ...]], None]


@dataclass(frozen=True, kw_only=True)
class Operations:
    """The operations over one engine.

    ``secret`` keys the fingerprints; ``page_path`` is the path of a checkout's page for its buyer, by id
    and token.
    """

    engine: Engine
    submissions: Submissions
    stored_methods: StoredMethods
    schemas: Schemas
    page_path: Callable[[str, str], str]
    on_fault: OnFault
    secret: bytes = field(repr=False)
    declines: Declines = field(default_factory=Declines)

    @cached_property
    def offering(self) -> Offering:
        return Offering(self.engine.setup)

    @cached_property
    def authentication(self) -> Authentication:
        return Authentication(self.engine.setup.pool)

    async def perform(self, incoming: Incoming) -> Reply:
        """Carry the request out and answer it; a refusal is an answer too."""
        incoming.facts["merchant"] = incoming.shop.merchant_id
        try:
            scope = await self.authentication.admit(incoming)
            incoming.facts["platform"] = scope.platform_id
            return await _OPERATIONS[incoming.operation](self, incoming, scope)
        except Refusal as refusal:
            incoming.facts["outcome"] = refusal.code
            return render_refusal(refusal, incoming.operation)

    # --- offers ---

    async def make_offer(self, incoming: Incoming, scope: Scope) -> Reply:
        occasion = decode_occasion(self._document(incoming, "offer_request", OFFER))
        offer = await self.offering.make(scope, occasion)
        document = render_offer(offer, incoming.shop.site, is_purchasable=True)
        return self._reply("offer_reply", document)

    async def show_offer(self, incoming: Incoming, scope: Scope) -> Reply:
        occasion = decode_occasion(self._document(incoming, "offer_request", OFFER))
        offer = await self.offering.show(scope, occasion)
        document = render_offer(offer, incoming.shop.site, is_purchasable=False)
        return self._reply("offer_reply", document)

    # --- checkouts ---

    async def submit(self, incoming: Incoming, scope: Scope) -> Reply:
        document = self._document(incoming, "checkout_request", CHECKOUT)
        mark, tracking = self._fingerprint(incoming, document), new_tracking()
        try:
            submission = await self._submit(incoming, scope, document, mark, tracking)
        except KeyReused:
            raise
        except Refusal:
            # What stands in the way today did not when the order came first, and a known order is
            # answered as what became of it. Most orders are new: for those the store is not asked
            # before, as it is when they are taken in.
            known = await self.submissions.find(scope, correlation_of(document), mark)
            if known is None:
                raise
            submission = known
        replayed = submission.tracking != tracking
        incoming.facts["checkout"], incoming.facts["replayed"] = submission.checkout_id, replayed
        links = await self._links(incoming, scope, submission)
        headers = (*lead_to_status(links), *pace(submission))
        reply = self._reply("checkout_result", render_result(submission, links), *headers, status=202)
        return reply.as_replayed() if replayed else reply

    async def _submit(
        self, incoming: Incoming, scope: Scope, document: Wire, mark: bytes, tracking: str
    ) -> Submission:
        asked = decode_order(document)
        pay_with = decode_payment(document, self._terms(incoming))
        order = await self.offering.order(scope, asked.offer_id, asked.owner, asked.chosen)
        submitted = SubmitCheckout(
            owner=asked.owner,
            wanted=order.wanted,
            expected_total_minor=order.expected_total_minor,
            pay_with=pay_with,
            correlation=asked.correlation,
            fingerprint=mark,
            tracking=tracking,
        )
        if isinstance(pay_with, StoredMethodRef):
            return await self.submissions.submit(scope, submitted)
        async with self.declines.counted(scope.merchant_id, asked.owner):
            return await self.submissions.submit(scope, submitted)

    async def show_status(self, incoming: Incoming, scope: Scope) -> Reply:
        tracking = decode_tracking(incoming.target)
        if tracking is None:
            raise SubmissionNotFound
        submission = await self.submissions.poll(scope, tracking)
        incoming.facts["checkout"] = submission.checkout_id
        document = render_result(submission, await self._links(incoming, scope, submission))
        status = status_of(submission)
        return self._reply("checkout_result", document, *pace(submission), status=status)

    async def _links(self, incoming: Incoming, scope: Scope, submission: Submission) -> Links:
        path = f"/offer/checkout/{submission.tracking}/status"
        return Links(
            status_url=incoming.shop.site + incoming.endpoint + path,
            buyer_url=await self._buyer_url(incoming, scope, submission),
        )

    async def _buyer_url(self, incoming: Incoming, scope: Scope, submission: Submission) -> str | None:
        """The provider's page, else ours, while the payment waits for the buyer."""
        if submission.state is not SubmissionState.ACTION_NEEDED:
            return None
        if submission.action_url is not None:
            return submission.action_url
        checkout = await self.engine.read(scope, submission.checkout_id)
        ours = incoming.shop.site + self.page_path(checkout.id, checkout.link_token)
        return checkout.challenge_url or ours

    # --- payment methods ---

    async def add_method(self, incoming: Incoming, scope: Scope) -> Reply:
        document = self._document(incoming, "method_add_request", ADD_METHOD)
        terms = self._terms(incoming)
        check_channel(document, terms)
        if not terms.takes_fresh_cards:
            raise FreshCardRefused
        card = decode_card(document["creditCard"], terms.at)
        owner = document["customerUrn"]
        async with self.declines.counted(scope.merchant_id, owner):
            method = await self.stored_methods.add(
                scope.merchant_id,
                owner,
                card,
                document["creditCard"].get("cardAlias") or None,
                self._card_key(incoming, scope, document),
            )
        return self._method_reply(method)

    def _card_key(self, incoming: Incoming, scope: Scope, document: Wire) -> str:
        """A repeated request (one with a correlationId) puts its card into the vault once."""
        if "correlationId" not in document:
            return new_id()
        return fingerprint(
            self.secret, _canonical(document), operation=incoming.operation, target=scope.platform_id
        ).hex()

    async def list_methods(self, incoming: Incoming, scope: Scope) -> Reply:
        owner = self._asked(incoming, "method_list_request")["customerUrn"]
        methods = await self._methods_of(scope, owner)
        return self._reply("method_list_reply", render_method_list(methods))

    async def show_method(self, incoming: Incoming, scope: Scope) -> Reply:
        return await self._with_method(incoming, scope, self.stored_methods.find)

    async def delete_method(self, incoming: Incoming, scope: Scope) -> Reply:
        return await self._with_method(incoming, scope, self.stored_methods.delete)

    async def activate_method(self, incoming: Incoming, scope: Scope) -> Reply:
        return await self._set_active(incoming, scope, is_active=True)

    async def inactivate_method(self, incoming: Incoming, scope: Scope) -> Reply:
        return await self._set_active(incoming, scope, is_active=False)

    async def _set_active(self, incoming: Incoming, scope: Scope, *, is_active: bool) -> Reply:
        async def change(merchant_id: str, owner: str, method_id: str) -> StoredMethod:
            return await self.stored_methods.set_active(merchant_id, owner, method_id, is_active=is_active)

        return await self._with_method(incoming, scope, change)

    async def _with_method(
        self, incoming: Incoming, scope: Scope, do: "Callable[[str, str, str], Awaitable[StoredMethod]]"
    ) -> Reply:
        asked = self._asked(incoming, "method_request")
        owner = asked["customerUrn"]
        method_id = decode_method_urn(asked["storedMethodUrn"])
        try:
            if method_id is None:
                raise MethodNotFound
            return self._method_reply(await do(scope.merchant_id, owner, method_id))
        except MethodNotFound:
            await self._methods_of(scope, owner)
            raise

    async def _methods_of(self, scope: Scope, owner: str) -> list[StoredMethod]:
        """A customer is one of the shop's tables, or one for whom a card is kept."""
        methods = await self.stored_methods.listed(scope.merchant_id, owner)
        if not methods:
            async with read(self.engine.setup.pool) as db:
                if await load_registered(db, scope.merchant_id, owner) is None:
                    raise CustomerNotFound
        return methods

    def _method_reply(self, method: StoredMethod) -> Reply:
        return self._reply("method_reply", render_method_reply(method))

    # --- documents ---

    def _document(self, incoming: Incoming, form: Document, shape: Shape = PLAIN) -> Wire:
        """The body in long names. Raises `BodyUnreadable`, `NamedTwice`, `BodyInvalid`."""
        try:
            document = resolve(decode(incoming.raw), shape)
        except BadDocument as fault:
            raise BodyUnreadable(fault.code, fault.text) from None
        return self._checked(document, form)

    def _asked(self, incoming: Incoming, form: Document) -> Wire:
        """What is asked in the body where there is one, else in the query."""
        if incoming.raw:
            return self._document(incoming, form)
        if any("\0" in text for text in incoming.query.values()):
            raise BodyUnreadable("nul_character", "The query holds the character U+0000.")
        return self._checked(dict(incoming.query), form)

    def _checked(self, document: Wire, form: Document) -> Wire:
        violations = self.schemas[form].check(document)
        if violations:
            raise BodyInvalid(violations)
        return document

    def _reply(self, form: Document, document: Wire, *headers: Header, status: int = 200) -> Reply:
        """A document of ours that is not of its form is told of, and goes out all the same."""
        violations = self.schemas[form].check(document)
        if violations:
            self.on_fault("c2a", form, violations)
        return client_output(status, document, NO_STORE, *headers)

    def _fingerprint(self, incoming: Incoming, document: Wire) -> bytes:
        """Of the order itself: the same in short names, or in another sequence, is the same order."""
        return fingerprint(self.secret, _canonical(document), operation=incoming.operation)

    def _terms(self, incoming: Incoming) -> Terms:
        setup = self.engine.setup
        vault = setup.vaults.get(incoming.shop.merchant_id)
        return Terms(
            takes_fresh_cards=incoming.shop.takes_fresh_cards,
            provider=vault[0] if vault else None,
            at=setup.clock.now(),
        )


def _canonical(document: Wire) -> bytes:
    return msgspec.json.encode(document, order="sorted")


_OPERATIONS: Final[Mapping[str, Callable[[Operations, Incoming, Scope], Awaitable[Reply]]]] = {
    "make_offer": Operations.make_offer,
    "show_offer": Operations.show_offer,
    "submit_checkout": Operations.submit,
    "checkout_status": Operations.show_status,
    "add_method": Operations.add_method,
    "list_methods": Operations.list_methods,
    "show_method": Operations.show_method,
    "delete_method": Operations.delete_method,
    "activate_method": Operations.activate_method,
    "inactivate_method": Operations.inactivate_method,
}
