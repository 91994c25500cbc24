"""The tables of README.md that come from code. ``python -m tests.style.readme`` writes them anew."""

from collections.abc import Iterator
from pathlib import Path

import msgspec
from msgspec import UNSET

from ucp_server import config
from ucp_server.modes import RELAXATIONS, Mode, Relaxations
from ucp_server.ucp.releases import RELEASES, SERVED

README = Path(__file__).resolve().parents[2] / "README.md"

TABLES = (
    ("Server", config.Settings),
    ("`[merchant.<name>]`", config.Merchant),
    ("`[merchant.<name>.mail]`", config.Mail),
    ("`links` of a merchant", config.Link),
    ("`handlers` of a merchant", config.Handler),
    ("`[platform.<name>]`", config.Platform),
)


def settings() -> str:
    return "\n".join(line for title, table in TABLES for line in _settings_table(title, table))


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
    rows = [
        f"| {release.version} | {'served' if release.version in SERVED else 'not yet'} |"
        for release in RELEASES
    ]
    return "\n".join(["| UCP release | REST |", "| --- | --- |", *rows])


SECTIONS = {"settings": settings, "modes": modes, "releases": releases}


def written_anew(text: str) -> str:
    """``text`` with every generated section as the code has it now."""
    for name, make in SECTIONS.items():
        first, last = f"<!-- {name} -->\n", f"<!-- /{name} -->"
        before, found, rest = text.partition(first)
        _, closed, after = rest.partition(last)
        if not found or not closed:
            raise ValueError(f"README.md has no section {name}")
        text = before + first + make().strip() + "\n" + last + after
    return text


if __name__ == "__main__":
    README.write_text(written_anew(README.read_text()))
