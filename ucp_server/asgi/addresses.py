"""Where a request comes from: whom a budget may be kept for, and whose word counts."""

import ipaddress
import re
from collections.abc import Iterable, Mapping
from typing import Final

from starlette.types import Scope

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

# What one household or server is given of IPv6: whoever has that, has all of its addresses.
_V6_PREFIX: Final = 64
# RFC 7239 4: the member of an element; proxies leave brackets and quotes away where they should not.
_FOR: Final = re.compile(
    r'(?:^|;)\s*for="?(?:\[([0-9a-f:.]+)\]|([0-9.]+)|([0-9a-f:]+))(?::[0-9]{1,5})?"?\s*(?:;|$)',
    re.ASCII | re.IGNORECASE,
)


def source_of(scope: Scope, headers: Mapping[str, str], trusted: Iterable[Network]) -> str:
    """The caller's address, of IPv6 its network; "" where it cannot be told from others.

    That is who opened the connection or, where one of ``trusted`` did, whom it names last in
    ``Forwarded``: what stands before that was written by the caller. On loopback and behind a proxy
    that names nobody all callers look alike.
    """
    address = _opened_by(scope)
    if _is_among(address, trusted):
        named = _FOR.search(headers.get("forwarded", "").rpartition(",")[2])
        address = _address(next(filter(None, named.groups()))) if named else address
    if address is None or address.is_loopback or _is_among(address, trusted):
        return ""
    if address.version == 6:
        return str(ipaddress.ip_network((address, _V6_PREFIX), strict=False))
    return str(address)


def comes_from(scope: Scope, trusted: Iterable[Network]) -> bool:
    """Whether the connection is from one of ``trusted``."""
    return _is_among(_opened_by(scope), trusted)


def _opened_by(scope: Scope) -> Address | None:
    """The other end of the connection; a Unix socket counts as loopback."""
    client = scope.get("client")
    return _address(client[0] if client and client[0] else "127.0.0.1")


def _is_among(address: Address | None, networks: Iterable[Network]) -> bool:
    return address is not None and any(address in network for network in networks)


def _address(text: str) -> Address | None:
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return None
    mapped = address.ipv4_mapped if address.version == 6 else None
    return mapped or address
