import asyncio
import contextlib
import datetime
import os
import socket
import ssl
from collections.abc import AsyncIterator
from pathlib import Path

import httpx2
import msgspec
import pytest
import trustme
from starlette.types import Receive, Scope, Send

from tests.serving import reserved_ports
from ucp_server.config import Merchant, Settings
from ucp_server.modes import Mode
from ucp_server.supervisor import goodbye, http, tls
from ucp_server.supervisor.http import admin_config, public_config, serve
from ucp_server.supervisor.sockets import unix_listener


async def tell_scope(scope: Scope, receive: Receive, send: Send) -> None:
    """Answers with what the listener put into the scope."""
    if scope["type"] != "http":
        raise NotImplementedError
    told = {
        "http_version": scope["http_version"],
        "client": scope["client"],
        "tls": scope["extensions"].get("tls"),
    }
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": msgspec.json.encode(told)})


@contextlib.asynccontextmanager
async def serving(config: http.Config13, app: http.ASGIApp = tell_scope) -> AsyncIterator[asyncio.Event]:
    """``app`` behind ``config`` until the end of the block; setting the event begins the drain."""
    listening, stop = asyncio.Event(), asyncio.Event()

    async def until() -> None:
        listening.set()
        await stop.wait()

    task = asyncio.create_task(serve(app, config, until))
    listened = asyncio.create_task(listening.wait())
    await asyncio.wait({task, listened}, return_when=asyncio.FIRST_COMPLETED)
    listened.cancel()
    try:
        yield stop
    finally:
        stop.set()
        await task


@pytest.fixture
def settings(tmp_path: Path):
    files = tls.self_signed(tmp_path, datetime.datetime.now(datetime.UTC))
    with reserved_ports(2) as (port, http_port):
        yield Settings(
            mode=Mode.DEMO,
            port=port,
            http_port=http_port,
            certificate=files.chain,
            certificate_key=files.key,
        )


def _trusting(settings: Settings, identity: trustme.LeafCert | None = None) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=settings.certificate)
    if identity is not None:
        identity.configure_cert(context)
    return context


@pytest.mark.parametrize("http2", [False, True])
async def test_both_versions_of_http_come_over_tls(settings: Settings, http2: bool) -> None:
    async with (
        serving(public_config(settings)),
        httpx2.AsyncClient(verify=_trusting(settings), http2=http2, http1=not http2) as client,
    ):
        for name in ("localhost", "127.0.0.1"):
            reply = await client.get(f"https://{name}:{settings.port}/")
            assert reply.json()["http_version"] == ("2" if http2 else "1.1")
            assert reply.json()["tls"]["tls_version"] == 0x0304
            assert reply.json()["tls"]["client_cert_chain"] == []
            assert "server" not in reply.headers


async def test_plain_http_is_a_listener_of_its_own_without_tls(settings: Settings) -> None:
    async with serving(public_config(settings)), httpx2.AsyncClient() as client:
        reply = await client.get(f"http://127.0.0.1:{settings.http_port}/")
        assert (reply.json()["http_version"], reply.json()["tls"]) == ("1.1", None)
        assert reply.json()["client"][0] == "127.0.0.1"


async def test_a_caller_on_the_shared_socket_has_no_address(settings: Settings, tmp_path: Path) -> None:
    path = tmp_path / "shop.sock"
    with unix_listener(path) as shared:
        config = public_config(settings, [os.dup(shared.fileno())])
        async with serving(config), _over(path) as client:
            reply = await client.get("http://shop.example/")
            assert (reply.json()["client"], reply.json()["tls"]) == (None, None)


def _over(path: Path) -> httpx2.AsyncClient:
    return httpx2.AsyncClient(transport=httpx2.AsyncHTTPTransport(uds=str(path)))


