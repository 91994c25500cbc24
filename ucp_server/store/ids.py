"""Ids that we make: UUIDv7 for rows, random tokens for links that open something by themselves.

A UUIDv7 begins with its time, so that inserts stay at the right edge of every index.
"""

import secrets
import time
import uuid
from datetime import UTC, datetime
from typing import Final

# RFC 9562, section 5.7: 48 bits of milliseconds, 4 of version, 12 random, 2 of variant, 62 random.
_VERSION: Final = 0x7 << 76
_VARIANT: Final = 0b10 << 62
_RANDOM_A_BITS: Final = 12
_RANDOM_B_BITS: Final = 62

TOKEN_BYTES: Final = 16  # 128 bits, beyond guessing

# Crockford's alphabet: in the order of ASCII, so that ULIDs sort as the ids that they stand for.
_ULID_DIGITS: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_ULID_LENGTH: Final = 26


def new_id() -> str:
    """A UUIDv7 of this moment, as text."""
    milliseconds = time.time_ns() // 1_000_000
    random = secrets.randbits(_RANDOM_A_BITS + _RANDOM_B_BITS)
    high = (milliseconds << 80) | _VERSION | ((random >> _RANDOM_B_BITS) << 64)
    return str(uuid.UUID(int=high | _VARIANT | (random & ((1 << _RANDOM_B_BITS) - 1))))


def new_token() -> str:
    """128 random bits for a link, in characters that need no escaping there."""
    return secrets.token_urlsafe(TOKEN_BYTES)


def first_id_at(moment: datetime) -> str:
    """The smallest UUID of ``moment``: where the partition that begins then begins."""
    return str(uuid.UUID(int=int(moment.timestamp() * 1000) << 80))


def moment_of(id_: str) -> datetime:
    """When a UUIDv7 was made, to the millisecond."""
    return datetime.fromtimestamp((uuid.UUID(id_).int >> 80) / 1000, UTC)


def is_id(text: str) -> bool:
    """Whether ``text`` is a UUID as we write it; anything else cannot be one of our rows."""
    try:
        return str(uuid.UUID(text)) == text
    except ValueError:
        return False


def ulid_of(id_: str) -> str:
    """The same 128 bits as a ULID, for protocols that write ids so."""
    bits = uuid.UUID(id_).int
    return "".join(_ULID_DIGITS[bits >> shift & 31] for shift in range(5 * (_ULID_LENGTH - 1), -1, -5))


def id_of_ulid(ulid: str) -> str | None:
    """The id that a ULID stands for, in any letter case; None for what is no ULID."""
    digits = [_ULID_DIGITS.find(digit) for digit in ulid.upper()] if ulid.isascii() else []
    if len(digits) != _ULID_LENGTH or min(digits) < 0 or digits[0] > 7:
        return None
    bits = 0
    for digit in digits:
        bits = bits << 5 | digit
    return str(uuid.UUID(int=bits))
