"""``ucp-server credentials client``: platforms that prove themselves by access tokens (OAuth 2.0)."""

import asyncio
from pathlib import Path

import click

from ucp_server.commands.merchants import chosen, of_merchant
from ucp_server.commands.options import configured
from ucp_server.commands.store import opened
from ucp_server.config import Settings
from ucp_server.engine.grants import Grants, Registered
from ucp_server.oauth.assertions import read_keys
from ucp_server.ucp.scopes import scopes_supported

# Twelve keys have some 3 kB.
_JWKS_BYTES_MAX = 64 * 1024


@click.command("client")
@click.argument("profile_url")
@click.option(
    "--scope",
    "scopes",
    multiple=True,
    type=click.Choice(scopes_supported()),
    help="What it may do; everything unless given. Several are possible.",
)
@click.option(
    "--jwks",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="A JWK set with its public keys: it then signs instead of sending a secret.",
)
@click.option("--label", default="", help="What it is for, in your words.")
@of_merchant
@configured
def client(
    settings: Settings,
    profile_url: str,
    scopes: tuple[str, ...],
    jwks: Path | None,
    label: str,
    merchant_id: str | None,
) -> None:
    """Let the platform PROFILE_URL fetch access tokens.

    It does so at /oauth/token. PROFILE_URL is what it sends in UCP-Agent; its table in the
    configuration has auth = "oauth".
    """
    merchant = chosen(settings, merchant_id)
    keys = _keys(jwks) if jwks else None
    made = asyncio.run(_register(settings, merchant, profile_url, scopes, keys, label))
    click.echo(f"client_id: {made.id}")
    if made.secret:
        click.echo(f"client_secret: {made.secret}")
        click.echo("The secret is shown this once; only its hash is kept.", err=True)


def _keys(jwks: Path) -> bytes:
    raw = jwks.read_bytes()
    try:
        if len(raw) > _JWKS_BYTES_MAX:
            raise ValueError("it is too large")
        read_keys(raw)
    except ValueError as error:
        raise click.UsageError(f"{jwks}: {error}") from error
    return raw


async def _register(
    settings: Settings,
    merchant_id: str,
    profile_url: str,
    scopes: tuple[str, ...],
    jwks: bytes | None,
    label: str,
) -> Registered:
    async with opened(settings, "credentials") as (_, pool):
        return await Grants(pool).register(
            merchant_id, profile_url, scopes or scopes_supported(), jwks=jwks, label=label
        )
