"""``ucp-server keys``: the keys that a merchant's events are signed with, and those of codes."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import click

from ucp_server.commands.merchants import chosen, of_merchant
from ucp_server.commands.options import configured
from ucp_server.commands.store import opened
from ucp_server.config import Settings
from ucp_server.engine.codes import Codes
from ucp_server.house import issuer_of
from ucp_server.store.database import Pool
from ucp_server.store.signing_keys import StoredKey
from ucp_server.ucp.signing_keys import PUBLISHED_BEFORE_S, SigningKeys

of_codes: Callable[[Callable[..., None]], Callable[..., None]] = click.option(
    "--codes", "is_of_codes", is_flag=True, help="The keys of AAP codes instead, which all merchants share."
)


@click.group()
def keys() -> None:
    """List, rotate and retire the keys that sign events."""


@keys.command("list")
@of_codes
@of_merchant
@configured
def list_keys(settings: Settings, merchant_id: str | None, *, is_of_codes: bool) -> None:
    """Show the keys that are published, newest first."""
    found = _stored_codes(settings) if is_of_codes else _stored(settings, chosen(settings, merchant_id))
    for key in asyncio.run(found):
        click.echo(_line(key))


@keys.command()
@of_codes
@of_merchant
@configured
def rotate(settings: Settings, merchant_id: str | None, *, is_of_codes: bool) -> None:
    """Publish a new key, which signs once all can know it."""
    rotating = _rotate_codes(settings) if is_of_codes else _rotate(settings, chosen(settings, merchant_id))
    kid = asyncio.run(rotating)
    click.echo(f"{kid} is published and signs in {PUBLISHED_BEFORE_S // 60} minutes.")


@keys.command()
@click.argument("kid")
@of_codes
@of_merchant
@configured
def retire(settings: Settings, kid: str, merchant_id: str | None, *, is_of_codes: bool) -> None:
    """Stop using and publishing the key KID at once.

    For a key that leaked: what it signed can no longer be verified.
    """
    if is_of_codes:
        retiring = _retire_codes(settings, kid)
    else:
        retiring = _retire(settings, chosen(settings, merchant_id), kid)
    if not asyncio.run(retiring):
        raise click.ClickException(f"there is no key {kid}")
    signed = "Codes" if is_of_codes else "Events"
    click.echo(f"{kid} is gone. {signed} that were signed with it can no longer be verified.")


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


async def _stored_codes(settings: Settings) -> list[StoredKey]:
    async with _codes(settings) as ours:
        return await ours.stored()


async def _rotate_codes(settings: Settings) -> str:
    async with _codes(settings) as ours:
        return await ours.rotate()


async def _retire_codes(settings: Settings, kid: str) -> bool:
    """The next code makes its own key where the last one was taken."""
    async with _codes(settings) as ours:
        return await ours.retire(kid)


@asynccontextmanager
async def _signing_keys(settings: Settings) -> AsyncIterator[SigningKeys]:
    async with _opened(settings) as (_, pool, secret):
        yield SigningKeys(pool, secret)


@asynccontextmanager
async def _codes(settings: Settings) -> AsyncIterator[Codes]:
    async with _opened(settings) as (ready, pool, secret):
        yield Codes(pool, secret, issuer_of(ready))


@asynccontextmanager
async def _opened(settings: Settings) -> AsyncIterator[tuple[Settings, Pool, bytes]]:
    async with opened(settings, "keys") as (ready, pool):
        if ready.secret is None:
            raise click.ClickException("no secret is set; the keys are sealed with it")
        yield ready, pool, ready.secret.reveal().encode()
