"""Ids as callers see them: a prefix that says of what, then a ULID."""

import secrets
import uuid
from typing import Final

from ucp_server.store.ids import TOKEN_BYTES, id_of_ulid, ulid_of

_OFFER: Final = "of_"
_SHOWN: Final = "sc_"
_METHOD: Final = "pm."
_TRACKING: Final = "trk_"


def new_tracking() -> str:
    """128 random bits, written as a ULID: whoever holds the number is told of the order."""
    return _TRACKING + ulid_of(str(uuid.UUID(bytes=secrets.token_bytes(TOKEN_BYTES))))


def decode_tracking(text: str) -> str | None:
    """The number as we write it, in whatever letter case it came; None for what is none of ours."""
    id_ = _decode(_TRACKING, text)
    return None if id_ is None else _TRACKING + ulid_of(id_)


def render_offer_id(offer_id: str) -> str:
    return _OFFER + ulid_of(offer_id)


def render_shown_id(offer_id: str) -> str:
    """Of an offer that is to be looked at only."""
    return _SHOWN + ulid_of(offer_id)


def is_shown_id(text: str) -> bool:
    return _decode(_SHOWN, text) is not None


def decode_offer_id(text: str) -> str | None:
    """The row's UUID; None for what was never an offer of ours."""
    return _decode(_OFFER, text)


def render_method_urn(method_id: str) -> str:
    return _METHOD + ulid_of(method_id)


def decode_method_urn(text: str) -> str | None:
    """The row's UUID; None for what was never a payment method of ours."""
    return _decode(_METHOD, text)


def _decode(prefix: str, text: str) -> str | None:
    return id_of_ulid(text.removeprefix(prefix)) if text.startswith(prefix) else None
