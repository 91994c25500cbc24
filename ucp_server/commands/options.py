"""The options that several commands share, and how they become settings.

A command that needs settings is decorated with ``@configured`` and takes ``settings`` first.
"""

import functools
from collections.abc import Callable, Iterable
from pathlib import Path

import click

from ucp_server.config import ConfigError, Settings
from ucp_server.config_sources import CONFIG_VARIABLE, read
from ucp_server.modes import Mode

Command = Callable[..., None]

_FOLDER = click.Path(path_type=Path, file_okay=False)
_OPTIONS = (
    click.option(
        "--mode",
        type=click.Choice([mode.value for mode in Mode]),
        help="How strict the server is; production unless told otherwise.",
    ),
    click.option(
        "--config",
        type=click.Path(path_type=Path, dir_okay=False),
        envvar=CONFIG_VARIABLE,
        show_envvar=True,
        help="The TOML file with the settings.",
    ),
    click.option("--database-url", metavar="URL", help="The Postgres to use, as postgresql://…."),
    click.option(
        "--data-dir", type=_FOLDER, help="Where an embedded Postgres is kept, if no other one is named."
    ),
)
_OPERATIONS = (
    click.option("--admin-port", type=int, help="The port of metrics and merchant API; 0 leaves it off."),
)
_LISTENING = (
    click.option("--host", help="The address that the TLS listener binds."),
    click.option("--port", type=int, help="The TLS listener's port; 0 leaves it off."),
    click.option("--http-port", type=int, help="The plain http listener's port; 0 leaves it off."),
    click.option("--hosted-port", type=int, help="The port of plug-ins' own pages; 0 leaves it off."),
    *_OPERATIONS,
    click.option("--workers", type=int, help="HTTP processes; 0 for one per processor."),
    click.option("--import", "import_dir", type=_FOLDER, help="A shop in CSV files to load at start."),
    click.option("--simulation-secret", help="What /testing/simulate-shipping asks for."),
)


def configured(command: Command) -> Command:
    """Add the shared options and hand what they and the other sources say over as ``settings``."""
    return _with_options(command, _OPTIONS)


def configured_to_work(command: Command) -> Command:
    """``configured``, with the options of a process without public listeners."""
    return _with_options(command, (*_OPTIONS, *_OPERATIONS))


def configured_to_listen(command: Command) -> Command:
    """``configured``, with the options of a server."""
    return _with_options(command, (*_OPTIONS, *_LISTENING))


def _with_options(command: Command, options: Iterable[Callable[[Command], Command]]) -> Command:
    @functools.wraps(command)
    def with_settings(config: Path | None, **given: object) -> None:
        ours = {name: given.pop(name) for name in list(given) if name in Settings.__struct_fields__}
        try:
            settings = read(config, options=ours)
        except ConfigError as error:
            raise click.UsageError(str(error)) from error
        command(settings, **given)

    decorated: Command = with_settings
    for option in reversed(list(options)):
        decorated = option(decorated)
    return decorated
