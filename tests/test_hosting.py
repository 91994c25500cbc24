"""The second port: whose pages are where, and under which names they are asked for."""

import socket
from pathlib import Path
from typing import Any

import httpx2
import pytest
from msgspec.structs import replace

from ucp_server import app, hosting, plugins
from ucp_server.asgi.metrics import Metrics
from ucp_server.config import Mail, Settings
from ucp_server.config_sources import read
from ucp_server.modes import Mode
from ucp_server.supervisor.foundation import furnished
from ucp_server.supervisor.sockets import free_port


def settings(tmp_path: Path, **more: Any) -> Settings:
    """Those of a demo that found the port free."""
    options = {"mode": "demo", "data_dir": tmp_path, "hosted_port": 8444, **more}
    return read(environment={}, options=options)


async def asked(here: Settings, path: str, host: str = "localhost:8444") -> httpx2.Response:
    async with app.build_hosted(here, Metrics()) as pages:
        client = httpx2.AsyncClient(transport=httpx2.ASGITransport(pages), base_url="http://localhost:8444")
        async with client:
            return await client.get(path, headers={"Host": host})


@pytest.mark.parametrize("mode", ["suite", "production"])
def test_only_a_demo_has_the_port_unasked(tmp_path: Path, mode: str) -> None:
    unasked = settings(tmp_path, hosted_port=None)
    assert furnished(unasked, tmp_path).hosted_port
    made = furnished(replace(unasked, mode=Mode(mode), port=0), tmp_path)
    assert (made.hosted_port, hosting.site_of(made)) == (None, "")


def test_a_second_demo_on_one_machine_has_another_port(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        taken = other.getsockname()[1]
        found = free_port("127.0.0.1", taken)
    assert found not in (0, taken)
    assert free_port("127.0.0.1", found) == found


def test_buyers_reach_the_port_on_this_machine_unless_told_otherwise(tmp_path: Path) -> None:
    assert hosting.site_of(settings(tmp_path)) == "http://localhost:8444"
    assert (
        hosting.site_of(Settings(hosted_port=1, hosted_url="https://pay.example/")) == "https://pay.example"
    )


def test_without_the_port_nobody_has_pages(tmp_path: Path) -> None:
    off = settings(tmp_path, hosted_port=0)
    assert plugins.hosted(off, plugins.payments(off, plugins.SystemClock())) == {}
    assert hosting.mail_paths(off) == {}


async def test_a_handlers_pages_are_under_its_merchant_and_id(tmp_path: Path) -> None:
    reply = await asked(settings(tmp_path), "/demo/payment/mock_payment_handler/fields/unknown")
    assert (reply.status_code, reply.headers["content-type"]) == (404, "text/html; charset=utf-8")
    assert "no longer there" in reply.text
    assert "request-id" in reply.headers


@pytest.mark.parametrize("host", ["evil.example", "evil.example:8444", "localhost:9999", "localhost", ""])
async def test_another_name_is_nobodys(tmp_path: Path, host: str) -> None:
    assert (await asked(settings(tmp_path), "/demo/mail/", host)).status_code in {400, 421}


@pytest.mark.parametrize("host", ["localhost:8444", "127.0.0.1:8444", "LOCALHOST:8444", "[::1]:8444"])
async def test_this_machine_is_asked_by_any_of_its_names(tmp_path: Path, host: str) -> None:
    assert (await asked(settings(tmp_path), "/demo/mail/", host)).status_code == 200


def test_mail_that_is_sent_is_not_shown(tmp_path: Path) -> None:
    here = settings(tmp_path)
    assert hosting.mail_paths(here) == {"demo": "/demo/mail"}
    (table,) = here.merchant.values()
    sending = {"demo": type(table)(mail=Mail(transport="smtp"))}
    assert hosting.mail_paths(settings(tmp_path, merchant=sending)) == {}
