"""Whether callers are who they say: openly, by key, token, certificate or signature.

D/overview#Identity Binding.

The principal that is proven has to be the platform whose profile ``UCP-Agent`` names.
"""

import hashlib
import ssl
from collections.abc import Iterable, Mapping
from typing import Final

import http_sf
from cryptography import x509
from starlette.types import Scope

from ucp_server.asgi.addresses import Network, comes_from
from ucp_server.store.credentials import CredentialKind, load_principal, secret_hash
from ucp_server.store.database import Pool, read
from ucp_server.store.tokens import load_holder
from ucp_server.ucp.incoming import Incoming
from ucp_server.ucp.negotiation import Caller
from ucp_server.ucp.platforms import Listed
from ucp_server.ucp.refusals import (
    AlgorithmUnsupported,
    DigestMismatch,
    Forbidden,
    ScopeInsufficient,
    TokenRefused,
    Unauthenticated,
)
from ucp_server.ucp.scopes import scope_for
from ucp_server.ucp.signed_callers import SignedCallers, is_signed

# What says of a caller that it is not who it says to be, or may not do what it asks.
NOT_ADMITTED: Final = (Unauthenticated, Forbidden, DigestMismatch, AlgorithmUnsupported)

# A certificate with a long chain of names has 4 kB.
_CERTIFICATE_BYTES_MAX: Final = 16 * 1024


class Authentication:
    """Checks a caller as its merchant configured it; open where nothing is configured.

    ``orders_are_open`` where a platform is shown its orders without having to prove itself.
    """

    def __init__(self, pool: Pool, signed: SignedCallers, *, orders_are_open: bool = False) -> None:
        self._pool = pool
        self._signed = signed
        self._orders_are_open = orders_are_open

    async def check(self, incoming: Incoming, caller: Caller) -> None:
        """Raises the `Refusal` that says why the caller may not go on."""
        listed = caller.listed
        # T3:D/order#Get Order, "Authorization": a name alone is nobody's proof.
        orders = incoming.operation == "get_order" and not self._orders_are_open
        by_signature = orders and not _proves(listed)
        if by_signature and not is_signed(incoming):
            raise Unauthenticated("Orders are shown to platforms that prove who they are.")
        if listed is not None:
            await self._check_listed(incoming, listed)
        if by_signature or (listed is not None and listed.must_sign):
            await self._signed.check(incoming, caller)
        elif listed is not None and listed.signatures == "log":
            await self._signed.look(incoming, caller)

    async def _check_listed(self, incoming: Incoming, listed: Listed) -> None:
        if listed.auth == "api_key":
            await self._check_api_key(incoming, listed)
        elif listed.auth == "oauth":
            await self._check_token(incoming, listed)
        elif listed.auth == "mtls":
            _check_certificate(incoming.certificate, listed)
        if incoming.writes and not listed.writes:
            raise Forbidden("This platform may look, but not change anything.")

    async def _check_api_key(self, incoming: Incoming, listed: Listed) -> None:
        secret = incoming.headers.get("x-api-key")
        if not secret:
            raise Unauthenticated("This platform has to send its X-API-Key.")
        async with read(self._pool) as db:
            principal = await load_principal(
                db,
                merchant_id=incoming.shop.merchant_id,
                kind=CredentialKind.PLATFORM,
                secret_hash=secret_hash(secret),
            )
        if principal is None:
            raise Unauthenticated("The X-API-Key is not known.")
        if principal != listed.profile_url:
            raise Forbidden("The X-API-Key belongs to another platform than UCP-Agent names.")

    async def _check_token(self, incoming: Incoming, listed: Listed) -> None:
        """RFC 6750: what the token allows is asked last, when it is known to be the platform's own."""
        issuer = incoming.shop.site
        token = _bearer(incoming.headers.get("authorization", ""))
        if not token:
            raise TokenRefused("This platform has to send an access token.", issuer)
        async with read(self._pool) as db:
            holder = await load_holder(
                db, merchant_id=incoming.shop.merchant_id, token_hash=secret_hash(token)
            )
        if holder is None:
            raise TokenRefused("The access token is unknown, revoked or over.", issuer, "invalid_token")
        if holder.platform_id != listed.profile_url:
            raise Forbidden("The access token belongs to another platform than UCP-Agent names.")
        needed = scope_for(incoming.operation, writes=incoming.writes)
        if needed not in holder.scopes:
            raise ScopeInsufficient(needed, issuer)


def _bearer(authorization: str) -> str:
    """The token in the header, "" where there is none."""
    scheme, _, token = authorization.strip().partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""


def _proves(listed: Listed | None) -> bool:
    return listed is not None and listed.proves


def _check_certificate(certificate: bytes | None, listed: Listed) -> None:
    if certificate is None:
        raise Unauthenticated("This platform has to show its client certificate.")
    by_hash = listed.certificate_sha256.replace(":", "").lower()
    if by_hash and hashlib.sha256(certificate).hexdigest() == by_hash:
        return
    if listed.certificate_subject and _subject(certificate) == listed.certificate_subject:
        return
    raise Forbidden("The client certificate is not that of the platform that UCP-Agent names.")


def _subject(certificate: bytes) -> str | None:
    try:
        return x509.load_der_x509_certificate(certificate).subject.rfc4514_string()
    except ValueError:
        return None


def client_certificate(
    scope: Scope, headers: Mapping[str, str], trusted: Iterable[Network]
) -> bytes | None:
    """The caller's certificate, DER, that somebody trusted has verified; None without one.

    That is our own listener (the TLS extension of ASGI), or a proxy of ``trusted`` that passes it on
    in ``Client-Cert`` (RFC 9440). The field is not believed from anybody else.
    """
    chain = scope.get("extensions", {}).get("tls", {}).get("client_cert_chain") or ()
    if chain:
        return ssl.PEM_cert_to_DER_cert(chain[0])
    field = headers.get("client-cert")
    if field is None or not comes_from(scope, trusted):
        return None
    try:
        parsed = http_sf.parse(field.encode(), tltype="item")
    except ValueError:
        return None
    value = parsed[0] if isinstance(parsed, tuple) else None
    return value if isinstance(value, bytes) and len(value) <= _CERTIFICATE_BYTES_MAX else None
