import subprocess
import sys
from pathlib import Path

import pytest

from ucp_server.supervisor import data_folder
from ucp_server.supervisor.data_folder import FolderInUse, locked


def test_one_process_at_a_time_works_in_a_folder(tmp_path: Path) -> None:
    with locked(tmp_path), pytest.raises(FolderInUse, match="choose another --data-dir"), locked(tmp_path):
        pass
    with locked(tmp_path):
        pass


def test_the_lock_of_a_killed_process_is_free(tmp_path: Path) -> None:
    program = (
        "import sys, pathlib\n"
        "from ucp_server.supervisor.data_folder import locked\n"
        "with locked(pathlib.Path(sys.argv[1])):\n"
        "    print('locked', flush=True)\n"
        "    sys.stdin.read()\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"locked\n"
        with pytest.raises(FolderInUse, match=f"The process {holder.pid} "), locked(tmp_path):
            pass
        holder.kill()
    with locked(tmp_path):
        pass


def test_a_secret_is_made_once_and_is_private(tmp_path: Path) -> None:
    made = data_folder.secret(tmp_path)
    assert len(made.reveal()) == 64
    assert data_folder.secret(tmp_path) == made
    assert (tmp_path / "secret").stat().st_mode & 0o077 == 0
