"""Files that only the server's own account may read."""

import os
from pathlib import Path


def write_private(file: Path, content: bytes) -> None:
    """Write a file that only we may read, in one step: a crash leaves the old one or the new one."""
    fresh = file.with_name(f".{file.name}.{os.getpid()}")
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as opened:
        opened.write(content)
        opened.flush()
        os.fsync(opened.fileno())
    fresh.replace(file)
