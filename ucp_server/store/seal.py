"""What is stored of secrets that have to be read again: encrypted under the server secret."""

import os
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

_NONCE_BYTES: Final = 12


class SealBrokenError(Exception):
    """Something sealed does not open: the server secret is another one than when it was made."""


class Seal:
    """AES-256-GCM under a key of its own, derived from the server secret for ``purpose``."""

    def __init__(self, secret: bytes, purpose: str) -> None:
        info = f"ucp-server {purpose}".encode()
        self._purpose = purpose
        self._cipher = AESGCM(HKDF(algorithm=SHA256(), length=32, salt=None, info=info).derive(secret))

    def close(self, plain: bytes, about: str) -> bytes:
        """Sealed for ``about`` alone: moved to another row it no longer opens."""
        nonce = os.urandom(_NONCE_BYTES)
        return nonce + self._cipher.encrypt(nonce, plain, about.encode())

    def open(self, sealed: bytes, about: str) -> bytes:
        """Raises `SealBrokenError`."""
        try:
            return self._cipher.decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], about.encode())
        except InvalidTag as error:
            text = f"what is kept of the {self._purpose} does not open with this server secret"
            raise SealBrokenError(text) from error
