"""The folder that a server without other means keeps its things in: one server at a time."""

import contextlib
import fcntl
import os
import secrets
from collections.abc import Iterator
from pathlib import Path

from ucp_server.config import Secret
from ucp_server.private_files import write_private


class FolderInUse(Exception):
    """Another process works in the folder; the text names it."""


def make(folder: Path) -> None:
    """Make the folder. Others may pass through it, since Postgres may run under another account."""
    folder.mkdir(mode=0o755, parents=True, exist_ok=True)


@contextlib.contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Keep every other server out. The kernel lets go when the process ends, however it ends.

    Raises FolderInUse.
    """
    with os.fdopen(os.open(folder / "lock", os.O_RDWR | os.O_CREAT, 0o600), "r+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            owner = file.read().strip() or "unknown"
            raise FolderInUse(
                f"The process {owner} already works in {folder}. Stop it, or choose another --data-dir."
            ) from error
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        yield


def secret(folder: Path) -> Secret:
    """The secret of this folder, made the first time."""
    file = folder / "secret"
    if not file.exists():
        write_private(file, secrets.token_hex(32).encode())
    return Secret(file.read_text().strip())
