"""Credentials of every kind: how each is written, under which tenant it is kept, where it is shown."""

import base64
import hashlib
import hmac
import secrets
import uuid
from collections.abc import Mapping
from typing import Final, NamedTuple

from ucp_server.store.credentials import (
    NETWORK,
    CredentialKind,
    NewCredential,
    insert_credential,
    secret_hash,
)
from ucp_server.store.database import Tx
from ucp_server.store.ids import new_id

# 256 random bits: guessing is hopeless.
SECRET_BYTES: Final = 32


class Form(NamedTuple):
    """``live`` and ``trial`` are what a secret begins with, and what secret scanners know it by.

    ``length`` counts the characters that follow.
    """

    live: str
    trial: str
    length: int
    shown_in: str


_WHOLE: Final = 43  # 32 bytes in base64url
FORMS: Final[Mapping[CredentialKind, Form]] = {
    CredentialKind.PLATFORM: Form("ucpk_", "ucpk_", _WHOLE, "X-API-Key"),
    CredentialKind.AGENT: Form("aap_", "aap_", _WHOLE, "Authorization, after Bearer"),
    CredentialKind.MERCHANT: Form("aap_", "aap_", _WHOLE, "Authorization, after Bearer"),
    # Chipp's page has 32 characters: 192 bits.
    CredentialKind.APP: Form("acp_", "acp_", 32, "Authorization, after Bearer"),
    CredentialKind.BACKEND: Form("sk_live_", "sk_dev_", _WHOLE, "x-api-key, beside the tenant in x-tn"),
}


def new_secret(kind: CredentialKind, *, is_trial: bool = False) -> str:
    """A fresh secret, as it is shown once to the person who issues it."""
    return _written(kind, secrets.token_bytes(SECRET_BYTES), is_trial=is_trial)


def derived_secret(kind: CredentialKind, server_secret: bytes) -> str:
    """The one secret of this kind that belongs to ``server_secret``: for trying out, never for use."""
    return _written(kind, _derived(server_secret, kind), is_trial=True)


def derived_text(server_secret: bytes, about: str) -> str:
    """The one secret ``about`` something that belongs to ``server_secret``: for trying out, too."""
    return _text(_derived(server_secret, about))


def tenant_of(kind: CredentialKind, merchant_id: str) -> str:
    """Under whom a credential is kept: agents and merchants show theirs before a merchant is known."""
    is_shown_early = kind in {CredentialKind.AGENT, CredentialKind.MERCHANT}
    return NETWORK if is_shown_early else merchant_id


async def issue(
    tx: Tx, kind: CredentialKind, *, merchant_id: str, platform_id: str, secret: str, label: str
) -> None:
    """Let ``platform_id`` in with ``secret``; issued before, it stays as it is, even revoked."""
    new = NewCredential(
        id=uuid.UUID(new_id()),
        kind=kind,
        platform_id=platform_id,
        secret_hash=secret_hash(secret),
        label=label,
    )
    await insert_credential(tx, tenant_of(kind, merchant_id), new)


def _written(kind: CredentialKind, random: bytes, *, is_trial: bool) -> str:
    form = FORMS[kind]
    return (form.trial if is_trial else form.live) + _text(random)[: form.length]


def _text(random: bytes) -> str:
    return base64.urlsafe_b64encode(random).rstrip(b"=").decode()


def _derived(server_secret: bytes, about: str) -> bytes:
    """Nothing of the server's secret can be told from it."""
    return hmac.digest(server_secret, f"ucp-server demo {about}".encode(), hashlib.sha256)
