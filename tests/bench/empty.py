"""One process of an application that does nothing, behind the layers and the listener of the server.

    python -m tests.bench.empty PORT CERTIFICATE KEY

What a request costs here is what HTTP costs: everything beyond it is ours.
"""

import asyncio
import sys
from pathlib import Path

import uvloop
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.routing import Route

from tests.bench.process import until_stopped
from ucp_server.asgi.lines import Lines
from ucp_server.asgi.metrics import Metrics, route_names
from ucp_server.asgi.reply import Reply, json_reply
from ucp_server.asgi.stack import wrap
from ucp_server.config import Settings
from ucp_server.supervisor import http

STDERR = 2


async def nothing(request: Request) -> Reply:
    await request.body()
    return json_reply(200, {})


async def serve(port: int, certificate: Path, key: Path) -> None:
    settings = Settings(port=port, certificate=certificate, certificate_key=key)
    routes = [Route("/", nothing, methods=["POST"])]
    lines = Lines(STDERR)
    app = wrap(Starlette(routes=routes), lines=lines, metrics=Metrics(), route_name=route_names(routes))
    await http.serve(app, http.public_config(settings), until_stopped)
    lines.flush()


def main() -> None:
    port, certificate, key = sys.argv[1:]
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(serve(int(port), Path(certificate), Path(key)))


if __name__ == "__main__":
    main()
