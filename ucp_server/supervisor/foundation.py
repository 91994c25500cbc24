"""What must stand before the first process serves: folder, secret, certificate, Postgres, schema."""

import asyncio
import contextlib
import datetime
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import asyncpg
import msgspec

from ucp_server import safety
from ucp_server.config import Secret, Settings
from ucp_server.issuing import derived_text
from ucp_server.modes import Mode
from ucp_server.postgres import Cluster, PostgresError, binaries, open_cluster
from ucp_server.store.migrate import migrate
from ucp_server.supervisor import data_folder, tls
from ucp_server.supervisor.progress import Progress
from ucp_server.supervisor.sockets import free_port

CONNECT_TIMEOUT_S = 5.0
# Beside the shop's own 8443, where nobody says otherwise.
DEMO_HOSTED_PORT = 8444
# How soon a dead server is noticed; its callers meanwhile hear 503.
POSTGRES_POLL_S = 0.2
POSTGRES_RETRY_S = 5.0


class Refused(Exception):
    """The server must not start like this; each sentence says what to do."""

    def __init__(self, sentences: tuple[str, ...]) -> None:
        super().__init__("\n".join(sentences))
        self.sentences = sentences


class DatabaseUnusable(Exception):
    """The database cannot be reached, or refuses us."""


class Foundation(msgspec.Struct, frozen=True):
    """Settings complete with what was made, and the embedded server if there is one."""

    settings: Settings
    cluster: Cluster | None


@contextlib.asynccontextmanager
async def laid(settings: Settings, progress: Progress) -> AsyncIterator[Foundation]:
    """Make and start what is missing; stop the embedded Postgres at the end.

    Raises Refused, FolderInUse, PostgresError, BinariesMissing, DatabaseUnusable, MigrationError.
    """
    async with contextlib.AsyncExitStack() as stack:
        if settings.data_dir is not None:
            data_folder.make(settings.data_dir)
            stack.enter_context(data_folder.locked(settings.data_dir))
            progress.note("data", str(settings.data_dir))
            settings = furnished(settings, settings.data_dir)
        foundation = Foundation(settings, None)
        if settings.embedded:
            foundation = await stack.enter_async_context(_with_postgres(settings, progress))
        await reach(foundation.settings.postgres_url)
        await _check_durability(foundation.settings, progress)
        with progress.phase("migrations") as phase:
            applied = await migrate(foundation.settings.postgres_url)
            phase.text = f"{len(applied)} applied" if applied else "up to date"
        yield foundation


async def reach(url: str) -> None:
    """Raises DatabaseUnusable where nobody answers at ``url`` or lets us in."""
    try:
        connection = await asyncpg.connect(url, timeout=CONNECT_TIMEOUT_S)
    except (OSError, ValueError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        raise DatabaseUnusable(f"The database cannot be used: {error or 'no answer'}") from error
    await connection.close()


def furnished(settings: Settings, folder: Path) -> Settings:
    """Add the secrets and the certificate that a mode for local use makes for itself."""
    made: dict[str, object] = {}
    secret = settings.secret
    if secret is None and settings.relaxed.makes_secret:
        made["secret"] = secret = data_folder.secret(folder)
    if settings.relaxed.makes_credentials and settings.simulation_secret is None and secret is not None:
        made["simulation_secret"] = Secret(derived_text(secret.reveal().encode(), "simulation"))
    if settings.port and tls.default(settings) is None and settings.relaxed.makes_certificate:
        files = tls.self_signed(folder, datetime.datetime.now(datetime.UTC))
        made |= {"certificate": files.chain, "certificate_key": files.key}
    if settings.hosted_port is None and settings.mode is Mode.DEMO:
        # A second demo on one machine has named its own ports; this one it need not know of.
        made["hosted_port"] = free_port(settings.http_host, DEMO_HOSTED_PORT)
    return msgspec.structs.replace(settings, **made)


@contextlib.asynccontextmanager
async def _with_postgres(settings: Settings, progress: Progress) -> AsyncIterator[Foundation]:
    assert settings.data_dir is not None
    made = not (settings.data_dir / "postgres").exists()
    with progress.phase("PostgreSQL") as phase:
        cluster = await open_cluster(settings.data_dir, say=lambda text: progress.note("", text))
        await cluster.start()
        how = "adopted as it still ran" if cluster.adopted else "made and started" if made else "started"
        phase.text = f"{binaries.version(binaries.installed())}, {how}"
    if settings.mode is Mode.PRODUCTION:
        progress.note("", safety.LACKS_EMBEDDED)
    try:
        yield Foundation(msgspec.structs.replace(settings, database_url=Secret(cluster.url())), cluster)
    finally:
        with progress.phase("PostgreSQL", "stopped"):
            await cluster.stop()


async def _check_durability(settings: Settings, progress: Progress) -> None:
    sentences = await safety.unsafe_settings(settings.postgres_url)
    if sentences and settings.mode is Mode.PRODUCTION:
        raise Refused(sentences)
    for sentence in sentences:
        progress.note("careful", sentence)


async def keep_postgres(cluster: Cluster, say: Callable[[str], None]) -> None:
    """Start the embedded server again whenever it dies; runs until it is cancelled."""
    while True:
        await asyncio.sleep(POSTGRES_POLL_S)
        if cluster.alive():
            continue
        say("PostgreSQL ended; starting it again")
        try:
            await cluster.start()
            say("PostgreSQL runs again")
        except PostgresError as error:
            say(str(error))
            await asyncio.sleep(POSTGRES_RETRY_S)
