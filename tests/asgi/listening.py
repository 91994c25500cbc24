"""A real Hypercorn on loopback, on a thread of its own, set up as in production but without TLS."""

import asyncio
import contextlib
import logging
import os
import socket
import threading
import time
from collections.abc import Iterator

import hypercorn.asyncio
import msgspec
import uvloop
from hypercorn.config import Config
from starlette.types import ASGIApp, Receive, Scope, Send

from ucp_server.asgi.documents import BadDocument, decode
from ucp_server.asgi.facts import facts_of
from ucp_server.asgi.framing import harden
from ucp_server.asgi.guard import forms_under
from ucp_server.asgi.limits import Limits
from ucp_server.asgi.lines import Lines
from ucp_server.asgi.metrics import Metrics
from ucp_server.asgi.reply import json_reply
from ucp_server.asgi.stack import wrap

WAIT_S = 10.0


class Listener:
    """What a test needs to know of a running server."""

    def __init__(self, limits: Limits, settings: dict[str, object]) -> None:
        self.reached: list[tuple[str, str]] = []
        self.complaints: list[str] = []
        self.metrics = Metrics()
        self.log = _LogFile()
        self.hold = threading.Event()
        self._settings = settings
        self._app = wrap(
            _Shop(self),
            lines=Lines(self.log.fd),
            metrics=self.metrics,
            limits=limits,
            accepts=forms_under("/pages/"),
        )
        listening = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.port: int = listening.getsockname()[1]
        self._fd = listening.detach()
        self._thread = threading.Thread(target=self._run)
        self._stopping: asyncio.Event
        self._loop: asyncio.AbstractEventLoop
        self._ready = threading.Event()

    def start(self) -> None:
        self._thread.start()
        assert self._ready.wait(WAIT_S)

    def wait_until_reached(self, path: str) -> None:
        deadline = time.monotonic() + WAIT_S
        while path not in [reached for _, reached in self.reached]:
            assert time.monotonic() < deadline
            self.hold.wait(0.001)

    def begin_stop(self) -> None:
        self._loop.call_soon_threadsafe(self._stopping.set)

    def join(self) -> None:
        self._thread.join(WAIT_S)
        assert not self._thread.is_alive()

    def stop_keeping_log(self) -> None:
        """After this the log is complete."""
        if self._thread.is_alive():
            self.begin_stop()
        self.join()

    def stop(self) -> None:
        self.stop_keeping_log()
        self.log.close()

    def _run(self) -> None:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(self._serve())

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._loop.set_exception_handler(
            lambda _, context: self.complaints.append(repr(context.get("exception", context)))
        )
        self._stopping = asyncio.Event()
        self._ready.set()
        await hypercorn.asyncio.serve(
            self._app,  # type: ignore[arg-type]
            self._config(),
            shutdown_trigger=self._stopping.wait,
        )

    def _config(self) -> Config:
        errors = logging.getLogger(f"tests.asgi.listener.{self.port}")
        errors.propagate = False
        errors.handlers = [_Remembering(self.complaints)]
        settings = {
            "bind": [f"fd://{self._fd}"],
            "errorlog": errors,
            "graceful_timeout": 1.0,
            "include_server_header": False,
            "keep_alive_max_requests": 100_000,
            "read_timeout": 30,
            **self._settings,
        }
        return Config.from_mapping(settings)


class _Remembering(logging.Handler):
    def __init__(self, complaints: list[str]) -> None:
        super().__init__()
        self.complaints = complaints

    def emit(self, record: logging.LogRecord) -> None:
        self.complaints.append(self.format(record))


class _LogFile:
    """The structured log, in memory."""

    def __init__(self) -> None:
        self.fd = os.memfd_create("log")

    def lines(self) -> list[dict[str, object]]:
        size = os.fstat(self.fd).st_size
        return [msgspec.json.decode(line) for line in os.pread(self.fd, size, 0).splitlines()]

    def close(self) -> None:
        os.close(self.fd)


class _Shop:
    """The application behind the guard: it tells what reached it."""

    def __init__(self, listener: Listener) -> None:
        self.listener = listener

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await _live(receive, send)
            return
        self.listener.reached.append((scope["method"], scope["path"]))
        body = (await receive())["body"]
        route: ASGIApp = ROUTES.get(scope["path"], echo)
        scope["state"]["body"] = body
        scope["state"]["hold"] = self.listener.hold
        await route(scope, receive, send)


async def _live(receive: Receive, send: Send) -> None:
    for stage in ("startup", "shutdown"):
        await receive()
        await send({"type": f"lifespan.{stage}.complete"})


async def echo(scope: Scope, receive: Receive, send: Send) -> None:
    facts_of(scope)["operation"] = "echo"
    seen = {
        "method": scope["method"],
        "path": scope["path"],
        "length": len(scope["state"]["body"]),
        "headers": sorted({name.decode() for name, _ in scope["headers"]}),
    }
    await json_reply(200, seen)(scope, receive, send)


async def read_document(scope: Scope, receive: Receive, send: Send) -> None:
    try:
        document = decode(scope["state"]["body"])
    except BadDocument as bad:
        reply = json_reply(400, {"code": bad.code, "content": bad.text})
    else:
        reply = json_reply(200, {"members": len(document)})
    await reply(scope, receive, send)


async def crash(scope: Scope, receive: Receive, send: Send) -> None:
    token = scope["state"]["body"].decode()
    try:
        raise KeyError(token)
    except KeyError as error:
        raise ValueError(f"cannot use {token}") from error


async def crash_midway(scope: Scope, receive: Receive, send: Send) -> None:
    headers = [(b"content-length", b"100")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": b"half", "more_body": True})
    raise ValueError("midway")


async def say_nothing(scope: Scope, receive: Receive, send: Send) -> None:
    return


async def block(scope: Scope, receive: Receive, send: Send) -> None:
    """Hold the event loop itself until the test lets go and a while longer, as a bad plug-in would."""
    scope["state"]["hold"].wait(WAIT_S)
    stall(0.1)
    await json_reply(200, {})(scope, receive, send)


def stall(seconds: float) -> None:
    """Compute until the time is over."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        pass


async def linger(scope: Scope, receive: Receive, send: Send) -> None:
    await asyncio.sleep(WAIT_S)
    await json_reply(200, {})(scope, receive, send)


ROUTES: dict[str, ASGIApp] = {
    "/documents": read_document,
    "/crash": crash,
    "/crash-midway": crash_midway,
    "/silent": say_nothing,
    "/block": block,
    "/linger": linger,
}


@contextlib.contextmanager
def listening(limits: Limits | None = None, **settings: object) -> Iterator[Listener]:
    """A server for the time of the block; ``settings`` are Hypercorn's."""
    harden()
    # The machine that runs the tests may stall by itself; only one test wants the watchdog.
    listener = Listener(limits or Limits(lag_max_s=None), settings)
    listener.start()
    try:
        yield listener
    finally:
        listener.stop()
