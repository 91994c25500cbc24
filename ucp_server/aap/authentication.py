"""Who asks, and how often: keys of agents and merchants, a number of requests in each minute.

A key comes as ``Authorization: Bearer aap_…`` or, where a client cannot set headers, as
``?api_key=…`` (field.md 8). Only its hash is stored.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final

from ucp_server.aap.incoming import Caller, Party
from ucp_server.aap.refusals import TooManyRequests, Unauthenticated
from ucp_server.asgi.reply import Header
from ucp_server.store.credentials import NETWORK, CredentialKind, load_principal, secret_hash
from ucp_server.store.database import Pool, read, statement
from ucp_server.store.rate_windows import Window, count_request

# The least of the published rates; the others are agreed with single callers.
PER_MINUTE: Final = 60
WINDOW_S: Final = 60.0

_SCHEME: Final = "bearer "
_KINDS: Final[Mapping[Party, tuple[CredentialKind, ...]]] = MappingProxyType(
    {
        Party.AGENT: (CredentialKind.AGENT,),
        Party.MERCHANT: (CredentialKind.MERCHANT,),
        Party.AGENT_OR_MERCHANT: (CredentialKind.AGENT, CredentialKind.MERCHANT),
    }
)
_PARTIES: Final[Mapping[CredentialKind, Party]] = MappingProxyType(
    {CredentialKind.AGENT: Party.AGENT, CredentialKind.MERCHANT: Party.MERCHANT}
)


def key_in(headers: Mapping[str, str], query: Mapping[str, str]) -> str:
    """The key that a request shows, "" for none. The header goes first."""
    authorization = headers.get("authorization", "")
    if authorization[: len(_SCHEME)].lower() == _SCHEME:
        return authorization[len(_SCHEME) :].strip()
    return query.get("api_key", "")


@dataclass(frozen=True, slots=True)
class Rate:
    """How much of its minute a caller has used. ``limit`` is per minute."""

    limit: int
    window: Window

    @property
    def is_exceeded(self) -> bool:
        return self.window.used > self.limit

    @property
    def wait_s(self) -> int:
        return max(1, math.ceil(self.window.left_s))

    def headers(self) -> tuple[Header, ...]:
        """``Reset`` is the second of the epoch at which all requests are allowed again."""
        remaining = max(0, self.limit - self.window.used)
        return (
            (b"x-ratelimit-limit", b"%d" % self.limit),
            (b"x-ratelimit-remaining", b"%d" % remaining),
            (b"x-ratelimit-reset", b"%d" % math.ceil(self.window.ends_at.timestamp())),
        )


@dataclass(frozen=True, slots=True)
class Authentication:
    """``limits`` are requests per minute by caller, for those who have another one than the rest."""

    pool: Pool
    per_minute: int = PER_MINUTE
    limits: Mapping[str, int] = field(default_factory=dict)

    async def check(self, party: Party, key: str) -> Caller:
        """Who shows ``key``. Raises `Unauthenticated` where that is none of ``party``."""
        if not key:
            raise Unauthenticated
        hashed = secret_hash(key)
        async with read(self.pool) as db:
            for kind in _KINDS[party]:
                found = await load_principal(db, merchant_id=NETWORK, kind=kind, secret_hash=hashed)
                if found is not None:
                    return Caller(_PARTIES[kind], found)
        raise Unauthenticated

    async def count(self, caller: Caller) -> Rate:
        """Count one request of ``caller``, over all processes."""
        async with statement(self.pool) as tx:
            window = await count_request(
                tx, merchant_id=NETWORK, caller=f"{caller.party} {caller.id}", window_s=WINDOW_S
            )
        return Rate(self.limits.get(caller.id, self.per_minute), window)


def refuse_above(rate: Rate) -> None:
    """Raises `TooManyRequests`."""
    if rate.is_exceeded:
        raise TooManyRequests(rate.wait_s)
