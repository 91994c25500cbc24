"""Routes of the pages: show a checkout, take its form, show an order."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from hashlib import sha256
from importlib.resources import files
from typing import Final, Protocol

import jinja2
import msgspec
from starlette.requests import Request
from starlette.routing import Route

from ucp_server.asgi.facts import facts_of
from ucp_server.asgi.reply import Reply
from ucp_server.domain.checkout import Checkout, Instrument
from ucp_server.domain.errors import CheckoutNotFound, OrderNotFound, Refusal
from ucp_server.domain.lifecycle import Standing
from ucp_server.domain.money import Money
from ucp_server.engine.commands import (
    Call,
    Command,
    CompleteCheckout,
    Key,
    Rendering,
    Scope,
    UpdateCheckout,
)
from ucp_server.engine.runner import Engine
from ucp_server.pages import contexts, forms, links, security
from ucp_server.pages.contexts import Shop
from ucp_server.ports import Credential

BINDING: Final = "pages"

# Refusals in the buyer's words; a code that is not here is told in general terms.
_REFUSAL_TEXTS: Final = {
    "not_ready": "Something is still missing; please look at the marked places.",
    "payment_failed": "The payment was declined. Nothing was charged; you can try again.",
    "payment_in_flight": "Your payment is being worked on. Please wait a moment and reload this page.",
    "idempotency_in_flight": "Your payment is being worked on. Please wait a moment and reload this page.",
    "conflict": "This order changed a moment ago; please look at it again.",
    "store_unavailable": "We cannot be reached at the moment. Nothing was changed; please try again.",
}
_GENERAL_TEXT: Final = "That was not possible. Nothing was charged; please look at your order again."

_SETTLED_TEXTS: Final = {
    Standing.COMPLETED: ("Your order is placed", "Thank you. Everything about it stands on its own page."),
    Standing.CANCELED: (
        "This order was canceled",
        "Nothing was charged. Your assistant can start a new one.",
    ),
    Standing.EXPIRED: ("This offer has ended", "Nothing was charged. Your assistant can start a new one."),
    Standing.IN_PROGRESS: ("Your payment is being worked on", "Please reload this page in a moment."),
}


class PagePayments(Protocol):
    """What the buyer's agreement on the page pays with, for one merchant and total."""

    def __call__(self, merchant_id: str, total: Money) -> tuple[Instrument, Credential] | None: ...


@dataclass(frozen=True, kw_only=True)
class Pages:
    """The pages over one engine. ``shop_of`` finds the merchant that a request is for."""

    engine: Engine
    shop_of: Callable[[Request], Shop | None]
    payments: PagePayments
    secret: bytes

    def routes(self) -> list[Route]:
        return [
            Route(links.CHECKOUT_ROUTE, self._answer(self.show_checkout), methods=["GET"]),
            Route(links.CHECKOUT_ROUTE, self._answer(self.take_form), methods=["POST"]),
            Route(links.ORDER_ROUTE, self._answer(self.show_order), methods=["GET"]),
            Route(_STYLE_PATH, _style, methods=["GET"]),
        ]

    def _answer(
        self, route: Callable[[Request, Shop], Awaitable[Reply]]
    ) -> Callable[[Request], Awaitable[Reply]]:
        async def answer(request: Request) -> Reply:
            shop = self.shop_of(request)
            if shop is None:
                return Reply(status=421)
            facts = facts_of(request.scope)
            facts.update(protocol=BINDING, operation=route.__name__, merchant=shop.merchant_id)
            try:
                return await route(request, shop)
            except (CheckoutNotFound, OrderNotFound):
                return _plain(shop, "This page does not exist", "The link may be incomplete.", status=404)

        return answer

    async def show_checkout(self, request: Request, shop: Shop) -> Reply:
        checkout = await self._load(request, shop)
        settled = _SETTLED_TEXTS.get(checkout.standing)
        if settled is not None:
            return _plain(shop, *settled, order_url=_order_url(checkout))
        context = contexts.checkout_page(
            checkout,
            shop,
            form_token=self._form_token(checkout),
            said=_said(request.query_params.get("said")),
            style_path=_STYLE_PATH,
            can_pay=self._payment(checkout) is not None,
        )
        return security.page(_render("checkout.html", context))

    async def take_form(self, request: Request, shop: Shop) -> Reply:
        checkout = await self._load(request, shop)
        try:
            fields = forms.read_form(await request.body())
        except forms.BadFormError:
            return _plain(shop, "We could not read this form", "Please go back and try again.", status=400)
        if not security.is_our_form(
            fields.get("form_token", ""),
            self._form_token(checkout),
            origin=request.headers.get("origin"),
            fetch_site=request.headers.get("sec-fetch-site"),
            ours=shop.origin,
        ):
            return _plain(shop, "This form is not ours", "Please open your link again.", status=403)
        command = self._command(checkout, fields)
        if command is None:
            return security.see_other(_path(checkout))
        return await self._run(checkout, fields, command)

    async def show_order(self, request: Request, shop: Shop) -> Reply:
        order_id = links.row_id(request.path_params["page_id"])
        if order_id is None:
            raise OrderNotFound("")
        order = await self.engine.read_order_by_permalink(
            shop.merchant_id, order_id, request.path_params["token"]
        )
        return security.page(
            _render("order.html", contexts.order_page(order, shop, style_path=_STYLE_PATH))
        )

    async def _load(self, request: Request, shop: Shop) -> Checkout:
        checkout_id = links.row_id(request.path_params["page_id"])
        if checkout_id is None:
            raise CheckoutNotFound("")
        return await self.engine.read_by_link(shop.merchant_id, checkout_id, request.path_params["token"])

    def _command(self, checkout: Checkout, fields: forms.Fields) -> Command | None:
        if fields.get("action") != "pay":
            return UpdateCheckout(
                checkout_id=checkout.id,
                wanted=forms.wanted_from(checkout, fields),
                subscriber=checkout.subscriber,
            )
        payment = self._payment(checkout)
        total = fields.get("total", "")
        if payment is None or not total.isdecimal():
            return None
        instrument, credential = payment
        return CompleteCheckout(
            checkout_id=checkout.id,
            instrument=instrument,
            credential=credential,
            by_buyer=True,
            expected_total_minor=int(total),
        )

    async def _run(self, checkout: Checkout, fields: forms.Fields, command: Command) -> Reply:
        call = Call(
            scope=Scope(merchant_id=checkout.merchant_id, platform_id=checkout.platform_id),
            render=_after,
            render_refusal=lambda refusal: _refused(checkout, refusal),
            rendering=Rendering(binding=BINDING, terms=_path(checkout).encode()),
            # The same press twice is one payment; a changed checkout is a new press.
            key=self._key(checkout, fields) if isinstance(command, CompleteCheckout) else None,
            refusing_problems=frozenset({"payment_failed"}),
        )
        try:
            answer = await self.engine.run(call, command)
        except (CheckoutNotFound, OrderNotFound):
            raise
        except Refusal as refusal:
            return Reply.unpack(_refused(checkout, refusal))
        return Reply.unpack(answer.reply)

    def _key(self, checkout: Checkout, fields: forms.Fields) -> Key:
        press = f"page-{checkout.id}-{fields.get('revision', '')[:20]}"
        return Key(operation="pages.pay", key=press, fingerprint=sha256(press.encode()).digest())

    def _payment(self, checkout: Checkout) -> tuple[Instrument, Credential] | None:
        return self.payments(
            checkout.merchant_id, Money(checkout.quote.total_minor, checkout.quote.currency)
        )

    def _form_token(self, checkout: Checkout) -> str:
        return security.form_token(self.secret, checkout.id, checkout.link_token)


