"""nginx and Caddy with the configurations of ``examples/deploy``, before a server of ours.

Only ports, paths and certificates are other than in the examples.
"""

import asyncio
import contextlib
import os
import signal
import socket
import ssl
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from tests.serving import REPOSITORY, reserved_ports, until_async

EXAMPLES = REPOSITORY / "examples" / "deploy"
NGINX, CADDY = Path("/usr/sbin/nginx"), Path("/usr/bin/caddy")
HOST = "shop.example"
STOP_S = 10.0


def example(name: str, *, placed: dict[str, str]) -> str:
    """The example with each text of ``placed`` replaced; all of them have to be there."""
    text = (EXAMPLES / name).read_text()
    for old, new in placed.items():
        assert old in text, f"{name} no longer says {old!r}"
        text = text.replace(old, new)
    return text


# --- certificates ---


class Authority:
    """A certification authority of its own."""

    def __init__(self, name: str) -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        self.certificate = self._sign(self._name, self._key.public_key(), None)

    def _sign(
        self, subject: x509.Name, key: ec.EllipticCurvePublicKey, host: str | None
    ) -> x509.Certificate:
        now = datetime.now(UTC)
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(hours=1))
            .not_valid_after(now + timedelta(days=1))
            .add_extension(x509.BasicConstraints(ca=host is None, path_length=None), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key()), critical=False
            )
        )
        if host is None:
            usage = x509.KeyUsage(*[False] * 5, True, True, *[False] * 2)
            builder = builder.add_extension(usage, critical=True)
        else:
            names = x509.SubjectAlternativeName([x509.DNSName(host)])
            builder = builder.add_extension(names, critical=False)
        return builder.sign(self._key, hashes.SHA256())

    def issue(self, chain: Path, key_file: Path, host: str, organisation: str = "Shop") -> None:
        """A certificate and its key, PEM. The subject reads ``CN=host,O=organisation``."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name(
            [
                x509.NameAttribute(NameOID.ORGANIZATION_NAME, organisation),
                x509.NameAttribute(NameOID.COMMON_NAME, host),
            ]
        )
        certificate = self._sign(subject, key.public_key(), host)
        chain.write_bytes(certificate.public_bytes(Encoding.PEM))
        key_file.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))

    def save(self, path: Path) -> None:
        path.write_bytes(self.certificate.public_bytes(Encoding.PEM))


# --- fronts ---


@contextlib.asynccontextmanager
async def nginx(folder: Path, upstream_port: int) -> AsyncIterator[int]:
    """Its TLS port."""
    with reserved_ports(1) as (port,):
        temporary = "".join(
            f"    {name}_temp_path {folder}/{name};\n"
            for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        )
        text = example(
            "nginx.conf",
            placed={
                "/run/ucp-front.pid": f"{folder}/nginx.pid",
                "http {\n": "http {\n" + temporary,
                "127.0.0.1:8080": f"127.0.0.1:{upstream_port}",
                "listen 443": f"listen 127.0.0.1:{port}",
                "/etc/ucp-server": str(folder),
            },
        )
        (folder / "nginx.conf").write_text(text)
        arguments = ["-p", str(folder), "-c", str(folder / "nginx.conf"), "-g", "daemon off;"]
        async with _running(folder / "nginx.log", port, NGINX, *arguments):
            yield port


@contextlib.asynccontextmanager
async def caddy(folder: Path, upstream_port: int) -> AsyncIterator[int]:
    """Its TLS port."""
    with reserved_ports(1) as (port,):
        text = example(
            "Caddyfile",
            placed={
                "127.0.0.1:8080": f"127.0.0.1:{upstream_port}",
                f"\n{HOST} {{": f"\n{HOST}:{port} {{\n\tbind 127.0.0.1",
                "/etc/ucp-server": str(folder),
            },
        )
        (folder / "Caddyfile").write_text(text)
        arguments = ["run", "--config", str(folder / "Caddyfile"), "--adapter", "caddyfile"]
        async with _running(folder / "caddy.log", port, CADDY, *arguments):
            yield port


@contextlib.asynccontextmanager
async def _running(log: Path, port: int, program: Path, *arguments: str) -> AsyncIterator[None]:
    # Caddy keeps its state at home.
    home = {"HOME": str(log.parent), "XDG_DATA_HOME": str(log.parent), "XDG_CONFIG_HOME": str(log.parent)}
    with log.open("wb") as output:
        process = await asyncio.create_subprocess_exec(
            program, *arguments, stdout=output, stderr=output, env=os.environ | home, start_new_session=True
        )
    try:
        await until_async(_listening(process, port, log))
        yield
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(STOP_S):
            await process.wait()


def written(log: Path) -> str:
    return log.read_text()


def _listening(process: asyncio.subprocess.Process, port: int, log: Path) -> Callable[[], object]:
    async def answers() -> bool:
        assert process.returncode is None, written(log)
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=1):
                return True
        except OSError:
            return False

    return answers


# --- callers ---


def trusting(folder: Path, certificate: str | None = None) -> ssl.SSLContext:
    """What a caller's TLS is made of; ``certificate`` names a client's, if it has one."""
    context = ssl.create_default_context(cafile=str(folder / "authority.pem"))
    if certificate is not None:
        context.load_cert_chain(folder / f"{certificate}.pem", folder / f"{certificate}.key")
    return context


async def tls_version(folder: Path, port: int, at_most: ssl.TLSVersion) -> str | None:
    """What is agreed on with a caller that knows no newer TLS; None where nothing is."""
    context = trusting(folder)
    context.maximum_version = at_most
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context, server_hostname=HOST)
    except (ssl.SSLError, ConnectionError):
        return None
    version: str = writer.get_extra_info("ssl_object").version()
    writer.close()
    with contextlib.suppress(ssl.SSLError, ConnectionError):
        await writer.wait_closed()
    return version
