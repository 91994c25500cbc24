"""One PostgreSQL cluster in a folder: made once, started, adopted where it still runs, stopped.

The programs are started by us and nobody else, so that a kill -9 of everything leaves at worst a
server that the next start finds and takes over, and a clean stop leaves none.
"""

import asyncio
import os
import secrets
import shutil
import signal
import stat
import subprocess
import time
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import IO
from urllib.parse import quote

import asyncpg

from ucp_server.postgres import binaries
from ucp_server.postgres.account import Account, account_for, may_enter
from ucp_server.postgres.postmaster import (
    PidFile,
    forget_stranger,
    is_alive,
    read_pid_file,
    serves,
)

USER = "ucp"
DATABASE = "ucp"
# Names the socket's file; no port is opened.
PORT = 5432
# sun_path holds 108 bytes with its final NUL.
SOCKET_PATH_MAX = 107
# Where root keeps a cluster when the lent account cannot enter the data folder.
ROOT_STATE = Path("/var/lib/ucp-server")
# Says in the data folder where that is.
LOCATION = "postgres.location"
SHORT_FOLDERS = Path("/tmp")  # noqa: S108  the folder made there is checked for its owner
INITDB_TIMEOUT_S = 120
# After a crash at most max_wal_size (1 GB) is replayed; slow disks do 20 MB a second.
START_TIMEOUT_S = 120.0
STOP_TIMEOUT_S = 30.0
POLL_S = 0.01
# A backend that outlives a killed postmaster holds its shared memory for some milliseconds.
RETRY_DELAY_S = 0.2
LOG_MAX_BYTES = 10 * 1024 * 1024
LOG_TAIL_LINES = 5

SETTINGS = {
    "listen_addresses": "''",
    "port": str(PORT),
    "unix_socket_permissions": "0700",
    "max_connections": "100",
    "shared_buffers": "128MB",
    "max_wal_size": "1GB",
    "jit": "off",
    # A new shop's tables grow tenfold within seconds of its first rush; plans that were made while they
    # were empty hold until the tables are looked at again. An idle server looks at nothing.
    "autovacuum_naptime": "5s",
    "log_min_messages": "warning",
    "log_line_prefix": "'%m [%p] '",
    "log_timezone": "'UTC'",
    "timezone": "'UTC'",
}
# For tests: what is lost in a power cut does not matter there.
VOLATILE = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}

Say = Callable[[str], None]


class PostgresError(Exception):
    """The embedded server cannot be made or started; the text says why and what to do."""


def _silent(_: str) -> None:
    """For callers who want no progress."""


