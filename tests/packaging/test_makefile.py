"""The two commands of a newcomer exist, and do what the others say they do."""

import subprocess

from tests.serving import REPOSITORY

MAKEFILE = (REPOSITORY / "Makefile").read_text()


def _would_run(target: str) -> str:
    return subprocess.run(
        ["make", "-n", "-B", target], cwd=REPOSITORY, check=True, capture_output=True, text=True
    ).stdout


def test_make_alone_explains_itself() -> None:
    told = subprocess.run(["make"], cwd=REPOSITORY, check=True, capture_output=True, text=True).stdout
    for target in ("serve", "test", "soak", "bench", "lock"):
        assert f"make {target} " in told


def test_serving_needs_no_more_than_the_server() -> None:
    would = _would_run("serve")
    assert "[embedded]'" in would
    assert "dev" not in would
    assert "ucp-server serve --mode demo" in would


def test_one_command_checks_everything() -> None:
    would = _would_run("test")
    for check in ("ruff format --check .", "ruff check .", "mypy", "lint-imports", "pytest"):
        assert check in would
    ci = (REPOSITORY / ".ci" / "run").read_text()
    assert "\nif make test; then exit 0; fi\n" in ci
    # What failed is tried once more, and then decides: nothing after it can make it good.
    assert ci.rstrip().splitlines()[-1].startswith("exec .venv/bin/python -m pytest -q --last-failed")
