"""``ucp-server credentials``: what callers of every protocol prove themselves with."""

import asyncio
import uuid
from datetime import datetime

import click

from ucp_server.commands.clients import client
from ucp_server.commands.merchants import chosen, of_merchant
from ucp_server.commands.options import configured
from ucp_server.commands.store import opened
from ucp_server.config import Settings
from ucp_server.engine.sources import Sources
from ucp_server.issuing import FORMS, issue, new_secret
from ucp_server.modes import Mode
from ucp_server.store.apps import WebhookSecrets
from ucp_server.store.clients import load_clients, mark_client_revoked
from ucp_server.store.credentials import (
    NETWORK,
    Credential,
    CredentialKind,
    load_credentials,
    mark_revoked,
)
from ucp_server.store.database import Read, read, statement
from ucp_server.store.evidence_sources import load_sources, mark_source_revoked
from ucp_server.store.handles import merchant_of
from ucp_server.store.ids import is_id
from ucp_server.store.violations import HandleTaken

_KINDS = {
    "platform": CredentialKind.PLATFORM,
    "agent": CredentialKind.AGENT,
    "merchant": CredentialKind.MERCHANT,
    "app": CredentialKind.APP,
    "backend": CredentialKind.BACKEND,
}
_NAMES = {kind: name for name, kind in _KINDS.items()}
# Not a caller with a key of its own, but somebody who signs what it tells.
_EVIDENCE = "evidence"
# Neither: it fetches keys that are soon over.
_CLIENT = "client"


@click.group()
def credentials() -> None:
    """Issue, list and revoke the keys of those who call."""


credentials.add_command(client)


@credentials.command("issue")
@click.argument("name", required=False)
@click.option(
    "--kind",
    type=click.Choice([*_KINDS, _EVIDENCE]),
    default="platform",
    show_default=True,
    help="Who calls.",
)
@click.option("--label", default="", help="What it is for, in your words.")
@click.option(
    "--milestone", "milestones", multiple=True, help="An event beside payments that evidence may tell of."
)
@of_merchant
@configured
def issue_command(
    settings: Settings,
    name: str | None,
    kind: str,
    label: str,
    milestones: tuple[str, ...],
    merchant_id: str | None,
) -> None:
    """Make a key for NAME, or a secret for a source of evidence.

    NAME is for a platform the profile URL that it sends in UCP-Agent; for an app its id in apps.csv;
    for an agent, a backend or a source whatever you call it; for the merchant itself it is left out.
    """
    if kind == "agent":
        # An agent's key opens all merchants; which one is named makes no difference.
        merchant_id = merchant_id or next(iter(settings.merchant), None)
    merchant = chosen(settings, merchant_id)
    named = _named(kind, name, merchant)
    if kind == _EVIDENCE:
        click.echo(asyncio.run(_register(settings, merchant, named, milestones)))
        click.echo(f"Shown this once. It signs what is sent to /v1/evidence/{named}.", err=True)
        return
    secret = asyncio.run(_issue(settings, merchant, _KINDS[kind], named, label))
    click.echo(secret)
    click.echo(
        f"Shown this once; only its hash is kept. It goes into {FORMS[_KINDS[kind]].shown_in}.", err=True
    )


@credentials.command("webhook-secret")
@click.argument("app_id")
@of_merchant
@configured
def webhook_secret(settings: Settings, app_id: str, merchant_id: str | None) -> None:
    """Show what the events of the app APP_ID are signed with."""
    click.echo(asyncio.run(_webhook_secret(settings, chosen(settings, merchant_id), app_id)))


@credentials.command("list")
@of_merchant
@configured
def list_credentials(settings: Settings, merchant_id: str | None) -> None:
    """Show the keys that were issued, without their secrets.

    Agents' keys open all merchants and are shown with each.
    """
    for line in asyncio.run(_list(settings, chosen(settings, merchant_id))):
        click.echo(line)


@credentials.command()
@click.argument("credential_id")
@of_merchant
@configured
def revoke(settings: Settings, credential_id: str, merchant_id: str | None) -> None:
    """Refuse the key, client or source CREDENTIAL_ID."""
    if not asyncio.run(_revoke(settings, chosen(settings, merchant_id), credential_id)):
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


def _line(id_: str, created_at: datetime, revoked_at: datetime | None, *rest: str) -> str:
    state = f"revoked {revoked_at:%Y-%m-%d}" if revoked_at else "in use"
    return "  ".join(filter(None, (id_, f"{created_at:%Y-%m-%d}", state, *rest)))


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


async def _register(
    settings: Settings, merchant_id: str, source_id: str, milestones: tuple[str, ...]
) -> str:
    async with opened(settings, "credentials") as (ready, pool):
        try:
            source = await Sources(pool, _secret(ready)).register(
                merchant_id, source_id, milestones=milestones
            )
        except ValueError as error:
            raise click.UsageError(str(error)) from error
        except HandleTaken as error:
            raise click.ClickException(f"there is, or was, a source {source_id}: choose another") from error
    return source.secret


async def _webhook_secret(settings: Settings, merchant_id: str, app_id: str) -> str:
    async with opened(settings, "credentials") as (ready, pool):
        async with read(pool) as db:
            await _check(db, settings, merchant_id, CredentialKind.APP, app_id)
        return await WebhookSecrets(pool, _secret(ready)).of(merchant_id, app_id)


def _secret(ready: Settings) -> bytes:
    if ready.secret is None:
        raise click.ClickException("no secret is set; what callers sign with is sealed with it")
    return ready.secret.reveal().encode()


async def _list(settings: Settings, merchant_id: str) -> list[str]:
    async with opened(settings, "credentials") as (_, pool), read(pool) as db:
        own = await load_credentials(db, merchant_id=merchant_id)
        shared = await load_credentials(db, merchant_id=NETWORK)
        clients = await load_clients(db, merchant_id=merchant_id)
        sources = await load_sources(db, merchant_id)
    keys = own + [one for one in shared if _concerns(one, merchant_id)]
    return [
        *(
            _line(key.id, key.created_at, key.revoked_at, _NAMES[key.kind], key.platform_id, key.label)
            for key in keys
        ),
        *(
            _line(one.id, one.created_at, one.revoked_at, _CLIENT, one.platform_id, one.label, *one.scopes)
            for one in clients
        ),
        *(
            _line(source.id, source.created_at, source.revoked_at, _EVIDENCE, *source.milestones)
            for source in sources
        ),
    ]


def _concerns(credential: Credential, merchant_id: str) -> bool:
    return credential.kind is CredentialKind.AGENT or credential.platform_id == merchant_id


async def _revoke(settings: Settings, merchant_id: str, credential_id: str) -> bool:
    async with opened(settings, "credentials") as (_, pool), statement(pool) as tx:
        if is_id(credential_id):
            id_ = uuid.UUID(credential_id)
            if await mark_client_revoked(tx, merchant_id=merchant_id, id_=id_):
                return True
            for tenant in (merchant_id, NETWORK):
                if await mark_revoked(tx, merchant_id=tenant, id_=id_):
                    return True
        return await mark_source_revoked(tx, merchant_id=merchant_id, id_=credential_id)
