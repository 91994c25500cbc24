"""Whose shop a request is for, by its Host, and under which scheme and authority that shop is known."""

import re
from collections.abc import Mapping
from typing import Final

import msgspec
from starlette.requests import Request

from ucp_server.config import Merchant, Settings

# RFC 9110 7.2, as far as links need it: a name or an address, and a port.
_AUTHORITY: Final = re.compile(
    r"(?:[a-z0-9._-]+|\[[0-9a-f:.]+\])(?::[0-9]{1,5})?", re.ASCII | re.IGNORECASE
)


class Host(msgspec.Struct, frozen=True, kw_only=True):
    """``site`` is scheme and authority without a slash at the end; all URLs of an answer begin with it."""

    merchant_id: str
    merchant: Merchant
    site: str


class Hosts:
    """Merchants by host name. At most one has no hosts; it gets whatever else is asked for.

    In production a public URL is configured and never taken from the request: a forged Host would
    otherwise stand in the links that a platform passes on.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._by_name: Mapping[str, str] = {
            host.lower(): name for name, merchant in settings.merchant.items() for host in merchant.hosts
        }
        self._other = next((name for name, m in settings.merchant.items() if not m.hosts), None)

    def find(self, request: Request) -> Host | None:
        """None where nobody is served under this name."""
        authority = request.headers.get("host", "")
        name = self._by_name.get(_host_name(authority), self._other)
        if name is None:
            return None
        merchant = self._settings.merchant[name]
        if self._follows(merchant) and _AUTHORITY.fullmatch(authority) is None:
            return None
        return Host(merchant_id=name, merchant=merchant, site=self._site(request, merchant, authority))

    def site_of(self, request: Request, merchant_id: str) -> str | None:
        """Where the links of a merchant begin that the request itself names, whatever its Host.

        None where the Host is nobody's: then the request was sent to somebody else.
        """
        if self.find(request) is None:
            return None
        return self._site(request, self._settings.merchant[merchant_id], request.headers.get("host", ""))

    def _site(self, request: Request, merchant: Merchant, authority: str) -> str:
        if not self._follows(merchant):
            return merchant.public_url.rstrip("/")
        return f"{request.scope['scheme']}://{authority}"

    def _follows(self, merchant: Merchant) -> bool:
        """Whether links of this merchant begin as the request did."""
        return not merchant.public_url and self._settings.relaxed.public_url_follows_request


def root_release(settings: Settings, merchant: Merchant) -> str:
    """The release at ``/.well-known/ucp``; empty for the newest."""
    match settings.relaxed.root_release:
        case "merchant":
            return merchant.root_release
        case "newest":
            return ""
        case fixed:
            return fixed


def _host_name(authority: str) -> str:
    if authority.startswith("["):
        return authority.partition("]")[0][1:].lower()
    return authority.partition(":")[0].lower()