async def test_either_listener_can_be_left_out(settings: Settings) -> None:
    plain = public_config(msgspec.structs.replace(settings, port=0))
    encrypted = public_config(msgspec.structs.replace(settings, http_port=0))
    assert (plain.ssl_enabled, len(plain.bind), len(plain.insecure_bind)) == (False, 1, 0)
    assert (encrypted.ssl_enabled, len(encrypted.bind), len(encrypted.insecure_bind)) == (True, 1, 0)
    for config in (plain, encrypted):
        async with serving(config):
            pass


async def test_nothing_older_than_tls_1_3_is_spoken(settings: Settings) -> None:
    async with serving(public_config(settings)):
        older = _trusting(settings)
        older.maximum_version = ssl.TLSVersion.TLSv1_2
        with pytest.raises((ssl.SSLError, ConnectionError)):
            await asyncio.open_connection("127.0.0.1", settings.port, ssl=older)
        async with httpx2.AsyncClient(verify=_trusting(settings)) as client:
            assert (await client.get(f"https://127.0.0.1:{settings.port}/")).status_code == 200


def test_python_s_safe_defaults_stay_on(settings: Settings) -> None:
    config = public_config(settings)
    context = config.create_ssl_context()
    assert context is not None
    for option in (ssl.OP_NO_COMPRESSION, ssl.OP_NO_RENEGOTIATION, ssl.OP_CIPHER_SERVER_PREFERENCE):
        assert context.options & option
    _close(config)


def _close(config: http.Config13) -> None:
    for bind in (*config.bind, *config.insecure_bind):
        socket.socket(fileno=int(bind.removeprefix("fd://"))).close()


@pytest.mark.parametrize("http2", [False, True])
async def test_a_client_s_certificate_reaches_the_application(
    settings: Settings, tmp_path: Path, http2: bool
) -> None:
    authority = trustme.CA()
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    identity = authority.issue_cert(common_name="agent.example")
    config = public_config(msgspec.structs.replace(settings, client_ca=tmp_path / "ca.pem"))
    url = f"https://127.0.0.1:{settings.port}/"
    async with serving(config):
        async with httpx2.AsyncClient(verify=_trusting(settings, identity), http2=http2) as client:
            told = (await client.get(url)).json()["tls"]
            assert told["client_cert_chain"] == [identity.cert_chain_pems[0].bytes().decode()]
            assert "CN=agent.example" in told["client_cert_name"]
        async with httpx2.AsyncClient(verify=_trusting(settings), http2=http2) as client:
            assert (await client.get(url)).json()["tls"]["client_cert_name"] is None


async def test_a_certificate_of_a_strange_authority_is_refused(settings: Settings, tmp_path: Path) -> None:
    trustme.CA().cert_pem.write_to_path(tmp_path / "ca.pem")
    stranger = trustme.CA().issue_cert(common_name="agent.example")
    config = public_config(msgspec.structs.replace(settings, client_ca=tmp_path / "ca.pem"))
    async with serving(config), httpx2.AsyncClient(verify=_trusting(settings, stranger)) as client:
        with pytest.raises(httpx2.TransportError):
            await client.get(f"https://127.0.0.1:{settings.port}/")


async def test_each_host_shows_its_own_certificate(settings: Settings, tmp_path: Path) -> None:
    authority = trustme.CA()
    merchants = {name: _merchant(authority, f"{name}.example", tmp_path) for name in ("berlin", "paris")}
    config = public_config(msgspec.structs.replace(settings, merchant=merchants))
    async with serving(config):
        for asked in ("berlin.example", "PARIS.example"):
            assert asked.lower() in await _names_shown(settings.port, asked)
        assert "localhost" in await _names_shown(settings.port, "unknown.example")


def _merchant(authority: trustme.CA, host: str, folder: Path) -> Merchant:
    issued = authority.issue_cert(host)
    chain, key = folder / f"{host}.pem", folder / f"{host}.key"
    chain.write_bytes(b"".join(blob.bytes() for blob in issued.cert_chain_pems))
    issued.private_key_pem.write_to_path(key)
    return Merchant(hosts=(host,), certificate=chain, certificate_key=key)


async def _names_shown(port: int, host: str) -> str:
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    _, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context, server_hostname=host)
    shown = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
    writer.close()
    await writer.wait_closed()
    return shown.decode("latin-1")


