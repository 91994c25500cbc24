"""Asking a running server, politely and not."""

import asyncio
from pathlib import Path

import httpx2


async def answers(url: str, over: Path | None = None) -> bool:
    """Whether ``url`` is answered with 200; ``over`` is a Unix socket to ask through."""
    # Plain http: reading the machine's certificates would take longer than the request.
    transport = httpx2.AsyncHTTPTransport(uds=str(over) if over else None, verify=False)
    async with httpx2.AsyncClient(transport=transport) as client:
        try:
            return (await client.get(url)).status_code == 200
        except httpx2.TransportError:
            return False


async def refuses(port: int) -> bool:
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
    except ConnectionRefusedError:
        return True
    writer.close()
    return False


async def begin_request(writer: asyncio.StreamWriter) -> None:
    """All of a request but the last five bytes, which are ``": 1}``."""
    head = b"POST /nowhere HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    writer.write(head + b'Content-Length: 7\r\n\r\n{"')
    await writer.drain()
