"""From measurements to figures: the median over the rounds, and ratios within each round.

These machines change their speed by a factor of two within minutes, so what is compared was measured
within one round.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from tests.bench.client import Result

OPERATIONS = ("create", "update", "get", "complete")


@dataclass(frozen=True)
class Cell:
    """One rival at one number of buyers in one round."""

    result: Result
    server_cpu_s: float

    @property
    def rate(self) -> float:
        """Lifecycles (or empty requests) per second."""
        return self.result.lifecycles / self.result.elapsed

    def quantile_ms(self, operation: str, share: float) -> float:
        times = sorted(self.result.times[operation])
        return times[min(len(times) - 1, math.ceil(share * len(times)) - 1)] * 1000

    @property
    def cpu_ms(self) -> float:
        """Server CPU per lifecycle, its database and what follows the order included."""
        return self.server_cpu_s / self.result.lifecycles * 1000

    @property
    def refused(self) -> float:
        """Requests that were shed and repeated, and lifecycles that failed."""
        return self.result.shed + self.result.failed

    @property
    def client_busy(self) -> float:
        return self.result.client_cpu / self.result.elapsed


# By rival and number of buyers: one cell per round.
Cells = Mapping[tuple[str, int], Sequence[Cell]]


def mid(cells: Sequence[Cell], figure: Callable[[Cell], float]) -> float:
    return median(map(figure, cells))


def mid_ratio(
    ours: Sequence[Cell],
    theirs: Sequence[Cell],
    figure: Callable[[Cell], float],
    other: Callable[[Cell], float],
) -> float:
    return median(figure(one) / other(two) for one, two in zip(ours, theirs, strict=True))
