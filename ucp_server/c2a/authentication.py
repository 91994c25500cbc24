"""Whose backend calls: the tenant's, by the key that was issued to it."""

from dataclasses import dataclass

from ucp_server.c2a.incoming import Incoming
from ucp_server.c2a.refusals import Unauthenticated
from ucp_server.engine.commands import Scope
from ucp_server.store.credentials import CredentialKind, load_principal, secret_hash
from ucp_server.store.database import Pool, read


@dataclass(frozen=True, slots=True)
class Authentication:
    """Checks ``x-api-key`` against the keys of the tenant that was named."""

    pool: Pool

    async def admit(self, incoming: Incoming) -> Scope:
        """Who asks whom. Raises `Unauthenticated`; a key of another tenant is an unknown one."""
        secret = incoming.headers.get("x-api-key")
        if not secret:
            raise Unauthenticated
        async with read(self.pool) as db:
            platform_id = await load_principal(
                db,
                merchant_id=incoming.shop.merchant_id,
                kind=CredentialKind.BACKEND,
                secret_hash=secret_hash(secret),
            )
        if platform_id is None:
            raise Unauthenticated
        return Scope(merchant_id=incoming.shop.merchant_id, platform_id=platform_id)
