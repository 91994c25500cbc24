"""JSON-RPC 2.0: messages in and messages out, whoever gives the methods their meaning.

https://www.jsonrpc.org/specification; the names in the comments are its section headings.
"""

from collections.abc import Awaitable, Callable
from typing import Any, Final

import msgspec

from ucp_server.asgi.documents import BadDocument, decode, decode_batch

Wire = dict[str, Any]
# "Request object": null is allowed there and discouraged, since it is what an error without id has.
Id = str | int | float

# "Error object"
PARSE_ERROR: Final = -32700
INVALID_REQUEST: Final = -32600
METHOD_NOT_FOUND: Final = -32601
INVALID_PARAMS: Final = -32602
INTERNAL_ERROR: Final = -32603

# "Response object": either of them, and nothing else has them.
_OUTCOMES: Final = frozenset({"result", "error"})

# The calls of a batch run one after the other; more of them would outlive their caller's patience.
BATCH_MAX: Final = 16


class RpcError(Exception):
    """A call that failed. ``text`` is for people; ``data`` is what the method adds for programs."""

    def __init__(self, code: int, text: str, data: Any = None) -> None:
        super().__init__(text)
        self.code = code
        self.text = text
        self.data = data


class RpcCall(msgspec.Struct, frozen=True, kw_only=True):
    """One request. Without an ``id`` it is a notification, which nobody answers."""

    method: str
    params: Wire | list[Any]
    id: Id | None = None

    @property
    def is_notification(self) -> bool:
        return self.id is None

    def members(self) -> Wire:
        """The parameters by name. Raises `RpcError` for those by position."""
        if isinstance(self.params, list):
            raise RpcError(INVALID_PARAMS, "The params have to be an object.")
        return self.params


# What a method does: its result as a JSON value. Raises `RpcError`.
Perform = Callable[[RpcCall], Awaitable[Any]]


async def answer(raw: bytes, perform: Perform, *, batches: bool) -> Wire | list[Wire] | None:
    """What is to be sent back for the message, or messages, in ``raw``; None for nothing.

    Raises `RpcError` where there is no message whose id an error could carry.
    """
    try:
        document = decode_batch(raw)
    except BadDocument as error:
        raise RpcError(PARSE_ERROR, error.text) from error
    if isinstance(document, dict):
        return await _answer_one(document, perform)
    if not batches:
        raise RpcError(INVALID_REQUEST, "One message is taken at a time.")
    if not 1 <= len(document) <= BATCH_MAX:
        raise RpcError(INVALID_REQUEST, f"A batch holds 1 to {BATCH_MAX} messages.")
    answers = [await _answer_one(message, perform) for message in document]
    return [message for message in answers if message is not None] or None


def read_message(raw: bytes) -> Any:
    """The one message in ``raw``, which may be anything but a batch. Raises `RpcError`."""
    try:
        return decode(raw)
    except BadDocument as error:
        code = INVALID_REQUEST if error.code == "not_an_object" else PARSE_ERROR
        raise RpcError(code, error.text) from error


async def _answer_one(message: Any, perform: Perform) -> Wire | None:
    if is_response(message):
        # To a request of ours. We make none, so nobody waits for it.
        return None
    try:
        call = read_call(message)
    except RpcError as error:
        return error_message(id_of(message), error)
    try:
        result = await perform(call)
    except RpcError as error:
        return None if call.id is None else error_message(call.id, error)
    return None if call.id is None else {"jsonrpc": "2.0", "id": call.id, "result": result}


def read_call(message: Any) -> RpcCall:
    """The request in ``message``. Raises `RpcError` where it is none."""
    if not isinstance(message, dict) or message.get("jsonrpc") != "2.0":
        raise RpcError(INVALID_REQUEST, "A message is an object with the member jsonrpc of 2.0.")
    method, params = message.get("method"), message.get("params", {})
    if not isinstance(method, str):
        raise RpcError(INVALID_REQUEST, "The method has to be a string.")
    if not isinstance(params, dict | list):
        raise RpcError(INVALID_REQUEST, "The params have to be an object or an array.")
    call_id = id_of(message)
    if call_id is None and "id" in message:
        raise RpcError(INVALID_REQUEST, "The id has to be a string or a number.")
    return RpcCall(method=method, params=params, id=call_id)


def error_message(call_id: Id | None, error: RpcError) -> Wire:
    told: Wire = {"code": error.code, "message": error.text}
    if error.data is not None:
        told["data"] = error.data
    return {"jsonrpc": "2.0", "id": call_id, "error": told}


def is_response(message: Any) -> bool:
    """Whether it answers a request instead of making one."""
    return (
        isinstance(message, dict) and "method" not in message and not message.keys().isdisjoint(_OUTCOMES)
    )


def id_of(message: Any) -> Id | None:
    """The id that an answer to the message has, as far as the message has one that can be."""
    call_id = message.get("id") if isinstance(message, dict) else None
    # A bool is an int in Python and none in JSON.
    return call_id if isinstance(call_id, str | int | float) and not isinstance(call_id, bool) else None
