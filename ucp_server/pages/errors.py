"""What went wrong, for whoever is at the page: what it means, what was lost, and what to do now."""

import math
from typing import Final, NamedTuple

from starlette.types import Scope

from ucp_server.asgi.facts import request_id_of
from ucp_server.asgi.reply import Reply
from ucp_server.languages import message
from ucp_server.pages.contexts import PlainPage, Shop
from ucp_server.pages.rendering import ASSETS, show


class Said(NamedTuple):
    """A message as title, one as text, and the status that goes with them."""

    title: str
    text: str
    status: int


NOT_FOUND: Final = Said(
    message("We could not find this page"),
    message(
        "The link may be incomplete. Please open it again from where you got it, or ask your assistant "
        "for a new one."
    ),
    404,
)
CART_GONE: Final = Said(
    message("This cart is no longer there"),
    message("It was bought or put away, or its time is over. Your assistant can fill a new one for you."),
    404,
)
NOT_OURS: Final = Said(
    message("We did not send this form"),
    message("Nothing was changed. Please open your link again."),
    403,
)
UNREADABLE: Final = Said(
    message("We could not read this form"),
    message("Nothing was changed. Please go back and try again."),
    400,
)
NO_SHOP: Final = Said(message("No shop is here"), message("No shop is served under this address."), 421)
PRESSED_TOO_OFTEN: Final = Said(
    message("Please wait a moment before you try again"),
    message(
        "Paying was tried many times within a minute. This last try charged nothing, and your order is "
        "kept as it is."
    ),
    429,
)
ASKED_TOO_OFTEN: Final = Said(
    message("Please slow down a little"),
    message("We were asked a lot within a minute. Nothing is lost; please try again in a moment."),
    429,
)
UNAVAILABLE: Final = Said(
    message("We cannot be reached at the moment"),
    message("Please try again in a minute. Nothing is lost, and nothing is charged twice."),
    503,
)
_TOO_SLOW: Final = Said(
    message("That took too long"),
    message("Your connection may be slow at the moment. Nothing was changed; please try again."),
    408,
)
_TOO_MUCH: Final = Said(
    message("That was too much at once"),
    message("Nothing was changed. Please go back and write a little less."),
    413,
)
_FAILED: Final = Said(
    message("Something failed on our side"),
    message(
        "We are sorry. Nothing is lost, and nothing is charged twice. Please try again; if you ask us "
        "about it, name this number: %(number)s"
    ),
    500,
)
_MOMENT: Final = Said(
    message("Please try again in a moment"),
    message("We are busy right now. Nothing is lost, and nothing is charged twice."),
    503,
)
_UNDONE: Final = Said(
    message("We could not do that"), message("Nothing was changed. Please open your link again."), 400
)

# By the status of what the layers around the routes found; they speak to engineers.
_BY_STATUS: Final = {
    said.status: said
    for said in (NOT_FOUND, NO_SHOP, UNREADABLE, ASKED_TOO_OFTEN, _TOO_SLOW, _TOO_MUCH, _FAILED, _MOMENT)
}


def tell(shop: Shop, said: Said, *, back_url: str = "") -> Reply:
    """A page that says it; ``back_url`` leads to where the buyer was."""
    return _tell(shop, said, said.status, shop.language.text(said.text), back_url)


def tell_status(shop: Shop, status: int, scope: Scope) -> Reply:
    """What a layer around the routes answers with ``status``."""
    said = _BY_STATUS.get(status) or (_FAILED if status >= 500 else _UNDONE)
    return _tell(shop, said, status, shop.language.text(said.text, number=request_id_of(scope)))


def _tell(shop: Shop, said: Said, status: int, text: str, back_url: str = "") -> Reply:
    page = PlainPage(
        shop=shop,
        title=shop.language.text(said.title),
        text=text,
        assets=ASSETS,
        back_url=back_url,
    )
    return show(page, status)


def tell_wait(shop: Shop, said: Said, wait_s: float, *, back_url: str = "") -> Reply:
    """Like `tell`, with how long to wait for whatever reads headers."""
    wait = b"%d" % math.ceil(wait_s)
    return tell(shop, said, back_url=back_url).adding((b"retry-after", wait))
