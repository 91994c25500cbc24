"""Whether the head of a request (target, headers) is one that every hop reads the same way.

Answers with an ``Objection`` or None; reads nothing, sends nothing. What HTTP itself forbids is a
400 with the connection closed, because after it nobody can say where the next request begins.
"""

import re
from urllib.parse import quote, unquote_to_bytes

import msgspec
from starlette.types import Scope

from ucp_server.asgi.limits import Limits
from ucp_server.asgi.reply import Header

# "1.0" and "1.1" come from the HTTP/1 parser, which takes any digits; "2" and "3" from theirs.
VERSIONS = frozenset({"1.0", "1.1", "2", "3"})

# Field content of RFC 9110 5.5: tab, visible characters, space, and bytes of other encodings.
_FIELD_BYTES = bytes([0x09, *range(0x20, 0x7F), *range(0x80, 0x100)])

# A token (RFC 9110 5.6.2) in lower case, as every listener hands names on. HTTP/2 takes any bytes, such
# as a name with "@", which would pass for a part of what a signature covers.
_NAME_BYTES = b"!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyz"

# RFC 9110 7.2 and RFC 3986 3.2.2 without user information, which only misleads readers.
_HOST = re.compile(rb"(?:[A-Za-z0-9._-]{1,255}|\[[0-9A-Fa-f:.]{2,45}\])(?::[0-9]{1,5})?")

# A path that needs no decoding: non-empty segments of RFC 3986 pchar, none of them "." or "..".
_PLAIN_PATH = re.compile(rb"(?:/(?!\.{1,2}(?:/|\Z))[A-Za-z0-9._~!$&'()*+,;=:@-]+)*/?")
_PCHAR_EXTRA = "/!$&'()*+,;=:@~"
# Backslash: some hops take it for a slash. Percent: somebody would decode twice.
_NEVER_IN_PATH = re.compile(r"[\x00-\x1f\x7f\\%]")
_ABSOLUTE = re.compile(rb"https?://([^/?#]*)(/[^?]*)?", re.IGNORECASE)


class Objection(msgspec.Struct, frozen=True):
    """Why a request goes no further. ``text`` is for people and repeats nothing of the request.

    ``closes``: the framing cannot be trusted, so the connection ends with this answer.
    """

    status: int
    code: str
    text: str
    closes: bool = False
    headers: tuple[Header, ...] = ()


def _malformed(code: str, text: str) -> Objection:
    return Objection(400, code, text, closes=True)


def examine(scope: Scope, limits: Limits) -> Objection | None:
    """The first thing that is wrong with the head, or None.

    Also brings the scope into the one form that the application sees: an absolute target becomes
    its path, and header names with an underscore, which CGI-like hops cannot tell from a hyphen,
    are dropped.
    """
    return (
        _examine_version(scope)
        or _examine_size(scope, limits)
        or _examine_headers(scope, limits)
        or _examine_method(scope, limits)
        or _examine_target(scope, limits)
    )


def _examine_version(scope: Scope) -> Objection | None:
    if scope["http_version"] in VERSIONS:
        return None
    return Objection(505, "http_version", "HTTP/1.0, 1.1 and 2 are spoken here.", closes=True)


def _examine_size(scope: Scope, limits: Limits) -> Objection | None:
    headers = scope["headers"]
    if len(headers) > limits.header_lines_max:
        text = f"More than {limits.header_lines_max} header lines."
        return Objection(431, "too_many_headers", text, closes=True)
    # Two bytes for ": " and two for the line end, as HTTP/1 writes them.
    size = sum(len(name) + len(value) + 4 for name, value in headers)
    target = len(scope["raw_path"]) + len(scope["query_string"])
    if target > limits.target_max:
        text = f"The target is longer than {limits.target_max} bytes."
        return Objection(414, "target_too_long", text, closes=True)
    if size + target > limits.head_max:
        text = f"The headers are larger than {limits.head_max} bytes."
        return Objection(431, "headers_too_large", text, closes=True)
    return None


