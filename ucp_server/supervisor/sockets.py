"""Listening sockets, one per process and listener.

The kernel spreads connections evenly over them, and those of a process that dies go to the others.
"""

import socket

# At 1,000 new connections a second this is two seconds of a busy loop.
BACKLOG = 2048


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
    """Whether somebody listens there. Without this check a shared port would be shared with them."""
    family, kind, protocol, _, address = _resolved(host, port)
    with socket.socket(family, kind, protocol) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(address)
        except OSError:
            return True
    return False


def _resolved(
    host: str, port: int
) -> tuple[socket.AddressFamily, socket.SocketKind, int, str, tuple[object, ...]]:
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    return found[0]