class Cluster:
    """``home`` holds the cluster itself (``postgres``), its log, and copied programs if any."""

    def __init__(self, home: Path, account: Account, programs: Path, *, volatile: bool) -> None:
        self.path = home / "postgres"
        self.log = home / "postgres.log"
        self._account = account
        self._programs = programs
        self._volatile = volatile
        self._process: subprocess.Popen[bytes] | None = None
        self._noted: PidFile | None = None

    @property
    def pid(self) -> int | None:
        return self._noted.pid if self._noted else None

    @property
    def adopted(self) -> bool:
        """Whether the server that runs was started by a predecessor of this process."""
        return self._noted is not None and self._process is None

    def url(self, database: str = DATABASE) -> str:
        """Where to connect. Raises PostgresError while nothing runs."""
        if self._noted is None:
            raise PostgresError("The embedded PostgreSQL is not running.")
        folder = quote(self._noted.socket_folder, safe="")
        return f"postgresql://{USER}@/{database}?host={folder}&port={self._noted.port}"

    def runs(self) -> bool:
        """Whether a server works in the folder, ours or a predecessor's."""
        return self._running() is not None

    def alive(self) -> bool:
        """Whether the server that ``start`` found or made still lives."""
        if self._process is not None:
            return self._process.poll() is None
        return self._noted is not None and is_alive(self._noted.pid)

    async def start(self) -> None:
        """Adopt the server that still runs in the folder, or start one, and wait until it answers.

        Raises PostgresError with the end of the server's log.
        """
        self._noted = self._process = None
        deadline = time.monotonic() + START_TIMEOUT_S
        while time.monotonic() < deadline:
            if not self.runs():
                self._launch()
            self._noted = await self._until_ready(deadline)
            if self._noted is not None:
                await self._ensure_database()
                return
            await asyncio.sleep(RETRY_DELAY_S)
            if self._failed_for_good():
                break
        raise PostgresError(
            f"The embedded PostgreSQL in {self.path} did not start. Its log, {self.log}, ends:\n"
            + self._log_tail()
        )

    async def stop(self) -> None:
        """Stop cleanly: no new connections, open ones ended, everything on disk."""
        if self._noted is None:
            return
        for sign in (signal.SIGINT, signal.SIGQUIT):
            if not self.alive():
                break
            os.kill(self._noted.pid, sign)
            await self._until_gone()
        self._noted = self._process = None

    def _running(self) -> PidFile | None:
        noted = read_pid_file(self.path)
        if noted is not None and is_alive(noted.pid) and serves(noted.pid, self.path):
            return noted
        return None

    async def _until_ready(self, deadline: float) -> PidFile | None:
        """Wait for whoever runs in the folder; None when it ended instead."""
        while time.monotonic() < deadline:
            if self._process is not None and self._process.poll() is not None:
                return None
            noted = self._running()
            if noted is None and self._process is None:
                return None
            if noted is not None and noted.ready:
                if self._process is not None and noted.pid != self._process.pid:
                    await self._reap(self._process)
                    self._process = None
                return noted
            await asyncio.sleep(POLL_S)
        return None

    async def _reap(self, lost: "subprocess.Popen[bytes]") -> None:
        """Ours came second to the folder: it ends by itself when it finds the lock file taken."""
        try:
            await asyncio.to_thread(lost.wait, STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            lost.kill()
            lost.wait()

    async def _until_gone(self) -> None:
        deadline = time.monotonic() + STOP_TIMEOUT_S
        while time.monotonic() < deadline:
            if not self.alive():
                return
            await asyncio.sleep(POLL_S)

    def _failed_for_good(self) -> bool:
        """Whether another try is useless: ours ended by itself and nobody was in its way."""
        ended = self._process is not None and self._process.poll() is not None
        self._process = None
        passing = ("lock file", "shared memory block")
        return ended and not self.runs() and not any(phrase in self._log_tail() for phrase in passing)

    def _launch(self) -> None:
        forget_stranger(self.path)
        self._write_settings()
        with self._open_log() as log:
            command: list[str | Path] = [self._programs / "bin" / "postgres", "-D", self.path]
            self._process = self._account.start(command, log)

    def _open_log(self) -> IO[bytes]:
        if self.log.exists() and self.log.stat().st_size > LOG_MAX_BYTES:
            self.log.rename(self.log.with_suffix(".log.1"))
        return self.log.open("ab")

    def _log_tail(self) -> str:
        lines = self.log.read_text(errors="replace").splitlines() if self.log.exists() else []
        return "\n".join(lines[-LOG_TAIL_LINES:])

    def _write_settings(self) -> None:
        settings = SETTINGS | {"unix_socket_directories": f"'{self._socket_folder()}'"}
        if self._volatile:
            settings |= VOLATILE
        lines = [f"{name} = {value}\n" for name, value in settings.items()]
        file = self.path / "postgresql.conf"
        file.write_text("# Written by ucp-server at every start.\n" + "".join(lines))
        self._account.give(file)

    def _socket_folder(self) -> Path:
        """The cluster itself, which nobody else may enter, or a short folder like it."""
        if len(os.fsencode(self.path / f".s.PGSQL.{PORT}")) <= SOCKET_PATH_MAX:
            return self.path
        name = sha256(os.fsencode(self.path.resolve())).hexdigest()[:16]
        folder = SHORT_FOLDERS / f"ucp-server-{name}"
        if not folder.exists():
            folder.mkdir(mode=0o700)
            self._account.give(folder)
        status = folder.lstat()
        private = stat.S_ISDIR(status.st_mode) and stat.S_IMODE(status.st_mode) == 0o700
        if not private or status.st_uid != self._account.uid:
            raise PostgresError(
                f"{folder} should be a folder that only {self._account.name} may enter. "
                "Remove it, or choose a shorter --data-dir."
            )
        return folder

    async def _ensure_database(self) -> None:
        connection = await asyncpg.connect(self.url("postgres"))
        try:
            known = "SELECT true FROM pg_database WHERE datname = $1"
            if not await connection.fetchval(known, DATABASE):
                await connection.execute(f"CREATE DATABASE {DATABASE}")
        finally:
            await connection.close()


async def open_cluster(folder: Path, *, volatile: bool = False, say: Say = _silent) -> Cluster:
    """The cluster of a data folder, made if it is not there yet (half a second).

    As root the server runs under a lent account. Where that account cannot enter ``folder``, the
    cluster lies under /var/lib/ucp-server and ``folder/postgres.location`` says where.
    Raises PostgresError, BinariesMissing.
    """
    home = _home_of(folder, say)
    account = account_for(home / "postgres")
    programs = binaries.within_reach(account, home)
    if not (home / "postgres").exists():
        await asyncio.to_thread(_initialise, home, account, programs, volatile=volatile)
    _check_version(home / "postgres")
    return Cluster(home, account, programs, volatile=volatile)


def _home_of(folder: Path, say: Say) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    location = folder / LOCATION
    if location.exists():
        return Path(location.read_text().strip())
    account = account_for(folder / "postgres")
    if os.geteuid() != 0 or may_enter(folder, account):
        return folder
    elsewhere = ROOT_STATE / secrets.token_hex(8)
    elsewhere.mkdir(parents=True)
    location.write_text(f"{elsewhere}\n")
    say(f"{account.name} may not enter {folder}, so PostgreSQL keeps its data in {elsewhere}")
    return elsewhere


def _initialise(home: Path, account: Account, programs: Path, *, volatile: bool) -> None:
    """Make the cluster under another name and rename it, so that a half-made one is never used."""
    fresh = home / "postgres.new"
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir(mode=0o700)
    account.give(fresh)
    command: list[str | Path] = [programs / "bin" / "initdb", "-D", fresh]
    command += ["--auth=trust", f"--username={USER}", "--encoding=UTF8"]
    command += ["--locale-provider=builtin", "--locale=C.UTF-8"]
    command += ["--no-sync"] if volatile else []
    made = account.run(command, INITDB_TIMEOUT_S)
    if made.returncode != 0:
        raise PostgresError(f"PostgreSQL could not make its cluster in {home}:\n{made.stderr}")
    fresh.rename(home / "postgres")


def _check_version(cluster: Path) -> None:
    found = (cluster / "PG_VERSION").read_text().strip()
    if found != str(binaries.MAJOR):
        raise PostgresError(
            f"{cluster} was made by PostgreSQL {found}, this version carries {binaries.MAJOR}. "
            "Move the data with pg_dump and pg_restore, or choose another --data-dir."
        )
