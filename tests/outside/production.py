"""Two merchants and their platforms in production mode, with certificates of a test's own authority."""

import shutil
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import trustme
from cryptography import x509

from tests.outside.calling import Caller
from tests.outside.managing import command
from tests.outside.shops import DEMO_SHOP, card
from tests.serving import REPOSITORY, Server, prepared

ASSISTANT = "https://assistant.example/ucp.json"
BANK = "https://bank.example/ucp.json"
WATCHER = "https://watcher.example/ucp.json"

_BEANS = {
    "products": "id,title,price,ships\nbeans,A pound of beans,1000,no\n",
    "taxes": "country,rate_basis_points\nUS,1000\n",
}


class Named(httpx2.AsyncHTTPTransport):
    """Reaches this machine under whatever name is asked, as DNS would have it."""

    def __init__(self, port: int, **options: Any) -> None:
        super().__init__(**options)
        self._port = port

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        request.extensions = {**request.extensions, "sni_hostname": request.url.host}
        request.url = request.url.copy_with(host="127.0.0.1", port=self._port)
        return await super().handle_async_request(request)


@dataclass
class Town:
    shop: Server
    folder: Path
    settings: list[str]
    servers: trustme.CA
    clients: trustme.CA
    bank: trustme.LeafCert

    def trusting(self, identity: trustme.LeafCert | None = None) -> ssl.SSLContext:
        """A client's TLS: our authority, and perhaps a certificate of its own."""
        context = ssl.create_default_context()
        self.servers.configure_trust(context)
        if identity is not None:
            identity.configure_cert(context)
        return context

    def caller(
        self,
        profile_url: str,
        host: str = "paper.example",
        *,
        tls: ssl.SSLContext | None = None,
        local_address: str = "127.0.0.1",
        **headers: str,
    ) -> Caller:
        """Over TLS, with ``headers`` written with underscores."""
        sent = {name.replace("_", "-"): text for name, text in headers.items()}
        transport = Named(self.shop.https_port, verify=tls or self.trusting(), local_address=local_address)
        return Caller(f"https://{host}", profile_url, headers=sent, transport=transport)

    def behind_proxy(self, profile_url: str, proxy: str, **headers: str) -> Caller:
        """Over plain http from the address ``proxy``, where TLS has ended."""
        sent = {name.replace("_", "-"): text for name, text in headers.items()}
        transport = Named(self.shop.http_port, local_address=proxy)
        return Caller("http://paper.example", profile_url, headers=sent, transport=transport)

    async def run(self, *words: str) -> str:
        """A command of the operator; its output."""
        done = await command(*words, *self.settings)
        assert done.exit_code == 0, done.output
        return done.output

    async def issue(self, profile_url: str, merchant: str) -> str:
        """A fresh API key."""
        return (await self.run("credentials", "issue", profile_url, "--merchant", merchant)).split()[0]


def configuration(folder: Path, psp_url: str, bank: trustme.LeafCert) -> Path:
    """The file; the certificates that it names are there already."""
    subject = x509.load_pem_x509_certificate(bank.cert_chain_pems[0].bytes()).subject
    shutil.copy(REPOSITORY / "profiles" / "platforms" / "example.json", folder / "profile.json")
    (folder / "secret").write_text("s" * 64)
    file = folder / "server.toml"
    file.write_text(f"""
        mode = "production"
        secret = "file:secret"
        client_ca = "clients.pem"
        trusted_proxies = ["127.0.0.1/32"]

        [merchant.paper]
        title = "Kiosk & Kettle"
        hosts = ["paper.example", "www.paper.example"]
        public_url = "https://paper.example"
        currency = "EUR"
        tax = "included"
        home_country = "DE"
        links = [{{ type = "privacy_policy", url = "https://paper.example/privacy" }}]
        handlers = [{card(psp_url)}]
        mail = {{ transport = "folder", folder = "mail", sender = "orders@paper.example" }}
        certificate = "paper.pem"
        certificate_key = "paper.key"

        [merchant.bean]
        title = "Bean There"
        hosts = ["bean.example"]
        public_url = "https://bean.example"
        currency = "USD"
        tax = "excluded"
        home_country = "US"
        links = [{{ type = "terms_of_service", url = "https://bean.example/terms" }}]
        handlers = [{card(psp_url, "till")}]
        mail = {{ transport = "off" }}
        certificate = "bean.pem"
        certificate_key = "bean.key"

        [platform.assistant]
        profile = "{ASSISTANT}"
        profile_file = "profile.json"

        [platform.bank]
        profile = "{BANK}"
        profile_file = "profile.json"
        auth = "mtls"
        client_certificate_subject = "{subject.rfc4514_string()}"
        merchants = ["paper"]

        [platform.watcher]
        profile = "{WATCHER}"
        profile_file = "profile.json"
        auth = "open"
        writes = false
    """)
    return file


@asynccontextmanager
async def town(folder: Path, psp_url: str) -> AsyncIterator[Town]:
    """The server with both shops filled; ``folder`` is one that an embedded Postgres can enter."""
    servers, clients = trustme.CA(), trustme.CA()
    for name in ("paper", "bean"):
        certificate = servers.issue_cert(f"{name}.example", f"www.{name}.example")
        certificate.cert_chain_pems[0].write_to_path(folder / f"{name}.pem")
        certificate.private_key_pem.write_to_path(folder / f"{name}.key")
    clients.cert_pem.write_to_path(folder / "clients.pem")
    beans = folder / "beans"
    beans.mkdir()
    for name, rows in _BEANS.items():
        (beans / f"{name}.csv").write_text(rows)
    bank = clients.issue_cert("agent.bank.example", common_name="agent.bank.example")
    config = configuration(folder, psp_url, bank)
    settings = ["--config", str(config), "--data-dir", str(folder / "data")]
    async with prepared(folder, *settings, "--workers", "1") as shop:
        await shop.start()
        running = Town(shop, folder, settings, servers, clients, bank)
        await running.run("import", str(DEMO_SHOP), "--merchant", "paper")
        await running.run("import", str(beans), "--merchant", "bean")
        yield running