class PageRenderer:
    """Writes a page's answer when its request is gone (see `engine.commands.Rendering`)."""

    def render(self, terms: bytes, checkout: Checkout) -> bytes:
        del terms
        return _after(checkout)

    def render_refusal(self, terms: bytes, refusal: Refusal) -> bytes:
        return security.see_other(f"{terms.decode()}?said={_code(refusal)}").pack()


def _after(checkout: Checkout) -> bytes:
    """Where the browser goes once a command ran: the order's page, or the checkout's again."""
    return security.see_other(_order_url(checkout) or _path(checkout)).pack()


def _refused(checkout: Checkout, refusal: Refusal) -> bytes:
    return security.see_other(f"{_path(checkout)}?said={_code(refusal)}").pack()


def _code(refusal: Refusal) -> str:
    problem = getattr(refusal, "problem", None)
    code = problem.code if problem is not None else refusal.code
    return code if code in _REFUSAL_TEXTS else "other"


def _said(code: str | None) -> str | None:
    return None if code is None else _REFUSAL_TEXTS.get(code, _GENERAL_TEXT)


def _path(checkout: Checkout) -> str:
    return links.checkout_path(checkout.id, checkout.link_token)


def _order_url(checkout: Checkout) -> str | None:
    order = checkout.order
    return None if order is None else links.order_path(order.id, order.permalink_token)


def _plain(shop: Shop, title: str, text: str, *, order_url: str | None = None, status: int = 200) -> Reply:
    context = contexts.PlainPage(
        shop=shop, title=title, text=text, order_url=order_url, style_path=_STYLE_PATH
    )
    return security.page(_render("plain.html", context), status)


def _render(template: str, context: msgspec.Struct) -> str:
    return _TEMPLATES.get_template(template).render(page=context)


async def _style(_request: Request) -> Reply:
    return Reply(status=200, body=_STYLE, headers=_STYLE_HEADERS)


# The name of the style sheet carries the hash of its content: it never changes under this name.
_STYLE_HEADERS: Final = (
    (b"content-type", b"text/css; charset=utf-8"),
    (b"cache-control", b"public, max-age=31536000, immutable"),
    (b"x-content-type-options", b"nosniff"),
)
_FOLDER: Final = files("ucp_server.pages")
_STYLE: Final = _FOLDER.joinpath("static/style.css").read_bytes()
_STYLE_PATH: Final = f"/assets/style.{sha256(_STYLE).hexdigest()[:12]}.css"
_TEMPLATES: Final = jinja2.Environment(
    loader=jinja2.PackageLoader("ucp_server.pages"),
    autoescape=True,
    undefined=jinja2.StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
