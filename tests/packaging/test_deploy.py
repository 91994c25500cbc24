"""The examples for production do what they say: unit, configuration, alerts, and both fronts."""

import asyncio
import base64
import shutil
import ssl
import subprocess
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import pytest_asyncio
from aiohttp.abc import AbstractResolver, ResolveResult
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from conformance import forms
from tests.conftest import quick_folder
from tests.packaging.fronts import (
    CADDY,
    EXAMPLES,
    HOST,
    NGINX,
    Authority,
    caddy,
    example,
    nginx,
    tls_version,
    trusting,
)
from tests.serving import REPOSITORY, Server, prepared
from tests.simulators.running import psp
from ucp_server.postgres import open_cluster
from ucp_server.ucp.releases import SERVED

Wire = dict[str, Any]

SERVER = Path(sys.executable).with_name("ucp-server")
DEMO_SHOP = str(REPOSITORY / "examples" / "demo_shop")
ASSISTANT = "https://assistant.example/ucp/profile.json"
ROBOT = "https://robot.example/ucp/profile.json"
BASE = "/ucp/2026-01-11/checkout-sessions"

# The server is started once for all tests of this file.
in_one_loop = pytest.mark.asyncio(loop_scope="module")
needs_nginx = pytest.mark.skipif(
    not NGINX.exists(), reason=f"NO NGINX: its example was not tried, {NGINX} is not installed"
)
needs_caddy = pytest.mark.skipif(
    not CADDY.exists(), reason=f"NO CADDY: its example was not tried, {CADDY} is not installed"
)


@dataclass(frozen=True)
class House:
    """A server of production on plain http, configured by the example; ``key`` is the assistant's."""

    folder: Path
    server: Server
    key: str


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def house() -> AsyncIterator[House]:
    folder = quick_folder()
    certificates(folder)
    cluster = await open_cluster(folder / "database")
    await cluster.start()
    try:
        async with (
            psp(folder / "psp") as provider,
            prepared(folder, "--config", str(folder / "ucp.toml"), "--import", DEMO_SHOP) as shop,
        ):
            (folder / "ucp.toml").write_text(configuration(folder, provider.url))
            (folder / "database_url").write_text(cluster.url("postgres"))
            shop.https_port = 0
            await shop.start()
            key = await asyncio.to_thread(command, folder, "credentials", "issue", ASSISTANT)
            yield House(folder, shop, key.strip())
    finally:
        await cluster.stop()
        shutil.rmtree(folder)


def certificates(folder: Path) -> None:
    public, platforms, strangers = Authority("Public"), Authority("Platforms"), Authority("Strangers")
    public.save(folder / "authority.pem")
    platforms.save(folder / "platforms-ca.pem")
    public.issue(folder / f"{HOST}.pem", folder / f"{HOST}.key", HOST)
    platforms.issue(folder / "robot.pem", folder / "robot.key", "buyer.robot.example", "Robot Ltd")
    platforms.issue(folder / "other.pem", folder / "other.key", "buyer.other.example", "Other Ltd")
    strangers.issue(folder / "stranger.pem", folder / "stranger.key", "buyer.robot.example", "Robot Ltd")


def configuration(folder: Path, provider_url: str = "http://127.0.0.1:1") -> str:
    """The example, with its secrets in files of the test and copies of the platforms' profiles."""
    (folder / "secret").write_text("5" * 64)
    (folder / "database_url").touch()
    (folder / "psp_api_key").write_text("psp-key")
    profile = REPOSITORY / "profiles" / "platforms" / "example.json"
    copies = {
        f'profile = "{url}"': f'profile = "{url}"\nprofile_file = "{profile}"' for url in (ASSISTANT, ROBOT)
    }
    return example(
        "ucp-server.toml",
        placed={
            "/run/credentials/ucp-server.service": str(folder),
            "https://psp.example/v1": provider_url,
            **copies,
        },
    )


def command(folder: Path, *arguments: str | Path) -> str:
    done = subprocess.run(
        [SERVER, *arguments, "--config", folder / "ucp.toml"], check=True, capture_output=True, text=True
    )
    return done.stdout


# --- callers ---


class Loopback(AbstractResolver):
    """Every name is this machine."""

    async def resolve(self, host: str, port: int = 0, family: int = 0) -> list[ResolveResult]:
        return [ResolveResult(hostname=host, host="127.0.0.1", port=port, family=family, proto=0, flags=0)]

    async def close(self) -> None:
        """Nothing is open."""


class Caller:
    """A platform that asks through a front. ``certificate`` is what it shows, ``headers`` what it adds."""

    def __init__(
        self, house: House, port: int, profile: str, certificate: str | None = None, **headers: str
    ) -> None:
        self._site = f"https://{HOST}:{port}"
        self._tls = trusting(house.folder, certificate)
        self._headers = {"UCP-Agent": f'profile="{profile}"'} | {
            name.replace("_", "-"): text for name, text in headers.items()
        }

    async def ask(self, method: str, path: str, body: Wire | None = None) -> tuple[int, Wire]:
        connector = aiohttp.TCPConnector(resolver=Loopback(), ssl=self._tls)
        async with (
            aiohttp.ClientSession(connector=connector, headers=self._headers) as session,
            session.request(method, self._site + path, json=body, allow_redirects=False) as reply,
        ):
            is_json = reply.content_type == "application/json"
            return reply.status, await reply.json() if is_json else {"text": await reply.text()}

    async def create(self) -> tuple[int, Wire]:
        return await self.ask(
            "POST", BASE, {"line_items": [{"item": {"id": "gift-card-25"}, "quantity": 1}]}
        )

    async def buy(self) -> Wire:
        status, checkout = await self.create()
        assert status == 201, checkout
        path = f"{BASE}/{checkout['id']}/complete"
        status, done = await self.ask("POST", path, {"payment_data": CARD})
        assert status == 200, done
        return done


