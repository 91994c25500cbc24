import asyncio
import os
import shutil
import signal
import subprocess
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path

import asyncpg
import pytest
import pytest_asyncio

from tests.conftest import quick_folder
from tests.serving import until
from ucp_server.postgres import Cluster, PostgresError, binaries, cluster, open_cluster
from ucp_server.postgres.account import account_for, may_enter
from ucp_server.postgres.postmaster import PID_FILE, forget_stranger, is_alive, read_pid_file, serves

SOCKET_LOCK = ".s.PGSQL.5432.lock"

only_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root lends an account to Postgres")


Start = Callable[..., Awaitable[Cluster]]


@pytest.fixture
def folder() -> Iterator[Path]:
    """An empty folder."""
    made = quick_folder()
    yield made
    shutil.rmtree(made)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def template() -> AsyncIterator[Path]:
    """A folder with a cluster that ran and was stopped: copying it takes a tenth of making one."""
    made = quick_folder()
    once = await open_cluster(made, volatile=True)
    await once.start()
    await once.stop()
    yield made
    shutil.rmtree(made)


@pytest.fixture
def furnished(template: Path, folder: Path) -> Path:
    """A folder with a cluster that nobody runs."""
    return _copied(template, folder)


def _copied(template: Path, folder: Path) -> Path:
    subprocess.run(["cp", "-a", template / "postgres", folder], check=True)
    return folder


@pytest_asyncio.fixture
async def started(folder: Path) -> AsyncIterator[Start]:
    """Starts the cluster of a folder; all are stopped at the end."""
    clusters: list[Cluster] = []

    async def start(where: Path, *, volatile: bool = True) -> Cluster:
        opened = await open_cluster(where, volatile=volatile)
        clusters.append(opened)
        await opened.start()
        return opened

    yield start
    for opened in clusters:
        await opened.stop()


async def _asked(opened: Cluster, sql: str) -> object:
    connection = await asyncpg.connect(opened.url())
    try:
        return await connection.fetchval(sql)
    finally:
        await connection.close()


async def test_a_cluster_is_made_once_started_and_stopped(folder: Path, started: Start) -> None:
    first = await started(folder)
    pid = first.pid
    assert pid is not None
    assert not first.adopted
    await _asked(first, "CREATE TABLE kept (id int)")
    await first.stop()
    assert not is_alive(pid)
    assert not (first.path / PID_FILE).exists()
    second = await started(folder)
    assert await _asked(second, "SELECT count(*) FROM kept") == 0
    await second.stop()


async def test_nobody_but_its_account_may_enter(furnished: Path, started: Start) -> None:
    opened = await started(furnished)
    assert opened.path.stat().st_mode & 0o077 == 0
    assert await _asked(opened, "SELECT current_setting('listen_addresses')") == ""
    assert opened.path.stat().st_uid == account_for(opened.path).uid


async def test_without_the_testing_option_writes_are_durable(furnished: Path, started: Start) -> None:
    opened = await started(furnished, volatile=False)
    for name in ("fsync", "full_page_writes", "synchronous_commit", "data_checksums"):
        assert await _asked(opened, f"SHOW {name}") == "on"
    assert await _asked(opened, "SHOW data_sync_retry") == "off"


async def test_a_server_left_behind_is_adopted_and_can_be_stopped(furnished: Path, started: Start) -> None:
    first = await started(furnished)
    second = await started(furnished)
    assert second.adopted
    assert second.pid == first.pid
    assert await _asked(second, "SELECT 1") == 1
    await second.stop()
    assert not first.alive()


async def test_after_kill_9_nothing_committed_is_lost(furnished: Path, started: Start) -> None:
    opened = await started(furnished, volatile=False)
    await _asked(opened, "CREATE TABLE kept (id int)")
    await _asked(opened, "INSERT INTO kept VALUES (7)")
    assert opened.pid is not None
    os.kill(opened.pid, signal.SIGKILL)
    await until(lambda: not opened.alive())
    await opened.start()
    assert await _asked(opened, "SELECT id FROM kept") == 7


async def test_a_stale_pid_that_belongs_to_somebody_else_is_no_server(
    furnished: Path, started: Start
) -> None:
    opened = await started(furnished)
    left = {file: file.read_text() for file in (opened.path / PID_FILE, opened.path / SOCKET_LOCK)}
    await opened.stop()
    # The same account, since Postgres itself looks through pids of other accounts.
    with (furnished / "sleep.log").open("wb") as log:
        stranger = account_for(opened.path).start(["sleep", "60"], log)
    try:
        for file, content in left.items():
            file.write_text("\n".join([str(stranger.pid), *content.splitlines()[1:]]) + "\n")
        assert not opened.runs()
        await opened.start()
        assert opened.pid != stranger.pid
        assert is_alive(stranger.pid)
    finally:
        stranger.kill()
        stranger.wait()


