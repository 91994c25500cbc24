"""Idempotency keys on the wire (D/checkout-rest#Specific Header Requirements, digest 5)."""

import re
from typing import Final

from ucp_server.ucp.refusals import KeyInvalid

# The longest that the store keeps, and far beyond any UUID or hash.
KEY_LENGTH_MAX: Final = 255

_BARE: Final = re.compile(rf"[!-~]{{1,{KEY_LENGTH_MAX}}}", re.ASCII)
_QUOTED: Final = re.compile(r'"(?:[ !#-\[\]-~]|\\["\\])*"', re.ASCII)

# The operations whose body may be left out or empty, to the same effect.
_BODILESS: Final = frozenset({"cancel_checkout", "cancel_cart"})


def read_key(value: str | None, *, required: bool) -> str | None:
    """The key in an ``Idempotency-Key`` header, bare or as a quoted string; None without one.

    Raises `KeyInvalid` where it is none, or missing although it is ``required``.
    """
    if value is None:
        if required:
            raise KeyInvalid("This needs an idempotency key.")
        return None
    key = value.strip(" \t")
    if _QUOTED.fullmatch(key):
        key = re.sub(r"\\(.)", r"\1", key[1:-1])
    if not _BARE.fullmatch(key):
        raise KeyInvalid(f"An Idempotency-Key has 1 to {KEY_LENGTH_MAX} visible ASCII characters.")
    return key


def body_to_compare(operation: str, body: bytes) -> bytes:
    """The bytes that tell a repeated request: for a cancel an empty object is as good as nothing."""
    return b"" if operation in _BODILESS and body.strip() == b"{}" else body
