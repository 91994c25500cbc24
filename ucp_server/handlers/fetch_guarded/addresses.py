"""Which addresses the outside is: the one judgement that every connection of ours passes."""

import ipaddress
from ipaddress import IPv4Address, IPv6Address

# Python calls these global, the registries (RFC 6890 and its successors) or a cloud do not.
_FORBIDDEN_V4 = tuple(
    ipaddress.IPv4Network(network)
    for network in (
        "192.0.0.0/24",  # protocol assignments; one cloud keeps its metadata there
        "192.88.99.0/24",  # relays into 6to4
        "168.63.129.16/32",  # a cloud's host agent on a public address
    )
)
# Global unicast is all that is handed out to hosts; everything outside it (NAT64, site-local,
# unique local, link-local, multicast, discard) leads inwards or nowhere.
_GLOBAL_UNICAST_V6 = ipaddress.IPv6Network("2000::/3")
_FORBIDDEN_V6 = tuple(
    ipaddress.IPv6Network(network)
    for network in (
        "2001::/23",  # protocol assignments, Teredo among them
        "2001:db8::/32",  # documentation
        "2002::/16",  # 6to4: carries any IPv4 address
        "3fff::/20",  # documentation
    )
)


def is_public(address: str) -> bool:
    """Whether a host on the internet can have ``address``; False for anything unreadable."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return False
    if isinstance(parsed, IPv6Address):
        return _is_public_v6(parsed)
    return _is_public_v4(parsed)


def is_loopback(address: str) -> bool:
    """Whether ``address`` is this machine itself."""
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return False


def _is_public_v4(address: IPv4Address) -> bool:
    if not address.is_global or address.is_multicast or address.is_reserved:
        return False
    return not any(address in network for network in _FORBIDDEN_V4)


def _is_public_v6(address: IPv6Address) -> bool:
    if address.scope_id is not None:
        return False
    if address.ipv4_mapped is not None:
        return _is_public_v4(address.ipv4_mapped)
    if address not in _GLOBAL_UNICAST_V6 or not address.is_global:
        return False
    return not any(address in network for network in _FORBIDDEN_V6)
