"""What a posted form does: make a checkout, change it, change it and pay, by the engine's own commands."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from hashlib import sha256
from typing import Final

from ucp_server.asgi.reply import Reply
from ucp_server.domain.cart import Cart
from ucp_server.domain.checkout import Checkout
from ucp_server.domain.errors import (
    AttemptInFlight,
    CartNotFound,
    HandlerUnavailable,
    KeyInFlight,
    NotReady,
    ProblemRefused,
    Refusal,
    ReplyExpired,
    WrongState,
)
from ucp_server.domain.money import Money
from ucp_server.domain.problems import TERMS_AGREEMENT_REQUIRED
from ucp_server.engine.commands import (
    Call,
    Command,
    CompleteCheckout,
    CreateCheckout,
    Key,
    Rendering,
    Scope,
    UpdateCheckout,
    Wanted,
)
from ucp_server.engine.runner import Engine
from ucp_server.pages import embedding, forms, links, security, words
from ucp_server.pages.contexts import Shop
from ucp_server.ports import Credential, OnPage

BINDING: Final = "pages"
PAY: Final = "pay"
# From a provider's challenge.
BACK: Final = "back"

# After these the checkout is being paid or settled, and its page says so by itself.
_TOLD_BY_THE_PAGE: Final = (WrongState, AttemptInFlight, KeyInFlight, ReplyExpired)

# What pays on a page: of a merchant, for a total, in a session (`ports.Payment.on_page`). It raises
# HandlerUnavailable where the handler that could does not answer.
PagePayments = Callable[[str, Money, str], Awaitable[OnPage | None]]
# What waits for its buyer needs no credential any more.
_SPENT: Final = Credential(type="none", members={})


@dataclass(frozen=True, kw_only=True)
class Pressing:
    """Buttons of a shop's pages over one engine. Every answer is a redirect to a page of ours.

    ``secret`` is the server's; ``session`` is that of a framed page.
    """

    engine: Engine
    payments: PagePayments
    secret: bytes
    shop: Shop
    session: embedding.Session | None = None

    @property
    def language(self) -> str:
        """The code that the buyer's page was asked for in, "" where it was asked for in none."""
        return self.shop.chosen_language

    async def payment(self, checkout: Checkout) -> OnPage | None:
        """None where this page cannot take the payment, also where the handler that could is broken."""
        total = Money(checkout.quote.total_minor, checkout.quote.currency)
        session = security.payment_session(self.secret, checkout.id, checkout.link_token)
        try:
            return await self.payments(checkout.merchant_id, total, session)
        except HandlerUnavailable:
            return None

    async def shown_payment(self, checkout: Checkout) -> OnPage | None:
        """What the page says that will be paid with."""
        if self.session is not None and self.session.takes_payment:
            return OnPage(instrument=embedding.shown_payment(checkout))
        return await self.payment(checkout)

    async def press(self, checkout: Checkout, fields: forms.Fields) -> Reply:
        """Raises `BadFormError` and, where the checkout is gone, `CheckoutNotFound`."""
        wanted = forms.wanted_from(checkout, fields, self.shop)
        try:
            if self.session is not None:
                wanted = embedding.answered(self.session, checkout, fields, wanted)
            if fields.get("action") == PAY:
                return await self._pay(checkout, fields, wanted)
            if fields.get("action") == BACK:
                return await self._go_on(checkout, fields)
            return await self._update(checkout, wanted)
        except Refusal as refusal:
            return Reply.unpack(refused(self._path(checkout), refusal))

    async def check_out(self, cart: Cart) -> Reply:
        """On to the checkout that the cart has, or to a new one.

        Whoever presses twice comes to the same. Raises `CartNotFound` where the cart is gone.
        """
        path = links.in_language(links.cart_path(cart.id, cart.link_token), self.language)
        call = Call(
            scope=Scope(merchant_id=cart.merchant_id, platform_id=cart.platform_id),
            render=lambda checkout: after(checkout, self.language),
            render_refusal=lambda refusal: refused(path, refusal),
            rendering=Rendering(binding=BINDING, terms=path.encode()),
        )
        command = CreateCheckout(wanted=Wanted(lines=()), subscriber=cart.subscriber, cart_id=cart.id)
        try:
            return Reply.unpack((await self.engine.run(call, command)).reply)
        except CartNotFound:
            raise
        except Refusal as refusal:
            return Reply.unpack(refused(path, refusal))

    async def _update(self, checkout: Checkout, wanted: Wanted) -> Reply:
        if not forms.is_changed(checkout, wanted):
            return security.see_other(self._path(checkout))
        command = UpdateCheckout(checkout_id=checkout.id, wanted=wanted, subscriber=checkout.subscriber)
        return await self._run(checkout, command, None)

    async def _pay(self, checkout: Checkout, fields: forms.Fields, wanted: Wanted) -> Reply:
        """Pay what was shown, or show what is to be paid now.

        The same press twice is one payment, whenever the second arrives. What the buyer typed is
        taken over first; if that, or somebody else meanwhile, changed what is bought or its total,
        the buyer sees the new order before anything is charged.
        """
        key = _key(checkout, fields)
        kept = await self.engine.replay(_scope(checkout), key)
        if kept is not None:
            return Reply.unpack(kept.reply)
        is_as_shown = fields.get("revision") == str(checkout.revision)
        if forms.is_changed(checkout, wanted):
            checkout = await self._updated(checkout, wanted)
        if not is_as_shown:
            return _saying(self._path(checkout), "changed")
        if fields.get("total") != str(checkout.quote.total_minor):
            return _saying(self._path(checkout), "new_total")
        payment = await self._payment(checkout, fields)
        if payment is None:
            return security.see_other(self._path(checkout))
        if payment.instrument is None or payment.credential is None:
            if checkout.challenge_url:
                return await self._go_on(checkout, fields)
            return _saying(self._path(checkout), "card_missing")
        command = CompleteCheckout(
            checkout_id=checkout.id,
            instrument=payment.instrument,
            credential=payment.credential,
            by_buyer=True,
            expected_total_minor=checkout.quote.total_minor,
            expected_revision=checkout.revision,
        )
        return await self._run(checkout, command, key)

    async def _payment(self, checkout: Checkout, fields: forms.Fields) -> OnPage | None:
        """Where the platform took over to pay, what it answered and nothing else."""
        if self.session is None or not self.session.takes_payment:
            return await self.payment(checkout)
        answer = fields.get(forms.ANSWER)
        if not answer:
            return None
        instrument, credential = self.session.payment(answer)
        return OnPage(instrument=instrument, credential=credential)

    async def _go_on(self, checkout: Checkout, fields: forms.Fields) -> Reply:
        """With the payment that waits for the buyer's answer at the provider; no other begins.

        As long as there is no answer the page shows where to give it.
        """
        key = _key(checkout, fields, press="back")
        kept = await self.engine.replay(_scope(checkout), key)
        if kept is not None:
            return Reply.unpack(kept.reply)
        asked = next((one for one in checkout.basket.instruments if one.selected), None)
        if asked is None or checkout.challenge_url is None:
            return security.see_other(self._path(checkout))
        if fields.get("total") != str(checkout.quote.total_minor):
            return _saying(self._path(checkout), "changed")
        command = CompleteCheckout(
            checkout_id=checkout.id,
            instrument=asked,
            credential=_SPENT,
            by_buyer=True,
            after_challenge=True,
            expected_total_minor=checkout.quote.total_minor,
            expected_revision=checkout.revision,
        )
        return await self._run(checkout, command, key)

    def _path(self, checkout: Checkout) -> str:
        return links.in_language(path_of(checkout), self.language)

    def _page_url(self, checkout: Checkout) -> str:
        path = links.back_path(checkout.id, checkout.link_token)
        return self.shop.origin + links.in_language(path, self.language)

    async def _updated(self, checkout: Checkout, wanted: Wanted) -> Checkout:
        """The checkout as it was written, not as others may have it by now: only that is paid."""
        written = [checkout]
        command = UpdateCheckout(checkout_id=checkout.id, wanted=wanted, subscriber=checkout.subscriber)
        await self._run(checkout, command, None, note=written.append)
        return written[-1]

    async def _run(
        self,
        checkout: Checkout,
        command: Command,
        key: Key | None,
        note: Callable[[Checkout], None] = lambda _: None,
    ) -> Reply:
        """``note`` is told of each state that may be written; the last one is."""
        path = self._path(checkout)

        def render(shown: Checkout) -> bytes:
            note(shown)
            return after(shown, self.language)

        call = Call(
            scope=_scope(checkout),
            render=render,
            render_refusal=lambda refusal: refused(path, refusal),
            rendering=Rendering(binding=BINDING, terms=path.encode()),
            key=key,
            refusing_problems=frozenset({"payment_failed"}),
            page_url=self._page_url,
        )
        return Reply.unpack((await self.engine.run(call, command)).reply)


