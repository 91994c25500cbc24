"""Who asks, in which release, with which capabilities: digest 4.2, on every request."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

import msgspec

from ucp_server.domain.errors import Refusal
from ucp_server.modes import Relaxations
from ucp_server.ucp.incoming import Incoming
from ucp_server.ucp.instruments import Offers
from ucp_server.ucp.operation_table import OPERATIONS
from ucp_server.ucp.platforms import (
    DEFAULT_ID,
    URL_LENGTH_MAX,
    Agent,
    Listed,
    Platform,
    read_agent,
    read_platform,
)
from ucp_server.ucp.profiles_cache import (
    Busy,
    CachedProfile,
    InvalidUrl,
    Malformed,
    ProfileCache,
    ProfileError,
    Unreachable,
)
from ucp_server.ucp.refusals import (
    CapabilitiesIncompatible,
    InvalidProfileUrl,
    ProfileMalformed,
    ProfileNotTrusted,
    ProfilesBusy,
    ProfileUnreachable,
    VersionUnsupported,
)
from ucp_server.ucp.releases import (
    OUTCOMES,
    SERVED,
    TOLD_BY_STATUS,
    Capability,
    Release,
    is_older,
    oldest_served,
    served,
)
from ucp_server.ucp.schema import Schemas

# Each keeps a profile that the cache would let go; real ones have 2 to 10 KiB.
PLATFORMS_READ_MAX: Final = 1_000

_FAILURES: Final[Mapping[type[ProfileError], type[Refusal]]] = MappingProxyType(
    {
        InvalidUrl: InvalidProfileUrl,
        Unreachable: ProfileUnreachable,
        Malformed: ProfileMalformed,
        Busy: ProfilesBusy,
    }
)


class Caller(msgspec.Struct, frozen=True, kw_only=True):
    """Who says to ask, before anything was fetched. ``listed`` is None for one that is not configured."""

    agent: Agent
    profile_url: str | None
    listed: Listed | None


class Negotiated(msgspec.Struct, frozen=True, kw_only=True):
    """What both sides agreed on for this request. ``active`` are names of capabilities."""

    platform: Platform
    release: Release
    active: frozenset[str]
    shows_problems: bool = False

    def refusing_problems(self, operation: str) -> frozenset[str]:
        """The problem codes that are answered as a refusal."""
        refusing = self.release.refusing_problems.get(operation, frozenset())
        return refusing - TOLD_BY_STATUS if self.shows_problems else refusing

    @property
    def instruments(self) -> dict[str, Offers]:
        """What the platform can pay with, by name of a payment handler, where its release has that."""
        return {} if self.release.instruments_told == "not" else dict(self.platform.instruments)

    @property
    def refuses_empty(self) -> bool:
        """Whether no checkout is made of things of which none is sold."""
        return self.release.refuses_empty and not self.shows_problems

    def refusals_shown(self, operation: str) -> frozenset[str]:
        """The codes of refusals that are answered with the checkout as it stands."""
        shown = self.release.refusals_shown.get(operation, frozenset())
        return shown | OUTCOMES.get(operation, frozenset()) if self.shows_problems else shown


class _Read(msgspec.Struct, frozen=True, kw_only=True):
    """What a profile says; holds as long as the cache gives this very profile."""

    profile: CachedProfile
    platform: Platform


class Negotiation:
    """Digest 4.2 over one profile cache. ``listed`` are the configured platforms by profile URL."""

    def __init__(
        self,
        *,
        profiles: ProfileCache,
        schemas: Schemas,
        relaxed: Relaxations,
        listed: Mapping[str, Listed],
        unlisted_are_served: bool,
    ) -> None:
        self._profiles = profiles
        self._schemas = schemas
        self._relaxed = relaxed
        self._listed = listed
        self._unlisted_are_served = unlisted_are_served or relaxed.unlisted_platforms_open
        self._read: dict[str, _Read] = {}

    def identify(self, incoming: Incoming) -> Caller:
        """Who the request says it is from; whether that is true is a matter of `authentication`.

        Raises `InvalidProfileUrl`, `ProfileNotTrusted`, and `VersionUnsupported` for the suite's
        ``version`` parameter.
        """
        agent = self._read_agent(incoming)
        if self._relaxed.version_parameter_checked and agent.version is not None:
            release_for(agent.version, incoming.endpoint)
        url = agent.profile_url
        if not url or len(url) > URL_LENGTH_MAX:
            if self._refuses_strangers:
                raise InvalidProfileUrl('UCP-Agent has to name the platform: profile="https://…".')
            return Caller(agent=agent, profile_url=None, listed=None)
        listed = self._listed.get(url)
        known = listed.deals_with(incoming.shop.merchant_id) if listed else self._unlisted_are_served
        if not known:
            raise ProfileNotTrusted
        return Caller(agent=agent, profile_url=url, listed=listed)

    async def negotiate(self, incoming: Incoming, caller: Caller) -> Negotiated:
        """The release and the capabilities of this request.

        Raises `InvalidProfileUrl`, `ProfileUnreachable`, `ProfileMalformed`, `ProfilesBusy`,
        `VersionUnsupported`, `CapabilitiesIncompatible`.
        """
        platform = await self._platform(caller)
        version = platform.version or caller.agent.version
        release = incoming.endpoint if version is None else release_for(version, incoming.endpoint)
        active = self._active(release, platform)
        root = OPERATIONS[incoming.operation].root
        if root not in active:
            raise CapabilitiesIncompatible(root)
        shows_problems = caller.listed is not None and caller.listed.shows_problems
        return Negotiated(platform=platform, release=release, active=active, shows_problems=shows_problems)

    @property
    def _refuses_strangers(self) -> bool:
        return self._relaxed.missing_profile == "refused"

    def _read_agent(self, incoming: Incoming) -> Agent:
        try:
            return read_agent(incoming.headers.get("ucp-agent"))
        except InvalidProfileUrl:
            if self._refuses_strangers:
                raise
            return Agent(profile_url=None, version=None)

    async def _platform(self, caller: Caller) -> Platform:
        if caller.profile_url is None:
            return Platform(id=DEFAULT_ID)
        if caller.listed is not None and caller.listed.follows_the_path:
            return Platform(id=caller.profile_url)
        if caller.listed is not None and caller.listed.document is not None:
            return read_platform(caller.profile_url, caller.listed.document)
        try:
            return await self._fetched(caller.profile_url)
        except (InvalidProfileUrl, ProfileUnreachable, ProfileMalformed):
            if self._refuses_strangers:
                raise
            return Platform(id=caller.profile_url)

    async def _fetched(self, url: str) -> Platform:
        try:
            profile = await self._profiles.get(url)
        except ProfileError as error:
            raise profile_refused(error) from error
        known = self._read.get(url)
        if known is not None and known.profile is profile:
            return known.platform
        platform = read_platform(url, profile.document)
        self._check(platform, profile.document)
        if len(self._read) >= PLATFORMS_READ_MAX:
            self._read.pop(next(iter(self._read)))
        self._read[url] = _Read(profile=profile, platform=platform)
        return platform

    def _check(self, platform: Platform, document: dict[str, object]) -> None:
        """A profile of a release that we know has that release's form; of others we know none."""
        release = served(platform.version or "")
        if release is None:
            return
        violations = self._schemas.checker(release.version, "request", "profile").check(document)
        if violations:
            raise ProfileMalformed(
                f"The profile is not one of UCP: {violations[0].path} {violations[0].text}"
            )

    def _active(self, release: Release, platform: Platform) -> frozenset[str]:
        if self._relaxed.intersection_skipped or platform.capabilities is None:
            return frozenset(capability.name for capability in release.capabilities)
        return intersection(release, platform.capabilities)


