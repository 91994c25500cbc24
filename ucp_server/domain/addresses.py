"""When two addresses are one, what one is called, and whose it is. Nothing here asks a country."""

import hashlib
from typing import Final

import msgspec

from ucp_server.domain.fulfillment import Address, Destination

_PLACE: Final = ("street_address", "extended_address", "locality", "region", "postal_code", "country")
_PERSON: Final = ("first_name", "last_name", "full_name", "phone_number")

# 64 bits tell all addresses of one buyer apart; the id opens nothing.
_ID_DIGITS: Final = 16


def _plain(text: str | None) -> str:
    return " ".join(text.split()).casefold() if text else ""


def content_hash(address: Address) -> bytes:
    """SHA-256 over all members, without regard to case and white space."""
    members = [_plain(getattr(address, name)) for name in _PLACE + _PERSON]
    return hashlib.sha256(msgspec.json.encode(members)).digest()


def id_of(address: Address) -> str:
    """The id of an address that came without one: the same content always gets the same."""
    return f"dest_{content_hash(address).hex()[:_ID_DIGITS]}"


def is_same(stored: Address, sent: Address) -> bool:
    """Whether ``sent`` is the stored one: the same place, and no person other than the stored one."""
    return all(_plain(getattr(stored, name)) == _plain(getattr(sent, name)) for name in _PLACE) and all(
        _plain(getattr(stored, name)) in ("", _plain(getattr(sent, name))) for name in _PERSON
    )


def find_same(stored: tuple[Destination, ...], sent: Address) -> Destination | None:
    return next((known for known in stored if known.address and is_same(known.address, sent)), None)


def names_a_place(address: Address) -> bool:
    """Whether it says more than a country or a region: only such an address is worth keeping."""
    return bool(address.street_address and address.country)


def owner_of(email: str) -> str:
    """Stands for a buyer's e-mail address where addresses are remembered, without showing it."""
    return f"mail:{hashlib.sha256(email.strip().casefold().encode()).hexdigest()}"
