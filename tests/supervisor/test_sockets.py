import socket

import pytest

from tests.serving import reserved_ports
from ucp_server.supervisor.sockets import is_taken, listener


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
