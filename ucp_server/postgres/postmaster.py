"""What ``postmaster.pid`` says, and whether to believe it.

After a kill -9 or a reboot the file stays, and its pid may meanwhile be anybody's.
"""

import os
import subprocess
from pathlib import Path

import msgspec

PID_FILE = "postmaster.pid"
_PROCESSES = Path("/proc/self")
_PS_TIMEOUT_S = 5


class PidFile(msgspec.Struct, frozen=True):
    """The lines of ``postmaster.pid`` that matter here."""

    pid: int
    port: int
    socket_folder: str
    status: str  # starting, ready, stopping, standby

    @property
    def ready(self) -> bool:
        return self.status == "ready"


def read_pid_file(cluster: Path) -> PidFile | None:
    """The file's contents; None where there is none, or only half of one yet."""
    try:
        lines = (cluster / PID_FILE).read_text().splitlines()
        return PidFile(int(lines[0]), int(lines[3]), lines[4], lines[7].strip())
    except (FileNotFoundError, IndexError, ValueError):
        return None


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return not _is_zombie(pid)


def serves(pid: int, cluster: Path) -> bool:
    """Whether ``pid`` is a process of the Postgres that works in ``cluster``."""
    if not _PROCESSES.exists():
        return "postgres" in _command_of(pid)
    try:
        inside = Path(f"/proc/{pid}/cwd").readlink() == cluster.resolve()
        program = Path(f"/proc/{pid}/exe").readlink().name
    except OSError:
        return False
    # The kernel marks a program whose file was replaced or removed since.
    return inside and program.removesuffix(" (deleted)") == "postgres"


def forget_stranger(cluster: Path) -> bool:
    """Remove the lock files of a dead server whose pid now belongs to somebody else.

    Postgres itself would take any live process of its account for its twin and refuse to start.
    The files stay while any process still works in the cluster, since they guard its shared memory.
    """
    noted = read_pid_file(cluster)
    if noted is None or not is_alive(noted.pid) or serves(noted.pid, cluster):
        return False
    if not _PROCESSES.exists():
        return False  # nobody can be ruled out here; Postgres says which file is in the way
    if any(serves(pid, cluster) for pid in _all_pids()):
        return False
    (cluster / PID_FILE).unlink(missing_ok=True)
    Path(noted.socket_folder, f".s.PGSQL.{noted.port}.lock").unlink(missing_ok=True)
    return True


def _all_pids() -> list[int]:
    return [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()]


def _is_zombie(pid: int) -> bool:
    try:
        after_name = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2]
    except OSError:
        return False
    return after_name.split()[0] == "Z"


def _command_of(pid: int) -> str:
    """For systems without /proc."""
    return subprocess.run(
        ["ps", "-p", str(pid), "-o", "command="],  # noqa: S607  ps lies elsewhere on each system
        check=False,
        capture_output=True,
        text=True,
        timeout=_PS_TIMEOUT_S,
    ).stdout
