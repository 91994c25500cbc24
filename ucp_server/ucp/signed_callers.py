"""Who signed a request: its HTTP message signature held against the keys in the caller's profile.

M:D/overview#Identity Resolution Algorithm, digest 7.4. The signer is whoever publishes the key under
the URL that ``UCP-Agent`` names, so that a signature that holds is also bound to the profile.
"""

from collections.abc import Callable, Mapping
from datetime import timedelta
from types import MappingProxyType
from typing import Any, Final

from ucp_server.domain.errors import Refusal
from ucp_server.ports import Clock
from ucp_server.ucp import refusals
from ucp_server.ucp.incoming import Incoming
from ucp_server.ucp.negotiation import Caller, profile_refused
from ucp_server.ucp.profiles_cache import (
    TTL_MAX_S,
    CachedProfile,
    ProfileCache,
    ProfileError,
    Unreachable,
)
from ucp_server.ucp.signature_base import Request
from ucp_server.ucp.signatures import SignatureFault, SignatureRefused, verify

Wire = dict[str, Any]

# What the access line says of a signature that holds.
HOLDS: Final = "holds"

# Platforms publish under either name, and a key counts that stands under one of them
# (M:D/signatures#Key Rotation).
_KEY_MEMBERS: Final = ("signing_keys", "keys")

_REFUSALS: Final[Mapping[SignatureFault, Callable[[], Refusal]]] = MappingProxyType(
    {
        "signature_missing": refusals.SignatureMissing,
        "key_not_found": refusals.KeyNotFound,
        "algorithm_unsupported": refusals.AlgorithmUnsupported,
        "signature_invalid": refusals.SignatureInvalid,
        "digest_mismatch": refusals.DigestMismatch,
    }
)


class SignedCallers:
    """Checks signatures by the profiles that are at hand, or fetched; for all merchants."""

    def __init__(self, profiles: ProfileCache, clock: Clock) -> None:
        self._profiles = profiles
        self._clock = clock

    async def check(self, incoming: Incoming, caller: Caller) -> None:
        """Raises the `Refusal` that says why not, also where the profile cannot be had."""
        try:
            await self._check(incoming, caller)
        except Refusal as refusal:
            incoming.facts["signature"] = refusal.code
            raise
        incoming.facts["signature"] = HOLDS

    async def look(self, incoming: Incoming, caller: Caller) -> None:
        """Tell the access line what `check` would say, and refuse nothing."""
        try:
            await self.check(incoming, caller)
        except Refusal:
            return

    async def _check(self, incoming: Incoming, caller: Caller) -> None:
        sent = incoming.sent
        # Asked first: whoever signs nothing makes us fetch nothing.
        if sent is None or caller.profile_url is None or not is_signed(incoming):
            raise refusals.SignatureMissing
        if caller.listed is not None and caller.listed.document is not None:
            self._verify(sent, caller.listed.document)
            return
        try:
            await self._verify_by_url(sent, caller.profile_url)
        except ProfileError as error:
            raise profile_refused(error) from error

    async def _verify_by_url(self, sent: Request, url: str) -> None:
        """With a key that the profile lacks, it is looked at once more."""
        profile = await self._believed(url)
        try:
            verify(sent, published(profile.document), self._now_s())
        except (SignatureRefused, ValueError) as error:
            if not isinstance(error, SignatureRefused) or not error.key_unknown:
                raise _refusal(error) from error
            newer = await self._profiles.refreshed(profile)
            if newer is profile:
                raise _refusal(error) from error
            self._verify(sent, newer.document)

    async def _believed(self, url: str) -> CachedProfile:
        """A profile whose keys may be believed: not for as long as an old one serves otherwise.

        A key that was withdrawn would else open once more, hours later, to who stole it.
        """
        profile = await self._profiles.get(url)
        if self._clock.now() < profile.fresh_until:
            return profile
        profile = await self._profiles.refreshed(profile)
        if self._clock.now() >= profile.fetched_at + timedelta(seconds=TTL_MAX_S):
            raise Unreachable("The platform's keys are too old to be believed, and its host is silent.")
        return profile

    def _verify(self, sent: Request, document: Wire) -> None:
        try:
            verify(sent, published(document), self._now_s())
        except (SignatureRefused, ValueError) as error:
            raise _refusal(error) from error

    def _now_s(self) -> float:
        return self._clock.now().timestamp()


def is_signed(incoming: Incoming) -> bool:
    """Whether there is a signature at all, whatever it is worth."""
    return "signature-input" in incoming.headers and "signature" in incoming.headers


def published(document: Wire) -> list[Wire]:
    """The signing keys (JWK) in a profile, of which any may be broken."""
    lists = [document.get(member) for member in _KEY_MEMBERS]
    return [key for keys in lists if isinstance(keys, list) for key in keys if isinstance(key, dict)]


def _refusal(error: SignatureRefused | ValueError) -> Refusal:
    """What is no URL was signed by nobody."""
    code: SignatureFault = error.code if isinstance(error, SignatureRefused) else "signature_invalid"
    return _REFUSALS[code]()
