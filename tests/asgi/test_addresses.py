"""Whose request it is, as far as that can be told, and never by what the caller writes itself."""

import ipaddress

import pytest

from ucp_server.asgi.addresses import comes_from, source_of

TRUSTED = (ipaddress.ip_network("127.0.0.1/32"), ipaddress.ip_network("10.0.0.0/8"))


@pytest.mark.parametrize(
    ("opened_by", "forwarded", "source"),
    [
        ("203.0.113.9", "", "203.0.113.9"),
        ("203.0.113.9", "for=198.51.100.7", "203.0.113.9"),
        ("::ffff:203.0.113.9", "", "203.0.113.9"),
        ("2001:db8:1:2:3::4", "", "2001:db8:1:2::/64"),
        ("127.0.0.1", 'for="198.51.100.7";proto=https', "198.51.100.7"),
        ("10.1.1.1", "proto=https;For=198.51.100.7:4711", "198.51.100.7"),
        ("127.0.0.1", 'for=192.0.2.1, for="[2001:db8:1:2:3::4]:80"', "2001:db8:1:2::/64"),
        ("127.0.0.1", 'for="2001:db8:1:2:3::4"', "2001:db8:1:2::/64"),
        ("", "for=198.51.100.7", "198.51.100.7"),
        ("127.0.0.1", "", ""),
        ("10.1.1.1", "for=unknown", ""),
        ("10.1.1.1", "for=_hidden", ""),
        ("10.1.1.1", "for=198.51.100.7, for=10.2.2.2", ""),
        ("10.1.1.1", "for=198.51.100.999", ""),
        ("127.0.0.2", "", ""),
    ],
)
def test_the_last_one_that_somebody_trusted_names(opened_by: str, forwarded: str, source: str) -> None:
    scope = {"client": (opened_by, 1) if opened_by else None}
    assert source_of(scope, {"forwarded": forwarded}, TRUSTED) == source


def test_a_unix_socket_is_believed_where_loopback_is() -> None:
    told = {"forwarded": "for=198.51.100.7"}
    assert source_of({"client": None}, told, TRUSTED) == "198.51.100.7"
    assert source_of({"client": None}, told, TRUSTED[1:]) == ""


def test_a_trusted_one_is_known_in_either_family() -> None:
    for opened_by, is_trusted in (("10.1.1.1", True), ("::ffff:10.1.1.1", True), ("203.0.113.9", False)):
        assert comes_from({"client": (opened_by, 1)}, TRUSTED) is is_trusted
    assert not comes_from({"client": ("nonsense", 1)}, TRUSTED)
