"""Listening sockets: of a port one per process and listener, of a Unix socket one for all.

The kernel spreads the connections to a port evenly over the sockets, and those of a process that
dies go to the others. A Unix socket knows no such sharing: the parent binds it once and its
children accept from the same queue, which outlives each of them.
"""

import contextlib
import errno
import socket
import stat
from collections.abc import Iterator
from pathlib import Path

# At 1,000 new connections a second this is two seconds of a busy loop.
BACKLOG = 2048
# The server's account and its group, which the proxy in front joins.
UNIX_MODE = 0o660


def listener(host: str, port: int) -> socket.socket:
    """A bound socket that shares its port with the other processes' (SO_REUSEPORT)."""
    family, kind, protocol, _, address = _resolved(host, port)
    opened = socket.socket(family, kind, protocol)
    try:
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        opened.bind(address)
    except OSError:
        opened.close()
        raise
    return opened


def is_taken(host: str, port: int) -> bool:
    """Whether somebody listens there. Without this check a shared port would be shared with them.

    Raises OSError where nobody could listen: no such address, no right to the port.
    """
    family, kind, protocol, _, address = _resolved(host, port)
    with socket.socket(family, kind, protocol) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(address)
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                raise
            return True
    return False


def free_port(host: str, wanted: int) -> int:
    """``wanted``, or a port that is free where somebody listens there. Raises OSError as `is_taken`."""
    if not is_taken(host, wanted):
        return wanted
    family, kind, protocol, _, _ = _resolved(host, wanted)
    with socket.socket(family, kind, protocol) as probe:
        probe.bind(_resolved(host, 0)[-1])
        port: int = probe.getsockname()[1]
    return port


def _resolved(
    host: str, port: int
) -> tuple[socket.AddressFamily, socket.SocketKind, int, str, tuple[object, ...]]:
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    return found[0]


@contextlib.contextmanager
def unix_listener(path: Path) -> Iterator[socket.socket]:
    """A listening Unix socket; its file is removed at the end, unless a successor took its place.

    A file that a killed predecessor left is replaced: ask ``is_answered`` first. Raises OSError.
    """
    _remove_stale(path)
    with socket.socket(socket.AF_UNIX) as opened:
        opened.bind(str(path))
        # Nobody can connect before it listens, so the mode that bind left does not matter.
        path.chmod(UNIX_MODE)
        opened.listen(BACKLOG)
        ours = _identity(path)
        try:
            yield opened
        finally:
            with contextlib.suppress(FileNotFoundError):
                if _identity(path) == ours:
                    path.unlink()


def is_answered(path: Path) -> bool:
    """Whether somebody listens at the Unix socket. Raises OSError where that cannot be asked."""
    with socket.socket(socket.AF_UNIX) as probe:
        probe.setblocking(False)
        try:
            probe.connect(str(path))
        except BlockingIOError:
            return True  # so many wait that it takes no more
        except (FileNotFoundError, ConnectionRefusedError):
            return False
    return True


def _remove_stale(path: Path) -> None:
    with contextlib.suppress(FileNotFoundError):
        if not stat.S_ISSOCK(path.lstat().st_mode):
            raise FileExistsError(errno.EEXIST, "something else lies there")
        path.unlink()


def _identity(path: Path) -> tuple[int, int]:
    status = path.lstat()
    return status.st_dev, status.st_ino
