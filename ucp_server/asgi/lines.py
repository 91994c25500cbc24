"""Structured lines, one JSON object each, written in batches.

A write per line costs 40 to 69 us of the event loop and stalls it when the reader of the pipe is
slow; here a line costs its encoding, and a thread does the writing.
"""

import asyncio
import contextlib
import os
import threading
from collections.abc import Mapping

import msgspec

# Seconds a line may wait. A crash of the process loses at most this much of its log, never of
# its data.
FLUSH_AFTER_S = 0.2
# At 250 bytes a line these are 16,000 lines: two seconds of one worker at full speed. When the
# reader of the log is slower for longer, lines are dropped and counted rather than kept.
PENDING_MAX = 4 * 1024 * 1024

_encode = msgspec.json.Encoder().encode


class Lines:
    """A buffered writer of JSON lines to a file descriptor, which stays open and is not owned.

    ``write`` and ``flush`` belong to the thread of one event loop.
    """

    def __init__(self, fd: int) -> None:
        self.fd = fd
        self.dropped = 0
        self._pending: list[bytes] = []
        self._pending_bytes = 0
        self._hand_over_due = False
        self._in_thread: asyncio.Future[None] | None = None
        # Held while writing, so that the last flush comes after a write that is under way.
        self._writing = threading.Lock()

    def write(self, record: Mapping[str, object]) -> None:
        line = _encode(record)
        if self._pending_bytes + len(line) > PENDING_MAX:
            self.dropped += 1
            return
        self._pending.append(line)
        self._pending_bytes += len(line)
        if not self._hand_over_due:
            self._schedule()

    def flush(self) -> None:
        """Write everything now, on this thread: for the end of the process."""
        self._write(self._take())

    def _schedule(self) -> None:
        self._hand_over_due = True
        asyncio.get_running_loop().call_later(FLUSH_AFTER_S, self._hand_over)

    def _hand_over(self) -> None:
        self._hand_over_due = False
        if self._in_thread is not None and not self._in_thread.done():
            self._schedule()  # one batch at a time keeps the lines in order
            return
        loop = asyncio.get_running_loop()
        self._in_thread = loop.run_in_executor(None, self._write, self._take())

    def _take(self) -> bytes:
        if self.dropped:
            self._pending.append(_encode({"event": "lines_dropped", "count": self.dropped}))
            self.dropped = 0
        if not self._pending:
            return b""
        batch = b"\n".join(self._pending) + b"\n"
        self._pending = []
        self._pending_bytes = 0
        return batch

    def _write(self, batch: bytes) -> None:
        # An unwritable descriptor (disk full, reader gone) costs lines, never a request.
        with self._writing, contextlib.suppress(OSError):
            _write_all(self.fd, batch)


def _write_all(fd: int, batch: bytes) -> None:
    """A pipe takes less than all at times; each turn takes at least one byte or raises."""
    left = memoryview(batch)
    while left:
        left = left[os.write(fd, left) :]
