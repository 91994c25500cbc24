"""A request as this binding works on it, whatever transport it came by."""

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from ucp_server.asgi.facts import Facts
from ucp_server.asgi.reply import Reply
from ucp_server.ucp.operation_table import OPERATIONS
from ucp_server.ucp.releases import Release, newest_served, served
from ucp_server.ucp.signature_base import Request as SignedRequest

Wire = dict[str, Any]


class Shop(msgspec.Struct, frozen=True, kw_only=True):
    """A merchant as its platforms know it.

    ``site`` is the scheme and authority of all its URLs, without a slash at the end: the merchant's
    public URL, or what this request came under where the mode says so. ``links`` are entries of a
    checkout's ``links``; ``asked_signals`` are names of what a platform should tell of its buyer. With
    ``signs_all_replies`` not only those are signed that always are. ``is_embeddable``: platforms may frame
    its pages.
    """

    merchant_id: str
    site: str
    root_release: str
    links: tuple[Wire, ...] = ()
    key_required: bool = False
    asked_signals: tuple[str, ...] = ()
    signs_all_replies: bool = False
    is_embeddable: bool = True

    @property
    def root(self) -> Release:
        """The release of the profile at the root of the site."""
        return served(self.root_release) or newest_served()

    def profile_url(self, release: Release) -> str:
        """Where a platform of ``release`` finds the shop.

        That is the root (T3:D/signatures, "Parsing Rules"), if what stands there is of that release
        or leads to it. Whoever cannot be led came by the site that the release has for itself.
        """
        leads = self.root.lists_supported_versions and release.lists_supported_versions
        site = self.site if leads or release is self.root else f"{self.site}/ucp/{release.version}"
        return f"{site}/.well-known/ucp"


class Paths(msgspec.Struct, frozen=True, kw_only=True):
    """Where the pages for people are: path of (id, token) without the site.

    ``back`` is a checkout's, for the buyer who comes from a payment provider.
    """

    checkout: Callable[[str, str], str]
    back: Callable[[str, str], str]
    cart: Callable[[str, str], str]
    order: Callable[[str, str], str]


def unwrapped(release: Release, reply: Reply) -> Reply:
    """The reply as it is, which is how REST sends it."""
    del release
    return reply


class Incoming(msgspec.Struct, frozen=True, kw_only=True):
    """``endpoint`` is the release whose path was asked; ``target`` the id in it, as it was written.

    ``headers`` have lower-case names; a repeated one is joined by commas. ``certificate`` is the
    caller's, DER, where the listener or a trusted proxy checked one. ``arrived_s`` is the event
    loop's time; ``facts`` go to the access line. ``sent`` is the message as it was on the wire, which is
    what a signature is about; None where a transport has none. ``address`` is what budgets are kept for, ""
    where it cannot be told from others. ``key_required`` where the transport asks for an idempotency key
    whatever the merchant does; ``wrap`` makes of a reply, and the release that it is in, what the
    transport sends.
    """

    operation: str
    shop: Shop
    endpoint: Release
    headers: Mapping[str, str]
    raw: bytes
    arrived_s: float
    facts: Facts
    target: str = ""
    query: str = ""
    certificate: bytes | None = None
    sent: SignedRequest | None = None
    address: str = ""
    key_required: bool = False
    wrap: Callable[[Release, Reply], Reply] = unwrapped

    def __repr__(self) -> str:
        """Without headers and body: they hold keys and cards."""
        return f"Incoming({self.operation})"

    @property
    def writes(self) -> bool:
        return OPERATIONS[self.operation].writes