def profile_refused(error: ProfileError) -> Refusal:
    """What a caller is told whose profile cannot be had."""
    return _FAILURES[type(error)](error.text)


def release_for(version: str, endpoint: Release) -> Release:
    """The release that answers a platform of ``version`` at ``endpoint``'s paths.

    A version that we serve is served as such, wherever it asks. Raises `VersionUnsupported`.
    """
    exact = served(version)
    if exact is not None:
        return exact
    if endpoint.serves_older_platforms and is_older(version, endpoint):
        return oldest_served()
    raise VersionUnsupported(SERVED)


def intersection(release: Release, theirs: Mapping[str, frozenset[str]]) -> frozenset[str]:
    """The names of our capabilities that hold between both (D/overview#Intersection Algorithm).

    ``theirs`` are the platform's versions by name. What has lost all its parents, or needs another
    version of what is left, falls; that goes on until nothing more falls, once for each at the most.
    """
    kept = [each for each in release.capabilities if _is_shared(release, each, theirs)]
    for _ in range(len(kept)):
        versions = {each.name: release.version_of(each) for each in kept}
        kept = [each for each in kept if _holds(release, each, versions)]
    return frozenset(each.name for each in kept)


def _is_shared(release: Release, ours: Capability, theirs: Mapping[str, frozenset[str]]) -> bool:
    if ours.name not in theirs:
        return False
    return not release.matches_capability_versions or release.version_of(ours) in theirs[ours.name]


def _holds(release: Release, capability: Capability, kept: Mapping[str, str]) -> bool:
    """Whether something is left to extend, in versions that the extension can work with."""
    if capability.extends and not any(parent in kept for parent in capability.extends):
        return False
    needs = capability.requires
    if needs is None:
        return True
    return (needs.protocol is None or needs.protocol.admits(release.version)) and all(
        name in kept and versions.admits(kept[name]) for name, versions in needs.capabilities.items()
    )
