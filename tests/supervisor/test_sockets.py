import socket
import stat
from pathlib import Path

import pytest

from tests.serving import reserved_ports
from ucp_server.supervisor.sockets import is_answered, is_taken, listener, unix_listener


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_processes_share_a_port_that_a_stranger_makes_taken(host: str) -> None:
    with reserved_ports(1) as (port,):
        assert not is_taken(host, port)
        with listener(host, port) as first, listener(host, port) as second:
            first.listen()
            second.listen()
            assert is_taken(host, port)
        assert not is_taken(host, port)


def test_an_address_of_the_newer_kind_can_be_bound() -> None:
    with listener("::1", 0) as opened:
        assert opened.family is socket.AddressFamily.AF_INET6


def test_an_address_of_another_machine_is_not_taken_but_wrong() -> None:
    with pytest.raises(OSError, match="assign"):
        is_taken("192.0.2.1", 8443)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "shop.sock"


def _left_behind(path: Path) -> None:
    """As after a kill -9: the file is there, nobody listens."""
    with socket.socket(socket.AF_UNIX) as killed:
        killed.bind(str(path))
        killed.listen()


def test_a_unix_socket_is_for_its_account_and_group(path: Path) -> None:
    assert not is_answered(path)
    with unix_listener(path):
        assert stat.S_IMODE(path.stat().st_mode) == 0o660
        assert is_answered(path)
    assert not path.exists()


def test_a_full_queue_is_an_answer(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as busy, socket.socket(socket.AF_UNIX) as waiting:
        busy.bind(str(path))
        busy.listen(0)
        waiting.connect(str(path))
        assert is_answered(path)


def test_the_file_of_a_killed_predecessor_is_replaced(path: Path) -> None:
    _left_behind(path)
    assert not is_answered(path)
    with unix_listener(path):
        assert is_answered(path)


def test_what_is_no_socket_is_not_removed(path: Path) -> None:
    path.write_text("precious")
    assert not is_answered(path)
    with pytest.raises(FileExistsError), unix_listener(path):
        pass
    assert path.read_text() == "precious"


def test_the_file_of_a_successor_stays(path: Path) -> None:
    with unix_listener(path):
        path.unlink()
        _left_behind(path)
    assert path.is_socket()
