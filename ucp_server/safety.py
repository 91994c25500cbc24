"""What a server must not start with. Each refusal is one sentence that says what to do."""

import ipaddress
from collections.abc import Iterator
from urllib.parse import urlsplit

import asyncpg

from ucp_server.config import SECRET_LENGTH_MIN, Merchant, Platform, Settings
from ucp_server.modes import Mode

# Off, each of these may lose what was answered with 200: in a power cut, or with a torn page.
DURABILITY = ("fsync", "full_page_writes", "synchronous_commit")
CONNECT_TIMEOUT_S = 5.0

LACKS_EMBEDDED = (
    "The embedded PostgreSQL has no replica, no point-in-time recovery and no pg_stat_statements, "
    "and it ends with this machine. Copy it with pg_dump, or name a server with --database-url."
)


def refusals(settings: Settings) -> tuple[str, ...]:
    """Why these settings are refused; empty when they are sound."""
    return (*_of_any_mode(settings), *_of_production(settings))


def _of_any_mode(settings: Settings) -> Iterator[str]:
    if settings.port == 0 and not _is_plain(settings):
        yield "Nothing would be served: set port (TLS), or http_port or http_socket (plain http)."
    if (settings.http_port or settings.hosted_port) and not _is_loopback(settings.http_host):
        yield f"Plain http may not be served on {settings.http_host}: set http_host to 127.0.0.1."
    if settings.import_dir is not None and not settings.import_dir.is_dir():
        yield f"There is no folder {settings.import_dir} to import: correct --import."
    yield from _of_handles(settings)
    for name, platform in settings.platform.items():
        yield from _of_platform(settings, name, platform)


def _of_handles(settings: Settings) -> Iterator[str]:
    owners: dict[str, str] = {}
    for name, merchant in settings.merchant.items():
        for host in merchant.hosts:
            other = owners.setdefault(host.lower(), name)
            if other != name:
                yield f"The host {host} leads to merchant.{other} and merchant.{name}: keep one."
    tenants: dict[str, str] = {}
    for name, merchant in settings.merchant.items():
        other = tenants.setdefault(merchant.tenant, name) if merchant.tenant else name
        if other != name:
            yield f"merchant.{other} and merchant.{name} have the same tenant: give one another UUID."
    open_ended = [name for name, merchant in settings.merchant.items() if not merchant.hosts]
    if len(open_ended) > 1:
        yield f"Give hosts to the merchants {', '.join(open_ended)}; at most one may go without."


def _of_platform(settings: Settings, name: str, platform: Platform) -> Iterator[str]:
    if platform.auth == "mtls" and settings.client_ca is None and not settings.trusted_proxies:
        yield f"platform.{name} has auth = mtls: set client_ca, or trusted_proxies for Client-Cert."
    named = platform.client_certificate_subject or platform.client_certificate_sha256
    if platform.auth == "mtls" and not named:
        yield f"platform.{name} has auth = mtls: set client_certificate_subject or _sha256."
    for merchant in platform.merchants:
        if merchant not in settings.merchant:
            yield f"platform.{name} names the merchant {merchant}, which has no table: add it."


def _of_production(settings: Settings) -> Iterator[str]:
    if settings.mode is not Mode.PRODUCTION:
        return
    yield from _of_secret(settings)
    if settings.database_url is None and not settings.embedded:
        yield "There is no database: set database_url, or data_dir for an embedded PostgreSQL."
    if settings.unlisted_platforms == "open":
        yield "Anybody could write: set unlisted_platforms to refused and add [platform.<name>] tables."
    for name, platform in settings.platform.items():
        if platform.auth == "open" and platform.signatures != "require":
            yield from _of_open_platform(name, platform)
    if settings.faults is not None or settings.simulation_secret is not None:
        yield "Hooks for tests are on: remove faults and simulation_secret."
    if _is_plain(settings) and not settings.trusted_proxies:
        yield (
            "Plain http needs a proxy in front: set trusted_proxies to its network (127.0.0.1/32 for a "
            "Unix socket), or leave out http_port and http_socket."
        )
    yield from _of_hosted(settings)
    if not settings.merchant:
        yield "There is no merchant: add a [merchant.<name>] table."
    for name, merchant in settings.merchant.items():
        yield from _of_merchant(settings, name, merchant)


