"""The second port: whose pages are where, and under which names they are asked for."""

from pathlib import Path
from typing import Any

import httpx2
import pytest

from ucp_server import app, hosting, plugins
from ucp_server.asgi.metrics import Metrics
from ucp_server.config import Mail, Settings
from ucp_server.config_sources import read


def settings(tmp_path: Path, **more: Any) -> Settings:
    return read(environment={}, options={"mode": "demo", "data_dir": tmp_path, **more})


async def asked(here: Settings, path: str, host: str = "localhost:8444") -> httpx2.Response:
    async with app.build_hosted(here, Metrics()) as pages:
        client = httpx2.AsyncClient(transport=httpx2.ASGITransport(pages), base_url="http://localhost:8444")
        async with client:
            return await client.get(path, headers={"Host": host})


def test_demo_has_the_port_and_the_other_modes_have_not(tmp_path: Path) -> None:
    assert hosting.site_of(settings(tmp_path)) == "http://localhost:8444"
    assert hosting.site_of(settings(tmp_path, mode="suite")) == ""
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
