"""The revision of MCP in which every request tells all about itself (2026-07-28).

There is no handshake: what it settled stands in ``params._meta`` of each request, and headers repeat
what a proxy may want to route by. They have to say the same, or two readers would act on two requests.
https://modelcontextprotocol.io/specification/2026-07-28/basic, "Per-request protocol fields".
"""

import base64
import binascii
from collections.abc import Mapping
from typing import Any, Final

from ucp_server.asgi.jsonrpc import INVALID_PARAMS, RpcCall, RpcError

Wire = dict[str, Any]

VERSION: Final = "2026-07-28"
HEADER_MISMATCH: Final = -32020
UNSUPPORTED_VERSION: Final = -32022

# What is listed changes when the server is replaced; a client asks again in good time.
LIST_TTL_MS: Final = 300_000

# What a result is that leaves nothing to be asked for.
WHOLE: Final = "complete"

_SERVER_KEY: Final = "io.modelcontextprotocol/serverInfo"
_VERSION_KEY: Final = "io.modelcontextprotocol/protocolVersion"
_CAPABILITIES_KEY: Final = "io.modelcontextprotocol/clientCapabilities"
_PREFIX, _SUFFIX = "=?base64?", "?="


def check(call: RpcCall, headers: Mapping[str, str]) -> None:
    """Raises `RpcError` where the envelope lacks a member or its headers say something else."""
    params = call.members()
    meta = params.get("_meta")
    if not isinstance(meta, dict) or not {_VERSION_KEY, _CAPABILITIES_KEY} <= meta.keys():
        raise RpcError(
            INVALID_PARAMS, f"Under {VERSION} params._meta holds {_VERSION_KEY} and {_CAPABILITIES_KEY}."
        )
    if meta[_VERSION_KEY] != headers.get("mcp-protocol-version"):
        raise RpcError(HEADER_MISMATCH, "The MCP-Protocol-Version differs from that in the body.")
    if headers.get("mcp-method") != call.method:
        raise RpcError(HEADER_MISMATCH, "The Mcp-Method differs from the method in the body.")
    name = params.get("name")
    if call.method == "tools/call" and name is not None and _read(headers.get("mcp-name")) != name:
        raise RpcError(HEADER_MISMATCH, "The Mcp-Name differs from the name in the body.")


def unsupported(requested: str, supported: tuple[str, ...]) -> RpcError:
    """The error for a revision that is not served here."""
    data = {"supported": list(supported), "requested": requested}
    return RpcError(UNSUPPORTED_VERSION, f"Served protocol versions: {', '.join(supported)}.", data)


def finished(result: Wire, server_info: Wire) -> Wire:
    """The result as this revision wants it: whole, and by whom."""
    return {**result, "resultType": WHOLE, "_meta": {_SERVER_KEY: server_info}}


def cacheable(result: Wire) -> Wire:
    """A result that is the same for everybody."""
    return {**result, "cacheScope": "public", "ttlMs": LIST_TTL_MS}


def _read(header: str | None) -> str | None:
    """The text of a header that may be wrapped because it is not ASCII; None for what cannot be read."""
    if header is None or not (header.startswith(_PREFIX) and header.endswith(_SUFFIX)):
        return header
    try:
        return base64.b64decode(header[len(_PREFIX) : -len(_SUFFIX)], validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        return None
