"""What a posted form does: make a checkout, change it, change it and pay, by the engine's own commands."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256
from typing import Final

from ucp_server.asgi.reply import Reply
from ucp_server.domain.cart import Cart
from ucp_server.domain.checkout import Checkout, Instrument
from ucp_server.domain.errors import (
    AttemptInFlight,
    CartNotFound,
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
from ucp_server.ports import Credential

_log = logging.getLogger(__name__)

BINDING: Final = "pages"
PAY: Final = "pay"

# After these the checkout is being paid or settled, and its page says so by itself.
_TOLD_BY_THE_PAGE: Final = (WrongState, AttemptInFlight, KeyInFlight, ReplyExpired)

# The buyer's agreement to pay: the instrument and credential for one merchant and total, if any.
PagePayments = Callable[[str, Money], tuple[Instrument, Credential] | None]


@dataclass(frozen=True, kw_only=True)
class Pressing:
    """Buttons of a shop's pages over one engine. Every answer is a redirect to a page of ours.

    ``session`` is that of a framed page.
    """

    engine: Engine
    payments: PagePayments
    shop: Shop
    session: embedding.Session | None = None

    @property
    def language(self) -> str:
        """The code that the buyer's page was asked for in, "" where it was asked for in none."""
        return self.shop.chosen_language

    def payment(self, checkout: Checkout) -> tuple[Instrument, Credential] | None:
        """None where this page cannot take the payment, also where the handler that could is broken."""
        total = Money(checkout.quote.total_minor, checkout.quote.currency)
        try:
            return self.payments(checkout.merchant_id, total)
        except Exception as error:  # noqa: BLE001  a plug-in may raise anything; its text may quote anything
            _log.error("the payment handler of %s raised %s", checkout.merchant_id, type(error).__name__)
            return None

    def shown_payment(self, checkout: Checkout) -> Instrument | None:
        """What the page says that will be paid with."""
        if self.session is not None and self.session.takes_payment:
            return embedding.shown_payment(checkout)
        payment = self.payment(checkout)
        return payment[0] if payment else None

    async def press(self, checkout: Checkout, fields: forms.Fields) -> Reply:
        """Raises `BadFormError` and, where the checkout is gone, `CheckoutNotFound`."""
        wanted = forms.wanted_from(checkout, fields, self.shop)
        try:
            if self.session is not None:
                wanted = embedding.answered(self.session, checkout, fields, wanted)
            if fields.get("action") == PAY:
                return await self._pay(checkout, fields, wanted)
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
            await self._update(checkout, wanted)
            checkout = await self._again(checkout)
        if not is_as_shown:
            return _saying(self._path(checkout), "changed")
        if fields.get("total") != str(checkout.quote.total_minor):
            return _saying(self._path(checkout), "new_total")
        payment = self._payment(checkout, fields)
        if payment is None:
            return security.see_other(self._path(checkout))
        instrument, credential = payment
        command = CompleteCheckout(
            checkout_id=checkout.id,
            instrument=instrument,
            credential=credential,
            by_buyer=True,
            expected_total_minor=checkout.quote.total_minor,
        )
        return await self._run(checkout, command, key)

    def _payment(self, checkout: Checkout, fields: forms.Fields) -> tuple[Instrument, Credential] | None:
        """Where the platform took over to pay, what it answered and nothing else."""
        if self.session is None or not self.session.takes_payment:
            return self.payment(checkout)
        answer = fields.get(forms.ANSWER)
        return self.session.payment(answer) if answer else None

    def _path(self, checkout: Checkout) -> str:
        return links.in_language(path_of(checkout), self.language)

    async def _again(self, checkout: Checkout) -> Checkout:
        return await self.engine.read_by_link(checkout.merchant_id, checkout.id, checkout.link_token)

    async def _run(self, checkout: Checkout, command: Command, key: Key | None) -> Reply:
        path = self._path(checkout)
        call = Call(
            scope=_scope(checkout),
            render=lambda checkout: after(checkout, self.language),
            render_refusal=lambda refusal: refused(path, refusal),
            rendering=Rendering(binding=BINDING, terms=path.encode()),
            key=key,
            refusing_problems=frozenset({"payment_failed"}),
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


def _key(checkout: Checkout, fields: forms.Fields) -> Key:
    """One press of one shown page: a page that is shown again has another revision."""
    press = f"page-{checkout.id}-{fields.get('revision', '')[:20]}"
    return Key(operation="pages.pay", key=press, fingerprint=sha256(press.encode()).digest())
