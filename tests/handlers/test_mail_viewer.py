"""What the demo would have sent can be read, and does nothing to who reads it."""

from collections.abc import AsyncIterator
from pathlib import Path

import httpx2
import msgspec
import pytest

from tests.handlers.test_mail import MESSAGE
from ucp_server.handlers.mail_folder import FolderMail
from ucp_server.hosted import Site

SITE = Site(url="http://pay.test", shop="Kiosk", shop_origins=())
HOSTILE = '"><script>alert(1)</script>'


@pytest.fixture
async def reader(tmp_path: Path) -> AsyncIterator[httpx2.AsyncClient]:
    transport = httpx2.ASGITransport(FolderMail(tmp_path).hosted(SITE))
    async with httpx2.AsyncClient(transport=transport, base_url=SITE.url) as client:
        yield client


def the_mail(folder: Path) -> str:
    (path,) = folder.glob("*.eml")
    return path.name


async def test_before_the_first_mail_the_list_says_so(reader: httpx2.AsyncClient):
    assert "There is none yet" in (await reader.get("/")).text


async def test_a_mail_is_listed_and_read(reader: httpx2.AsyncClient, tmp_path: Path):
    await FolderMail(tmp_path).send(MESSAGE)
    name = the_mail(tmp_path)
    assert f'href="{SITE.url}/{name}"' in (await reader.get("/")).text
    shown = (await reader.get(f"/{name}")).text
    assert "Your order 17" in shown
    assert "jo+1@buyer.example" in shown
    assert f'src="{SITE.url}/{name}/html"' in shown
    html = await reader.get(f"/{name}/html")
    assert "<p>Thänk you.</p>" in html.text


async def test_what_strangers_wrote_stays_text_and_runs_nowhere(reader: httpx2.AsyncClient, tmp_path: Path):
    hostile = msgspec.structs.replace(
        MESSAGE, subject=HOSTILE, text=HOSTILE, html=f"<head></head><p>{HOSTILE}</p>"
    )
    await FolderMail(tmp_path).send(hostile)
    name = the_mail(tmp_path)
    for path in ("/", f"/{name}"):
        page = await reader.get(path)
        assert "<script>" not in page.text
        assert "default-src 'none'" in page.headers["content-security-policy"]
    html = await reader.get(f"/{name}/html")
    assert '<base target="_blank">' in html.text
    assert "sandbox allow-popups" in html.headers["content-security-policy"]
    assert "allow-scripts" not in html.headers["content-security-policy"]


@pytest.mark.parametrize("name", ["x.eml", "..%2Fsecret.eml", ".hidden.eml", "a.txt", "x" * 90 + ".eml"])
async def test_nothing_else_is_read(reader: httpx2.AsyncClient, tmp_path: Path, name: str):
    (tmp_path.parent / "secret.eml").write_text("Subject: secret\n\nsecret")
    (tmp_path / "a.txt").write_text("secret")
    (tmp_path / ".hidden.eml").write_text("secret")
    for path in (f"/{name}", f"/{name}/html"):
        reply = await reader.get(path)
        assert reply.status_code == 404
        assert "secret" not in reply.text
