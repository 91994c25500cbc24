"""The merchant's profile, computed from what is switched on (digest 2.1, 4.1).

The root shows the merchant's root release and, where that release knows how, the others; each
release also has a leaf of its own, and is a site of its own for platforms that know one base URL.
"""

import hashlib
from collections.abc import Sequence
from typing import Any, Final

import msgspec

from ucp_server.asgi.reply import JSON, Header, Reply
from ucp_server.ports import HandlerListing
from ucp_server.ucp.embedding import config
from ucp_server.ucp.envelope import listings_by_name, older_listing, put_map
from ucp_server.ucp.releases import SERVED, SHOPPING, Capability, Release, served

Wire = dict[str, Any]

# T3:D/overview#Hosting asks for 60 at least. A handler that is switched off is still named for so
# long, and its use then refused.
MAX_AGE_S: Final = 300

# Below a release's endpoint.
MCP_PATH: Final = "/mcp"

_CACHE_CONTROL: Final[Header] = (b"cache-control", b"public, max-age=%d" % MAX_AGE_S)
_ETAG_LENGTH: Final = 32


def endpoint(site: str, release: Release) -> str:
    return f"{site}/ucp/{release.version}"


def render_profile(
    release: Release,
    *,
    site: str,
    listings: Sequence[HandlerListing],
    keys: Sequence[Wire],
    is_root: bool,
    is_embeddable: bool = True,
) -> Wire:
    """The profile of one release; a leaf names no other releases (M:D/overview#Protocol Version).

    ``is_embeddable``: platforms may frame the pages of a checkout.
    """
    ucp: Wire = {"version": release.version}
    if is_root and release.lists_supported_versions:
        ucp["supported_versions"] = {
            version: f"{site}/.well-known/ucp/{version}" for version in SERVED if version != release.version
        }
    ucp["services"] = {SHOPPING: _service(release, site, is_embeddable=is_embeddable)}
    ucp["capabilities"] = _capabilities(release)
    document: Wire = {"ucp": ucp}
    if release.handlers_are_in_payment:
        document["payment"] = {"handlers": [older_listing(listing) for listing in listings]}
    else:
        put_map(release, ucp, "payment_handlers", listings_by_name(release, listings))
    return document | {member: list(keys) for member in _key_members(release, is_root=is_root)}


def _key_members(release: Release, *, is_root: bool) -> tuple[str, ...]:
    """Where our keys are looked for.

    An event names the root whatever its release (`Shop.profile_url`), and its reader knows the
    member of its own release alone.
    """
    led = [row for row in map(served, SERVED) if row is not None and row.lists_supported_versions]
    readers = [release, *led] if is_root and release.lists_supported_versions else [release]
    return tuple(dict.fromkeys(row.keys_member for row in readers))


def transports_of(release: Release, site: str, *, is_embeddable: bool) -> dict[str, Wire]:
    """The ways to reach us under ``release``, by name."""
    rest = endpoint(site, release)
    transports: dict[str, Wire] = {
        "rest": {"schema": release.rest_schema, "endpoint": rest},
        "mcp": {"schema": release.mcp_schema, "endpoint": rest + MCP_PATH},
    }
    if is_embeddable:
        transports["embedded"] = {"schema": release.embedding.schema} | config(release)
    return transports


def _service(release: Release, site: str, *, is_embeddable: bool) -> Wire | list[Wire]:
    transports = transports_of(release, site, is_embeddable=is_embeddable)
    service: Wire = {"version": release.version, "spec": release.service_spec}
    if release.services_hold_one_object:
        return service | transports
    return [service | {"transport": name} | at for name, at in transports.items()]


def _capabilities(release: Release) -> Wire | list[Wire]:
    if release.capabilities_are_a_list:
        return [{"name": c.name, **_capability(release, c)} for c in release.capabilities]
    return {c.name: [_capability(release, c)] for c in release.capabilities}


def _capability(release: Release, capability: Capability) -> Wire:
    entry: Wire = {"version": release.version, "spec": capability.spec, "schema": capability.schema}
    if capability.extends:
        # A string is one parent in every release; several are a list since 2026-04-08.
        one = len(capability.extends) == 1
        entry["extends"] = capability.extends[0] if one else list(capability.extends)
    return entry


def profile_reply(document: Wire, if_none_match: str | None) -> Reply:
    """The profile with what caches need; 304 where the caller has it already."""
    body = msgspec.json.encode(document)
    etag = f'"{hashlib.sha256(body).hexdigest()[:_ETAG_LENGTH]}"'
    headers: tuple[Header, ...] = (_CACHE_CONTROL, (b"etag", etag.encode()))
    if if_none_match is not None and _names(if_none_match, etag):
        return Reply(304, b"", headers)
    return Reply(200, body, (JSON, *headers))


def _names(if_none_match: str, etag: str) -> bool:
    """Compared weakly, as RFC 9110 13.1.2 has it."""
    tags = {tag.strip().removeprefix("W/") for tag in if_none_match.split(",")}
    return etag in tags or tags == {"*"}
