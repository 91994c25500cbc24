"""Grants: what a platform may do in a shop, in its own name, and the access tokens drawn on that.

A grant in a buyer's name is a row of the same kind with a subject; tokens do not tell them apart.
"""

import secrets
import uuid
from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from ucp_server.store.clients import (
    Client,
    NewClient,
    claim_assertion,
    insert_client,
    load_client,
    mark_client_revoked,
)
from ucp_server.store.credentials import secret_hash
from ucp_server.store.database import Pool, read, statement
from ucp_server.store.ids import is_id, new_id
from ucp_server.store.rate_windows import Window, count_request
from ucp_server.store.tokens import delete_token, insert_token

# 256 random bits: guessing is hopeless, and a plain hash of them is enough.
SECRET_BYTES: Final = 32
# Long enough that fetching one costs nothing, short enough that a stolen one is soon over.
TOKEN_TTL_S: Final = 3600
# What secret scanners know them by.
_TOKEN_PREFIX: Final = "ucpt_"  # noqa: S105  no password, but what one begins with
_CLIENT_PREFIX: Final = "ucps_"
_WINDOW_S: Final = 60.0


@dataclass(frozen=True, slots=True)
class Registered:
    """A new client; its secret, where it has one, is shown this once."""

    id: str
    secret: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Issued:
    token: str = field(repr=False)
    scopes: tuple[str, ...]
    ttl_s: int


class Grants:
    """The clients of all merchants."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def register(
        self,
        merchant_id: str,
        platform_id: str,
        scopes: Collection[str],
        *,
        jwks: bytes | None = None,
        label: str = "",
    ) -> Registered:
        """Let a platform fetch tokens for ``scopes``; without ``jwks`` it gets a secret."""
        secret = "" if jwks is not None else _CLIENT_PREFIX + secrets.token_urlsafe(SECRET_BYTES)
        new = NewClient(
            id=uuid.UUID(new_id()),
            grant_id=uuid.UUID(new_id()),
            platform_id=platform_id,
            scopes=_ordered(scopes),
            secret_hash=secret_hash(secret) if secret else None,
            jwks=jwks,
            label=label,
        )
        async with statement(self._pool) as tx:
            await insert_client(tx, merchant_id, new)
        return Registered(str(new.id), secret)

    async def find(self, merchant_id: str, client_id: str) -> Client | None:
        """None for a client that is unknown or revoked, and for what never was an id of ours."""
        if not is_id(client_id):
            return None
        async with read(self._pool) as db:
            return await load_client(db, merchant_id=merchant_id, id_=uuid.UUID(client_id))

    async def end(self, merchant_id: str, client_id: str) -> bool:
        """Revoke a client and with it all its tokens; False where none is in use."""
        if not is_id(client_id):
            return False
        async with statement(self._pool) as tx:
            return await mark_client_revoked(tx, merchant_id=merchant_id, id_=uuid.UUID(client_id))

    async def use_up(self, merchant_id: str, client: Client, jti: str, until: datetime) -> bool:
        """Whether ``client`` never proved itself by ``jti`` before; from now on it has."""
        async with statement(self._pool) as tx:
            return await claim_assertion(
                tx,
                merchant_id=merchant_id,
                client_id=uuid.UUID(client.id),
                jti_hash=secret_hash(jti),
                expires_at=until,
            )

    async def count(self, merchant_id: str, client: Client) -> Window:
        """Count a request of ``client``, over all processes."""
        async with statement(self._pool) as tx:
            caller = f"oauth {client.id}"
            return await count_request(tx, merchant_id=merchant_id, caller=caller, window_s=_WINDOW_S)

    async def issue(self, merchant_id: str, client: Client, scopes: Collection[str]) -> Issued | None:
        """A token for ``scopes``; None where the client has no such grant, or was just revoked."""
        token = _TOKEN_PREFIX + secrets.token_urlsafe(SECRET_BYTES)
        ordered = _ordered(scopes)
        async with statement(self._pool) as tx:
            made = await insert_token(
                tx,
                merchant_id=merchant_id,
                client_id=uuid.UUID(client.id),
                token_hash=secret_hash(token),
                scopes=ordered,
                ttl_s=TOKEN_TTL_S,
            )
        return Issued(token, ordered, TOKEN_TTL_S) if made else None

    async def revoke(self, merchant_id: str, client: Client, token: str) -> bool:
        """At once; False where ``client`` has no such token."""
        async with statement(self._pool) as tx:
            return await delete_token(
                tx,
                merchant_id=merchant_id,
                client_id=uuid.UUID(client.id),
                token_hash=secret_hash(token),
            )


def _ordered(scopes: Collection[str]) -> tuple[str, ...]:
    """Each once, in the order in which they are stored and told."""
    return tuple(sorted(set(scopes)))
