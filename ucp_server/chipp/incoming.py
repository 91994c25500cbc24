"""A request as this binding works on it."""

import asyncio
from collections.abc import Mapping

import msgspec
from starlette.requests import Request

from ucp_server.asgi.facts import Facts, facts_of


class Incoming(msgspec.Struct, frozen=True, kw_only=True):
    """``app_id`` and ``target`` are as they were written in the path; header names are lower-case.

    ``arrived_s`` is the event loop's time; ``facts`` go to the access line.
    """

    operation: str
    app_id: str
    headers: Mapping[str, str]
    raw: bytes
    arrived_s: float
    facts: Facts
    target: str = ""

    def __repr__(self) -> str:
        """Without headers and body: they hold keys and people."""
        return f"Incoming({self.operation})"


async def read_incoming(request: Request, operation: str) -> Incoming:
    """The request with its whole body, which the guard has bounded before."""
    arrived_s = asyncio.get_running_loop().time()
    return Incoming(
        operation=operation,
        app_id=request.path_params["app_id"],
        # Of a header that comes several times the last one holds.
        headers=dict(request.headers.items()),
        raw=await request.body(),
        arrived_s=arrived_s,
        facts=facts_of(request.scope),
        target=request.path_params.get("id", ""),
    )
