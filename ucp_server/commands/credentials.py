"""``ucp-server credentials``: the API keys of platforms."""

import asyncio
import uuid

import click

from ucp_server.commands.merchants import chosen, of_merchant
from ucp_server.commands.options import configured
from ucp_server.commands.store import opened
from ucp_server.config import Settings
from ucp_server.store.credentials import Credential, insert_credential, load_credentials, mark_revoked
from ucp_server.store.database import read, statement
from ucp_server.store.ids import is_id, new_id
from ucp_server.ucp.authentication import new_secret, secret_hash


@click.group()
def credentials() -> None:
    """Issue, list and revoke the API keys of platforms."""


@credentials.command()
@click.argument("profile_url")
@click.option("--label", default="", help="What it is for, in your words.")
@of_merchant
@configured
def issue(settings: Settings, profile_url: str, label: str, merchant_id: str | None) -> None:
    """Make an API key for the platform of PROFILE_URL.

    PROFILE_URL is what the platform names in the header UCP-Agent.
    """
    secret = asyncio.run(_issue(settings, chosen(settings, merchant_id), profile_url, label))
    click.echo(secret)
    click.echo("Shown this once; only its hash is kept. It goes into the header X-API-Key.", err=True)


@credentials.command("list")
@of_merchant
@configured
def list_credentials(settings: Settings, merchant_id: str | None) -> None:
    """Show the API keys that were issued, without their secrets."""
    for credential in asyncio.run(_list(settings, chosen(settings, merchant_id))):
        click.echo(_line(credential))


@credentials.command()
@click.argument("credential_id")
@of_merchant
@configured
def revoke(settings: Settings, credential_id: str, merchant_id: str | None) -> None:
    """Refuse the API key CREDENTIAL_ID from now on."""
    revoked = is_id(credential_id) and asyncio.run(
        _revoke(settings, chosen(settings, merchant_id), credential_id)
    )
    if not revoked:
        raise click.ClickException(f"there is no API key {credential_id} in use")
    click.echo(f"{credential_id} is revoked.")


def _line(credential: Credential) -> str:
    state = f"revoked {credential.revoked_at:%Y-%m-%d}" if credential.revoked_at else "in use"
    made = f"{credential.created_at:%Y-%m-%d}"
    return "  ".join(filter(None, (credential.id, made, state, credential.platform_id, credential.label)))


async def _issue(settings: Settings, merchant_id: str, platform_id: str, label: str) -> str:
    secret = new_secret()
    async with opened(settings, "credentials") as (_, pool), statement(pool) as tx:
        await insert_credential(
            tx,
            merchant_id=merchant_id,
            id_=uuid.UUID(new_id()),
            platform_id=platform_id,
            secret_hash=secret_hash(secret),
            label=label,
        )
    return secret


async def _list(settings: Settings, merchant_id: str) -> list[Credential]:
    async with opened(settings, "credentials") as (_, pool), read(pool) as db:
        return await load_credentials(db, merchant_id=merchant_id)


async def _revoke(settings: Settings, merchant_id: str, credential_id: str) -> bool:
    async with opened(settings, "credentials") as (_, pool), statement(pool) as tx:
        return await mark_revoked(tx, merchant_id=merchant_id, id_=uuid.UUID(credential_id))
