"""What the checkout's page shows of its payment: what pays, the provider's card fields, its challenge."""

from urllib.parse import urlencode, urlsplit

import msgspec

from ucp_server.domain.checkout import Checkout
from ucp_server.languages import Language
from ucp_server.languages.bills import paid_with
from ucp_server.pages.contexts import CardFields, Challenge, Shop
from ucp_server.pages.words import web_url
from ucp_server.ports import OnPage


class Paying(msgspec.Struct, frozen=True, kw_only=True):
    """``payment`` is what this page can pay with; ``came_back`` means from the provider's challenge."""

    payment: OnPage | None
    came_back: bool = False


def pays_with(payment: OnPage | None, language: Language) -> str:
    """``Visa •••• 4242``, or what the provider calls it; "" while nothing pays yet."""
    instrument = payment.instrument if payment else None
    description = instrument.display.get("description") if instrument else None
    return language.text(str(description)) if description else paid_with(instrument, language)


def card_fields(payment: OnPage | None, shop: Shop) -> CardFields | None:
    """The provider's page with its fields, told what ours is; folded once there is a card that may pay."""
    url = web_url(payment.fields_url) if payment else None
    if payment is None or url is None:
        return None
    about = {"lang": shop.language.code, "origin": shop.origin}
    if payment.instrument is not None:
        about["another"] = "1"
    return CardFields(
        url=f"{url}{'&' if urlsplit(url).query else '?'}{urlencode(about)}",
        is_folded=payment.instrument is not None,
    )


def fields_origin(fields: CardFields) -> str:
    """Which origin the page frames."""
    parts = urlsplit(fields.url)
    return f"{parts.scheme}://{parts.netloc}"


def challenge(checkout: Checkout, *, came_back: bool) -> Challenge | None:
    """``came_back``: the buyer is here from the provider, which knows what they said."""
    url = web_url(checkout.challenge_url)
    if url is None:
        return None
    return Challenge(url=url, host=urlsplit(url).hostname or "", came_back=came_back)