BASKET: Wire = {"line_items": [{"item": {"id": "gift-card-25"}, "quantity": 1}]}
CARD: Wire = {
    "id": "instr_1",
    "handler_id": "card",
    "type": "card",
    "brand": "Visa",
    "last_digits": "1234",
    "credential": {"type": "token", "token": "success_token"},
}


def field_of(folder: Path, name: str) -> str:
    """A certificate as a front would name it (RFC 9440)."""
    certificate = x509.load_pem_x509_certificate((folder / f"{name}.pem").read_bytes())
    return f":{base64.b64encode(certificate.public_bytes(Encoding.DER)).decode()}:"


async def speaks_tls_13_alone(house: House, port: int) -> None:
    assert await tls_version(house.folder, port, ssl.TLSVersion.TLSv1_3) == "TLSv1.3"
    assert await tls_version(house.folder, port, ssl.TLSVersion.TLSv1_2) is None


async def sells(house: House, port: int) -> None:
    """Discovery under the public URL, a purchase by the assistant's key, and the order's page."""
    assistant = Caller(house, port, ASSISTANT, X_API_Key=house.key)
    status, profile = await assistant.ask("GET", "/.well-known/ucp")
    assert status == 200
    assert forms.rest_endpoint(profile) == f"https://{HOST}/ucp/{SERVED[-1]}"
    done = await assistant.buy()
    assert done["status"] == "completed"
    site, _, page = done["order"]["permalink_url"].partition(HOST)
    assert site == "https://"
    status, shown = await assistant.ask("GET", page)
    assert (status, "Thank you for your order" in shown["text"]) == (200, True)


async def believes_no_claim(house: House, port: int) -> None:
    """A certificate that a caller merely names is not shown to the server."""
    claim = field_of(house.folder, "robot")
    for name in ("Client-Cert", "client-cert", "CLIENT-CERT"):
        liar = Caller(house, port, ROBOT, **{name.replace("-", "_"): claim})
        assert (await liar.create())[0] == 401
    underscored = Caller(house, port, ROBOT)
    underscored._headers["Client_Cert"] = claim
    assert (await underscored.create())[0] in (400, 401)


@in_one_loop
async def test_the_server_itself_believes_a_front_on_its_own_machine(house: House):
    """Else the tests of the fronts could not fail."""
    async with aiohttp.ClientSession() as session:
        for headers, status in (({"Client-Cert": field_of(house.folder, "robot")}, 201), ({}, 401)):
            async with session.post(
                house.server.http + BASE,
                json=BASKET,
                headers={"Host": HOST, "UCP-Agent": f'profile="{ROBOT}"', **headers},
            ) as reply:
                assert reply.status == status


@needs_nginx
@in_one_loop
async def test_nginx_stands_in_front(house: House):
    async with nginx(house.folder, house.server.http_port) as port:
        await speaks_tls_13_alone(house, port)
        await sells(house, port)
        await believes_no_claim(house, port)


@needs_caddy
@in_one_loop
async def test_caddy_stands_in_front_and_passes_certificates_on(house: House):
    async with caddy(house.folder, house.server.http_port) as port:
        await speaks_tls_13_alone(house, port)
        await sells(house, port)
        await believes_no_claim(house, port)
        robot = Caller(house, port, ROBOT, "robot")
        assert (await robot.buy())["status"] == "completed"
        other = Caller(house, port, ROBOT, "other")
        assert (await other.create())[0] == 403
        pretender = Caller(house, port, ROBOT, "other", Client_Cert=field_of(house.folder, "robot"))
        assert (await pretender.create())[0] == 403
        with pytest.raises(aiohttp.ClientError):
            await Caller(house, port, ROBOT, "stranger").create()


# --- files ---


def test_the_configuration_is_one_that_the_server_reads(tmp_path: Path):
    (tmp_path / "ucp.toml").write_text(configuration(tmp_path))
    told = command(tmp_path, "show-config")
    assert 'mode = "production"' in told
    assert 'public_url = "https://shop.example"' in told
    assert "# relaxed" not in told
    assert "5555" not in told, "secrets are dots"


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="NO SYSTEMD: the unit was not verified")
def test_the_unit_is_one_that_systemd_understands(tmp_path: Path):
    unit = example("ucp-server.service", placed={"/opt/ucp-server/bin/ucp-server": str(SERVER)})
    (tmp_path / "ucp-server.service").write_text(unit)
    found = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", tmp_path / "ucp-server.service"],
        check=False,
        capture_output=True,
        text=True,
    )
    assert (found.returncode, found.stderr) == (0, "")


def test_the_unit_hands_over_every_secret_that_the_configuration_reads():
    unit, configured = (
        (EXAMPLES / "ucp-server.service").read_text(),
        (EXAMPLES / "ucp-server.toml").read_text(),
    )
    folder = "file:/run/credentials/ucp-server.service/"
    wanted = {line.partition(folder)[2].rstrip('"') for line in configured.splitlines() if folder in line}
    handed = {
        line.partition("=")[2].partition(":")[0]
        for line in unit.splitlines()
        if line.startswith("LoadCredentialEncrypted=")
    }
    assert wanted == handed == {"secret", "database_url", "psp_api_key"}
