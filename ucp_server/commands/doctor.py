"""``ucp-server doctor``: what is well, what is not, and what to do about it, line by line."""

import asyncio
import datetime
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import click
import msgspec
from cryptography import x509

from ucp_server import plugins, resources, safety
from ucp_server.commands.database import connected
from ucp_server.commands.options import configured_to_listen
from ucp_server.config import ConfigError, Settings
from ucp_server.engine.faults import FAULT_POINTS
from ucp_server.modes import sentences
from ucp_server.postgres.cluster import LOCATION
from ucp_server.store.database import Read, open_pool, read
from ucp_server.store.migrate import MigrationError, pending
from ucp_server.store.orders import list_unpaid
from ucp_server.store.outbox import list_waiting
from ucp_server.supervisor import tls

# The oldest server that the tests' statements are known to run on.
POSTGRES_MIN = 15
CERTIFICATE_DAYS_MIN = 14
CONNECT_TIMEOUT_S = 5.0
# What psql, a backup and a second server during a deployment need beside ours.
CONNECTIONS_SPARE = 10
# Enough to see what is the matter; the merchant API lists the rest.
NAMED_MAX = 20


class Finding(msgspec.Struct, frozen=True):
    """One line; ``well`` is False where it asks for something to be done."""

    well: bool
    text: str


@click.command()
@click.option("--fault-points", is_flag=True, help="List where a test can make a process die.")
@configured_to_listen
def doctor(settings: Settings, *, fault_points: bool) -> None:
    """Examine settings and database, and say what to do.

    Looks at settings, plug-ins, certificates, database and orders. Exits with 1 where something is
    to be done.
    """
    if fault_points:
        click.echo("\n".join(FAULT_POINTS))
        return
    findings = [
        *examine_settings(settings),
        *examine_plug_ins(settings),
        *examine_files(settings),
        *asyncio.run(_examine_database(settings)),
    ]
    for finding in findings:
        click.echo(f"{'well   ' if finding.well else 'do this'}  {finding.text}")
    wanting = sum(not finding.well for finding in findings)
    if wanting:
        click.echo(f"{wanting} of {len(findings)} lines ask for something to be done.")
        raise SystemExit(1)
    click.echo("All is well.")


def examine_settings(settings: Settings) -> list[Finding]:
    found = [Finding(well=False, text=sentence) for sentence in safety.refusals(settings)]
    relaxed = len(sentences(settings.mode))
    if relaxed:
        found.append(
            Finding(well=True, text=f"{settings.mode} mode relaxes {relaxed} rules; show-config lists them")
        )
    return found or [Finding(well=True, text=f"the settings are sound for {settings.mode}")]


def examine_plug_ins(settings: Settings) -> list[Finding]:
    """Whether what the merchants configured for payment, stock and mail can be made."""
    try:
        plugins.check(settings)
    except ConfigError as error:
        return [Finding(well=False, text=f"{error.setting}: {error.reason}")]
    return []


def examine_files(settings: Settings) -> list[Finding]:
    """Shipped data, and certificates that cannot be shown or end soon."""
    found = []
    for name in ("schemas", "profiles", "demo_shop"):
        try:
            resources.folder(name)
        except FileNotFoundError as error:
            found.append(Finding(well=False, text=str(error)))
    found += [Finding(well=False, text=sentence) for sentence in tls.unusable(settings)]
    configured = {files.chain for files in tls.by_host(settings).values()}
    if settings.certificate:
        configured.add(settings.certificate)
    return found + [finding for chain in sorted(configured) for finding in _validity(chain)]


def _validity(chain: Path) -> Iterator[Finding]:
    try:
        ends = x509.load_pem_x509_certificate(chain.read_bytes()).not_valid_after_utc
    except (OSError, ValueError):
        return  # told already
    yield _days_left(chain, ends)


def _days_left(chain: Path, ends: datetime.datetime) -> Finding:
    days = (ends - datetime.datetime.now(datetime.UTC)).days
    text = f"{chain} is valid for {days} more days"
    if days >= CERTIFICATE_DAYS_MIN:
        return Finding(well=True, text=text)
    return Finding(well=False, text=f"{text}: renew it and send the server SIGHUP")


async def _examine_database(settings: Settings) -> list[Finding]:
    if settings.database_url is None and not settings.embedded:
        return []  # told among the settings
    if settings.embedded and not _is_made(settings):
        return [Finding(well=True, text=f"nothing is kept in {settings.data_dir} yet; serve begins it")]
    try:
        async with connected(settings) as ready:
            return await examine_database(ready)
    except click.ClickException as error:
        return [Finding(well=False, text=error.message)]


def _is_made(settings: Settings) -> bool:
    """Whether an embedded Postgres was ever made; looking after it is to make none."""
    folder = settings.data_dir
    return folder is not None and any((folder / name).exists() for name in ("postgres", LOCATION))


async def examine_database(settings: Settings) -> list[Finding]:
    """Version, durability, schema and room for our connections."""
    url = settings.postgres_url
    found = [Finding(well=False, text=sentence) for sentence in await safety.unsafe_settings(url)]
    connection = await asyncpg.connect(url, timeout=CONNECT_TIMEOUT_S)
    try:
        version = connection.get_server_version()
        room = int(await connection.fetchval("SELECT current_setting('max_connections')"))
    finally:
        await connection.close()
    found.append(_version(version.major))
    found.append(_room(room, settings.workers + 1, settings.database_connections))
    schema = await _schema(url)
    return [*found, schema, *(await _examine_shops(settings) if schema.well else ())]


def _version(major: int) -> Finding:
    if major >= POSTGRES_MIN:
        return Finding(well=True, text=f"PostgreSQL {major} answers")
    return Finding(well=False, text=f"PostgreSQL {major} is too old: move to {POSTGRES_MIN} or newer")


def _room(connections: int, processes: int, each: int) -> Finding:
    text = f"the database allows {connections} connections; {processes} processes want {each} each"
    if connections >= processes * each + CONNECTIONS_SPARE:
        return Finding(well=True, text=text)
    return Finding(
        well=False,
        text=f"{text}, and {CONNECTIONS_SPARE} should be spare: lower workers or database_connections, or "
        "raise PostgreSQL's max_connections",
    )


async def _schema(url: str) -> Finding:
    try:
        missing = await pending(url)
    except MigrationError as error:
        return Finding(well=False, text=str(error))
    if missing:
        return Finding(
            well=False, text=f"the database lacks {missing} migrations: run ucp-server migrate, or serve"
        )
    return Finding(well=True, text="the database's schema is this version's")


async def _examine_shops(settings: Settings) -> list[Finding]:
    """What each merchant's orders wait for."""
    async with open_pool(settings.postgres_url, size=2, name="doctor") as pool, read(pool) as db:
        return [finding for merchant in settings.merchant for finding in await _examine_shop(db, merchant)]


async def _examine_shop(db: Read, merchant: str) -> list[Finding]:
    unpaid = await list_unpaid(db, merchant, NAMED_MAX)
    waiting = await list_waiting(db, merchant, NAMED_MAX)
    found = [
        Finding(
            well=False,
            text=f"{merchant}: the money for order {order_id} of {placed_at:%Y-%m-%d} could not be taken: "
            "settle it with the payment provider, or cancel the order",
        )
        for order_id, placed_at in unpaid
    ]
    found += [
        Finding(
            well=False,
            text=f"{merchant}: {job.kind} {job.id} is {job.state} ({job.last_error}): mend that, then "
            "resend it by the merchant API",
        )
        for job in waiting
    ]
    return found or [Finding(well=True, text=f"{merchant}: no order waits for the merchant")]