def _examine_headers(scope: Scope, limits: Limits) -> Objection | None:
    headers = scope["headers"]
    if b"".join([value for _, value in headers]).translate(None, _FIELD_BYTES):
        return _malformed("bad_header", "A header holds a control character.")
    if b"".join([name for name, _ in headers]).translate(None, _NAME_BYTES):
        return _malformed("bad_header", "A header has a name that none can have.")
    seen: dict[bytes, bytes] = {}
    underscored = False
    for name, value in headers:
        if b"_" in name:
            if name.replace(b"_", b"-") in limits.singletons:
                return _malformed("bad_header", "A header name has an underscore for a hyphen.")
            underscored = True
        elif name in limits.singletons:
            if name in seen:
                return _malformed("duplicate_header", f"{name.decode('ascii')} is sent twice.")
            seen[name] = value
    if underscored:
        scope["headers"] = [pair for pair in headers if b"_" not in pair[0]]
    return _examine_framing(scope["http_version"], seen) or _examine_host(scope, seen)


def _examine_framing(version: str, singletons: dict[bytes, bytes]) -> Objection | None:
    length = singletons.get(b"content-length")
    if b"transfer-encoding" in singletons:
        if length is not None:
            text = "Content-Length and Transfer-Encoding contradict each other."
            return _malformed("ambiguous_framing", text)
        if version != "1.1":
            text = "Transfer-Encoding belongs to HTTP/1.1 alone."
            return _malformed("ambiguous_framing", text)
    # str.isdigit knows more digits than HTTP does; bytes.isdigit knows ten.
    if length is not None and not (length.isdigit() and len(length) <= 19):
        return _malformed("bad_header", "Content-Length is no number.")
    if singletons.get(b"expect", b"100-continue").lower() != b"100-continue":
        return Objection(417, "expectation_failed", "Only 100-continue can be met.", closes=True)
    return None


def _examine_host(scope: Scope, singletons: dict[bytes, bytes]) -> Objection | None:
    host = singletons.get(b"host")
    if host is None and scope["http_version"] == "1.0":
        return None  # HTTP/1.0 had none; which merchant that means is decided further in
    if host is None or not _HOST.fullmatch(host):
        return _malformed("bad_host", "Host is missing or malformed.")
    return None


def _examine_method(scope: Scope, limits: Limits) -> Objection | None:
    if scope["method"] in limits.methods:
        return None
    allow = ", ".join(sorted(limits.methods)).encode("ascii")
    text = "This method is not served."
    return Objection(405, "method_not_allowed", text, headers=((b"allow", allow),))


def _examine_target(scope: Scope, limits: Limits) -> Objection | None:
    del limits
    raw: bytes = scope["raw_path"]
    if not raw.startswith(b"/"):
        absolute = _ABSOLUTE.fullmatch(raw)
        if absolute is None:
            return Objection(400, "bad_target", "The target is not a path.")
        # RFC 9112 3.2.2: the form must be taken. Where its authority and Host differ, two hops
        # would serve two merchants, so it is refused.
        if absolute[1].lower() != _host_of(scope).lower():
            return _malformed("bad_target", "The target and Host name different hosts.")
        raw = absolute[2] or b"/"
        scope["raw_path"] = raw
        scope["path"] = unquote_to_bytes(raw).decode("utf-8", "replace")
    if is_canonical(raw):
        return None
    return Objection(404, "not_found", "There is nothing here.")


def _host_of(scope: Scope) -> bytes:
    return next((value for name, value in scope["headers"] if name == b"host"), b"")


def is_canonical(raw: bytes) -> bool:
    """Whether this is the only spelling of its path, so that nobody decodes it into another one.

    Escapes stand where they must and in upper case (RFC 3986 6.2.2), the bytes are UTF-8, and no
    segment is empty, "." or ".." before or after decoding. One slash at the end is allowed.
    """
    if b"%" not in raw:
        return _PLAIN_PATH.fullmatch(raw) is not None
    try:
        path = unquote_to_bytes(raw).decode("utf-8")
    except UnicodeDecodeError:
        return False
    if _NEVER_IN_PATH.search(path) or quote(path, safe=_PCHAR_EXTRA).encode("ascii") != raw:
        return False
    return not any(segment in {"", ".", ".."} for segment in path.removesuffix("/").split("/")[1:])
