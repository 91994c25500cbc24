"""``ucp-server keys``: the keys that a merchant's events are signed with."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import click

from ucp_server.commands.merchants import chosen, of_merchant
from ucp_server.commands.options import configured
from ucp_server.commands.store import opened
from ucp_server.config import Settings
from ucp_server.store.signing_keys import StoredKey
from ucp_server.ucp.signing_keys import PUBLISHED_BEFORE_S, SigningKeys


@click.group()
def keys() -> None:
    """List, rotate and retire the keys that sign events."""


@keys.command("list")
@of_merchant
@configured
def list_keys(settings: Settings, merchant_id: str | None) -> None:
    """Show the keys that the profile publishes, newest first."""
    for key in asyncio.run(_stored(settings, chosen(settings, merchant_id))):
        click.echo(_line(key))


@keys.command()
@of_merchant
@configured
def rotate(settings: Settings, merchant_id: str | None) -> None:
    """Publish a new key, which signs once all can know it."""
    kid = asyncio.run(_rotate(settings, chosen(settings, merchant_id)))
    click.echo(f"{kid} is published and signs in {PUBLISHED_BEFORE_S // 60} minutes.")


@keys.command()
@click.argument("kid")
@of_merchant
@configured
def retire(settings: Settings, kid: str, merchant_id: str | None) -> None:
    """Stop using and publishing the key KID at once.

    For a key that leaked: events that it signed can no longer be verified.
    """
    if not asyncio.run(_retire(settings, chosen(settings, merchant_id), kid)):
        raise click.ClickException(f"there is no key {kid}")
    click.echo(f"{kid} is gone. Events that were signed with it can no longer be verified.")


def _line(key: StoredKey) -> str:
    until = f" until {key.retired_at:%Y-%m-%d %H:%M} UTC" if key.retired_at else ""
    now = "  signs now" if key.is_signing else ""
    return f"{key.kid}  from {key.signs_from:%Y-%m-%d %H:%M} UTC{until}{now}"


async def _stored(settings: Settings, merchant_id: str) -> list[StoredKey]:
    async with _signing_keys(settings) as ours:
        return await ours.stored(merchant_id)


async def _rotate(settings: Settings, merchant_id: str) -> str:
    async with _signing_keys(settings) as ours:
        return await ours.rotate(merchant_id)


async def _retire(settings: Settings, merchant_id: str, kid: str) -> bool:
    """A merchant whose last key is taken gets a new one: events are never sent unsigned."""
    async with _signing_keys(settings) as ours:
        found = await ours.retire(merchant_id, kid)
        await ours.ensure(merchant_id)
        return found


@asynccontextmanager
async def _signing_keys(settings: Settings) -> AsyncIterator[SigningKeys]:
    async with opened(settings, "keys") as (ready, pool):
        if ready.secret is None:
            raise click.ClickException("no secret is set; the keys are sealed with it")
        yield SigningKeys(pool, ready.secret.reveal().encode())
