from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from httpx2 import ASGITransport, AsyncClient
from starlette.applications import Starlette

from tests.store.shops import imported
from ucp_server.pages.pictures import Pictures
from ucp_server.store.database import Pool

SVG = b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'


@pytest.fixture
async def client(pool: Pool, tmp_path: Path) -> AsyncIterator[AsyncClient]:
    (tmp_path / "pictures").mkdir()
    (tmp_path / "pictures" / "tea.svg").write_bytes(SVG)
    await imported(pool, tmp_path, products="id,title,price,image_url\ntea,Tea,5,pictures/tea.svg\n")
    merchants = {"shop.example": "shop", "other.example": "other"}
    pictures = Pictures(pool=pool, merchant_of=lambda request: merchants.get(request.url.hostname or ""))
    transport = ASGITransport(app=Starlette(routes=pictures.routes()))
    async with AsyncClient(transport=transport, base_url="https://shop.example") as opened:
        yield opened


async def test_a_picture_is_served_where_no_script_can_run(client: AsyncClient) -> None:
    found = await client.get("/pictures/tea.svg")
    assert (found.status_code, found.content) == (200, SVG)
    assert found.headers["content-type"] == "image/svg+xml"
    assert "sandbox" in found.headers["content-security-policy"]
    assert "default-src 'none'" in found.headers["content-security-policy"]
    assert found.headers["x-content-type-options"] == "nosniff"


async def test_a_picture_that_is_known_is_not_sent_again(client: AsyncClient) -> None:
    etag = (await client.get("/pictures/tea.svg")).headers["etag"]
    again = await client.get("/pictures/tea.svg", headers={"If-None-Match": etag})
    assert (again.status_code, again.content) == (304, b"")


@pytest.mark.parametrize(
    ("url", "status"),
    [
        ("/pictures/gone.svg", 404),
        ("/pictures/", 404),
        ("/pictures/%00.svg", 404),
        ("/pictures/%ed%a0%80.svg", 404),
        ("/pictures/..%2fproducts.csv", 404),
        ("https://other.example/pictures/tea.svg", 404),
        ("https://nobody.example/pictures/tea.svg", 421),
    ],
)
async def test_nothing_else_is_served(client: AsyncClient, url: str, status: int) -> None:
    assert (await client.get(url)).status_code == status
