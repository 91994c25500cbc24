"""The tables of README.md that come from code. ``python -m tests.style.readme`` writes them anew."""

import ast
from collections.abc import Iterator
from pathlib import Path

import msgspec
from msgspec import UNSET

from ucp_server import config
from ucp_server.modes import RELAXATIONS, Mode, Relaxations
from ucp_server.ucp.operation_table import Family, operations_of
from ucp_server.ucp.releases import RELEASES, SERVED, Release

HOUSE = Path(__file__).resolve().parents[2]
README = HOUSE / "README.md"

TABLES = (
    ("Server", config.Settings),
    ("`[merchant.<name>]`", config.Merchant),
    ("`[merchant.<name>.mail]`", config.Mail),
    ("`links` of a merchant", config.Link),
    ("`policies` of a merchant", config.Policy),
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
    head = (
        "UCP release",
        "REST and MCP",
        "beside checkouts",
        "orders",
        "errors",
        "events signed by",
        "profiles that may ask",
        "lines of its own",
    )
    rows = [[release.version, *_facts(release), _own_lines(release)] for release in RELEASES]
    table = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in table)


ERRORS = {"messages": "`status`, `messages`", "transport": "`code`, `content`; outcomes with 200"}
SIGNATURES = {"detached_jws": "detached JWS", "http_message": "RFC 9421"}


def _facts(release: Release) -> Iterator[str]:
    yield "served" if release.version in SERVED else "not yet"
    yield ", ".join(_looked_for(release)) or "–"
    yield "events, `GET`" if release.serves_orders else "events"
    yield ERRORS[release.errors]
    yield SIGNATURES[release.events_are_signed_by]
    yield "of its date or older" if release.serves_older_platforms else "of its date"


def _looked_for(release: Release) -> list[str]:
    families = dict.fromkeys(row.family for row in operations_of(release))
    return [family.value for family in families if family not in (Family.CHECKOUT, Family.ORDER)]


def _own_lines(release: Release) -> str:
    """What would go if the release went: blank lines are not counted."""
    code = HOUSE / "ucp_server" / "ucp"
    steps = code / "steps" / f"to_{release.version.replace('-', '_')}.py"
    found = {
        "steps": _lines(steps.read_text()) if steps.exists() else 0,
        "row": _row_lines((code / "releases.py").read_text(), release),
        "schemas": sum(
            _lines(file.read_text())
            for file in (HOUSE / "schemas" / "ucp" / release.version).glob("*.json")
        ),
    }
    return ", ".join(f"{name} {count:,}" for name, count in found.items() if count)


def _row_lines(source: str, release: Release) -> int:
    name = f"R_{release.version.replace('-', '_')}"
    (row,) = (
        node
        for node in ast.parse(source).body
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and node.target.id == name
    )
    return _lines(ast.get_source_segment(source, row) or "")


def _lines(text: str) -> int:
    return sum(bool(line.strip()) for line in text.splitlines())


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
