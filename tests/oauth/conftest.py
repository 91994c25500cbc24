"""A shop with platforms that prove themselves by access tokens."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.ucp.conftest import Open, Town, pinned, profile_url, town
from ucp_server.engine.grants import Grants, Registered
from ucp_server.store.database import Pool
from ucp_server.ucp.scopes import scopes_supported

__all__ = ("town",)

Wire = dict[str, Any]
RELEASE = "2026-08-25"
CHECKOUT = "dev.ucp.shopping.checkout:manage"
ORDER = "dev.ucp.shopping.order:read"
MERCHANT = "demo"


@pytest.fixture
async def here(town: Open, tmp_path: Path) -> AsyncIterator[Town]:
    """Two platforms that need tokens and one that needs none."""
    platforms = {name: pinned(tmp_path, name, release=RELEASE, auth="oauth") for name in ("one", "two")}
    platforms["open"] = pinned(tmp_path, "open", release=RELEASE)
    async with town(platforms=platforms) as opened:
        yield opened


@pytest.fixture
def grants(pool: Pool) -> Grants:
    return Grants(pool)


@pytest.fixture
async def client(grants: Grants) -> Registered:
    """A client of platform one that may do everything."""
    return await grants.register(MERCHANT, profile_url("one"), scopes_supported())


async def post(here: Town, path: str, form: Wire, **more: Any) -> httpx2.Response:
    return await here.client.post(path, data=form, **more)


def by_secret(client: Registered, **more: str) -> Wire:
    return {
        "grant_type": "client_credentials",
        "client_id": client.id,
        "client_secret": client.secret,
        **more,
    }


async def token(here: Town, client: Registered, **more: str) -> str:
    reply = await post(here, "/oauth/token", by_secret(client, **more))
    assert reply.status_code == 200, reply.text
    issued: str = reply.json()["access_token"]
    return issued


def bearer(issued: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {issued}"}
