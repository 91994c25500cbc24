"""The tables of README.md that come from code. ``python -m tests.style.readme`` writes them anew."""

import re
from collections.abc import Iterator
from pathlib import Path

import msgspec
from msgspec import UNSET

from ucp_server import config
from ucp_server.modes import RELAXATIONS, Mode, Relaxations
from ucp_server.ucp.releases import RELEASES, SERVED

README = Path(__file__).resolve().parents[2] / "README.md"

TABLES = (
    ("Server", config.Settings, ""),
    ("`[merchant.<name>]`", config.Merchant, "merchant.<name>."),
    ("`[merchant.<name>.mail]`", config.Mail, "merchant.<name>.mail."),
    ("`links` of a merchant", config.Link, ""),
    ("`handlers` of a merchant", config.Handler, ""),
    ("`[platform.<name>]`", config.Platform, "platform.<name>."),
)


def settings() -> str:
    return "\n".join(line for title, table, _ in TABLES for line in _settings_table(title, table))


def _settings_table(title: str, table: type[config.Table]) -> Iterator[str]:
    yield f"**{title}**\n"
    yield "| setting | what it is | default |"
    yield "| --- | --- | --- |"
    for name, sentence, default in config.describe(table):
        yield f"| `{name}` | {sentence} | {_shown(default)} |"
    yield ""


def _shown(default: object) -> str:
    if default is UNSET:
        return "required"
    if default in (None, "", (), {}):
        return "–"
    if isinstance(default, bool):
        return "yes" if default else "no"
    if isinstance(default, tuple):
        return ", ".join(f"`{part}`" for part in default)
    return f"`{default}`"


def modes() -> str:
    lines = ["| what is relaxed | production | demo | suite |", "| --- | --- | --- | --- |"]
    for field in msgspec.structs.fields(Relaxations):
        (meta,) = (part for part in field.type.__metadata__ if isinstance(part, msgspec.Meta))
        cells = [_shown(getattr(RELAXATIONS[mode], field.name)) for mode in Mode]
        lines.append(f"| {meta.description} | {' | '.join(cells)} |")
    return "\n".join(lines)


def releases() -> str:
    lines = ["| UCP release | REST |", "| --- | --- |"]
    for release in RELEASES:
        lines.append(f"| {release.version} | {'served' if release.version in SERVED else 'not yet'} |")
    return "\n".join(lines)


SECTIONS = {"settings": settings, "modes": modes, "releases": releases}


def written_anew(text: str) -> str:
    """``text`` with every generated section as the code has it now."""
    for name, make in SECTIONS.items():
        block = re.compile(rf"(<!-- {name} -->\n).*?(\n<!-- /{name} -->)", re.DOTALL)
        if not block.search(text):
            raise ValueError(f"README.md has no section {name}")
        text = block.sub(lambda found, made=make(): found[1] + made.strip() + found[2], text)
    return text


if __name__ == "__main__":
    README.write_text(written_anew(README.read_text()))
