"""``ucp-server credentials``: what callers of every protocol prove themselves with."""

import asyncio
import uuid

import click

from ucp_server.commands.merchants import chosen, of_merchant
from ucp_server.commands.options import configured
from ucp_server.commands.store import opened
from ucp_server.config import Settings
from ucp_server.issuing import FORMS, issue, new_secret
from ucp_server.modes import Mode
from ucp_server.store.credentials import (
    NETWORK,
    Credential,
    CredentialKind,
    load_credentials,
    mark_revoked,
)
from ucp_server.store.database import Read, read, statement
from ucp_server.store.handles import merchant_of
from ucp_server.store.ids import is_id

_KINDS = {
    "platform": CredentialKind.PLATFORM,
    "agent": CredentialKind.AGENT,
    "merchant": CredentialKind.MERCHANT,
    "app": CredentialKind.APP,
    "backend": CredentialKind.BACKEND,
}
_NAMES = {kind: name for name, kind in _KINDS.items()}


@click.group()
def credentials() -> None:
    """Issue, list and revoke the keys of those who call."""


@credentials.command("issue")
@click.argument("name", required=False)
@click.option(
    "--kind", type=click.Choice([*_KINDS]), default="platform", show_default=True, help="Who calls."
)
@click.option("--label", default="", help="What it is for, in your words.")
@of_merchant
@configured
def issue_command(
    settings: Settings, name: str | None, kind: str, label: str, merchant_id: str | None
) -> None:
    """Make a key for NAME.

    NAME is for a platform the profile URL that it sends in UCP-Agent; for an app its id in apps.csv;
    for an agent or a backend whatever you call it; for the merchant itself it is left out.
    """
    merchant = chosen(settings, merchant_id)
    secret = asyncio.run(_issue(settings, merchant, _KINDS[kind], _named(kind, name, merchant), label))
    click.echo(secret)
    click.echo(
        f"Shown this once; only its hash is kept. It goes into {FORMS[_KINDS[kind]].shown_in}.", err=True
    )


@credentials.command("list")
@of_merchant
@configured
def list_credentials(settings: Settings, merchant_id: str | None) -> None:
    """Show the keys that were issued, without their secrets.

    Agents' keys open all merchants and are shown with each.
    """
    for credential in asyncio.run(_list(settings, chosen(settings, merchant_id))):
        click.echo(_line(credential))


@credentials.command()
@click.argument("credential_id")
@of_merchant
@configured
def revoke(settings: Settings, credential_id: str, merchant_id: str | None) -> None:
    """Refuse the key CREDENTIAL_ID from now on."""
    revoked = is_id(credential_id) and asyncio.run(
        _revoke(settings, chosen(settings, merchant_id), credential_id)
    )
    if not revoked:
        raise click.ClickException(f"there is no key {credential_id} in use")
    click.echo(f"{credential_id} is revoked.")


def _named(kind: str, name: str | None, merchant_id: str) -> str:
    if kind == "merchant":
        if name not in (None, merchant_id):
            raise click.UsageError("the merchant is named by --merchant, not by NAME")
        return merchant_id
    if not name:
        raise click.UsageError(f"NAME is missing: whose key is it, of which {kind}?")
    return name


def _line(credential: Credential) -> str:
    state = f"revoked {credential.revoked_at:%Y-%m-%d}" if credential.revoked_at else "in use"
    made = f"{credential.created_at:%Y-%m-%d}"
    parts = (credential.id, made, state, _NAMES[credential.kind], credential.platform_id, credential.label)
    return "  ".join(filter(None, parts))


async def _issue(settings: Settings, merchant_id: str, kind: CredentialKind, name: str, label: str) -> str:
    secret = new_secret(kind, is_trial=settings.mode is not Mode.PRODUCTION)
    async with opened(settings, "credentials") as (_, pool):
        async with read(pool) as db:
            await _check(db, settings, merchant_id, kind, name)
        async with statement(pool) as tx:
            await issue(tx, kind, merchant_id=merchant_id, platform_id=name, secret=secret, label=label)
    return secret


async def _check(db: Read, settings: Settings, merchant_id: str, kind: CredentialKind, name: str) -> None:
    """Refuse a key that could open nothing."""
    if kind is CredentialKind.APP and await merchant_of(db, "app", name) != merchant_id:
        raise click.ClickException(f"{merchant_id} has no app {name}: add it to apps.csv and import it")
    if kind is CredentialKind.BACKEND and not settings.merchant[merchant_id].tenant:
        raise click.ClickException(f"merchant.{merchant_id} has no tenant to send in x-tn: set tenant")


async def _list(settings: Settings, merchant_id: str) -> list[Credential]:
    async with opened(settings, "credentials") as (_, pool), read(pool) as db:
        own = await load_credentials(db, merchant_id=merchant_id)
        shared = await load_credentials(db, merchant_id=NETWORK)
    return own + [one for one in shared if _concerns(one, merchant_id)]


def _concerns(credential: Credential, merchant_id: str) -> bool:
    return credential.kind is CredentialKind.AGENT or credential.platform_id == merchant_id


async def _revoke(settings: Settings, merchant_id: str, credential_id: str) -> bool:
    id_ = uuid.UUID(credential_id)
    async with opened(settings, "credentials") as (_, pool), statement(pool) as tx:
        own = await mark_revoked(tx, merchant_id=merchant_id, id_=id_)
        return own or await mark_revoked(tx, merchant_id=NETWORK, id_=id_)
