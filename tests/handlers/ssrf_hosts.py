"""The hosts of the SSRF lab, and of the same tests on loopback: each misbehaves as its name says."""

import asyncio
import contextlib
import datetime
import gzip
import ssl
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import trustme
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.handlers.ssrf_cases import GOOD_V4, GOOD_V6, MUTE_V4, PLAIN_V4, host_of

# As much as a client of the lab is willing to read.
MAX_BYTES = 128 * 1024
# Nothing here goes on for ever by itself; a client that has not gone by then is at fault.
PIECES_MAX = 20_000
DRIP_S = 0.05
LONG_AGO = datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC)

Pieces = AsyncIterator[bytes]


def _answer(status: int, body: bytes = b"{}", *headers: str) -> bytes:
    lines = [f"HTTP/1.1 {status} X", f"Content-Length: {len(body)}", *headers, "", ""]
    return "\r\n".join(lines).encode() + body


async def _all_at_once(raw: bytes) -> Pieces:
    yield raw


async def _again_and_again(start: bytes, piece: bytes, pause_s: float = 0.0) -> Pieces:
    yield start
    for _ in range(PIECES_MAX):
        yield piece
        await asyncio.sleep(pause_s)


def _redirect(status: int) -> bytes:
    return _answer(status, b"", "Location: http://169.254.169.254/latest/meta-data/")


_JSON = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
_REFRESH = b'<meta http-equiv="refresh" content="0; url=http://169.254.169.254/">'
_BOMB = gzip.compress(b"0" * 50_000_000)

BEHAVIOURS: dict[str, Callable[[], Pieces]] = {
    **{
        f"redirects-{status}": (lambda status=status: _all_at_once(_redirect(status)))
        for status in (301, 302, 303, 307, 308)
    },
    "redirects-a-post": lambda: _all_at_once(_redirect(307)),
    "redirects-without-a-place": lambda: _all_at_once(_answer(302)),
    "refreshes-by-meta": lambda: _all_at_once(_answer(200, _REFRESH)),
    "says-404": lambda: _all_at_once(_answer(404)),
    "says-500": lambda: _all_at_once(_answer(500)),
    "says-503": lambda: _all_at_once(_answer(503, b"", "Retry-After: 60")),
    "just-fits": lambda: _all_at_once(_answer(200, b" " * MAX_BYTES)),
    "one-byte-too-many": lambda: _all_at_once(_answer(200, b" " * (MAX_BYTES + 1))),
    "announces-too-much": lambda: _all_at_once(_JSON + b"Content-Length: 9999999999\r\n\r\n"),
    "endless-body": lambda: _again_and_again(_JSON + b"Connection: close\r\n\r\n", b" " * 4096),
    "endless-chunks": lambda: _again_and_again(
        _JSON + b"Transfer-Encoding: chunked\r\n\r\n", b"1000\r\n" + b" " * 4096 + b"\r\n"
    ),
    "gzip-bomb": lambda: _all_at_once(_answer(200, _BOMB, "Content-Encoding: gzip")),
    "drips-its-body": lambda: _again_and_again(_JSON + b"Content-Length: 20000\r\n\r\n", b" ", DRIP_S),
    "drips-its-headers": lambda: _again_and_again(_JSON + b"X-Drip: ", b"x", DRIP_S),
    "never-answers": lambda: _again_and_again(b"", b"", DRIP_S),
    "says-100-for-ever": lambda: _again_and_again(b"", b"HTTP/1.1 100 Continue\r\n\r\n", DRIP_S),
    "endless-headers": lambda: _again_and_again(_JSON, b"X-More: 1\r\n"),
    "one-endless-header": lambda: _again_and_again(_JSON + b"X-Long: ", b"x" * 4096),
    "hangs-up": lambda: _all_at_once(b""),
    "hangs-up-in-the-body": lambda: _all_at_once(_JSON + b"Content-Length: 100\r\n\r\n{"),
    "speaks-no-http": lambda: _all_at_once(b"220 mail.example ESMTP\r\n"),
    "breaks-its-chunks": lambda: _all_at_once(
        _JSON + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n0\r\n\r\n"
    ),
    "two-lengths": lambda: _all_at_once(_JSON + b"Content-Length: 2\r\nContent-Length: 7\r\n\r\n{}     "),
    "sets-a-cookie": lambda: _all_at_once(_answer(200, b"{}", "Set-Cookie: a=b; Domain=example")),
}


class Hosts:
    """TLS on port 443 of the lab's addresses; the certificate follows the name that is asked for.

    `seen` keeps the head and body of the last request of each host.
    """

    def __init__(self, folder: Path, port: int = 443) -> None:
        self.seen: dict[str, str] = {}
        self._port = port
        self._servers: list[asyncio.Server] = []
        authority, stranger = trustme.CA(), trustme.CA()
        self.ca_file = folder / "authority.pem"
        authority.cert_pem.write_to_path(self.ca_file)
        names = ("*.lab.example", "localhost", "127.0.0.1")
        self._good = _context(authority.issue_cert(*names))
        self._bad = {
            host_of("certificate-of-another"): _context(authority.issue_cert("other.test")),
            host_of("certificate-expired"): _context(
                authority.issue_cert(*names, not_before=LONG_AGO, not_after=LONG_AGO)
            ),
            host_of("certificate-of-unknown-issuer"): _context(stranger.issue_cert(*names)),
            host_of("certificate-self-made"): _self_made(folder, host_of("certificate-self-made")),
        }
        self._good.sni_callback = self._choose

    async def start(self) -> None:
        await self.listen(GOOD_V4, self._good)
        await self.listen(GOOD_V6, self._good)
        for address, speak in ((PLAIN_V4, _speak_plainly), (MUTE_V4, _be_mute)):
            self._servers.append(await asyncio.start_server(speak, address, self._port))

    async def stop(self) -> None:
        for server in self._servers:
            server.close()

    async def listen(self, address: str, tls: ssl.SSLContext | None) -> None:
        server = await asyncio.start_server(self._serve, address, self._port, ssl=tls)
        self._servers.append(server)

    def _choose(self, asked: ssl.SSLObject, name: str | None, _context: ssl.SSLContext) -> None:
        if name in self._bad:
            asked.context = self._bad[name]

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
            fields = dict(line.lower().split(": ", 1) for line in head.splitlines()[1:] if line)
            body = await reader.readexactly(int(fields.get("content-length", "0")))
            name = fields["host"].partition(".")[0]
            self.seen[name] = head + body.decode("latin-1")
            behaviour = BEHAVIOURS.get(name, _plain_answer)
            async for piece in behaviour():
                writer.write(piece)
                await writer.drain()
                if writer.transport.is_closing():
                    break
        writer.close()


async def _speak_plainly(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        await reader.read(4096)
        writer.write(_answer(400))
        await writer.drain()
    writer.close()


async def _be_mute(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while await reader.read(4096):
            pass
    writer.close()


def _plain_answer() -> Pieces:
    return _all_at_once(_answer(200))


def _context(certificate: trustme.LeafCert) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate.configure_cert(context)
    return context


def _self_made(folder: Path, name: str) -> ssl.SSLContext:
    """A certificate signed by nobody but its own key."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder(subject, subject, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    path = folder / "self-made.pem"
    path.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        + certificate.public_bytes(serialization.Encoding.PEM)
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path)
    return context
