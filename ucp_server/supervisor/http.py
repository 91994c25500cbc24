"""Hypercorn as we need it: TLS 1.3 only, the client's certificate in the scope, bounded times.

Hypercorn 0.18 has no option for the first two, hence the two subclasses.
"""

import copy
import logging
import socket
import ssl
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import cast

import hypercorn.asyncio
from cryptography import x509
from hypercorn.asyncio import run
from hypercorn.asyncio.tcp_server import TCPServer
from hypercorn.config import Config
from hypercorn.typing import AppWrapper, ASGIFramework, ASGIReceiveCallable, ASGISendCallable
from hypercorn.typing import Scope as WireScope
from starlette.types import ASGIApp

from ucp_server.asgi.framing import harden
from ucp_server.config import Settings
from ucp_server.supervisor import tls
from ucp_server.supervisor.goodbye import limit_goodbye
from ucp_server.supervisor.sockets import BACKLOG, listener

# A silent read of a body ends after this; the guard bounds the body as a whole.
READ_TIMEOUT_S = 30
# Hypercorn hangs up after 1,000 requests; platforms keep connections for hours.
REQUESTS_PER_CONNECTION = 100_000
# Bounds an idle connection and, as Hypercorn counts, also the arrival of a request's head.
KEEP_ALIVE_S = 5
# A handshake is two round trips; the slowest phones need one second each.
HANDSHAKE_TIMEOUT_S = 10
# ASGI's TLS extension names versions by their number on the wire (RFC 8446, 4.1.2).
TLS_1_3 = 0x0304

_log = logging.getLogger("ucp_server.http")


class Config13(Config):
    """TLS 1.3 only; ``by_host`` holds the certificates that a client asks for by name."""

    by_host: Mapping[str, tls.CertificateFiles] = {}

    def create_ssl_context(self) -> ssl.SSLContext | None:
        context = super().create_ssl_context()
        if context is None:
            return None
        context.minimum_version = ssl.TLSVersion.TLSv1_3
        # Hypercorn assigns its one option and thereby drops Python's safe defaults.
        context.options |= ssl.OP_NO_RENEGOTIATION | ssl.OP_CIPHER_SERVER_PREFERENCE
        context.sni_callback = _chooser(
            {host: self._showing(files) for host, files in self.by_host.items()}
        )
        return context

    def _showing(self, files: tls.CertificateFiles) -> ssl.SSLContext:
        twin = copy.copy(self)
        twin.by_host = {}
        twin.show(files)
        context = twin.create_ssl_context()
        if context is None:
            raise ValueError(f"{files.chain} cannot be shown")
        return context

    def show(self, files: tls.CertificateFiles) -> None:
        self.certfile, self.keyfile = str(files.chain), str(files.key)


def _chooser(
    contexts: Mapping[str, ssl.SSLContext],
) -> Callable[[ssl.SSLObject, str | None, ssl.SSLContext], None]:
    def choose(connection: ssl.SSLObject, host: str | None, _: ssl.SSLContext) -> None:
        chosen = contexts.get((host or "").lower())
        if chosen is not None:
            connection.context = chosen

    return choose


class TLSInfoServer(TCPServer):
    """Puts ``extensions.tls`` (the ASGI TLS extension) into each scope of a TLS connection.

    It also hangs up on clients that do not say goodbye, each of which would hold up a drain.
    """

    async def run(self) -> None:
        connection = self.writer.get_extra_info("ssl_object")
        if connection is not None:
            self.app = _with_extension(self.app, _described(connection))
        try:
            await super().run()
        except Exception as error:  # noqa: BLE001  one broken connection must not end the drain of the others
            _log.warning("connection ended by %s", type(error).__name__)

    async def _close(self) -> None:
        self._limit_goodbye()
        await super()._close()

    async def _initiate_server_close(self) -> None:
        self._limit_goodbye()
        await super()._initiate_server_close()

    def _limit_goodbye(self) -> None:
        transport = self.writer.transport
        encrypted = self.writer.get_extra_info("ssl_object") is not None
        if encrypted and not transport.is_closing():
            limit_goodbye(transport)


