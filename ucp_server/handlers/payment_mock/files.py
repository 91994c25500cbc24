"""Small files that are there whole or not at all, whichever process reads them and whoever dies."""

import hashlib
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def place_of(folder: Path, name: str) -> Path:
    """The file for ``name``, which may hold any characters and is not written down."""
    digest = hashlib.sha256(name.encode()).hexdigest()[:40]
    return folder / digest[:2] / digest


def write_whole(path: Path, content: bytes) -> None:
    """Put ``content`` in the place of what is there."""
    with _written(path.parent, content) as name:
        name.replace(path)


def write_new(path: Path, content: bytes) -> bool:
    """Put ``content`` where nothing is; False where somebody else was quicker."""
    with _written(path.parent, content) as name:
        try:
            path.hardlink_to(name)
        except FileExistsError:
            return False
    return True


@contextmanager
def _written(folder: Path, content: bytes) -> Iterator[Path]:
    """A file that is on the disk, under a name that nobody asks for."""
    folder.mkdir(parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(dir=folder, suffix=".part")
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        yield Path(name)
    finally:
        Path(name).unlink(missing_ok=True)


def read_if_there(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None
