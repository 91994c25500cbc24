"""What the bench prints."""

from collections.abc import Iterator, Sequence
from functools import partial

from tests.bench.measures import OPERATIONS, Cell, Cells, mid, mid_ratio

RATE_WANTED = 10
TAIL_WANTED = 8
# What an older release may cost more, for the steps away from the newest.
CPU_WANTED = 1.15
# Where the tails are compared: busy, and not yet a queue.
TAIL_BUYERS = 16


def lines(cells: Cells, buyers: Sequence[int], releases: Sequence[str]) -> Iterator[str]:
    yield f"{'':12}{'buyers':>7}{'per s':>9}{'CPU ms':>8}{'client':>8}{'refused':>9}   p50 / p99 in ms"
    for (name, count), measured in cells.items():
        yield (
            f"{name:12}{count:>7}{mid(measured, lambda c: c.rate):>9.1f}"
            f"{mid(measured, lambda c: c.cpu_ms):>8.2f}{mid(measured, lambda c: c.client_busy):>8.0%}"
            f"{mid(measured, lambda c: c.refused):>9.0f}   "
            + "   ".join(_times(operation, measured) for operation in measured[0].result.times)
        )
    yield ""
    yield from _to_the_newest(cells, buyers, releases) if len(releases) > 1 else _ratios(cells, buyers)


def _times(operation: str, measured: Sequence[Cell]) -> str:
    p50, p99 = (mid(measured, partial(Cell.quantile_ms, operation=operation, share=s)) for s in (0.5, 0.99))
    return f"{operation} {p50:.1f} / {p99:.1f}"


def _to_the_newest(cells: Cells, buyers: Sequence[int], releases: Sequence[str]) -> Iterator[str]:
    *older, newest = releases
    for count in buyers:
        for release in older:
            measured = cells[release, count], cells[newest, count]
            ratio = mid_ratio(*measured, lambda c: c.cpu_ms, lambda c: c.cpu_ms)
            told = f"CPU of a lifecycle, {release} to {newest}, {count} buyers"
            yield f"{told}: {ratio:.2f} (wanted: at most {CPU_WANTED:.2f})"


def _ratios(cells: Cells, buyers: Sequence[int]) -> Iterator[str]:
    for count in buyers:
        for rival, wanted in (("sample", f" (wanted: at least {RATE_WANTED})"), ("engine", "")):
            if (rival, count) in cells:
                ratio = mid_ratio(
                    cells["server", count], cells[rival, count], lambda c: c.rate, lambda c: c.rate
                )
                yield f"lifecycles/s, server to {rival}, {count} buyers: {ratio:.2f}{wanted}"
    if TAIL_BUYERS in buyers:
        for operation in OPERATIONS:
            ratio = mid_ratio(
                cells["server", TAIL_BUYERS],
                cells["empty POST", TAIL_BUYERS],
                partial(Cell.quantile_ms, operation=operation, share=0.99),
                partial(Cell.quantile_ms, operation="empty", share=0.99),
            )
            told = f"p99 of {operation} to that of the empty POST, {TAIL_BUYERS} buyers"
            yield f"{told}: {ratio:.1f} (wanted: at most {TAIL_WANTED})"
