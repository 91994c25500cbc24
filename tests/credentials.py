"""API keys of callers, as the merchant's engineer would issue them."""

from ucp_server import issuing
from ucp_server.store.credentials import CredentialKind
from ucp_server.store.database import Pool, statement


async def issued(pool: Pool, kind: CredentialKind, platform_id: str, merchant_id: str = "demo") -> str:
    """A fresh secret that lets ``platform_id`` in."""
    secret = issuing.new_secret(kind)
    async with statement(pool) as tx:
        await issuing.issue(
            tx, kind, merchant_id=merchant_id, platform_id=platform_id, secret=secret, label="test"
        )
    return secret
