"""Where this server is to listen: that nobody else does, and the socket that its processes share."""

import asyncio
import contextlib
import socket
from collections.abc import Callable, Iterator, Sequence
from functools import partial

import msgspec

from ucp_server.config import Settings
from ucp_server.supervisor.roles import Role
from ucp_server.supervisor.sockets import is_answered, is_taken, unix_listener

# Children of a predecessor that was killed are just closing their listeners.
TRIES_MAX = 30
DELAY_S = 0.1


class CannotListen(Exception):
    """The text says where, why and what to do."""


class Door(msgspec.Struct, frozen=True):
    """One address; ``taken`` tells whether somebody listens there."""

    address: str
    setting: str
    taken: Callable[[], bool]


async def wait_until_free(settings: Settings, roles: Sequence[Role]) -> None:
    """Make sure that nobody else listens where ``roles`` shall. Raises CannotListen."""
    for door in _doors(settings, roles):
        with _explained(door.address, door.setting):
            await _wait(door)


def _doors(settings: Settings, roles: Sequence[Role]) -> Iterator[Door]:
    ports = [("--admin-port", settings.admin_host, settings.admin_port)]
    if Role.PUBLIC in roles:
        ports.append(("--port", settings.host, settings.port))
        ports.append(("--http-port", settings.http_host, settings.http_port))
        ports.append(("--hosted-port", settings.http_host, settings.hosted_port or 0))
        if settings.http_socket is not None:
            path = settings.http_socket
            yield Door(str(path), "http_socket", partial(is_answered, path))
    for option, host, port in ports:
        if port:
            yield Door(f"{host}:{port}", option, partial(is_taken, host, port))


async def _wait(door: Door) -> None:
    for _ in range(TRIES_MAX):
        if not door.taken():
            return
        await asyncio.sleep(DELAY_S)
    raise CannotListen(
        f"Another program listens on {door.address}. Stop it, or choose another {door.setting}."
    )


@contextlib.contextmanager
def shared_listener(settings: Settings, roles: Sequence[Role]) -> Iterator[socket.socket | None]:
    """The Unix socket that all HTTP processes accept from, if one is wanted. Raises CannotListen."""
    if settings.http_socket is None or Role.PUBLIC not in roles:
        yield None
        return
    with contextlib.ExitStack() as stack:
        with _explained(str(settings.http_socket), "http_socket"):
            opened = stack.enter_context(unix_listener(settings.http_socket))
        yield opened


@contextlib.contextmanager
def _explained(address: str, setting: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        reason = error.strerror or str(error)
        raise CannotListen(f"One cannot listen on {address}: {reason}. Correct {setting}.") from error
