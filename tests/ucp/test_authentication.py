"""Callers that prove who they are, and callers that are somebody else."""

import base64
import hashlib
import ipaddress
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from tests.credentials import issued
from tests.ucp.test_negotiation import URL, incoming
from ucp_server.domain.errors import Refusal
from ucp_server.store.credentials import CredentialKind, load_credentials, mark_revoked
from ucp_server.store.database import Pool, read, statement
from ucp_server.ucp.authentication import Authentication, client_certificate
from ucp_server.ucp.negotiation import Caller
from ucp_server.ucp.platforms import Agent, Listed
from ucp_server.ucp.refusals import Forbidden, Unauthenticated

PLATFORM = CredentialKind.PLATFORM
# None of these callers signs anything.
UNASKED: Any = None
LOOPBACK = (ipaddress.ip_network("127.0.0.0/8"),)


def certificate(name: str) -> bytes:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now)
        .not_valid_after(now + timedelta(days=1))
        .sign(key, hashes.SHA256())
        .public_bytes(Encoding.DER)
    )


DER = certificate("agent.platform.example")


def caller(listed: Listed | None) -> Caller:
    return Caller(agent=Agent(profile_url=URL, version=None), profile_url=URL, listed=listed)


async def issue(pool: Pool, platform_id: str, merchant_id: str = "demo") -> str:
    return await issued(pool, PLATFORM, platform_id, merchant_id)


async def checked(pool: Pool, listed: Listed | None, **changes: object) -> type[Refusal] | None:
    try:
        await Authentication(pool, UNASKED).check(incoming(f'profile="{URL}"', **changes), caller(listed))
    except Refusal as refusal:
        return type(refusal)
    return None


async def test_an_open_platform_needs_no_proof(pool: Pool):
    assert await checked(pool, None) is None
    assert await checked(pool, Listed(profile_url=URL, auth="open")) is None
    assert await checked(pool, None, headers={"x-api-key": "unasked"}) is None


async def test_an_api_key_opens_for_its_own_platform_and_merchant(pool: Pool):
    by_key = Listed(profile_url=URL, auth="api_key")
    mine = {"x-api-key": await issue(pool, URL)}
    others = {"x-api-key": await issue(pool, "https://other.example/profile")}
    elsewhere = {"x-api-key": await issue(pool, URL, "other-merchant")}
    assert await checked(pool, by_key, headers=mine) is None
    assert await checked(pool, by_key, headers={}) is Unauthenticated
    assert await checked(pool, by_key, headers={"x-api-key": ""}) is Unauthenticated
    assert await checked(pool, by_key, headers={"x-api-key": "ucpk_guess"}) is Unauthenticated
    assert await checked(pool, by_key, headers={"x-api-key": "\udcff"}) is Unauthenticated
    assert await checked(pool, by_key, headers=others) is Forbidden
    assert await checked(pool, by_key, headers=elsewhere) is Unauthenticated


async def test_a_revoked_key_opens_nothing(pool: Pool):
    secret = await issue(pool, URL)
    async with read(pool) as db:
        (credential,) = await load_credentials(db, merchant_id="demo")
    assert secret not in repr(credential)
    async with statement(pool) as tx:
        assert await mark_revoked(tx, merchant_id="demo", id_=uuid.UUID(credential.id))
        assert not await mark_revoked(tx, merchant_id="demo", id_=uuid.UUID(credential.id))
    by_key = Listed(profile_url=URL, auth="api_key")
    assert await checked(pool, by_key, headers={"x-api-key": secret}) is Unauthenticated


async def test_a_reader_may_not_write(pool: Pool):
    reader = Listed(profile_url=URL, auth="open", writes=False)
    assert await checked(pool, reader, operation="get_checkout") is None
    for operation in ("create_checkout", "update_checkout", "complete_checkout", "cancel_checkout"):
        assert await checked(pool, reader, operation=operation) is Forbidden


async def test_an_order_is_shown_to_who_proves_itself(pool: Pool):
    """A name alone opens a checkout where the merchant says so, and an order nowhere but at home."""
    by_key = Listed(profile_url=URL, auth="api_key")
    key = {"x-api-key": await issue(pool, URL)}
    for stranger in (None, Listed(profile_url=URL, auth="open")):
        assert await checked(pool, stranger, operation="get_order") is Unauthenticated
        assert await checked(pool, stranger, operation="get_order", headers=key) is Unauthenticated
        at_home = Authentication(pool, UNASKED, orders_are_open=True)
        await at_home.check(incoming(f'profile="{URL}"', operation="get_order"), caller(stranger))
    assert await checked(pool, by_key, operation="get_order", headers=key) is None
    assert await checked(pool, by_key, operation="get_order", headers={}) is Unauthenticated
    with pytest.raises(Unauthenticated):
        await at_home.check(incoming(f'profile="{URL}"', operation="get_order"), caller(by_key))


async def test_a_certificate_is_told_by_its_hash_or_its_subject(pool: Pool):
    fingerprint = hashlib.sha256(DER).hexdigest()
    with_colons = ":".join(fingerprint[i : i + 2] for i in range(0, 64, 2)).upper()
    for listed in (
        Listed(profile_url=URL, auth="mtls", certificate_sha256=fingerprint),
        Listed(profile_url=URL, auth="mtls", certificate_sha256=with_colons),
        Listed(profile_url=URL, auth="mtls", certificate_subject="CN=agent.platform.example"),
    ):
        assert await checked(pool, listed, certificate=DER) is None
        assert await checked(pool, listed, certificate=None) is Unauthenticated
        assert await checked(pool, listed, certificate=certificate("other.example")) is Forbidden
        assert await checked(pool, listed, certificate=b"junk") is Forbidden
    nothing_configured = Listed(profile_url=URL, auth="mtls")
    assert await checked(pool, nothing_configured, certificate=DER) is Forbidden


FIELD = f":{base64.b64encode(DER).decode()}:"


@pytest.mark.parametrize(
    ("client", "field", "found"),
    [
        (("127.0.0.1", 1), FIELD, True),
        (None, FIELD, True),
        (("10.1.2.3", 1), FIELD, False),
        (("::1", 1), FIELD, False),
        (("unix", 1), FIELD, False),
        (("127.0.0.1", 1), "", False),
        (("127.0.0.1", 1), base64.b64encode(DER).decode(), False),
        (("127.0.0.1", 1), f":{base64.b64encode(b'x' * 20_000).decode()}:", False),
    ],
)
def test_client_cert_is_believed_from_trusted_proxies_only(
    client: tuple[str, int] | None, field: str, found: bool
):
    scope = {"type": "http", "client": client}
    assert (client_certificate(scope, {"client-cert": field}, LOOPBACK) == DER) is found


def test_the_listeners_own_certificate_comes_first():
    pem = x509.load_der_x509_certificate(DER).public_bytes(Encoding.PEM).decode()
    scope = {"client": ("10.0.0.1", 1), "extensions": {"tls": {"client_cert_chain": [pem]}}}
    assert client_certificate(scope, {"client-cert": "junk"}, ()) == DER
    assert client_certificate({"client": ("10.0.0.1", 1), "extensions": {"tls": {}}}, {}, ()) is None
