"""What a person reads while the server starts and stops."""

import contextlib
import sys
import time
from collections.abc import Iterator
from typing import TextIO

LABEL_WIDTH = 14
TEXT_WIDTH = 58


class Phase:
    """One line of the start; ``text`` may be set until the phase ends."""

    def __init__(self, text: str) -> None:
        self.text = text


class Progress:
    """Writes phases with their durations, and plain lines. Nothing here is for machines."""

    def __init__(self, out: TextIO | None = None) -> None:
        self._out = out or sys.stdout
        self._began = time.monotonic()

    def say(self, line: str = "") -> None:
        self._out.write(f"{line}\n")
        self._out.flush()

    @contextlib.contextmanager
    def phase(self, label: str, text: str = "") -> Iterator[Phase]:
        began = time.monotonic()
        phase = Phase(text)
        yield phase
        took_s = time.monotonic() - began
        self.say(f"  {label:<{LABEL_WIDTH}} {phase.text:<{TEXT_WIDTH}} {took_s:6.2f} s")

    def note(self, label: str, text: str) -> None:
        self.say(f"  {label:<{LABEL_WIDTH}} {text}")

    @property
    def elapsed_s(self) -> float:
        return time.monotonic() - self._began
