"""Which URLs may be asked at all. Read strictly and once, so that no two readers disagree."""

import re

import msgspec

from ucp_server.ports import FetchRefused

# Longer than any real profile or webhook URL, and what most servers take.
URL_CHARS_MAX = 2048
# RFC 1035: what fits into a query.
HOST_CHARS_MAX = 253

_LABEL = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
# The last label starts with a letter, which no number in any base does once 0x is in front: hence
# 127.1, 0x7f000001 and 017700000001 are no hosts. A single label would be looked up in the local
# search domain.
_HOST = re.compile(rf"(?:{_LABEL}\.)+[a-z](?:[a-z0-9-]{{0,61}}[a-z0-9])", re.ASCII)
_URL = re.compile(
    r"(?P<scheme>https?)://"
    r"(?P<host>\[::1\]|[A-Za-z0-9.-]+)(?::(?P<port>[1-9][0-9]{0,4}))?"
    r"(?P<rest>(?:/(?:[A-Za-z0-9._~!$&'()*+,;=:@/-]|%[0-9A-Fa-f]{2})*)?"
    r"(?:\?(?:[A-Za-z0-9._~!$&'()*+,;=:@/?-]|%[0-9A-Fa-f]{2})*)?)",
    re.ASCII,
)
LOOPBACK_HOSTS = frozenset({"localhost", "127.0.0.1", "[::1]"})
# Names that are never answered by the public DNS (RFC 6761, 6762, 7686, 8375, ICANN's .internal).
_LOCAL_TOP_LEVELS = frozenset({"localhost", "local", "internal", "onion", "arpa"})
_PORTS = {"https": 443, "http": 80}


class Target(msgspec.Struct, frozen=True):
    """A URL that may be asked. ``rest`` is path and query as written."""

    scheme: str
    host: str
    port: int
    rest: str
    loopback: bool

    @property
    def url(self) -> str:
        return f"{self.scheme}://{self.host}:{self.port}{self.rest or '/'}"


def checked_url(url: str, *, allow_loopback: bool) -> Target:
    """Read ``url``; raises `FetchRefused` with ``forbidden_url``.

    Allowed: https on port 443 at a name of the public DNS, without user-info and fragment. With
    ``allow_loopback`` also http and https on any port of this machine by its usual three names.
    """
    if len(url) > URL_CHARS_MAX:
        raise FetchRefused("forbidden_url", "The URL is too long.")
    parts = _URL.fullmatch(url)
    if parts is None:
        raise FetchRefused("forbidden_url", "The URL is not a plain https URL.")
    scheme, host = parts["scheme"], parts["host"].lower()
    port = int(parts["port"] or _PORTS[scheme])
    loopback = allow_loopback and host in LOOPBACK_HOSTS
    if not loopback:
        _check_public(scheme, host, port)
    elif port > 65535:
        raise FetchRefused("forbidden_url", "There is no such port.")
    return Target(scheme, host, port, parts["rest"], loopback)


def _check_public(scheme: str, host: str, port: int) -> None:
    if scheme != "https" or port != _PORTS["https"]:
        raise FetchRefused("forbidden_url", "Only https on port 443 is asked.")
    if len(host) > HOST_CHARS_MAX or _HOST.fullmatch(host) is None:
        raise FetchRefused("forbidden_url", "The host is not a public name.")
    if host.rpartition(".")[2] in _LOCAL_TOP_LEVELS:
        raise FetchRefused("forbidden_url", "The host is a local name.")
