import contextlib
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def tiny_shop() -> Iterator[str]:
    """The URL of a tiny shop of the first release in a process of its own."""
    with serving("2026-01-11") as url:
        yield url


@pytest.fixture(scope="module")
def newest_shop() -> Iterator[str]:
    """The URL of a tiny shop of the newest release."""
    with serving("2026-08-25") as url:
        yield url


@contextlib.contextmanager
def serving(release: str) -> Iterator[str]:
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.conformance.tiny_shop", release],
        cwd=REPOSITORY,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        yield f"http://127.0.0.1:{int(process.stdout.readline())}"
    finally:
        process.terminate()
        process.communicate(timeout=10)
