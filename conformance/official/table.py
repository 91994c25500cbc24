"""The result table, the same text for the same results so that a change shows in a diff."""

from collections.abc import Iterable, Iterator
from itertools import groupby
from pathlib import Path

from conformance.official.suite import Outcome, Target

REASON_CHARS = 200
NAME_WIDTH = 72


def table(results: list[Outcome], suite: Path, sdk: Path, target: Target) -> str:
    """Every test with its verdict, file by file, under the commits that were run."""
    passed = sum(each.verdict == "pass" for each in results)
    return "\n".join(
        [
            "Universal-Commerce-Protocol/conformance, run unchanged",
            f"suite  {commit(suite)}",
            f"sdk    {commit(sdk)}",
            f"passed {passed} of {len(results)}",
            *_rows(results, target),
            "",
        ]
    )


def _rows(results: Iterable[Outcome], target: Target) -> Iterator[str]:
    for file, tests in groupby(results, key=lambda each: each.file):
        yield ""
        yield file
        for test in tests:
            reason = test.reason.replace(target.server_url, "SERVER")[:REASON_CHARS]
            row = f"  {test.verdict:<7} {test.name}"
            yield f"{row:<{NAME_WIDTH}} {reason}" if reason else row


def commit(checkout: Path) -> str:
    """The commit that is checked out, read from the repository's own files."""
    head = checkout / ".git" / "HEAD"
    if not head.is_file():
        return "no git checkout"
    said = head.read_text().strip()
    if not said.startswith("ref: "):
        return said
    branch = checkout / ".git" / said.removeprefix("ref: ")
    return branch.read_text().strip() if branch.is_file() else said
