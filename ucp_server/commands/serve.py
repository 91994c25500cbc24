"""``ucp-server serve`` and ``ucp-server worker``: the processes of a server, until a signal."""

import asyncio
from collections.abc import Sequence

import click

from ucp_server.commands.options import configured_to_listen, configured_to_work
from ucp_server.config import Settings
from ucp_server.modes import Mode
from ucp_server.postgres import PostgresError
from ucp_server.postgres.binaries import BinariesMissing
from ucp_server.store.migrate import MigrationError
from ucp_server.supervisor.data_folder import FolderInUse
from ucp_server.supervisor.doors import CannotListen
from ucp_server.supervisor.foundation import DatabaseUnusable, Refused
from ucp_server.supervisor.progress import Progress
from ucp_server.supervisor.roles import Role
from ucp_server.supervisor.slot import NeverServed
from ucp_server.supervisor.supervise import CannotStart, Supervisor

_FAILURES = (
    CannotStart,
    CannotListen,
    NeverServed,
    FolderInUse,
    PostgresError,
    BinariesMissing,
    DatabaseUnusable,
    MigrationError,
)


@click.command()
@configured_to_listen
def serve(settings: Settings) -> None:
    """Serve the shop, and do its background jobs.

    One process per processor for HTTP, one for the jobs, one above them that replaces whoever dies.
    SIGTERM and Ctrl-C end it after the open requests; SIGHUP replaces every process in turn.
    """
    _run(settings, [Role.JOBS, *[Role.PUBLIC] * settings.workers])


@click.command()
@configured_to_work
def worker(settings: Settings) -> None:
    """Do the background jobs alone, on another machine say.

    Any number of workers may run beside servers on the same database.
    """
    _run(settings, [Role.JOBS])


def _run(settings: Settings, roles: Sequence[Role]) -> None:
    try:
        asyncio.run(Supervisor(settings, roles, Progress()).run())
    except Refused as error:
        lines = ["The server does not start like this:", *(f"  - {line}" for line in error.sentences)]
        if settings.mode is Mode.PRODUCTION and not settings.merchant:
            lines.append("To try it out with nothing set up: ucp-server serve --mode demo")
        raise click.ClickException("\n".join(lines)) from error
    except _FAILURES as error:
        raise click.ClickException(str(error)) from error