def _of_open_platform(name: str, platform: Platform) -> Iterator[str]:
    """Anybody can use the name of a platform that proves nothing."""
    if platform.writes:
        kinds = "api_key, oauth, mtls or signature"
        yield f"platform.{name} could write without proof: set auth to {kinds}."
    if platform.rate == 0:
        yield f"platform.{name} would have no limit without proof: set auth, or leave out rate."


def _of_secret(settings: Settings) -> Iterator[str]:
    advice = "set UCP_SERVER_SECRET to the output of openssl rand -hex 32 and keep a copy"
    if settings.secret is None:
        yield f"There is no server secret: {advice}."
    elif len(settings.secret.reveal()) < SECRET_LENGTH_MIN:
        yield f"The server secret is shorter than {SECRET_LENGTH_MIN} characters: {advice}."


def _of_merchant(settings: Settings, name: str, merchant: Merchant) -> Iterator[str]:
    if not merchant.hosts:
        yield f"merchant.{name} answers to no host: set hosts."
    url = urlsplit(merchant.public_url)
    if url.scheme != "https" or not url.netloc or url.path.strip("/"):
        yield f"merchant.{name} has no usable public_url: set it to https:// and its host."
    if merchant.mail is None:
        yield f'merchant.{name} cannot send confirmations: set mail, or mail.transport = "off".'
    elif merchant.mail.transport != "off" and "@" not in merchant.mail.sender:
        yield f"merchant.{name} would send mail from nobody: set mail.sender to an address."
    pairs = (
        (merchant.certificate, merchant.certificate_key),
        (settings.certificate, settings.certificate_key),
    )
    if settings.port and not any(chain and key for chain, key in pairs):
        yield f"merchant.{name} has no certificate: set certificate and certificate_key, or port to 0."


def _of_hosted(settings: Settings) -> Iterator[str]:
    """A page of a plug-in's at the shop's own origin could read the shop's pages."""
    if not settings.hosted_port:
        return
    if not settings.trusted_proxies:
        yield "hosted_port needs a proxy in front: set trusted_proxies to its network, or leave it out."
    url = urlsplit(settings.hosted_url)
    if url.scheme != "https" or not url.netloc or url.path.strip("/"):
        yield "hosted_port has no usable hosted_url: set it to https:// and a host of its own."
    for name, merchant in settings.merchant.items():
        if url.netloc and _authority(merchant.public_url) == _authority(settings.hosted_url):
            yield f"hosted_url is where merchant.{name} is: give it a host of its own."


def _authority(url: str) -> tuple[str | None, int]:
    """Host and port as browsers compare origins of https, however they are written."""
    parts = urlsplit(url)
    try:
        return parts.hostname, parts.port or 443
    except ValueError:
        return parts.hostname, 0


def _is_plain(settings: Settings) -> bool:
    return bool(settings.http_port) or settings.http_socket is not None


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


async def unsafe_settings(url: str) -> tuple[str, ...]:
    """Sentences on server settings that could lose an acknowledged write; empty when all are on."""
    connection = await asyncpg.connect(url, timeout=CONNECT_TIMEOUT_S)
    try:
        rows = await connection.fetch(
            "SELECT name, current_setting(name, true) AS value FROM unnest($1::text[]) AS name",
            list(DURABILITY),
        )
    finally:
        await connection.close()
    return tuple(
        f"PostgreSQL runs with {row['name']} = off and may lose paid orders: "
        f"ALTER SYSTEM SET {row['name']} = on, then reload it."
        for row in rows
        if row["value"] == "off"
    )