def _described(connection: ssl.SSLObject) -> dict[str, object]:
    certificate = connection.getpeercert(binary_form=True)
    return {
        "tls_version": TLS_1_3,
        "cipher_suite": None,
        "server_cert": None,
        # Python gives the leaf alone; that is what a platform is bound to.
        "client_cert_chain": [ssl.DER_cert_to_PEM_cert(certificate)] if certificate else [],
        "client_cert_name": _subject(certificate) if certificate else None,
        "client_cert_error": None,
    }


def _subject(certificate: bytes) -> str:
    return x509.load_der_x509_certificate(certificate).subject.rfc4514_string()


def _with_extension(app: AppWrapper, extension: dict[str, object]) -> AppWrapper:
    async def wrapped(
        scope: WireScope,
        receive: ASGIReceiveCallable,
        send: ASGISendCallable,
        sync_spawn: Callable[..., object],
        call_soon: Callable[..., object],
    ) -> None:
        extensions = cast("dict[str, dict[str, object]]", scope).setdefault("extensions", {})
        extensions["tls"] = extension
        await app(scope, receive, send, sync_spawn, call_soon)

    return wrapped


def public_config(settings: Settings, shared: Iterable[int] = ()) -> Config13:
    """The listeners that platforms and buyers reach: TLS, and plain http where asked for.

    ``shared`` are descriptors of sockets that listen already, for plain http.
    """
    config = _config(settings)
    plain = [f"fd://{descriptor}" for descriptor in shared]
    if settings.http_port:
        plain.append(_bound(settings.http_host, settings.http_port))
    if not settings.port:
        config.bind = plain
        return config
    files = tls.default(settings)
    if files is None:
        raise ValueError("the TLS listener has no certificate")
    config.bind, config.insecure_bind = [_bound(settings.host, settings.port)], plain
    config.show(files)
    config.by_host = tls.by_host(settings)
    if settings.client_ca is not None:
        config.ca_certs = str(settings.client_ca)
        config.verify_mode = ssl.VerifyMode.CERT_OPTIONAL
    return config


def hosted_config(settings: Settings) -> Config13:
    """The listener of the pages that plug-ins have of their own."""
    config = _config(settings)
    config.bind = [_bound(settings.http_host, settings.hosted_port or 0)]
    return config


def admin_config(settings: Settings) -> Config13:
    """The listener of metrics and the merchant API."""
    config = _config(settings)
    config.bind = [_bound(settings.admin_host, settings.admin_port)]
    return config


def _config(settings: Settings) -> Config13:
    config = Config13()
    config.backlog = BACKLOG
    config.read_timeout = READ_TIMEOUT_S
    config.keep_alive_timeout = KEEP_ALIVE_S
    config.keep_alive_max_requests = REQUESTS_PER_CONNECTION
    config.ssl_handshake_timeout = HANDSHAKE_TIMEOUT_S
    config.graceful_timeout = float(settings.drain_s)
    config.include_server_header = False
    # Its access log would halve the throughput; ours is a layer of the application.
    config.accesslog = None
    config.errorlog = _log
    config.loglevel = "WARNING"
    return config


def _bound(host: str, port: int) -> str:
    opened: socket.socket = listener(host, port)
    return f"fd://{opened.detach()}"


Until = Callable[[], Awaitable[None]]


async def serve(app: ASGIApp, config: Config13, until: Until) -> None:
    """Serve until ``until`` returns, then finish what is open, ``graceful_timeout`` at most.

    ``until`` is called once the listeners are open.
    """
    harden()
    run.TCPServer = TLSInfoServer  # type: ignore[attr-defined]  # Hypercorn offers no other seam
    await hypercorn.asyncio.serve(cast("ASGIFramework", app), config, shutdown_trigger=until, mode="asgi")
