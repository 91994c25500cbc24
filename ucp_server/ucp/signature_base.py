"""What an HTTP message signature is made over: components, their values, the base (RFC 9421 2).

A body is bound by its SHA-256 (RFC 9530) over the bytes as they travel.
"""

import base64
import hashlib
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final, cast
from urllib.parse import urlsplit

import http_sf
import msgspec

# The items of an inner list as they were read, names not checked, each with its parameters.
Covered = list[tuple[object, Mapping[str, object]]]
Parameters = Mapping[str, object]

SIGNATURE_AGENT: Final = "signature-agent"

_DEFAULT_PORTS: Final = MappingProxyType({"http": ":80", "https": ":443"})
_ALWAYS: Final = frozenset({"@method", "@authority", "@path"})
# Covered wherever they are sent (M:D/signatures, the coverage gate).
_BINDING: Final = frozenset({"ucp-agent", "idempotency-key", SIGNATURE_AGENT})
_OF_A_BODY: Final = frozenset({"content-digest", "content-type"})


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """A request as it is on the wire: the absolute URL, header names in lower case, the body's bytes."""

    method: str
    url: str
    headers: Mapping[str, str]
    body: bytes

    def __repr__(self) -> str:
        """Without headers and body: they hold keys and cards."""
        return f"Request({self.method})"

    def values(self) -> dict[str, str]:
        """What a signature can cover, by name (RFC 9421 2). Raises ValueError where the URL is none."""
        parts = urlsplit(self.url)
        host = parts.netloc.rpartition("@")[2].lower()
        values = {
            "@method": self.method,
            "@authority": host.removesuffix(_DEFAULT_PORTS.get(parts.scheme, "")),
            "@path": parts.path or "/",
        }
        if parts.query:
            values["@query"] = f"?{parts.query}"
        return values | _fields(self.headers)

    def to_cover(self) -> frozenset[str]:
        """What a signature has to cover, so that nothing that matters can be exchanged (digest 7.3)."""
        names = _ALWAYS | (_BINDING & self.headers.keys())
        if urlsplit(self.url).query:
            names |= {"@query"}
        return names | _OF_A_BODY if self.body else names


class Response(msgspec.Struct, frozen=True, kw_only=True):
    """A response as it is on the wire: header names in lower case, the body's bytes."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def values(self) -> dict[str, str]:
        return {"@status": str(self.status)} | _fields(self.headers)

    def to_cover(self) -> frozenset[str]:
        status = frozenset({"@status"})
        return status | _OF_A_BODY if self.body else status


Message = Request | Response


def _fields(headers: Mapping[str, str]) -> dict[str, str]:
    """A field named like a derived component would say that a message is for somebody else."""
    return {name: text.strip() for name, text in headers.items() if not name.startswith("@")}


def content_digest(body: bytes) -> str:
    """The value of ``Content-Digest``."""
    return f"sha-256=:{base64.b64encode(hashlib.sha256(body).digest()).decode()}:"


def is_digest(header: str, body: bytes) -> bool:
    """Whether ``Content-Digest`` says the SHA-256 of ``body``; other algorithms count for nothing."""
    if header == content_digest(body):
        return True  # as nearly everybody writes it
    said = read_dictionary(header).get("sha-256")
    return said is not None and said[0] == hashlib.sha256(body).digest()


def read_dictionary(header: str | None) -> Mapping[str, tuple[Any, Parameters]]:
    """A structured field (RFC 9651), empty where it is missing or none."""
    try:
        parsed = http_sf.parse((header or "").encode(), tltype="dictionary")
    except ValueError:
        return {}
    return cast("Mapping[str, tuple[Any, Parameters]]", parsed)


def signature_base(values: Mapping[str, str], covered: Covered, said: str) -> bytes:
    """The bytes that are signed (RFC 9421 2.5); ``said`` is ``covered`` as it was `spelled`.

    Raises KeyError where a component has no value: it is not in the message, or is named by
    parameters that are not UCP's.
    """
    lines = [_line(values, name, selected) for name, selected in covered]
    return "\n".join((*lines, f'"@signature-params": {said}')).encode()


def spelled(covered: Covered, parameters: Parameters) -> str:
    """What is covered and how, as it is written down in ``Signature-Input`` and signed."""
    member: Any = (covered, parameters)
    return http_sf.ser({"a": member}).removeprefix("a=")


def _line(values: Mapping[str, str], name: object, selected: Parameters) -> str:
    if type(name) is not str:
        raise KeyError(name)  # a token is text too, but a component is a quoted string
    if not selected:
        return f'"{name}": {values[name]}'
    if name != SIGNATURE_AGENT or selected.keys() != {"key"}:
        raise KeyError(name)
    # One member of a dictionary (RFC 9421 2.1.2), the only part of a field that UCP signs.
    member: Any = read_dictionary(values[name])[str(selected["key"])]
    identifier: Any = (name, selected)
    return f"{http_sf.ser(identifier)}: {http_sf.ser(member)}"
