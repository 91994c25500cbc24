"""House rules, each refused by a machine. The rule's reason stands in its failure message."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from statistics import median

import pytest

from tests.style.sources import PACKAGE, ROOT, functions, trees

FUNCTION_LINES_MAX = 60
MODULE_LINES_MAX = 500
BANNED_MODULES = {"utils", "util", "helpers", "helper", "common", "manager", "managers", "base", "misc"}
PROTOCOL_METHODS_MAX = 5
DATE = re.compile(r"^\d{4}-\d\d-\d\d$")
ORDERINGS = (ast.Lt, ast.LtE, ast.Gt, ast.GtE)


def test_no_function_is_longer_than_a_screen() -> None:
    assert [f"{where}: {lines} lines" for where, lines in functions() if lines > FUNCTION_LINES_MAX] == []


def test_the_median_function_is_under_ten_lines() -> None:
    assert median(lines for _, lines in functions()) < 10


def test_no_module_is_a_warehouse() -> None:
    sizes = {path: len((ROOT / path).read_text().splitlines()) for path in trees()}
    assert {str(path): size for path, size in sizes.items() if size >= MODULE_LINES_MAX} == {}


def test_no_module_is_named_for_assorted_things() -> None:
    assert [str(path) for path in trees() if BANNED_MODULES & {*path.parts[:-1], path.stem}] == []


@pytest.mark.parametrize("word", ["header", "json", "status code", "ucp", "http", "aap", "chipp", "c2a"])
def test_the_engine_does_not_know_the_words_of_a_protocol(word: str) -> None:
    said = re.compile(rf"\b{word}\b", re.IGNORECASE)
    found = [
        f"{path.relative_to(ROOT)}:{number}: {line.strip()}"
        for path in sorted((PACKAGE / "engine").rglob("*.py"))
        for number, line in enumerate(path.read_text().splitlines(), 1)
        if said.search(line)
    ]
    assert found == []


def test_no_code_compares_release_dates() -> None:
    found = [
        f"{path}:{node.lineno}"
        for path, tree in trees().items()
        for node in ast.walk(tree)
        if isinstance(node, ast.Compare)
        and any(isinstance(op, ORDERINGS) for op in node.ops)
        and any(_is_a_release(side) for side in (node.left, *node.comparators))
    ]
    assert found == []


def _is_a_release(side: ast.expr) -> bool:
    if isinstance(side, ast.Constant):
        return isinstance(side.value, str) and bool(DATE.match(side.value))
    name = side.attr if isinstance(side, ast.Attribute) else side.id if isinstance(side, ast.Name) else ""
    return name == "release" or name.endswith("_release") or (name == "version" and "ucp" in ast.dump(side))


def test_ports_are_small_enough_to_be_written_by_an_outsider() -> None:
    tree = trees()[Path("ucp_server/ports.py")]
    sizes = {
        node.name: sum(isinstance(item, ast.FunctionDef | ast.AsyncFunctionDef) for item in node.body)
        for node in tree.body
        if isinstance(node, ast.ClassDef)
        and any(isinstance(base, ast.Name) and base.id == "Protocol" for base in node.bases)
    }
    assert sizes
    assert {name: size for name, size in sizes.items() if size > PROTOCOL_METHODS_MAX} == {}


def test_only_the_engine_and_the_jobs_open_a_transaction() -> None:
    allowed = re.compile(r"^ucp_server/(engine|worker|store)/")
    found = [
        f"{path}:{node.lineno}"
        for path, tree in trees().items()
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and _called(node) == "transaction" and not allowed.match(str(path))
    ]
    assert found == []


def _called(node: ast.Call) -> str:
    if isinstance(node.func, ast.Attribute):
        return node.func.attr
    return node.func.id if isinstance(node.func, ast.Name) else ""


def test_there_is_one_way_out_to_the_network() -> None:
    """An outbound client elsewhere would not check the addresses that it connects to."""
    allowed = re.compile(r"^ucp_server/(handlers|agent)/")
    clients = {"aiohttp", "httpx", "httpx2", "requests", "urllib.request", "http.client"}
    found = [f"{path}: {name}" for path, name in _imports() if name in clients and not allowed.match(path)]
    assert found == []


def _imports() -> Iterator[tuple[str, str]]:
    for path, tree in trees().items():
        for node in ast.walk(tree):
            if isinstance(node, ast.Import):
                yield from ((str(path), alias.name) for alias in node.names)
            elif isinstance(node, ast.ImportFrom) and node.module:
                yield str(path), node.module


def test_any_stays_at_the_wire() -> None:
    """``Any`` in the engine would let a document's shape leak into the rules."""
    found = [
        str(path)
        for path, tree in trees().items()
        if path.parts[1] in {"engine", "store", "domain", "worker"}
        and any(
            isinstance(node, ast.ImportFrom)
            and node.module == "typing"
            and any(alias.name == "Any" for alias in node.names)
            for node in ast.walk(tree)
        )
        and path.name not in OPEN_CONTENT
    ]
    assert found == []


# The context of a checkout is open content that a platform sends and the engine only carries.
OPEN_CONTENT = {"checkout.py", "commands.py"}


def test_nothing_is_left_for_later() -> None:
    later = re.compile(r"\b(TODO|FIXME|XXX|HACK|NotImplementedError)\b")
    found = [
        f"{path}:{number}"
        for path in trees()
        for number, line in enumerate((ROOT / path).read_text().splitlines(), 1)
        if later.search(line)
    ]
    assert found == []
