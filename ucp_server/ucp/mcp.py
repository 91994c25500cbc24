"""UCP over MCP: one address for each release, behind which the same operations are as behind REST.

T3:D/overview#Model Context Protocol (MCP). What is settled between MCP clients and servers is in
`asgi.mcp`; nobody has to prove anything to be told which tools there are.
"""

from collections.abc import Awaitable, Callable
from importlib.metadata import version
from typing import Final

import msgspec
from starlette.requests import Request

from ucp_server.asgi import mcp_envelope
from ucp_server.asgi.jsonrpc import INVALID_PARAMS, RpcCall, RpcError
from ucp_server.asgi.mcp import McpServer
from ucp_server.asgi.reply import Reply
from ucp_server.domain.errors import Refusal
from ucp_server.ucp.incoming import Incoming
from ucp_server.ucp.operation_table import operations_of
from ucp_server.ucp.operations import Operations
from ucp_server.ucp.releases import Release
from ucp_server.ucp.schema import Schemas
from ucp_server.ucp.tool_calls import TOOLS_CALL, as_incoming, asked_name, operation_of
from ucp_server.ucp.tool_replies import Asked
from ucp_server.ucp.tools import tools_of

# The operation of requests that ask for none of ours.
OPERATION: Final = "mcp"

_INSTRUCTIONS: Final = (
    "This is a shop. Every call names the profile of the platform that buys, as ucp-agent in meta. Open a "
    "checkout, add what its messages ask for, and complete it with a payment that the buyer agreed to. "
    "Where it says requires_escalation, give the buyer its continue_url. Amounts are in minor units."
)

Answer = Callable[[Request, Incoming], Awaitable[Reply]]


def endpoint(release: Release, operations: Operations, schemas: Schemas) -> Answer:
    """What stands at ``release``'s address; the `Incoming` that it gets is the whole message."""
    offered = frozenset(row.name for row in operations_of(release))

    async def own(caller: Incoming, call: RpcCall) -> Reply | None:
        name = asked_name(call)
        row = operation_of(name)
        if row is None or row.name not in offered:
            if call.method == TOOLS_CALL:
                raise RpcError(INVALID_PARAMS, "There is no tool of this name.")
            return None
        asked = Asked(
            id=call.id,
            is_tool=call.method == TOOLS_CALL,
            endpoint=release,
            is_alone=caller.headers.get("mcp-protocol-version") == mcp_envelope.VERSION,
        )
        caller = msgspec.structs.replace(caller, operation=row.name, wrap=asked.wrap)
        try:
            incoming = as_incoming(caller, row, call)
        except Refusal as refusal:
            return await operations.refuse(caller, release, refusal)
        return await operations.perform(incoming)

    server: McpServer[Incoming] = McpServer(
        name="ucp",
        title="Universal Commerce Protocol",
        version=version("ucp-server"),
        instructions=_INSTRUCTIONS,
        listings=tools_of(release, schemas),
        own=own,
    )
    return server.serve
