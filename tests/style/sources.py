"""The sources of the house, parsed once."""

import ast
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "ucp_server"


@cache
def trees() -> dict[Path, ast.Module]:
    """Every module of the package by its path from the root."""
    return {path.relative_to(ROOT): ast.parse(path.read_text()) for path in sorted(PACKAGE.rglob("*.py"))}


def functions() -> list[tuple[str, int]]:
    """(where, lines) of every function and method."""
    return [
        (f"{path}:{node.lineno} {node.name}", (node.end_lineno or node.lineno) - node.lineno + 1)
        for path, tree in trees().items()
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    ]
