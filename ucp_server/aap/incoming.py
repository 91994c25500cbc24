"""A request as this binding works on it."""

from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Any

import msgspec

from ucp_server.asgi.facts import Facts

Wire = dict[str, Any]


class Party(StrEnum):
    """Who may ask. A source of evidence proves itself by what it sends."""

    ANYBODY = "anybody"
    AGENT = "agent"
    MERCHANT = "merchant"
    AGENT_OR_MERCHANT = "agent or merchant"


class Caller(msgspec.Struct, frozen=True):
    """Who asked: an agent or a merchant, by its id. Nobody in particular has none."""

    party: Party = Party.ANYBODY
    id: str = ""


class Incoming(msgspec.Struct, frozen=True, kw_only=True):
    """``target`` is the id in the path, as it was written, and ``ruling`` what is decided about it.

    ``query`` has the first value of each name, ``headers`` have lower-case names. ``site_of`` gives
    scheme and authority of a merchant's pages, without a slash at the end; ``facts`` go to the access
    line.
    """

    caller: Caller
    headers: Mapping[str, str]
    query: Mapping[str, str]
    raw: bytes
    site_of: Callable[[str], str]
    facts: Facts
    target: str = ""
    ruling: str = ""

    def __repr__(self) -> str:
        """Without headers, query and body: they hold keys and buyers."""
        return f"Incoming({self.caller.party})"
