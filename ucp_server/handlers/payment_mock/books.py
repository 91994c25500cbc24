"""The mock's own books: what it decided, kept apart from the shop's database as a real provider's.

Each change of a key is a file of its own, `<digest>.<n>.json`, linked into place after its bytes
are on disk. The one who links number n first has won; whoever comes second reads and tries n + 1.
So several processes share a folder without locks, and a crash leaves whole files only. (A power
cut may take the last links with it, which a provider without money can afford: syncing the folder
would double the price of a payment in a demo.)
"""

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Literal

import msgspec

from ucp_server.handlers.payment_mock.files import write_new

Status = Literal["none", "approved", "declined", "action_needed", "pending", "voided"]
Action = Literal["capture", "void", "refund"]

# Twins of one key at the same moment: more than any test starts, and each round somebody wins.
TRIES_MAX = 64
# Changes of one key: an authorisation and its settlements.
CHANGES_MAX = 10_000


class Record(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of one key. Amounts in minor units of ``currency``.

    Status ``none``: asked for, and lost before it was decided. ``settles_at``: seconds since 1970
    from which a pending one counts as approved, 0 for never. ``actions``: by action key.
    """

    reference: str
    status: Status
    amount_minor: int
    asked_minor: int
    currency: str
    captured_minor: int = 0
    refunded_minor: int = 0
    settles_at: float = 0.0
    actions: dict[str, tuple[Action, int]] = {}

    def decided(self) -> "Record":
        """A pending one whose time has come, as the approval that it is."""
        return msgspec.structs.replace(self, status="approved", settles_at=0.0)


class Books:
    """Blocking: call it from a thread."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def find(self, key: str) -> Record | None:
        return self._latest(key)[1]

    def change(self, key: str, decide: Callable[[Record | None], Record]) -> Record:
        """Replace the record of ``key`` by what ``decide`` makes of it; the record that stands.

        ``decide`` may be called again when another was quicker, and may return what it was given.
        """
        for _ in range(TRIES_MAX):
            number, before = self._latest(key)
            after = decide(before)
            if after == before or self._add(key, number + 1, after):
                return after
        raise OSError(f"{TRIES_MAX} others were quicker at the same key")

    def _latest(self, key: str) -> tuple[int, Record | None]:
        found = 0
        while found < CHANGES_MAX and self._path(key, found + 1).exists():
            found += 1
        return found, _read(self._path(key, found)) if found else None

    def _add(self, key: str, number: int, record: Record) -> bool:
        return write_new(self._path(key, number), msgspec.json.encode(record))

    def _path(self, key: str, number: int) -> Path:
        digest = hashlib.sha256(key.encode()).hexdigest()[:40]
        return self._folder / digest[:2] / f"{digest}.{number}.json"


def _read(path: Path) -> Record:
    return msgspec.json.decode(path.read_bytes(), type=Record)
