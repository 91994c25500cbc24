"""Model Context Protocol over streamable HTTP: tools, without sessions and without streams.

Every request stands for itself, so that any worker may answer it. The section names in comments are
those of https://modelcontextprotocol.io/specification/2025-11-25.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Final, Generic, TypeVar
from urllib.parse import urlsplit

import msgspec
from starlette.requests import Request

from ucp_server.asgi import mcp_envelope
from ucp_server.asgi.checker import Checker
from ucp_server.asgi.facts import Facts, facts_of
from ucp_server.asgi.jsonrpc import (
    INVALID_PARAMS,
    INVALID_REQUEST,
    METHOD_NOT_FOUND,
    RpcCall,
    RpcError,
    answer,
    error_message,
    id_of,
    is_response,
    read_call,
    read_message,
)
from ucp_server.asgi.reply import NO_STORE, Reply, json_reply

Wire = dict[str, Any]
# Who calls, as the binding knows it; the tools get it, and nothing here looks into it.
C = TypeVar("C")

# Newest first: what a client is offered that asks for one we do not speak ("Version Negotiation").
VERSIONS: Final = ("2025-11-25", "2025-06-18", "2025-03-26")
# Those that a request may name; the newest has no handshake in which it could be offered.
SPOKEN: Final = (mcp_envelope.VERSION, *VERSIONS)
# What a request without the header is taken for ("Protocol Version Header").
VERSION_ASSUMED: Final = "2025-03-26"
# Later versions took batches out of the transport.
VERSION_WITH_BATCHES: Final = "2025-03-26"

# What a failed call is told with where the status of the reply says so too; others are 200.
_STATUSES: Final = {METHOD_NOT_FOUND: 404}

_JSON_RANGES: Final = frozenset({"application/json", "application/*", "*/*"})


class ToolFailed(Exception):
    """A tool that could not do what it was asked: the model reads ``text`` and may mend it.

    ``document`` is the same for programs ("Tools", "Error Handling").
    """

    def __init__(self, text: str, document: Wire | None = None) -> None:
        super().__init__(text)
        self.text = text
        self.document = document or {"error": text}


@dataclass(frozen=True, kw_only=True)
class Listing:
    """A tool as clients see it. ``only_reads`` and ``repeatable`` are hints to them.

    ``output_schema`` is None where the result of a call has no structured content.
    """

    name: str
    title: str
    description: str
    input_schema: Wire
    output_schema: Wire | None
    only_reads: bool = False
    repeatable: bool | None = None

    def listed(self) -> Wire:
        hints = {"readOnlyHint": self.only_reads, "openWorldHint": False}
        if self.repeatable is not None:
            hints["idempotentHint"] = self.repeatable
        told = {
            "name": self.name,
            "title": self.title,
            "description": self.description,
            "inputSchema": self.input_schema,
            "annotations": hints,
        }
        return told if self.output_schema is None else {**told, "outputSchema": self.output_schema}


@dataclass(frozen=True, kw_only=True)
class Tool(Listing, Generic[C]):
    """One tool. ``call`` gets who calls and the arguments, which follow ``input_schema`` then.

    It returns the structured content, and raises `ToolFailed`, or `RpcError` where the protocol of
    the binding wants one.
    """

    call: Callable[[C, Wire], Awaitable[Wire]]

    @cached_property
    def checker(self) -> Checker:
        return Checker(self.input_schema, formats=False)


# A method that a binding answers itself, with the whole reply; None where that is not one of its own.
Own = Callable[[C, RpcCall], Awaitable[Reply | None]]


@dataclass(frozen=True, kw_only=True)
class McpServer(Generic[C]):
    """What clients meet at one address: tools, or methods of the binding's ``own``.

    ``listings`` are tools that ``own`` carries out. Its replies are sent as they are, so that their
    status says what became of them and a signature of theirs stays true.
    """

    name: str
    title: str
    version: str
    instructions: str
    tools: tuple[Tool[C], ...] = ()
    listings: tuple[Listing, ...] = ()
    own: Own[C] | None = field(default=None)

    async def serve(self, request: Request, caller: C) -> Reply:
        """Answer a POST of ``caller``. Refusals of the transport have a status.

        A failed call is 200 up to 2025-11-25, unless the binding has methods of its own.
        """
        objection = _objection(request)
        if objection is not None:
            return objection
        version = request.headers.get("mcp-protocol-version", VERSION_ASSUMED)
        if self.own is not None or version == mcp_envelope.VERSION:
            return await self._serve_one(request, caller, is_alone=version == mcp_envelope.VERSION)
        facts = facts_of(request.scope)

        async def perform(call: RpcCall) -> Any:
            return await self._perform(call, caller, facts)

        try:
            answered = await answer(await request.body(), perform, batches=version == VERSION_WITH_BATCHES)
        except RpcError as error:
            return json_reply(400, error_message(None, error), NO_STORE)
        return Reply(202) if answered is None else json_reply(200, answered, NO_STORE)

    async def _serve_one(self, request: Request, caller: C, *, is_alone: bool) -> Reply:
        """``is_alone``: nothing was settled before, so that the request has to tell everything."""
        message = None
        try:
            message = read_message(await request.body())
            if is_response(message):
                return Reply(202)
            call = read_call(message)
            if call.is_notification:
                return _noted(call)
            if is_alone:
                mcp_envelope.check(call, request.headers)
            done = await self.own(caller, call) if self.own is not None else None
            if done is not None:
                return done
            result = await self._perform(call, caller, facts_of(request.scope))
        except RpcError as error:
            status = _STATUSES.get(error.code, 400)
            return json_reply(status, error_message(id_of(message), error), NO_STORE)
        if is_alone:
            result = mcp_envelope.finished(result, self.info)
        return json_reply(200, {"jsonrpc": "2.0", "id": call.id, "result": result}, NO_STORE)

    @property
    def info(self) -> Wire:
        return {"name": self.name, "title": self.title, "version": self.version}

    async def _perform(self, call: RpcCall, caller: C, facts: Facts) -> Any:
        if call.method.startswith("notifications/"):
            return {}
        match call.method:
            case "initialize":
                return self._initialize(call.members())
            case "server/discover":
                return mcp_envelope.cacheable({"supportedVersions": list(SPOKEN), **self._offer()})
            case "ping":
                return {}
            case "tools/list":
                return mcp_envelope.cacheable(self._list(call.members()))
            case "tools/call":
                return await self._call(call.members(), caller, facts)
            case _:
                raise RpcError(METHOD_NOT_FOUND, "This method is not served here.")

    def _initialize(self, params: Wire) -> Wire:
        wanted = params.get("protocolVersion")
        if not isinstance(wanted, str):
            raise RpcError(INVALID_PARAMS, "The protocolVersion has to be a string.")
        return {
            "protocolVersion": wanted if wanted in VERSIONS else VERSIONS[0],
            "serverInfo": self.info,
            **self._offer(),
        }

    def _offer(self) -> Wire:
        return {"capabilities": {"tools": {"listChanged": False}}, "instructions": self.instructions}

    def _list(self, params: Wire) -> Wire:
        if params.get("cursor") is not None:
            raise RpcError(INVALID_PARAMS, "The list has one page; nobody was given a cursor.")
        return {"tools": self._listed}

    @cached_property
    def _listed(self) -> msgspec.Raw:
        """Written once: with the schemas of a dozen operations it has some 300 kB."""
        return msgspec.Raw(msgspec.json.encode([tool.listed() for tool in (*self.tools, *self.listings)]))

    async def _call(self, params: Wire, caller: C, facts: Facts) -> Wire:
        tool = next((tool for tool in self.tools if tool.name == params.get("name")), None)
        if tool is None:
            raise RpcError(INVALID_PARAMS, "There is no tool of this name.")
        facts["operation"] = tool.name
        arguments = params.get("arguments") or {}
        violations = tool.checker.check(arguments)
        if violations:
            # Told as the tool's own failure, so that the model sees it and can try again.
            faults = "; ".join(f"{fault.path} {fault.text}" for fault in violations)
            return _failure(ToolFailed(f"The arguments do not fit: {faults}."))
        try:
            return _content(await tool.call(caller, arguments), is_error=False)
        except ToolFailed as failed:
            return _failure(failed)


def _failure(failed: ToolFailed) -> Wire:
    return _content(failed.document, is_error=True)


def _content(document: Wire, *, is_error: bool) -> Wire:
    """The same twice: clients before 2025-06-18 read the text ("Structured Content")."""
    text = msgspec.json.encode(document).decode()
    content = [{"type": "text", "text": text}]
    return {"content": content, "structuredContent": document, "isError": is_error}


# --- the transport ("Streamable HTTP") ---


def _objection(request: Request) -> Reply | None:
    """Why a POST is not looked at, whatever it says."""
    if not _is_from_here(request):
        return _transport_error(403, "This origin may not call here.")
    if not _takes_json(request):
        return _transport_error(406, "Replies are application/json; Accept has to allow it.")
    version = request.headers.get("mcp-protocol-version")
    if version is not None and version not in SPOKEN:
        return json_reply(400, error_message(None, mcp_envelope.unsupported(version, SPOKEN)), NO_STORE)
    return None


def _noted(call: RpcCall) -> Reply:
    """A notification changes nothing here; what has an answer has to ask for it."""
    if not call.method.startswith("notifications/"):
        raise RpcError(INVALID_REQUEST, "This method is answered, so that a request for it has an id.")
    return Reply(202)


def _transport_error(status: int, text: str) -> Reply:
    return json_reply(status, error_message(None, RpcError(INVALID_REQUEST, text)), NO_STORE)


def _is_from_here(request: Request) -> bool:
    """A browser on a foreign page must not reach a server in its own network ("Security Warning")."""
    origin = request.headers.get("origin")
    return origin is None or urlsplit(origin).netloc == request.headers.get("host")


def _takes_json(request: Request) -> bool:
    accepted = request.headers.getlist("accept")
    if not accepted:
        return True
    ranges = (entry.partition(";")[0].strip().lower() for line in accepted for entry in line.split(","))
    return any(entry in _JSON_RANGES for entry in ranges)
