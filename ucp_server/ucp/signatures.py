"""HTTP message signatures (RFC 9421) as UCP has them: M:D/signatures, digest 7.2 to 7.4.

What is signed is `signature_base`'s, who can sign is `signature_keys`'.
"""

import base64
from collections.abc import Mapping, Sequence
from itertools import islice
from typing import Any, Final, Literal, get_args
from urllib.parse import urlsplit

import msgspec

from ucp_server.ucp.signature_base import (
    SIGNATURE_AGENT,
    Covered,
    Message,
    Parameters,
    Request,
    Response,
    content_digest,
    is_digest,
    read_dictionary,
    signature_base,
    spelled,
)
from ucp_server.ucp.signature_keys import PublicKey, SigningKey, keys_named, signature_of

__all__ = ["Request", "Response", "SignatureFault", "SignatureRefused", "content_digest", "sign", "verify"]

Wire = dict[str, Any]

# From the least that can be said against a message to the most.
SignatureFault = Literal[
    "signature_missing", "key_not_found", "algorithm_unsupported", "signature_invalid", "digest_mismatch"
]

# A message has one signature, or two where a gateway adds its own; each costs a verification.
SIGNATURES_MAX: Final = 4
# Clocks that are kept by NTP differ by less than a second; those that are not, by minutes.
CLOCK_SKEW_S: Final = 300

# The one tag that UCP knows: a signature that verifiers of Web Bot Auth take as well.
WEB_BOT_AUTH: Final = "web-bot-auth"

_LABEL: Final = "sig1"
_FAULTS: Final = get_args(SignatureFault)


class SignatureRefused(Exception):
    """No signature of a message holds; ``code`` is the protocol's word for the reason (digest 6.2).

    With ``key_unknown`` one of them could hold by a key that was published since.
    """

    def __init__(self, code: SignatureFault, *, key_unknown: bool = False) -> None:
        super().__init__(code)
        self.code = code
        self.key_unknown = key_unknown


def sign(message: Message, key: SigningKey, created_s: int) -> dict[str, str]:
    """The headers to send with ``message``, by name; every header that it has already is covered.

    ``key`` is private, on P-256, P-384 or Ed25519, and has a kid; ``created_s`` is a Unix time.
    Raises ValueError where the URL is none.
    """
    added = {"content-digest": content_digest(message.body)} if message.body else {}
    complete = msgspec.structs.replace(message, headers={**message.headers, **added})
    values = complete.values()
    covered: Covered = [(name, {}) for name in values]
    parameters = {"created": created_s, "keyid": key.kid}
    said = spelled(covered, parameters)
    raw = signature_of(signature_base(values, covered, said), key)
    return {
        **added,
        "signature-input": f"{_LABEL}={said}",
        "signature": f"{_LABEL}=:{base64.b64encode(raw).decode()}:",
    }


def verify(message: Message, keys: Sequence[Wire], now_s: float) -> str:
    """The kid of the key that signed ``message``, one of ``keys`` (JWKs, of which any may be broken).

    One signature that holds is enough. Raises `SignatureRefused` with the most that can be said
    against the others, and ValueError where the URL is none.
    """
    signatures = read_dictionary(message.headers.get("signature"))
    said = read_dictionary(message.headers.get("signature-input"))
    refused = [SignatureRefused("signature_missing")]
    for label, (covered, parameters) in islice(said.items(), SIGNATURES_MAX):
        raw = signatures.get(label, (None, {}))[0]
        try:
            if not isinstance(covered, list) or not isinstance(raw, bytes):
                raise SignatureRefused("signature_missing")
            candidate = _Candidate(message, label, covered, parameters, raw)
            return candidate.verify(keys, now_s)
        except SignatureRefused as error:
            refused.append(error)
    worst = max(refused, key=lambda error: _FAULTS.index(error.code))
    raise SignatureRefused(worst.code, key_unknown=any(error.code == "key_not_found" for error in refused))


class _Candidate(msgspec.Struct, frozen=True):
    """One signature of several, under its label."""

    message: Message
    label: str
    covered: Covered
    parameters: Parameters
    raw: bytes

    def verify(self, keys: Sequence[Wire], now_s: float) -> str:
        tag = self.parameters.get("tag")
        # Any other says that a signature is made for something else than UCP (digest 7.4).
        if tag not in (None, WEB_BOT_AUTH):
            raise SignatureRefused("signature_missing")
        values = self.message.values()
        self._check_coverage(values)
        self._check_time(now_s)
        keyid, key = self._key(keys)
        if tag is not None:
            self._check_web_bot_auth(keyid, key)
        if "content-digest" in values and not is_digest(values["content-digest"], self.message.body):
            raise SignatureRefused("digest_mismatch")
        try:
            base = signature_base(values, self.covered, spelled(self.covered, self.parameters))
        except KeyError:
            raise SignatureRefused("signature_invalid") from None
        if not key.verifies(base, self.raw):
            raise SignatureRefused("signature_invalid")
        return keyid

    def _check_coverage(self, values: Mapping[str, str]) -> None:
        """What matters, all of it there, and nothing twice (RFC 9421 2.5)."""
        names = [name for name, _ in self.covered if type(name) is str]
        whole = len(names) == len(self.covered) == len(set(names))
        if not whole or not self.message.to_cover() <= set(names) <= values.keys():
            raise SignatureRefused("signature_invalid")

    def _check_time(self, now_s: float) -> None:
        """Both times are optional, and whole numbers."""
        created, expires = self.parameters.get("created", 0), self.parameters.get("expires", int(now_s))
        if type(created) is not int or type(expires) is not int:
            raise SignatureRefused("signature_invalid")
        if created > now_s + CLOCK_SKEW_S or expires < now_s - CLOCK_SKEW_S:
            raise SignatureRefused("signature_invalid")

    def _key(self, keys: Sequence[Wire]) -> tuple[str, PublicKey]:
        """The first key of this name that can be used."""
        keyid = self.parameters.get("keyid")
        named = list(keys_named(keys, keyid))
        if not named or not isinstance(keyid, str):
            raise SignatureRefused("key_not_found")
        key = next(filter(None, named), None)
        if key is None:
            raise SignatureRefused("algorithm_unsupported")
        # UCP names no algorithm; where one is named, it is the key's (RFC 9421 3.2).
        if self.parameters.get("alg", key.algorithm.http) != key.algorithm.http:
            raise SignatureRefused("signature_invalid")
        return keyid, key

    def _check_web_bot_auth(self, keyid: str, key: PublicKey) -> None:
        """M:D/signatures#WBA Interop: the key by its thumbprint, a window, and who vouches for it."""
        lasts = {"created", "expires"} <= self.parameters.keys()
        selects = (SIGNATURE_AGENT, {"key": self.label}) in self.covered
        if keyid != key.thumbprint or not lasts or not selects or not self._has_agent():
            raise SignatureRefused("signature_invalid")

    def _has_agent(self) -> bool:
        agent = read_dictionary(self.message.headers.get(SIGNATURE_AGENT)).get(self.label, (None, {}))[0]
        try:
            return type(agent) is str and urlsplit(agent).scheme == "https"
        except ValueError:
            return False
