"""From a context to bytes: templates that escape everything, and the assets beside them."""

import re
from functools import cache, lru_cache
from hashlib import sha256
from importlib.resources import files
from typing import Final

import jinja2
import msgspec
from markupsafe import Markup

from ucp_server.asgi.reply import Reply
from ucp_server.languages import ENGLISH
from ucp_server.languages.templates import speaking
from ucp_server.pages import security
from ucp_server.pages.contexts import (
    Assets,
    CartPage,
    CheckoutPage,
    Choice,
    OrderPage,
    PlainPage,
    ReceiptPage,
    Shop,
    ShopAssets,
    WindowPage,
)

# Whole lines of comment, and what stands before a line begins.
_FOR_READERS: Final = re.compile(r"^\s*(?://.*|/\*[\s\S]*?\*/)?$\n?|^\s+", re.MULTILINE)

Page = CheckoutPage | CartPage | OrderPage | ReceiptPage | WindowPage | PlainPage


def _asset(name: str, media_type: bytes) -> tuple[str, Reply]:
    """Its path carries the hash of its content, which therefore never changes under it.

    What stands in it for readers alone is not sent: about a quarter of it.
    """
    source = files("ucp_server.pages").joinpath("static", name).read_text("utf-8")
    body = _FOR_READERS.sub("", source).encode()
    stem, _, suffix = name.partition(".")
    headers = ((b"content-type", media_type), *security.ASSET_HEADERS)
    return f"/assets/{stem}.{sha256(body).hexdigest()[:12]}.{suffix}", Reply(200, body, headers)


_STYLE_PATH, _STYLE = _asset("style.css", b"text/css; charset=utf-8")
_SHOP_STYLE_PATH, _SHOP_STYLE = _asset("shop.css", b"text/css; charset=utf-8")
_SCRIPT_PATH, _SCRIPT = _asset("page.js", b"text/javascript; charset=utf-8")
_ICON_PATH, _ICON = _asset("icon.svg", b"image/svg+xml")
SPEECH_PATH, _SPEECH = _asset("embedded.js", b"text/javascript; charset=utf-8")
ASSETS: Final = Assets(style=_STYLE_PATH, script=_SCRIPT_PATH, icon=_ICON_PATH)
SHOP_ASSETS: Final = ShopAssets(
    style=_STYLE_PATH, shop_style=_SHOP_STYLE_PATH, script=_SCRIPT_PATH, icon=_ICON_PATH
)
ASSET_REPLIES: Final = {
    _STYLE_PATH: _STYLE,
    _SHOP_STYLE_PATH: _SHOP_STYLE,
    _SCRIPT_PATH: _SCRIPT,
    _ICON_PATH: _ICON,
    SPEECH_PATH: _SPEECH,
}
TEMPLATE_OF: Final[dict[type[Page], str]] = {
    CheckoutPage: "checkout.html",
    CartPage: "cart.html",
    OrderPage: "order.html",
    ReceiptPage: "receipt.html",
    WindowPage: "window.html",
    PlainPage: "plain.html",
}
# For requests that are nobody's: the page then names no shop.
NOBODY: Final = Shop(merchant_id="", title="", origin="")


@cache  # one for each of our few languages
def templates(code: str) -> jinja2.Environment:
    """The templates in the language of that code: each keeps what it compiled."""
    environment = speaking("ucp_server.pages", code)
    environment.globals["options"] = _options
    return environment


# The countries that buyers live in, in each language. Some 250 rows would be half of what a checkout costs.
@lru_cache(maxsize=64)
def _options(choices: tuple[Choice, ...]) -> Markup:
    """The rows of a list to choose from, which are in words already, and in no language's template."""
    rows = templates(ENGLISH.code).get_template("options.html").make_module({"choices": choices})
    return rows.__html__()


def show(
    page: Page, status: int = 200, framing: security.Framing = security.ALONE, *, shared_s: int = 0
) -> Reply:
    """The page as an answer, with the headers that every page carries (see `security.page`)."""
    language, embedded = page.shop.language, page.shop.embedded
    if embedded is not None:
        ancestors = tuple(embedded.ancestors.split())
        framing = msgspec.structs.replace(framing, ancestors=ancestors)
    html = templates(language.code).get_template(TEMPLATE_OF[type(page)]).render(page=page)
    return security.page(
        html,
        status,
        language=language.code,
        framing=framing,
        origin=page.shop.origin,
        shared_s=shared_s,
    )


def say(shop: Shop, title: str, text: str, *, order_url: str = "", refresh_s: int = 0) -> Reply:
    """A page with nothing to do but to read, from messages."""
    page = PlainPage(
        shop=shop,
        title=shop.language.text(title),
        text=shop.language.text(text),
        assets=ASSETS,
        order_url=order_url,
        refresh_s=refresh_s,
    )
    return show(page)
