"""A reply as JSON-RPC: the result or the error of the call that asked for it.

The reply's own status is sent too, as the first sign of what became of a call (T3:D/overview#Error
Codes, "Protocol Errors"); what is kept with an idempotency key is the reply without all this, so that
its repetition is answered under the id of its own.
"""

from types import MappingProxyType
from typing import Any, Final

import msgspec

from ucp_server.asgi import mcp_envelope
from ucp_server.asgi.jsonrpc import (
    INTERNAL_ERROR,
    INVALID_PARAMS,
    INVALID_REQUEST,
    Id,
    RpcError,
    error_message,
)
from ucp_server.asgi.reply import JSON, Reply
from ucp_server.ucp.releases import Release

Wire = dict[str, Any]

REFUSED: Final = -32000
NOT_NEGOTIATED: Final = -32001

# T3:D/overview#Error Codes, "Negotiation Errors" and "Signature Errors".
_BY_CODE: Final = MappingProxyType(
    {
        "invalid_profile_url": NOT_NEGOTIATED,
        "profile_unreachable": NOT_NEGOTIATED,
        "profile_malformed": NOT_NEGOTIATED,
        "version_unsupported": NOT_NEGOTIATED,
        "digest_mismatch": INVALID_REQUEST,
        "algorithm_unsupported": INVALID_REQUEST,
    }
)
# Likewise "Protocol Errors"; 404, 405 and 415 come from the layers around the operations.
_BY_STATUS: Final = MappingProxyType(
    {
        400: INVALID_PARAMS,
        404: INVALID_REQUEST,
        405: INVALID_REQUEST,
        413: INVALID_REQUEST,
        415: INVALID_REQUEST,
        500: INTERNAL_ERROR,
    }
)


class _Message(msgspec.Struct):
    """One of the messages that January's errors consist of."""

    code: str = ""
    content: str = ""
    severity: str = "recoverable"
    path: str | None = None


class _Told(msgspec.Struct):
    """What the body of an error says, in either form."""

    code: str = ""
    content: str = ""
    continue_url: str | None = None
    messages: tuple[_Message, ...] = ()


_told = msgspec.json.Decoder(_Told)


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """The call to answer: under which id, whether as a tool, and in which revision of MCP.

    ``endpoint`` is the release whose tools were listed: clients hold it to the forms that it promised.
    """

    id: Id | None
    is_tool: bool
    endpoint: Release
    is_alone: bool = False

    def wrap(self, release: Release, reply: Reply) -> Reply:
        """``reply``, in the form of ``release``, as what the call is answered with."""
        if reply.status >= 300:
            return as_error(self.id, release, reply)
        message = {"jsonrpc": "2.0", "id": self.id, "result": self._result(release, reply.body)}
        return _sent(200, message, reply)

    def _result(self, release: Release, document: bytes) -> msgspec.Raw | Wire:
        if not self.is_tool:
            return msgspec.Raw(document)
        told: Wire = {"content": [{"type": "text", "text": document.decode()}]}
        if self.is_alone:
            told["resultType"] = mcp_envelope.WHOLE
        if "structured" in (self.endpoint.tools_tell, release.tools_tell):
            told["structuredContent"] = msgspec.Raw(document)
        if release.tools_tell == "structured":
            return told
        # The document's own members, and what makes of it the result of a tool.
        return msgspec.Raw(document[:-1] + b"," + msgspec.json.encode(told)[1:])


def as_error(call_id: Id | None, release: Release, reply: Reply, retry_after: bytes | None = None) -> Reply:
    """An error, and the same for programs in its ``data``.

    ``retry_after`` are the seconds of a header that the reply is still to get; clients of tools show
    their callers no headers, so that it is told inside too.
    """
    told = _told.decode(reply.body)
    wait = _wait(retry_after or reply.header(b"retry-after"))
    error = _january(told, wait) if release.errors == "messages" else _later(told, reply.status, wait)
    return _sent(reply.status, error_message(call_id, error), reply)


def _wait(retry_after: bytes | None) -> Wire:
    return {"retry_after": int(retry_after)} if retry_after is not None and retry_after.isdigit() else {}


def _january(told: _Told, wait: Wire) -> RpcError:
    """T1:D/checkout-mcp#Error Handling: one code for all, and what is wrong in a list."""
    errors = [
        {
            "code": each.code,
            "message": each.content,
            "severity": each.severity,
            **({"details": {"path": each.path}} if each.path else {}),
        }
        for each in told.messages
    ]
    text = told.messages[0].content if told.messages else "This was refused."
    return RpcError(INTERNAL_ERROR, text, {"status": "error", "errors": errors, **wait})


def _later(told: _Told, status: int, wait: Wire) -> RpcError:
    data: Wire = {"code": told.code, "content": told.content, **wait}
    if told.continue_url is not None:
        data["continue_url"] = told.continue_url
    code = _BY_CODE.get(told.code) or _BY_STATUS.get(status, REFUSED)
    return RpcError(code, told.content, data)


def _sent(status: int, message: Wire, reply: Reply) -> Reply:
    """With the headers that the reply had: how long to wait, how to authenticate."""
    kept = tuple(header for header in reply.headers if header[0] != JSON[0])
    return Reply(status, msgspec.json.encode(message), (JSON, *kept), reply.replayed)
