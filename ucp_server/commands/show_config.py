"""``ucp-server show-config``: every setting as it stands, with its sentence."""

import click
import msgspec

from ucp_server.commands.options import configured_to_listen
from ucp_server.config import Settings, describe, shown
from ucp_server.modes import sentences


@click.command()
@configured_to_listen
def show_config(settings: Settings) -> None:
    """Show every setting with its meaning; secrets as dots."""
    values = shown(settings)
    for name, sentence, _ in describe():
        value = values[name]
        if isinstance(value, dict):
            _show_tables(name, sentence, value)
        else:
            click.echo(f"{_line(name, value):<44} # {sentence}")
    for sentence in sentences(settings.mode):
        click.echo(f"# relaxed in {settings.mode} mode: {sentence}")


def _show_tables(kind: str, sentence: str, tables: dict[str, dict[str, object]]) -> None:
    click.echo(f"\n# [{kind}.<name>]: {sentence}")
    for name, table in tables.items():
        click.echo(f"[{kind}.{name}]")
        for setting, value in table.items():
            click.echo(_line(setting, value))
        click.echo()


def _line(name: str, value: object) -> str:
    if value is None:
        return f"# {name} is not set"
    return f"{name} = {msgspec.json.encode(value).decode()}"
