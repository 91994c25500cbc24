"""What every page answers with, and how a form proves that it is ours."""

import hashlib
import hmac
from typing import Final

import msgspec

from ucp_server.asgi.reply import Reply

# Nothing inline and nothing foreign runs; pictures of goods may come from the merchant's own host.
_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' https:; "
    "form-action 'self'; base-uri 'none'; frame-src {frames}; frame-ancestors {ancestors}"
)

# The link in the address bar is a key: nobody keeps it, nobody is told of it, nobody indexes it.
_PRIVATE: Final = (
    (b"cache-control", b"no-store"),
    (b"referrer-policy", b"no-referrer"),
    (b"x-content-type-options", b"nosniff"),
    (b"x-robots-tag", b"noindex, nofollow"),
)
PAGE_HEADERS: Final = (
    (b"content-type", b"text/html; charset=utf-8"),
    *_PRIVATE,
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
)


class Framing(msgspec.Struct, frozen=True, kw_only=True):
    """Origins (``https://pay.example``) that a page may frame, and those that may frame it."""

    frames: tuple[str, ...] = ()
    ancestors: tuple[str, ...] = ()


ALONE: Final = Framing()


def page(html: str, status: int = 200, *, language: str = "en", framing: Framing = ALONE) -> Reply:
    """An HTML answer with the headers that every page carries."""
    policy = _POLICY.format(frames=_sources(framing.frames), ancestors=_sources(framing.ancestors))
    headers = (
        *PAGE_HEADERS,
        (b"content-language", language.encode()),
        (b"content-security-policy", policy.encode("ascii")),
    )
    return Reply(status=status, body=html.encode(), headers=headers)


def _sources(origins: tuple[str, ...]) -> str:
    return " ".join(origins) or "'none'"


def see_other(path: str) -> Reply:
    """303 to one of our own paths, after a form was dealt with."""
    return Reply(status=303, headers=((b"location", path.encode("ascii")), *_PRIVATE))


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
