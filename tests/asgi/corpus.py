"""What a case is: the bytes, and what must come of them."""

from typing import NamedTuple

from tests.asgi.wire import get


class Case(NamedTuple):
    """``statuses`` are those of all final responses on the connection, in order.

    ``closes``: the server ends the connection by itself. Otherwise it must still serve the next
    request. ``code`` is the last response's stable code, where our layers wrote it.
    """

    name: str
    sent: bytes
    statuses: tuple[int, ...]
    closes: bool = False
    code: str | None = None
    head_only: bool = False


def served(name: str, sent: bytes, *, times: int = 1, head_only: bool = False) -> Case:
    return Case(name, sent, (200,) * times, head_only=head_only)


def refused(name: str, sent: bytes, status: int, code: str | None) -> Case:
    """A clear answer, and the connection goes on."""
    return Case(name, sent, (status,), code=code)


def cut(name: str, sent: bytes, status: int, code: str | None = None) -> Case:
    """A clear answer, and the end of the connection; without ``code`` the listener gave it."""
    return Case(name, sent, (status,), closes=True, code=code)


# A second request hidden in the first. No case may ever have it served.
SMUGGLED_PATH = "/smuggled"
SMUGGLED = get(SMUGGLED_PATH)