async def test_lock_files_stay_while_any_process_works_in_the_cluster(
    furnished: Path, started: Start
) -> None:
    opened = await started(furnished)
    assert opened.pid is not None
    file = opened.path / PID_FILE
    text = file.read_text()
    file.write_text("\n".join([str(os.getpid()), *text.splitlines()[1:]]))
    assert not forget_stranger(opened.path)
    assert file.exists()
    file.write_text(text)
    assert serves(opened.pid, opened.path)
    assert not serves(os.getpid(), opened.path)


async def test_a_half_written_pid_file_is_nothing_yet(tmp_path: Path) -> None:
    assert read_pid_file(tmp_path) is None
    (tmp_path / PID_FILE).write_text("12345\n/somewhere\n")
    assert read_pid_file(tmp_path) is None


async def test_a_cluster_that_was_only_half_made_is_made_anew(folder: Path, started: Start) -> None:
    (folder / "postgres.new").mkdir()
    (folder / "postgres.new" / "PG_VERSION").write_text("18")
    opened = await started(folder)
    assert await _asked(opened, "SELECT 1") == 1


async def test_a_long_path_gets_a_short_folder_for_its_socket(
    folder: Path, template: Path, started: Start
) -> None:
    deep = folder / ("x" * 120)
    deep.mkdir()
    opened = await started(_copied(template, deep))
    assert await _asked(opened, "SELECT 1") == 1
    noted = read_pid_file(opened.path)
    assert noted is not None
    assert noted.socket_folder != str(opened.path)
    await opened.stop()
    _open_to_all(noted.socket_folder)
    with pytest.raises(PostgresError, match="should be a folder that only"):
        await opened.start()
    shutil.rmtree(noted.socket_folder)


def _open_to_all(folder: str) -> None:
    Path(folder).chmod(0o777)


async def test_another_version_s_cluster_is_refused(furnished: Path) -> None:
    opened = await open_cluster(furnished, volatile=True)
    (opened.path / "PG_VERSION").write_text("16\n")
    with pytest.raises(PostgresError, match="pg_dump"):
        await open_cluster(furnished)


async def test_a_server_that_cannot_start_says_what_its_log_says(furnished: Path) -> None:
    opened = await open_cluster(furnished, volatile=True)
    (opened.path / "global" / "pg_control").unlink()
    with pytest.raises(PostgresError, match="pg_control"):
        await opened.start()


async def test_two_starts_at_once_end_in_one_server(furnished: Path, started: Start) -> None:
    one, two = await asyncio.gather(started(furnished), started(furnished))
    assert one.pid == two.pid


@only_root
async def test_root_keeps_the_cluster_elsewhere_when_its_account_cannot_enter(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cluster, "ROOT_STATE", folder / "state")
    private = tmp_path / "data"
    said: list[str] = []
    opened = await open_cluster(private, volatile=True, say=said.append)
    await opened.start()
    try:
        assert opened.path.is_relative_to(folder / "state")
        assert str(opened.path.parent) in said[0]
        assert not (private / "postgres").exists()
        again = await open_cluster(private, volatile=True)
        assert again.path == opened.path
    finally:
        await opened.stop()


@only_root
async def test_programs_that_the_account_cannot_reach_are_copied_and_run(
    furnished: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As when the virtual environment lies in root's home."""
    package = binaries.installed().parent
    hidden = tmp_path / package.name
    hidden.symlink_to(package)
    for library in binaries._libraries(package / "x"):
        (tmp_path / library.name).symlink_to(library)
    monkeypatch.setattr(binaries, "installed", lambda: hidden / f"pginstall{binaries.MAJOR}")
    monkeypatch.setattr(binaries, "may_enter", lambda *_: False)
    opened = await open_cluster(furnished, volatile=True)
    await opened.start()
    try:
        assert await _asked(opened, "SELECT 1") == 1
        assert _program_of(opened).is_relative_to(furnished)
    finally:
        await opened.stop()


def _program_of(opened: Cluster) -> Path:
    return Path(f"/proc/{opened.pid}/exe").readlink()


@only_root
def test_the_lent_account_is_not_root_and_enters_by_mode_bits_alone(tmp_path: Path) -> None:
    account = account_for(tmp_path / "none")
    assert account.uid != 0
    assert may_enter(Path("/usr/bin"), account)
    assert not may_enter(tmp_path, account)