async def test_a_drain_finishes_what_is_open_and_takes_nothing_new(settings: Settings) -> None:
    begun, may_end = asyncio.Event(), asyncio.Event()

    async def slow(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            begun.set()
            await may_end.wait()
        await tell_scope(scope, receive, send)

    url = f"http://127.0.0.1:{settings.http_port}/"
    async with httpx2.AsyncClient() as client, serving(public_config(settings), slow) as stop:
        answer = asyncio.create_task(client.get(url))
        await begun.wait()
        stop.set()
        await _until_refused(settings.http_port)
        assert not answer.done()
        may_end.set()
        assert (await answer).status_code == 200


@pytest.mark.parametrize("protocol", ["http/1.1", "h2"])
async def test_a_client_that_never_says_goodbye_does_not_hold_up_the_drain(
    settings: Settings, protocol: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(goodbye, "GOODBYE_S", 0.01)
    async with asyncio.timeout(10), serving(public_config(settings)):
        deaf = await asyncio.to_thread(_connected, settings.port, _trusting(settings), protocol)
    deaf.close()


def _connected(port: int, context: ssl.SSLContext, protocol: str) -> ssl.SSLSocket:
    """A connection that nobody reads from, as in the pool of a client between two requests."""
    context.set_alpn_protocols([protocol])
    opened = socket.create_connection(("127.0.0.1", port))
    return context.wrap_socket(opened, server_hostname="localhost")


async def test_who_still_reads_is_not_hung_up_on(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(goodbye, "GOODBYE_S", 0)
    size, written = 8 * 2**20, asyncio.Event()

    async def long(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            raise NotImplementedError
        headers = [(b"connection", b"close"), (b"content-length", str(size).encode())]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": bytes(size), "more_body": True})
        written.set()
        await send({"type": "http.response.body"})

    async with serving(public_config(settings), long):
        reader, writer = await _slow_connection(settings)
        writer.write(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
        received = 0
        while not written.is_set():
            received += len(await reader.readexactly(2**10))
        for _ in range(goodbye.TRIES_MAX):  # which each take one turn of the loop
            await asyncio.sleep(0)
        assert received + len(await reader.read()) > size
        writer.close()


async def _slow_connection(settings: Settings) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """One that takes little at a time, so that the rest has to wait at the server."""
    narrow = socket.socket()
    narrow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2**16)
    narrow.connect(("127.0.0.1", settings.port))
    narrow.setblocking(False)
    return await asyncio.open_connection(
        sock=narrow, ssl=_trusting(settings), server_hostname="localhost", limit=2**16
    )


async def _until_refused(port: int) -> None:
    async with asyncio.timeout(10):
        with contextlib.suppress(ConnectionRefusedError):
            while True:
                _, writer = await asyncio.open_connection("127.0.0.1", port)
                writer.close()
                await asyncio.sleep(0.01)


async def test_a_connection_that_breaks_does_not_end_the_drain_of_the_others(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(self: http.TCPServer) -> None:
        self.writer.close()
        raise RuntimeError

    monkeypatch.setattr(http.TCPServer, "run", broken)
    async with serving(public_config(settings)):
        reader, writer = await asyncio.open_connection("127.0.0.1", settings.http_port)
        assert await reader.read() == b""
        writer.close()


def test_the_bounds_of_a_connection_are_set(settings: Settings) -> None:
    config = admin_config(msgspec.structs.replace(settings, admin_port=settings.http_port))
    assert config.graceful_timeout >= 35
    assert config.read_timeout
    assert config.keep_alive_timeout <= 5
    assert config.accesslog is None
    assert not config.ssl_enabled
    _close(config)


def test_a_tls_listener_without_a_certificate_does_not_start_in_the_clear(settings: Settings) -> None:
    bare = msgspec.structs.replace(settings, certificate=None, http_port=0)
    with pytest.raises(ValueError, match="no certificate"):
        public_config(bare)
