"""How far a long command is: one line that grows where a person watches, some lines where a log does."""

import time
from typing import Final, TextIO

# Often enough to look alive.
BAR_EVERY_S: Final = 0.1
# Seldom enough not to fill a log; what is done sooner says nothing.
LINE_EVERY_S: Final = 5.0
_BAR_CHARS: Final = 30


class Progress:
    """Call it with what is being done, how much of it is, and how much there is; then `close` it."""

    def __init__(self, out: TextIO) -> None:
        self._out = out
        self._is_watched = out.isatty()
        self._every_s = BAR_EVERY_S if self._is_watched else LINE_EVERY_S
        self._told_at = time.monotonic()
        self._is_open = False

    def __call__(self, what: str, done: int, whole: int) -> None:
        now = time.monotonic()
        if now - self._told_at < self._every_s:
            return
        self._told_at = now
        part = min(done / whole, 1.0) if whole else 1.0
        if not self._is_watched:
            print(f"{what}: {part:.0%}", file=self._out, flush=True)
            return
        filled = round(part * _BAR_CHARS)
        bar = "█" * filled + "░" * (_BAR_CHARS - filled)
        # Back to the margin, and whatever stood there before is erased.
        print(f"\r\x1b[K{bar} {part:4.0%} {what}", end="", file=self._out, flush=True)
        self._is_open = True

    def close(self) -> None:
        """Leave no half line behind."""
        if self._is_open:
            print("\r\x1b[K", end="", file=self._out, flush=True)
