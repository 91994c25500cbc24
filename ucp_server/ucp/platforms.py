"""Platforms: what they say of themselves, and what a merchant's configuration says of them."""

from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from types import MappingProxyType
from typing import Any, Final, Literal, cast

import http_sf
import msgspec

from ucp_server.ucp.instruments import Offers, read_instruments
from ucp_server.ucp.refusals import InvalidProfileUrl, ProfileMalformed
from ucp_server.ucp.releases import ORDER

Wire = dict[str, Any]

# Whether a platform's HTTP message signatures are looked at, and whether it may do without.
SignaturePolicy = Literal["off", "log", "require"]

# Leads the primary key of every claim: with the longest key and operation that still fits into an
# index entry of Postgres (2,704 bytes).
URL_LENGTH_MAX: Final = 1024

# A platform sends the same header with every request; reading it costs as much as a query. More
# platforms than these at once are read each time; 16 kB is the longest header that gets here.
AGENTS_KEPT_MAX: Final = 256

# The platform of callers without a readable profile, where the mode serves them.
DEFAULT_ID: Final = "default"


class Listed(msgspec.Struct, frozen=True, kw_only=True):
    """A platform in the merchant's configuration. ``document`` is its profile where it is pinned.

    ``merchants`` are those that it may buy from, all where empty; a certificate is told by its
    subject (RFC 4514) or its SHA-256, hexadecimal in lower case. With ``shows_problems`` a decline or
    missing stock is told in the checkout, whatever its release says. One that ``follows_the_path`` is
    taken to speak the release that it asks, with all that we offer in it: no profile is read.
    ``signatures`` are asked for beside ``auth``; with ``auth`` signature they are the proof. ``rate``
    is in writes a minute, 0 for no limit of any kind to one that proves itself, None for what everybody
    has.
    """

    profile_url: str
    auth: Literal["open", "api_key", "oauth", "mtls", "signature"] = "api_key"
    signatures: SignaturePolicy = "off"
    writes: bool = True
    merchants: tuple[str, ...] = ()
    document: Wire | None = None
    certificate_subject: str = ""
    certificate_sha256: str = ""
    shows_problems: bool = False
    follows_the_path: bool = False
    rate: int | None = None

    @property
    def proves(self) -> bool:
        """Whether its requests come with a proof of who it is."""
        return self.auth != "open" or self.must_sign

    @property
    def must_sign(self) -> bool:
        return self.auth == "signature" or self.signatures == "require"

    def deals_with(self, merchant_id: str) -> bool:
        return not self.merchants or merchant_id in self.merchants


class Platform(msgspec.Struct, frozen=True, kw_only=True):
    """Who asks. ``version`` is None where no profile says it; ``webhook_url`` where it wants no events.

    ``capabilities`` are the versions by name, None where none is listed because no profile was read;
    ``instruments`` what it can pay with, by name of a payment handler.
    """

    id: str
    version: str | None = None
    capabilities: Mapping[str, frozenset[str]] | None = None
    webhook_url: str | None = None
    instruments: Mapping[str, Offers] = MappingProxyType({})


class Agent(msgspec.Struct, frozen=True, kw_only=True):
    """What ``UCP-Agent`` says: a profile URL, and the ``version`` that the suite adds to it."""

    profile_url: str | None
    version: str | None


@lru_cache(maxsize=AGENTS_KEPT_MAX)
def read_agent(header: str | None) -> Agent:
    """Read ``UCP-Agent``, a dictionary (RFC 8941) whose member ``profile`` is a quoted URL.

    Other members and parameters are passed over. Raises `InvalidProfileUrl` for what is no
    dictionary; a profile that is missing, or no string, is None.
    """
    try:
        members = cast("Mapping[str, Any]", http_sf.parse((header or "").encode(), tltype="dictionary"))
    except ValueError as error:
        raise InvalidProfileUrl("UCP-Agent is not a dictionary with a member profile.") from error
    value, _ = members.get("profile", (None, {}))
    versions = [parameters.get("version") for _, parameters in members.values()]
    return Agent(
        # a token is text too, but the member has to be quoted
        profile_url=value if type(value) is str else None,
        version=next((version for version in versions if isinstance(version, str)), None),
    )


def read_platform(profile_url: str, document: Wire) -> Platform:
    """What a profile of any release says; raises `ProfileMalformed` where it says no version.

    Until 2026-01-23 the capabilities were a list, then a map (digest 2.1).
    """
    ucp = document.get("ucp")
    ucp = ucp if isinstance(ucp, dict) else {}
    version = ucp.get("version")
    if not isinstance(version, str):
        raise ProfileMalformed("The profile does not say which version of UCP it is of.")
    listed = list(_capabilities(ucp.get("capabilities")))
    return Platform(
        id=profile_url,
        version=version,
        capabilities=_versions(listed),
        instruments=read_instruments(ucp.get("payment_handlers")),
        webhook_url=next(
            filter(None, (_webhook_url(entry) for name, entry in listed if name == ORDER)), None
        ),
    )


def _capabilities(listed: Any) -> Iterator[tuple[str, Wire]]:
    """Name and entry of each capability; what is neither is passed over."""
    if isinstance(listed, dict):
        for name, entries in listed.items():
            for entry in entries if isinstance(entries, list) else ():
                yield name, entry if isinstance(entry, dict) else {}
    for entry in listed if isinstance(listed, list) else ():
        if isinstance(entry, dict) and isinstance(entry.get("name"), str):
            yield entry["name"], entry


def _versions(listed: Iterable[tuple[str, Wire]]) -> dict[str, frozenset[str]]:
    """The versions of each capability; an entry without one still lists its capability."""
    versions: dict[str, frozenset[str]] = {}
    for name, entry in listed:
        version = entry.get("version")
        told = frozenset({version}) if isinstance(version, str) else frozenset[str]()
        versions[name] = versions.get(name, frozenset()) | told
    return versions


def _webhook_url(entry: Wire) -> str | None:
    config = entry.get("config")
    url = config.get("webhook_url") if isinstance(config, dict) else None
    return url if isinstance(url, str) and len(url) <= URL_LENGTH_MAX else None
