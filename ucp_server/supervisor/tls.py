"""Certificates: a self-signed one for local use, and which one each host gets."""

import datetime
import ipaddress
import ssl
from collections.abc import Iterator, Mapping
from pathlib import Path

import msgspec
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from ucp_server.config import Settings
from ucp_server.private_files import write_private

# What browsers accept at most; renewed at a start in its last month.
VALID_DAYS = 397
RENEW_DAYS = 30
# Clocks of phones and containers lag.
BACKDATED = datetime.timedelta(hours=1)
LOCAL_NAMES: tuple[x509.GeneralName, ...] = (
    x509.DNSName("localhost"),
    x509.IPAddress(ipaddress.ip_address("127.0.0.1")),
    x509.IPAddress(ipaddress.ip_address("::1")),
)


class CertificateFiles(msgspec.Struct, frozen=True):
    """A PEM chain and its private key."""

    chain: Path
    key: Path


def self_signed(folder: Path, now: datetime.datetime) -> CertificateFiles:
    """The folder's certificate for localhost (P-256), made where it is missing or soon over."""
    files = CertificateFiles(folder / "certificate.pem", folder / "certificate-key.pem")
    if not files.chain.exists() or not files.key.exists() or _ends_soon(files.chain, now):
        # A crash must not leave the certificate of one key beside another key.
        files.chain.unlink(missing_ok=True)
        key = ec.generate_private_key(ec.SECP256R1())
        write_private(files.key, _pem(key))
        files.chain.write_bytes(_certificate(key, now).public_bytes(serialization.Encoding.PEM))
    return files


def _ends_soon(chain: Path, now: datetime.datetime) -> bool:
    ends = x509.load_pem_x509_certificate(chain.read_bytes()).not_valid_after_utc
    return ends - now < datetime.timedelta(days=RENEW_DAYS)


def _pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )


def _certificate(key: ec.EllipticCurvePrivateKey, now: datetime.datetime) -> x509.Certificate:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "ucp-server on this machine")])
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - BACKDATED)
        .not_valid_after(now + datetime.timedelta(days=VALID_DAYS))
        .add_extension(x509.SubjectAlternativeName(LOCAL_NAMES), critical=False)
        # Whoever trusts it trusts this machine's server, not whatever its key might sign.
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .sign(key, hashes.SHA256())
    )


def by_host(settings: Settings) -> Mapping[str, CertificateFiles]:
    """The certificates of merchants that have their own, by the host name asked for."""
    return {
        host.lower(): CertificateFiles(merchant.certificate, merchant.certificate_key)
        for merchant in settings.merchant.values()
        if merchant.certificate and merchant.certificate_key
        for host in merchant.hosts
    }


def unusable(settings: Settings) -> tuple[str, ...]:
    """A sentence for each certificate file that cannot be served with; empty when all can."""
    return tuple(_unusable(settings))


def _unusable(settings: Settings) -> Iterator[str]:
    named = {(settings.certificate, settings.certificate_key)}
    named |= {(table.certificate, table.certificate_key) for table in settings.merchant.values()}
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    for chain, key in sorted((chain, key) for chain, key in named if chain and key):
        try:
            # A password that is never right: a server asks nobody for one.
            context.load_cert_chain(chain, key, password="")
        except (OSError, ValueError) as error:
            yield f"The certificate {chain} with {key} cannot be used ({_reason(error)}): correct the two."
    if settings.client_ca is not None:
        try:
            context.load_verify_locations(settings.client_ca)
        except OSError as error:
            yield f"The client_ca {settings.client_ca} cannot be used ({_reason(error)}): correct it."


def _reason(error: OSError | ValueError) -> str:
    if isinstance(error, ssl.SSLError):
        return error.reason.replace("_", " ").lower() if error.reason else "not PEM, or with a password"
    return (error.strerror if isinstance(error, OSError) else None) or str(error)


def default(settings: Settings) -> CertificateFiles | None:
    """What is shown to hosts without one of their own, and to clients that name no host."""
    if settings.certificate and settings.certificate_key:
        return CertificateFiles(settings.certificate, settings.certificate_key)
    return next(iter(by_host(settings).values()), None)
