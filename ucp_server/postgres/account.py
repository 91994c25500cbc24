"""Whom Postgres runs as. It refuses root, so root lends it an account that owns nothing else."""

import os
import pwd
import subprocess
from pathlib import Path
from typing import IO

import msgspec

# The first exists where a distribution's Postgres was ever installed, the second everywhere.
CANDIDATES = ("postgres", "nobody")
# Of our environment Postgres needs nothing, and our secrets may stand there.
BARE_ENVIRONMENT = {"LC_ALL": "C", "PATH": os.defpath}


class Account(msgspec.Struct, frozen=True):
    name: str
    uid: int
    gid: int

    @property
    def lent(self) -> bool:
        """Whether a process must change to it; False where we are it already."""
        return os.geteuid() == 0

    def run(self, command: list[str | Path], timeout_s: float) -> subprocess.CompletedProcess[str]:
        """Run ``command`` as this account and return what it printed, whatever its exit code."""
        return subprocess.run(
            command,
            check=False,
            capture_output=True,
            text=True,
            timeout=timeout_s,
            env=BARE_ENVIRONMENT,
            cwd="/",
            user=self.uid if self.lent else None,
            group=self.gid if self.lent else None,
            extra_groups=() if self.lent else None,
        )

    def start(self, command: list[str | Path], log: IO[bytes]) -> subprocess.Popen[bytes]:
        """Start ``command`` as this account, out of reach of a Ctrl-C in our terminal."""
        return subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            env=BARE_ENVIRONMENT,
            cwd="/",
            start_new_session=True,
            user=self.uid if self.lent else None,
            group=self.gid if self.lent else None,
            extra_groups=() if self.lent else None,
        )

    def give(self, path: Path) -> None:
        """Make ``path`` this account's own."""
        if self.lent:
            os.chown(path, self.uid, self.gid)


def account_for(cluster: Path) -> Account:
    """The owner of an existing cluster; else ourselves, or as root the first candidate there is."""
    if cluster.exists():
        return _described(pwd.getpwuid(cluster.stat().st_uid))
    if os.geteuid() != 0:
        return _described(pwd.getpwuid(os.geteuid()))
    for name in CANDIDATES:
        try:
            return _described(pwd.getpwnam(name))
        except KeyError:
            continue
    raise LookupError(f"none of the accounts {', '.join(CANDIDATES)} exists")


def _described(entry: pwd.struct_passwd) -> Account:
    return Account(entry.pw_name, entry.pw_uid, entry.pw_gid)


def may_enter(folder: Path, account: Account) -> bool:
    """Whether ``account`` can reach ``folder`` through every folder above it, by mode bits alone."""
    resolved = folder.resolve()
    return all(_may_search(step, account) for step in (resolved, *resolved.parents))


def _may_search(folder: Path, account: Account) -> bool:
    status = folder.stat()
    if status.st_uid == account.uid:
        return bool(status.st_mode & 0o100)
    if status.st_gid == account.gid:
        return bool(status.st_mode & 0o010)
    return bool(status.st_mode & 0o001)
