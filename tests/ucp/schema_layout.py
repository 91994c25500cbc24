"""How our schema documents are laid out: what fits on a line stands on one.

`python -m tests.ucp.schema_layout` writes every document anew in this form.
"""

import json
import textwrap
from pathlib import Path
from typing import Any

SCHEMAS = Path(__file__).parents[2] / "schemas" / "ucp"
RELEASES = sorted(path.name for path in SCHEMAS.iterdir() if path.is_dir())
WIDTH = 100  # as the code: ruff's line-length
TOP = ("$schema", "$id", "description", "since", "capability", "adds_to", "$ref", "type", "properties")


def laid_out(document: dict[str, Any]) -> str:
    """The document as the text that we keep, members of the top level in the house order."""
    ordered = {name: document[name] for name in TOP if name in document}
    ordered |= {name: value for name, value in document.items() if name not in ordered}
    return _broken(ordered, 0) + "\n"


def _text(value: Any, indent: int, taken: int) -> str:
    """On one line if it fits beside the `taken` characters, spread out otherwise."""
    line = json.dumps(value, ensure_ascii=False)
    if indent + taken + len(line) <= WIDTH or not isinstance(value, dict | list):
        return line
    return _broken(value, indent)


def _broken(value: Any, indent: int) -> str:
    inner = " " * (indent + 2)
    if isinstance(value, dict):
        heads = [f"{json.dumps(name, ensure_ascii=False)}: " for name in value]
        parts = zip(heads, value.values(), strict=True)
        rows = [head + _text(item, indent + 2, len(head) + 1) for head, item in parts]
        body = ",\n".join(inner + row for row in rows)
        return f"{{\n{body}\n{' ' * indent}}}"
    if all(isinstance(item, str) for item in value):
        words = ", ".join(json.dumps(item, ensure_ascii=False) for item in value)
        body = textwrap.fill(words, WIDTH, initial_indent=inner, subsequent_indent=inner)
    else:
        body = ",\n".join(inner + _text(item, indent + 2, 1) for item in value)
    return f"[\n{body}\n{' ' * indent}]"


if __name__ == "__main__":
    for path in sorted(SCHEMAS.rglob("*.json")):
        path.write_text(laid_out(json.loads(path.read_text("utf-8"))), "utf-8")
