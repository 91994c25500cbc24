"""Postal addresses on the wire (S/common/types/postal_address.json).

``full_name`` belongs to 2026-01-11 alone. It is read and shown under every release all the same:
objects are open, and nobody can tell which part of a name is the first one.
"""

from types import MappingProxyType
from typing import Any, Final

import msgspec

from ucp_server.domain.fulfillment import Address

Wire = dict[str, Any]

# Our names and the wire's, in the order in which an address is shown.
_MEMBERS: Final = MappingProxyType(
    {
        "first_name": "first_name",
        "last_name": "last_name",
        "full_name": "full_name",
        "street_address": "street_address",
        "extended_address": "extended_address",
        "locality": "address_locality",
        "region": "address_region",
        "postal_code": "postal_code",
        "country": "address_country",
        "phone_number": "phone_number",
    }
)


def decode_address(wire: Wire) -> Address | None:
    """The address among the members of ``wire``; None where there is not one of it.

    Raises `msgspec.ValidationError` where a member is no text.
    """
    found = {ours: wire[theirs] for ours, theirs in _MEMBERS.items() if wire.get(theirs) is not None}
    return msgspec.convert(found, Address) if found else None


def render_address(address: Address | None) -> Wire:
    """The members that are known; empty for None."""
    if address is None:
        return {}
    known = ((theirs, getattr(address, ours)) for ours, theirs in _MEMBERS.items())
    return {member: text for member, text in known if text is not None}
