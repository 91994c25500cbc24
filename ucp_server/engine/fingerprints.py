"""What an idempotency key is bound to, so that a reuse with anything else is noticed."""

import hashlib
import hmac


def fingerprint(secret: bytes, body: bytes, *, operation: str, target: str = "", query: str = "") -> bytes:
    """HMAC of the raw ``body``'s digest and of what it was sent for.

    A plain digest of a body with a card in it could be guessed; under ``secret`` it cannot.
    """
    whole = hmac.new(secret, hashlib.sha256(body).digest(), hashlib.sha256)
    for part in (operation, target, query):
        # Each part ends where a NUL is, so that no two splits of a text look the same.
        whole.update(part.encode() + b"\0")
    return whole.digest()
