"""What profile and checkouts say of pages that a platform may frame (T3:D/embedded-checkout)."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

from ucp_server.ucp.releases import RELEASES, SHOPPING, Release

Wire = dict[str, Any]


def config(release: Release) -> Wire:
    """The member ``config``, where a release has one: what a host may take over, and in which colours."""
    embedding = release.embedding
    if not embedding.told_in_checkouts:
        return {}
    held: Wire = {"delegate": list(embedding.delegations)}
    if embedding.schemes:
        held["color_scheme"] = list(embedding.schemes)
    return {"config": held}


def _services(release: Release) -> Wire:
    if not release.embedding.told_in_checkouts:
        return {}
    entry = {"version": release.version, "transport": "embedded", **config(release)}
    return {"services": {SHOPPING: [entry]}}


# By release, what the ``ucp`` of each open checkout says; made once, since it is in almost every reply.
CONFIRMED: Final[Mapping[str, Wire]] = MappingProxyType({row.version: _services(row) for row in RELEASES})
