"""Routes of the pages: a checkout or a cart and what is pressed there, an order, the assets."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Final

from starlette.requests import Request
from starlette.routing import Route
from starlette.types import Scope

from ucp_server.asgi.facts import facts_of
from ucp_server.asgi.reply import Reply
from ucp_server.domain.cart import Cart, PricedCart
from ucp_server.domain.checkout import Checkout
from ucp_server.domain.errors import CartNotFound, CheckoutNotFound, OrderNotFound, Refusal
from ucp_server.domain.lifecycle import Standing
from ucp_server.domain.order import Order
from ucp_server.engine.runner import Engine
from ucp_server.languages import message
from ucp_server.pages import embedding, errors, forms, links, security, window
from ucp_server.pages.budgets import Budgets, TooOftenError
from ucp_server.pages.cart import cart_page
from ucp_server.pages.checkout import checkout_page
from ucp_server.pages.contexts import Shop
from ucp_server.pages.order import order_page
from ucp_server.pages.payment import Paying, fields_origin
from ucp_server.pages.pressing import BACK, BINDING, PAY, PagePayments, PageRenderer, Pressing, order_url_of
from ucp_server.pages.receipt import receipt_page
from ucp_server.pages.rendering import ASSET_REPLIES, ASSETS, NOBODY, SHOP_ASSETS, SPEECH_PATH, say, show
from ucp_server.pages.window import Window

__all__ = ["BINDING", "PATHS", "PageRenderer", "Pages"]

# What begins like this is asked for by people: also its errors are pages.
PATHS: Final = ("/checkout/", "/cart/", "/order/")

# How often a page that waits for the payment looks again.
_REFRESH_S: Final = 3
# A database that fails over is there again within seconds.
_STORE_BACK_S: Final = 5

_SETTLED: Final = {
    Standing.COMPLETED: (
        message("Your order is placed"),
        message("Thank you. Everything about it stands on its own page."),
    ),
    Standing.CANCELED: (
        message("This order was canceled"),
        message("Nothing was charged. Your assistant can start a new one for you."),
    ),
    Standing.EXPIRED: (
        message("This offer has ended"),
        message(
            "It was open for a while only. Nothing was charged. Your assistant can start a new one for you."
        ),
    ),
    Standing.IN_PROGRESS: (
        message("Your payment is being worked on"),
        message("This takes a moment. You need not do anything: the page looks again by itself."),
    ),
}
Endpoint = Callable[[Request], Awaitable[Reply]]


def _nowhere(_: Request) -> str:
    return ""


@dataclass(frozen=True, kw_only=True)
class Pages:
    """The pages over one engine. ``shop_of`` finds the merchant that a request is for.

    ``secret`` is the server's; it keys the forms. ``address_of`` tells where a request comes from, ""
    where that cannot be told, and ``budgets`` how often one may ask from there. ``sessions`` are those of
    pages that are framed. Without a ``window`` there is nothing at ``/``.
    """

    engine: Engine
    shop_of: Callable[[Request], Shop | None]
    payments: PagePayments
    secret: bytes
    address_of: Callable[[Request], str] = _nowhere
    budgets: Budgets = field(default_factory=Budgets)
    sessions: embedding.Sessions = embedding.stands_alone
    window: Window | None = None

    def routes(self) -> list[Route]:
        return [
            Route(links.CHECKOUT_ROUTE, self._answer(self.show_checkout), methods=["GET"]),
            Route(links.CHECKOUT_ROUTE, self._answer(self.take_form), methods=["POST"]),
            Route(links.STATE_ROUTE, self._answer(self.tell_state), methods=["GET"]),
            Route(links.CART_ROUTE, self._answer(self.show_cart), methods=["GET"]),
            Route(links.CART_ROUTE, self._answer(self.take_cart), methods=["POST"]),
            Route(links.ORDER_ROUTE, self._answer(self.show_order), methods=["GET"]),
            Route(links.RECEIPT_ROUTE, self._answer(self.show_receipt), methods=["GET"]),
            *(
                [Route(window.ROUTE, self._answer(self.window.show_window), methods=["GET"])]
                if self.window
                else []
            ),
            *(
                Route(path + "{rest:path}", self._answer(self.show_nothing), methods=["GET"])
                for path in PATHS
            ),
            *(Route(path, _serving(asset), methods=["GET"]) for path, asset in ASSET_REPLIES.items()),
        ]

    def refuse(self, status: int, code: str, text: str, scope: Scope) -> Reply:
        """An error that a layer around the routes found, in words for the person who asked."""
        del code, text
        return errors.tell_status(self.shop_of(Request(scope)) or NOBODY, status, scope)

    # --- routes ---

    async def show_checkout(self, request: Request, shop: Shop) -> Reply:
        checkout = await self._load(request, shop)
        session = self.sessions(checkout, request.query_params)
        shop = embedding.within(shop, checkout, session, SPEECH_PATH)
        settled = _SETTLED.get(checkout.standing)
        if settled is not None:
            # A frame is not loaded anew: what it speaks through would be gone. Its script looks again.
            waits = checkout.standing is Standing.IN_PROGRESS and session is None
            refresh_s = _REFRESH_S if waits else 0
            order_url = order_url_of(checkout, shop.chosen_language)
            return say(shop, *settled, order_url=order_url, refresh_s=refresh_s)
        payment = await self._pressing(shop, session).shown_payment(checkout)
        page = checkout_page(
            checkout,
            shop,
            form_token=self._form_token(checkout),
            said=request.query_params.get("said"),
            assets=ASSETS,
            paying=Paying(payment=payment, came_back=links.CAME_BACK in request.query_params),
        )
        frames = (fields_origin(page.card_fields),) if page.card_fields else ()
        return show(embedding.handed_over(page, session), framing=security.Framing(frames=frames))

    async def take_form(self, request: Request, shop: Shop) -> Reply:
        checkout = await self._load(request, shop)
        session = self.sessions(checkout, request.query_params)
        # What goes wrong is told within the frame, too.
        shop = embedding.within(shop, checkout, session, SPEECH_PATH)
        try:
            fields = forms.read_form(await request.body())
            if not _is_our_form(request, shop, fields, self._form_token(checkout)):
                return _foreign_form(request, shop)
            if fields.get("action") in {PAY, BACK}:
                self.budgets.press(checkout.merchant_id, checkout.id, self.address_of(request))
            reply = await self._pressing(shop, session).press(checkout, fields)
            return embedding.staying(reply, checkout, session)
        except forms.BadFormError:
            return _bad_form(request, shop)
        except TooOftenError as error:
            return _pressed_too_often(request, shop, error)

    async def tell_state(self, request: Request, shop: Shop) -> Reply:
        """The checkout in the words of the platform that frames its page, for the page's script alone."""
        checkout = await self._load(request, shop)
        session = self.sessions(checkout, request.query_params)
        if session is None or request.headers.get("sec-fetch-site", "same-origin") != "same-origin":
            return errors.tell(shop, errors.NOT_FOUND)
        return session.state(shop.origin)

    async def show_cart(self, request: Request, shop: Shop) -> Reply:
        priced = await self._load_cart(request, shop)
        page = cart_page(
            priced,
            shop,
            form_token=self._form_token(priced.cart),
            said=request.query_params.get("said"),
            assets=ASSETS,
        )
        return show(page)

    async def take_cart(self, request: Request, shop: Shop) -> Reply:
        """The one button of a cart's page: on to the checkout."""
        cart = (await self._load_cart(request, shop)).cart
        try:
            fields = forms.read_form(await request.body())
        except forms.BadFormError:
            return _bad_form(request, shop)
        if not _is_our_form(request, shop, fields, self._form_token(cart)):
            return _foreign_form(request, shop)
        return await self._pressing(shop).check_out(cart)

    async def show_order(self, request: Request, shop: Shop) -> Reply:
        return show(order_page(await self._load_order(request, shop), shop, assets=SHOP_ASSETS))

    async def show_receipt(self, request: Request, shop: Shop) -> Reply:
        return show(receipt_page(await self._load_order(request, shop), shop, assets=SHOP_ASSETS))

    async def show_nothing(self, request: Request, shop: Shop) -> Reply:
        """What only resembles one of our links."""
        del request
        return errors.tell(shop, errors.NOT_FOUND)

    # --- around them ---

    def _answer(self, route: Callable[[Request, Shop], Awaitable[Reply]]) -> Endpoint:
        async def answer(request: Request) -> Reply:
            shop = self.shop_of(request)
            if shop is None:
                return errors.tell(NOBODY, errors.NO_SHOP)
            facts = facts_of(request.scope)
            facts.update(protocol=BINDING, operation=route.__name__, merchant=shop.merchant_id)
            try:
                self.budgets.ask(self.address_of(request), posts=request.method == "POST")
                return await route(request, shop)
            except TooOftenError as error:
                facts["outcome"] = "too_often"
                return errors.tell_wait(shop, errors.ASKED_TOO_OFTEN, error.wait_s)
            except (CheckoutNotFound, OrderNotFound):
                return errors.tell(shop, errors.NOT_FOUND)
            except CartNotFound:
                return errors.tell(shop, errors.CART_GONE)
            except Refusal as refusal:
                facts["outcome"] = refusal.code
                return errors.tell_wait(shop, errors.UNAVAILABLE, _STORE_BACK_S)

        return answer

    async def _load(self, request: Request, shop: Shop) -> Checkout:
        checkout_id = links.row_id(request.path_params["page_id"])
        if checkout_id is None:
            raise CheckoutNotFound("")
        checkout = await self.engine.read_by_link(
            shop.merchant_id, checkout_id, request.path_params["token"]
        )
        facts_of(request.scope)["checkout"] = checkout.id
        return checkout

    async def _load_order(self, request: Request, shop: Shop) -> Order:
        order_id = links.row_id(request.path_params["page_id"])
        if order_id is None:
            raise OrderNotFound("")
        return await self.engine.read_order_by_permalink(
            shop.merchant_id, order_id, request.path_params["token"]
        )

    async def _load_cart(self, request: Request, shop: Shop) -> PricedCart:
        cart_id = links.row_id(request.path_params["page_id"])
        if cart_id is None:
            raise CartNotFound("")
        return await self.engine.read_cart_by_link(shop.merchant_id, cart_id, request.path_params["token"])

    def _form_token(self, shown: Checkout | Cart) -> str:
        return security.form_token(self.secret, shown.id, shown.link_token)

    def _pressing(self, shop: Shop, session: embedding.Session | None = None) -> Pressing:
        return Pressing(
            engine=self.engine,
            payments=self.payments,
            secret=self.secret,
            shop=shop,
            session=session,
        )


