"""Hangs up on TLS clients that do not answer our goodbye.

After its close_notify a loop waits 30 s for the client's, and a drain waits with it. Clients that
pool connections do not read them between two requests, so many never answer.
"""

import asyncio
import fcntl
import socket
import sys
import termios

# A round trip to the slowest phones takes one second.
GOODBYE_S = 3.0
# Together the 30 s after which the loop hangs up itself.
TRIES_MAX = 10
# The farewells of TLS and HTTP/2 have some 60 bytes. With so little in the kernel's queue nothing
# waits in front of it, since the loop fills the queue as soon as there is room.
FAREWELL_BYTES = 1024


def limit_goodbye(transport: asyncio.WriteTransport, tries: int = TRIES_MAX) -> None:
    """Give the client of ``transport``, which is being closed, ``GOODBYE_S`` to say goodbye.

    One that still has to get something from us has the loop's own limit.
    """
    asyncio.get_running_loop().call_later(GOODBYE_S, _hang_up, transport, tries)


def _hang_up(transport: asyncio.WriteTransport, tries: int) -> None:
    connection = transport.get_extra_info("socket")
    # One loop has no socket of a connection that has ended, the other a closed one.
    if connection is None or connection.fileno() < 0:
        return
    if _unacknowledged(connection) <= FAREWELL_BYTES:
        transport.abort()
    elif tries > 1:
        limit_goodbye(transport, tries - 1)


def _unacknowledged(connection: socket.socket) -> int:
    """How many bytes the kernel has of us that the client's has not."""
    counted = fcntl.ioctl(connection.fileno(), termios.TIOCOUTQ, bytes(4))
    return int.from_bytes(counted, sys.byteorder)
