"""The tiny shop as a process: prints the port it listens on, ends with SIGTERM.

The argument is its release, the first one unless given.
"""

import asyncio
import signal
import socket
import sys

from hypercorn.asyncio import serve
from hypercorn.config import Config

from tests.conformance.tiny_shop.app import create_app


async def main() -> None:
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    listener.listen(64)
    config = Config()
    config.bind = [f"fd://{listener.fileno()}"]
    config.errorlog = None
    config.graceful_timeout = 0.1
    over = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, over.set)
    print(listener.getsockname()[1], flush=True)
    await serve(create_app(*sys.argv[1:2]), config, shutdown_trigger=over.wait)


if __name__ == "__main__":
    asyncio.run(main())
