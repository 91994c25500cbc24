"""From a context to bytes: templates that escape everything, and the style sheet beside them."""

from hashlib import sha256
from importlib.resources import files
from typing import Final

import jinja2

from ucp_server.asgi.reply import Reply
from ucp_server.pages import security
from ucp_server.pages.contexts import CheckoutPage, OrderPage, PlainPage, Shop

Page = CheckoutPage | OrderPage | PlainPage

_STYLE: Final = files("ucp_server.pages").joinpath("static/style.css").read_bytes()
# The name carries the hash of the content, which therefore never changes under it.
STYLE_PATH: Final = f"/assets/style.{sha256(_STYLE).hexdigest()[:12]}.css"
STYLE: Final = Reply(
    status=200,
    body=_STYLE,
    headers=(
        (b"content-type", b"text/css; charset=utf-8"),
        (b"cache-control", b"public, max-age=31536000, immutable"),
        (b"x-content-type-options", b"nosniff"),
    ),
)
TEMPLATES: Final = jinja2.Environment(
    loader=jinja2.PackageLoader("ucp_server.pages"),
    autoescape=True,
    undefined=jinja2.StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
TEMPLATE_OF: Final[dict[type[Page], str]] = {
    CheckoutPage: "checkout.html",
    OrderPage: "order.html",
    PlainPage: "plain.html",
}
# For requests that are nobody's: the page then names no shop.
NOBODY: Final = Shop(merchant_id="", title="", origin="")


def show(page: Page, status: int = 200) -> Reply:
    """The page as an answer, with the headers that every page carries."""
    html = TEMPLATES.get_template(TEMPLATE_OF[type(page)]).render(page=page)
    return security.page(html, status)


def say(
    shop: Shop, title: str, text: str, *, status: int = 200, order_url: str = "", refresh_s: int = 0
) -> Reply:
    """A page with nothing to do but to read."""
    page = PlainPage(
        shop=shop, title=title, text=text, style_path=STYLE_PATH, order_url=order_url, refresh_s=refresh_s
    )
    return show(page, status)
