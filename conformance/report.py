"""The table that a person reads."""

from collections import Counter
from collections.abc import Iterable, Iterator

from conformance.registry import Check
from conformance.run import Result

ID_WIDTH = 52
REASON_CHARS = 300


def line(result: Result) -> str:
    """One line of the table."""
    reason = f"  {result.reason[:REASON_CHARS]}" if result.reason else ""
    return f"{result.verdict:<4}  {result.check.id:<{ID_WIDTH}}{reason}"


def details(results: Iterable[Result]) -> Iterator[str]:
    """For each failure and warning: the obligation, where it stands, and what was said."""
    for result in results:
        if result.verdict not in {"fail", "warn"}:
            continue
        yield f"\n{result.verdict.upper()} {result.check.id} ({result.check.section})"
        yield f"  wanted: {result.check.sentence}"
        yield f"  seen:   {result.reason}"
        if result.shown_by is not None:
            yield from (f"    {row}" for row in result.shown_by.excerpt().splitlines())


def summary(results: list[Result]) -> str:
    counts = Counter(result.verdict for result in results)
    told = [f"{counts[verdict]} {verdict}" for verdict in ("pass", "fail", "warn", "skip")]
    return f"{len(results)} checks: {', '.join(told)}"


def catalogue(checks: Iterable[Check]) -> Iterator[str]:
    """What `--list` prints: every check with its section and its sentence."""
    for check in checks:
        kind = "should" if check.advice else "must"
        yield f"{check.id}\n  {kind}; {check.section}\n  {check.sentence}"