class PageRenderer:
    """Writes a page's answer when its request is gone (see `engine.commands.Rendering`)."""

    def render(self, terms: bytes, checkout: Checkout) -> bytes:
        return after(checkout, links.language_in(terms.decode()))

    def render_refusal(self, terms: bytes, refusal: Refusal) -> bytes:
        return refused(terms.decode(), refusal)


def after(checkout: Checkout, language: str) -> bytes:
    """Where the browser goes once a command ran: the order's page, or the checkout's again."""
    path = order_url_of(checkout, language) or links.in_language(path_of(checkout), language)
    return security.see_other(path).pack()


def refused(path: str, refusal: Refusal) -> bytes:
    """Back to the page at ``path``, which says why."""
    if isinstance(refusal, _TOLD_BY_THE_PAGE):
        return security.see_other(path).pack()
    return _saying(path, _code_of(refusal)).pack()


def _code_of(refusal: Refusal) -> str:
    match refusal:
        case ProblemRefused(problem=problem):
            return problem.code
        case NotReady(problems=problems) if any(p.code == TERMS_AGREEMENT_REQUIRED for p in problems):
            return "terms"
        case _:
            return refusal.code


def _saying(path: str, code: str) -> Reply:
    return security.see_other(f"{path}{'&' if '?' in path else '?'}said={words.refusal_code(code)}")


def path_of(checkout: Checkout) -> str:
    return links.checkout_path(checkout.id, checkout.link_token)


def order_url_of(checkout: Checkout, language: str) -> str:
    """The path of its order's page in the language of that code, or "" before there is one."""
    order = checkout.order
    return links.in_language(links.order_path(order.id, order.permalink_token), language) if order else ""


def _scope(checkout: Checkout) -> Scope:
    return Scope(merchant_id=checkout.merchant_id, platform_id=checkout.platform_id)


def _key(checkout: Checkout, fields: forms.Fields, press: str = "page") -> Key:
    """One press of one shown page: a page that is shown again has another revision."""
    name = f"{press}-{checkout.id}-{fields.get('revision', '')[:20]}"
    return Key(operation="pages.pay", key=name, fingerprint=sha256(name.encode()).digest())
