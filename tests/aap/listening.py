"""The application on a port of loopback, for callers in processes of their own."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator

import hypercorn.asyncio
from hypercorn.config import Config
from starlette.types import ASGIApp


@contextlib.asynccontextmanager
async def listening(application: ASGIApp) -> AsyncIterator[str]:
    """The URL under which ``application`` is served, in this loop."""
    listener = socket.create_server(("127.0.0.1", 0))
    port = listener.getsockname()[1]
    config = Config()
    # The server closes it with itself.
    config.bind = [f"fd://{listener.detach()}"]
    config.loglevel = "CRITICAL"
    over = asyncio.Event()
    serving = asyncio.create_task(
        hypercorn.asyncio.serve(application, config, shutdown_trigger=over.wait)  # type: ignore[arg-type]  # it has types of its own
    )
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        over.set()
        await serving
