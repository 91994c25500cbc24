"""What every page answers with, and how a form proves that it is ours."""

import hashlib
import hmac
import re
from typing import Final
from urllib.parse import urlsplit

import msgspec

from ucp_server.asgi.reply import NO_STORE, Header, Reply

# Nothing inline and nothing foreign runs; pictures of goods may come from the merchant's own host.
_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' https:; "
    "form-action 'self'; base-uri 'none'; frame-src {frames}; frame-ancestors {ancestors}"
)
# A shop needs none of these, and neither does whoever gets a script past the policy above.
_UNUSED_FEATURES: Final = (
    *("accelerometer", "autoplay", "camera", "display-capture", "geolocation", "gyroscope", "hid"),
    *("magnetometer", "microphone", "midi", "serial", "usb", "xr-spatial-tracking"),
)
# What a provider's own fields may need within our page: wallets, and a bank that asks for a passkey.
_PAYING_FEATURES: Final = ("payment", "publickey-credentials-get")

_ORIGIN: Final = re.compile(
    r"https?://(?:\[[0-9a-f:.]+\]|[a-z0-9.-]+)(?::[0-9]{1,5})?", re.ASCII | re.IGNORECASE
)

_ALWAYS: Final[tuple[Header, ...]] = ((b"x-content-type-options", b"nosniff"),)
# The link in the address bar is a key: nobody keeps it, nobody is told of it, nobody indexes it.
_PRIVATE: Final[tuple[Header, ...]] = (
    *_ALWAYS,
    NO_STORE,
    (b"referrer-policy", b"no-referrer"),
    (b"x-robots-tag", b"noindex, nofollow"),
)
# What stands at an address of its own content never changes; nobody else's page needs it.
ASSET_HEADERS: Final[tuple[Header, ...]] = (
    *_ALWAYS,
    (b"cache-control", b"public, max-age=31536000, immutable"),
    (b"content-security-policy", b"default-src 'none'; sandbox"),
    (b"cross-origin-resource-policy", b"same-origin"),
)

# A year, as those who list such hosts ask for. Other hosts of the merchant's are not ours to bind.
_TLS_ONLY: Final[Header] = (b"strict-transport-security", b"max-age=31536000")
# On a developer's own machine other ports may well be plain, and the promise would cover them too.
_OWN_MACHINE: Final = ("localhost", "127.0.0.1", "::1")


class Framing(msgspec.Struct, frozen=True, kw_only=True):
    """Origins (``https://pay.example``) that a page may frame, and those that may frame it."""

    frames: tuple[str, ...] = ()
    ancestors: tuple[str, ...] = ()


ALONE: Final = Framing()


def page(
    html: str,
    status: int = 200,
    *,
    language: str = "en",
    framing: Framing = ALONE,
    origin: str = "",
    shared_s: int = 0,
) -> Reply:
    """An HTML answer with the headers that every page carries.

    ``origin`` is the shop's. With ``shared_s`` the page is the same for everybody: it may be kept for
    so many seconds, found by search engines and named to those it links to.
    """
    whose = _shared(shared_s) if shared_s else _PRIVATE
    headers = (
        (b"content-type", b"text/html; charset=utf-8"),
        (b"content-language", language.encode()),
        *whose,
        *_isolation(framing),
        *_policies(framing),
        *_transport(origin),
    )
    return Reply(status=status, body=html.encode(), headers=headers)


def _shared(seconds: int) -> tuple[Header, ...]:
    return (
        *_ALWAYS,
        (b"cache-control", b"public, max-age=%d" % seconds),
        (b"vary", b"accept-language"),
        (b"referrer-policy", b"strict-origin-when-cross-origin"),
    )


def _policies(framing: Framing) -> tuple[Header, ...]:
    policy = _POLICY.format(frames=_sources(framing.frames), ancestors=_sources(framing.ancestors))
    paying = " ".join(("self", *(f'"{origin}"' for origin in _origins(framing.frames))))
    features = (
        *(f"{feature}=()" for feature in _UNUSED_FEATURES),
        *(f"{feature}=({paying})" for feature in _PAYING_FEATURES),
    )
    return (
        (b"content-security-policy", policy.encode("ascii")),
        (b"permissions-policy", ", ".join(features).encode("ascii")),
    )


def _isolation(framing: Framing) -> tuple[Header, ...]:
    """Who may hold a reference to the page, or have it within its own process.

    A host that isolates itself frames only what says that it may be, and embeds nothing that did not
    agree either: that we cannot promise for a provider's frame within ours.
    """
    opener = (b"cross-origin-opener-policy", b"same-origin")
    if not framing.ancestors:
        # Browsers that know frame-ancestors read it instead.
        return (opener, (b"cross-origin-resource-policy", b"same-origin"), (b"x-frame-options", b"DENY"))
    embeds_nobody = ((b"cross-origin-embedder-policy", b"credentialless"),) if not framing.frames else ()
    return (opener, (b"cross-origin-resource-policy", b"cross-origin"), *embeds_nobody)


def _transport(origin: str) -> tuple[Header, ...]:
    url = urlsplit(origin)
    return (_TLS_ONLY,) if url.scheme == "https" and url.hostname not in _OWN_MACHINE else ()


def _sources(origins: tuple[str, ...]) -> str:
    return " ".join(_origins(origins)) or "'none'"


def _origins(told: tuple[str, ...]) -> list[str]:
    """Those that are origins: plug-ins and platforms name them, and none may write another directive."""
    return [origin for origin in told if _ORIGIN.fullmatch(origin)]


def see_other(path: str) -> Reply:
    """303 to one of our own paths, after a form was dealt with."""
    return Reply(status=303, headers=((b"location", path.encode("ascii")), *_PRIVATE))


def payment_session(secret: bytes, checkout_id: str, link_token: str) -> str:
    """The name of a checkout's page at a payment provider: nobody else can make it, or the link of it."""
    note = f"page-payment\0{checkout_id}\0{link_token}".encode()
    return hmac.new(secret, note, hashlib.sha256).hexdigest()[:40]


def form_token(secret: bytes, page_id: str, link_token: str) -> str:
    """A token that only a page which we rendered for this link can carry."""
    note = f"page-form\0{page_id}\0{link_token}".encode()
    return hmac.new(secret, note, hashlib.sha256).hexdigest()[:32]


def is_our_form(
    token: str, expected: str, *, origin: str | None, fetch_site: str | None, ours: str
) -> bool:
    """Whether a POST came from our own page: it carries the token, and no other site sent it.

    Browsers name the site in ``Sec-Fetch-Site``, which no script can forge. Those that do not yet
    (Safari before 16.4) name its ``Origin``, and write ``null`` there for a form on a page of
    ``no-referrer``, as ours are: then the token alone decides. A form without either is nobody's.
    """
    if not hmac.compare_digest(token.encode(), expected.encode()):
        return False
    if fetch_site is not None:
        return fetch_site == "same-origin"
    return origin == "null" or origin == ours.lower()
