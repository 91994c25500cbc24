"""``ucp-server show-config``: every setting as it stands, with its sentence, as TOML."""

import re
from collections.abc import Iterator

import click
import msgspec

from ucp_server.commands.options import configured_to_listen
from ucp_server.config import Merchant, Platform, Settings, Table, describe, shown
from ucp_server.modes import sentences

COMMENT_COLUMN = 44
_TABLES: dict[str, type[Table]] = {"merchant": Merchant, "platform": Platform}
_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")


@click.command()
@configured_to_listen
def show_config(settings: Settings) -> None:
    """Show every setting that is in force, and what it means.

    What is printed is TOML, so that it can be cut out for a file; secrets are dots.
    """
    values = shown(settings)
    tables = {kind: values.pop(kind) for kind in _TABLES}
    for line in _lines(Settings, values):
        click.echo(line)
    sentence_of = {name: sentence for name, sentence, _ in describe()}
    for kind, named in tables.items():
        for line in _named(kind, sentence_of[kind], named):
            click.echo(line)
    relaxed = sentences(settings.mode)
    if relaxed:
        click.echo(f"\n# relaxed in {settings.mode} mode, other than in production:")
    for sentence in relaxed:
        click.echo(f"#   - {sentence}")


def _named(kind: str, sentence: str, tables: object) -> Iterator[str]:
    assert isinstance(tables, dict)
    yield f"\n# [{kind}.<name>]: {sentence}{'' if tables else ' There is none.'}"
    for name, values in tables.items():
        yield f"[{kind}.{name}]"
        yield from _lines(_TABLES[kind], values)


def _lines(table: type[Table], values: dict[str, object]) -> Iterator[str]:
    for name, sentence, _ in describe(table):
        if name in values:
            value = values[name]
            line = f"# {name} is not set" if value is None else f"{name} = {toml(value)}"
            if len(line) > COMMENT_COLUMN:
                yield f"# {sentence}"
                yield line
            else:
                yield f"{line:<{COMMENT_COLUMN}} # {sentence}"


def toml(value: object) -> str:
    """A value on one line of TOML; members of tables that are None are left out."""
    if isinstance(value, dict):
        members = (f"{_key(name)} = {toml(member)}" for name, member in value.items() if member is not None)
        return f"{{ {', '.join(members)} }}" if value else "{}"
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(toml, value))}]"
    # Strings, numbers and booleans are written as in JSON.
    return msgspec.json.encode(value).decode()


def _key(name: str) -> str:
    return name if _BARE_KEY.fullmatch(name) else msgspec.json.encode(name).decode()