def _is_our_form(request: Request, shop: Shop, fields: forms.Fields, expected: str) -> bool:
    return security.is_our_form(
        fields.get("form_token", ""),
        expected,
        origin=request.headers.get("origin"),
        fetch_site=request.headers.get("sec-fetch-site"),
        ours=shop.origin,
    )


def _foreign_form(request: Request, shop: Shop) -> Reply:
    facts_of(request.scope)["outcome"] = "foreign_form"
    return errors.tell(shop, errors.NOT_OURS, back_url=_own(request))


def _bad_form(request: Request, shop: Shop) -> Reply:
    facts_of(request.scope)["outcome"] = "bad_form"
    return errors.tell(shop, errors.UNREADABLE, back_url=_own(request))


def _pressed_too_often(request: Request, shop: Shop, error: TooOftenError) -> Reply:
    facts_of(request.scope)["outcome"] = "pressed_too_often"
    return errors.tell_wait(shop, errors.PRESSED_TOO_OFTEN, error.wait_s, back_url=_own(request))


def _own(request: Request) -> str:
    """The page that the form was on: it was posted to its own address."""
    query = request.url.query
    return request.url.path + (f"?{query}" if query else "")


def _serving(asset: Reply) -> Endpoint:
    async def show_asset(_: Request) -> Reply:
        return asset

    return show_asset
